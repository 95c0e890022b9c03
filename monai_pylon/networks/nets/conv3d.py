"""3DConv (Table 1 of the HiResCAM paper): 3D convolutions on the volume itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks.blocks.volume_head import dense_classifier
from monai_pylon.networks.nets.slice_network import check_volume, refuse_to_explain
from monai_pylon.networks.nets.volume_size import check_positive, check_same_cells, head_cells, is_checked, size_along
from monai_pylon.networks.pretrained import load_weights

__all__ = ["Conv3DNet"]

_WIDTHS = (1, 64, 128, 256, 512)
_SHRINK = 3 ** (len(_WIDTHS) - 1)


class Conv3DNet(nn.Module):
    """A classifier of chest CT of 3D convolutions alone, each on a third of the size, and three fully connected layers.

    Args:
        num_classes: labels M.
        volume_size: (X, Y, Z) of the volumes. The fully connected layers are made for the cells that come of it, one of
            81 voxels each; volumes of other sizes are taken if as many cells come of theirs.
        dropout: probability, between the fully connected layers.
        weights: None, or a file with weights of the whole network.

    ``net(x)`` gives the logits (N, M) of volumes (N, 1, X, Y, Z). There is no explanation in closed form; HiResCAM at
    ``net.convolutions`` gives maps (N, M, x, y, z) without a guarantee.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range, or the size too small; the message names the smallest.

    Example:
        >>> Conv3DNet(4, volume_size=(81, 162, 81)).eval()(torch.zeros(1, 1, 90, 162, 81)).shape
        torch.Size([1, 4])
    """

    def __init__(
        self,
        num_classes: int = 80,
        volume_size: Sequence[int] = (420, 420, 405),
        dropout: float = 0.1,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        check_positive(num_classes=num_classes)
        self.volume_size = size_along("XYZ", volume_size, "volume_size")
        remedy = "The convolutions leave no cell of a smaller volume: enlarge or pad it."
        x, y, z = head_cells(self.volume_size, self._cells(), "volume_size", remedy)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(_WIDTHS):
            layers += [nn.Conv3d(a, b, 3, stride=3), nn.ReLU()]
        for a, b in ((512, 128), (128, 64)):
            layers += [nn.Conv3d(a, b, 1), nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        self.classifier = dense_classifier(64 * x * y * z, num_classes, dropout)
        if weights is not None:
            load_weights(self, weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, M) of volumes (N, 1, X, Y, Z)."""
        check_volume(x)
        if is_checked():
            check_same_cells(x, self.volume_size, self._cells(), "volume_size")
        if isinstance(x, MetaTensor):
            x = x.as_tensor()
        return self.classifier(self.convolutions(x))

    def explain(self, x: torch.Tensor) -> NoReturn:
        """There is none for volumes (N, 1, X, Y, Z).

        Raises:
            NotImplementedError: always; the message says why and what to use.
        """
        refuse_to_explain(self, "its scores come of three fully connected layers with ReLUs between", "convolutions")

    @staticmethod
    def _cells() -> list:
        """How many cells come of how many voxels along x, y and z."""
        return [lambda edge: edge // _SHRINK] * 3
