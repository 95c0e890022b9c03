"""What BodyConv and CTNet share: 3D convolutions over the slices' features, then three fully connected layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.volume_head import dense_classifier, volume_convolutions
from monai_pylon.networks.nets.slice_network import SliceNetwork, check_volume
from monai_pylon.networks.nets.volume_size import check_positive, check_same_cells, head_cells, is_checked, size_along
from monai_pylon.utils import check

__all__ = ["ConvolvedSliceNetwork"]

_LEAST_LENGTH = 27


class ConvolvedSliceNetwork(SliceNetwork):
    """An image encoder over the axial slices, 3D convolutions on its maps, fully connected layers.

    Args:
        num_classes: labels M.
        encoder: as in :class:`~monai_pylon.networks.nets.slice_network.SliceNetwork`.
        slices_per_group: as there.
        volume_size: (X, Y, Z) for which the layers are made.
        dropout: between the fully connected layers.
        chunk_size: groups that pass the encoder at once.
        weights: None, "imagenet" for the encoder, or a file.
        groups_are_channels: whether the convolutions run over (x, y, features) with the groups as channels (CTNet), or
            over the places (x, y, groups) with the features as channels (BodyConv).

    ``net(x)`` gives the logits (N, M) of volumes (N, 1, X, Y, Z).

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range, or the size too small; the message names the smallest.

    Example:
        >>> from monai_pylon.networks.nets import BodyConv, CTNet
        >>> issubclass(BodyConv, ConvolvedSliceNetwork), issubclass(CTNet, ConvolvedSliceNetwork)
        (True, True)
    """

    def __init__(
        self,
        num_classes: int,
        encoder: str | nn.Module,
        slices_per_group: int,
        volume_size: Sequence[int],
        dropout: float,
        chunk_size: int | None,
        weights: str | Path | None,
        groups_are_channels: bool,
    ) -> None:
        check_positive(num_classes=num_classes)
        super().__init__(encoder, slices_per_group, chunk_size)
        self.groups_are_channels = groups_are_channels
        self.volume_size = size_along("XYZ", volume_size, "volume_size")
        channels = length = self.encoder.channels[-1]
        remedy = "The convolutions leave no cell of a smaller volume: enlarge or pad it, or group fewer slices."
        x, y, z = head_cells(self.volume_size, self._cells(), "volume_size", remedy)
        if groups_are_channels:
            enough = length >= _LEAST_LENGTH
            check(enough, "encoder", f"one with at least {_LEAST_LENGTH} features in its deepest map", length)
            channels, z = z, length // _LEAST_LENGTH
        self.convolutions = volume_convolutions(channels)
        self.classifier = dense_classifier(16 * x * y * z, num_classes, dropout)
        self._fitting = {self.volume_size}
        self.load(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, M) of volumes (N, 1, X, Y, Z)."""
        check_volume(x)
        if is_checked() and tuple(x.shape[2:]) not in self._fitting:
            check_same_cells(x, self.volume_size, self._cells(), "volume_size")
            self._fitting.add(tuple(x.shape[2:]))
        features = self.features(x)  # (N, groups, C, rows, columns)
        axes = (0, 1, 4, 3, 2) if self.groups_are_channels else (0, 2, 4, 3, 1)
        return self.classifier(self.convolutions(features.permute(axes)))

    def _cells(self) -> list[Callable[[int], int]]:
        """How many of the classifier's cells come of how many voxels along x and y; along z cells, or groups."""
        x, y = self.plane_cells()
        share = 1 if self.groups_are_channels else _LEAST_LENGTH
        return [
            lambda edge: (x(edge) - 4) // 2,
            lambda edge: (y(edge) - 4) // 2,
            lambda slices: -(-slices // self.slices_per_group) // share,
        ]
