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
from monai_pylon.networks.nets.volume_size import check_positive, check_same_cells, head_cells, size_along
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.networks.tracing import is_eager

__all__ = ["Conv3DNet"]

_WIDTHS = (1, 64, 128, 256, 512)
_SHRINK = 3 ** (len(_WIDTHS) - 1)


class Conv3DNet(nn.Module):
    """A classifier of chest CT with 3D convolutions of stride 3 and three fully connected layers.

    Args:
        num_classes: Number of labels M.
        volume_size: Size (X, Y, Z) for which the fully connected layers are made. A grid cell is 81 voxels long. The
            network accepts volumes of other sizes with the same number of grid cells.
        dropout: Probability of the dropout between the fully connected layers.
        weights: None, or a file with weights of the whole network.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z). The network has no explanation in closed form.
    HiResCAM at ``net.convolutions`` gives maps (N, M, x, y, z) without a guarantee.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the size is too small. The message names the smallest size.

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
        remedy = "The convolutions leave no cell of a smaller volume. Enlarge or pad it."
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
        """Compute the logits (N, M) of volumes (N, 1, X, Y, Z)."""
        check_volume(x)
        if is_eager():
            check_same_cells(x, self.volume_size, self._cells(), "volume_size")
        if isinstance(x, MetaTensor):
            x = x.as_tensor()
        return self.classifier(self.convolutions(x))

    def explain(self, x: torch.Tensor) -> NoReturn:
        """Raise an error: volumes (N, 1, X, Y, Z) have no explanation in closed form.

        Raises:
            NotImplementedError: Always. The message gives the reason and an alternative.
        """
        refuse_to_explain(self, "three fully connected layers with ReLUs compute its scores", "convolutions")

    @staticmethod
    def _cells() -> list:
        """Return the functions from voxels to grid cells along x, y and z."""
        return [lambda edge: edge // _SHRINK] * 3
