"""From a slice's features to its scores: unpadded convolutions, and one fully connected layer that can show its map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils import at_least_float32

__all__ = ["MappedLinear", "slice_reduction"]


def slice_reduction(in_channels: int, channels: Sequence[int] = (64, 32, 16, 16), padding: int = 0) -> nn.Sequential:
    """The paper's custom convolutions: 3x3 and ReLU, again and again, down to few features.

    Args:
        in_channels: C of the encoder's deepest map (G, C, h, w).
        channels: after each convolution; none at all leaves the map as it is.
        padding: 0 takes a cell off each side at every convolution, 1 keeps the size.

    Returns:
        the convolutions, to (G, F, rows, columns).

    Example:
        >>> slice_reduction(512)(torch.zeros(1, 512, 14, 14)).shape
        torch.Size([1, 16, 6, 6])
    """
    layers: list[nn.Module] = []
    for width in channels:
        layers += [nn.Conv2d(in_channels, width, 3, padding=padding), nn.ReLU()]
        in_channels = width
    return nn.Sequential(*layers)


class MappedLinear(nn.Linear):
    """A fully connected layer on features with a place, which can also tell what each place gave to a score.

    Args:
        features: F of its input (G, F, rows, columns).
        cells: (rows, columns).
        num_classes: labels M.

    Called with features (G, F, rows, columns) it returns scores (G, M), at least in float32, autocast or not: a sum
    over cells of half-precision numbers would not equal the map's.

    Example:
        >>> head, z = MappedLinear(2, (3, 4), num_classes=5).double(), torch.rand(1, 2, 3, 4, dtype=torch.float64)
        >>> torch.allclose(head.maps(z).sum((2, 3)) + head.bias, head(z))
        True
    """

    def __init__(self, features: int, cells: Sequence[int], num_classes: int) -> None:
        super().__init__(features * cells[0] * cells[1], num_classes)
        self.shape = (features, *cells)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """The scores (G, M) of features (G, F, rows, columns)."""
        z = at_least_float32(z)
        with torch.autocast(z.device.type, enabled=False):
            return F.linear(z.flatten(1), self.weight.to(z.dtype), self.bias.to(z.dtype))

    def maps(self, z: torch.Tensor) -> torch.Tensor:
        """What each cell gives to each score: (G, M, rows, columns), the features summed, the bias left out.

        A layer made for one cell is laid over every cell of features (G, F, rows, columns) with more.
        The products of all features are never kept: it is one matrix product a cell.
        """
        z = at_least_float32(z)
        with torch.autocast(z.device.type, enabled=False):
            weight = self.weight.to(z.dtype).unflatten(1, self.shape)
            return torch.einsum("gfyx,mfyx->gmyx", z, weight)
