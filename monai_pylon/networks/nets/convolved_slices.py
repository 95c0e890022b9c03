"""Base class of BodyConv and CTNet: 3D convolutions over the slices' features, then fully connected layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.volume_head import dense_classifier, volume_convolutions
from monai_pylon.networks.nets.slice_network import SliceNetwork, check_volume
from monai_pylon.networks.nets.volume_size import check_positive, check_same_cells, head_cells, size_along
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils import check

__all__ = ["ConvolvedSliceNetwork"]

#: Ratio between the lengths before and after the 3D convolutions along their last axis.
_SHRINK = 27


class ConvolvedSliceNetwork(SliceNetwork):
    """An image encoder for the axial slices, 3D convolutions on its maps and three fully connected layers.

    Args:
        num_classes: Number of labels M.
        encoder: Encoder as in :class:`~monai_pylon.networks.nets.slice_network.SliceNetwork`.
        slices_per_group: Slices in a group as in this class.
        volume_size: Size (X, Y, Z) for which the layers are made.
        dropout: Probability of the dropout between the fully connected layers.
        chunk_size: Groups that pass the encoder at once, or None for all.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the size is too small. The message names the smallest size.

    Example:
        >>> from monai_pylon.networks.nets import BodyConv, CTNet
        >>> issubclass(BodyConv, ConvolvedSliceNetwork), issubclass(CTNet, ConvolvedSliceNetwork)
        (True, True)
    """

    #: If True, the 3D convolutions run over (x, y, features) with the slice groups as channels (CTNet). If False, they
    #: run over (x, y, groups) with the features as channels (BodyConv).
    groups_are_channels = False

    def __init__(
        self,
        num_classes: int = 80,
        encoder: str | nn.Module = "resnet18",
        slices_per_group: int = 3,
        volume_size: Sequence[int] = (420, 420, 405),
        dropout: float = 0.5,
        chunk_size: int | None = None,
        weights: str | Path | None = None,
    ) -> None:
        check_positive(num_classes=num_classes)
        super().__init__(encoder, slices_per_group, chunk_size)
        self.volume_size = size_along("XYZ", volume_size, "volume_size")
        channels = length = self.encoder.channels[-1]
        remedy = "The convolutions leave no cell of a smaller volume. Enlarge or pad it, or group fewer slices."
        x, y, z = head_cells(self.volume_size, self._cells(), "volume_size", remedy)
        if self.groups_are_channels:
            enough = length >= _SHRINK
            check(enough, "encoder", f"one with at least {_SHRINK} features in its deepest map", length)
            channels, z = z, length // _SHRINK
        self.convolutions = volume_convolutions(channels)
        self.classifier = dense_classifier(16 * x * y * z, num_classes, dropout)
        self._fitting = {self.volume_size}
        self.load(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of volumes (N, 1, X, Y, Z)."""
        check_volume(x)
        if is_eager() and tuple(x.shape[2:]) not in self._fitting:
            check_same_cells(x, self.volume_size, self._cells(), "volume_size")
            self._fitting.add(tuple(x.shape[2:]))
        features = self.features(x)  # (N, groups, C, rows, columns)
        axes = (0, 1, 4, 3, 2) if self.groups_are_channels else (0, 2, 4, 3, 1)
        return self.classifier(self.convolutions(features.permute(axes)))

    def _cells(self) -> list[Callable[[int], int]]:
        """Return the functions from voxels to the classifier's cells along x, y and z.

        Along z the cells are those of the convolutions (BodyConv) or the slice groups (CTNet).
        """
        x, y = self.plane_cells()
        groups_per_cell = 1 if self.groups_are_channels else _SHRINK
        return [
            lambda edge: (x(edge) - 4) // 2,
            lambda edge: (y(edge) - 4) // 2,
            lambda slices: -(-slices // self.slices_per_group) // groups_per_cell,
        ]
