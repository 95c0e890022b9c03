"""Gates over channels out of a global average: PAN's GAU, and the ablation of PYLON that the paper calls ATT."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act

__all__ = ["ChannelGate"]


class ChannelGate(nn.Module):
    """sigmoid(BN(Conv1x1(GAP(x)))): how much of each channel to let through.

    A global average says nothing of *where*; the paper blames it for poor localization (section 2.2).

    Args:
        spatial_dims: 2 or 3.
        channels: C of the features (N, C, *grid).

    Returns (N, C, 1, …), to be multiplied with features.

    Raises:
        ValueError: in training on one image.

    Example:
        >>> ChannelGate(2, channels=8).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 8, 1, 1])
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.pool = Pool["adaptiveavg", spatial_dims](1)
        self.conv = conv_norm_act(spatial_dims, channels, channels, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The gates of features (N, C, *grid)."""
        check_cells(self, x, factor=None)
        return torch.sigmoid(self.conv(self.pool(x)))
