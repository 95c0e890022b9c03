"""Head from a slice's features to its scores: unpadded convolutions and a fully connected layer with a map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils.precision import at_least_float32

__all__ = ["MappedLinear", "slice_reduction"]


def slice_reduction(in_channels: int, channels: Sequence[int] = (64, 32, 16, 16), padding: int = 0) -> nn.Sequential:
    """Make the paper's custom convolutions: 3x3 convolutions with ReLU that reduce the number of features.

    Args:
        in_channels: Channels C of the encoder's deepest map (G, C, rows, columns).
        channels: Channels after each convolution. An empty sequence leaves the map unchanged.
        padding: 0 removes a cell from each side at every convolution, 1 keeps the size.

    Returns:
        Convolutions with output (G, F, rows, columns).

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
    """A fully connected layer on a feature map that can also return each cell's contribution to a score.

    Args:
        features: Channels F of the input (G, F, rows, columns).
        cells: Size of the input, (rows, columns).
        num_classes: Number of labels M.

    The layer turns features (G, F, rows, columns) into scores (G, M). It computes in float32 at least, also under
    autocast: a sum over cells in half precision would differ from the sum of the map.

    Example:
        >>> head, z = MappedLinear(2, (3, 4), num_classes=5).double(), torch.rand(1, 2, 3, 4, dtype=torch.float64)
        >>> torch.allclose(head.maps(z).sum((2, 3)) + head.bias, head(z))
        True
    """

    def __init__(self, features: int, cells: Sequence[int], num_classes: int) -> None:
        super().__init__(features * cells[0] * cells[1], num_classes)
        self.shape = (features, *cells)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the scores (G, M) of features (G, F, rows, columns)."""
        z = at_least_float32(z)
        with torch.autocast(z.device.type, enabled=False):
            return F.linear(z.flatten(1), self.weight.to(z.dtype), self.bias.to(z.dtype))

    def maps(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the contribution of each cell to each score, without the bias.

        A layer made for one cell is applied to every cell of features with more cells. The products are summed over the
        features by one matrix product per cell, so that they are never stored.

        Args:
            z: Features (G, F, rows, columns).

        Returns:
            Contributions (G, M, rows, columns).
        """
        z = at_least_float32(z)
        with torch.autocast(z.device.type, enabled=False):
            weight = self.weight.to(z.dtype).unflatten(1, self.shape)
            return torch.einsum("gfyx,mfyx->gmyx", z, weight)
