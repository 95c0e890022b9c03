"""Channel gates from a global average: PAN's GAU, and the ablation ATT of PYLON."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act

__all__ = ["ChannelGate"]


class ChannelGate(nn.Module):
    """A weight between 0 and 1 for each channel: sigmoid(BN(Conv1x1(GAP(x)))).

    A global average has no position. The PYLON paper blames it for poor localization (section 2.2).

    Args:
        spatial_dims: 2 or 3.
        channels: Channels C of the features (N, C, *grid).

    The output (N, C, 1, …) is multiplied with features.

    Raises:
        ValueError: If it is trained on a single image.

    Example:
        >>> ChannelGate(2, channels=8).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 8, 1, 1])
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.pool = Pool["adaptiveavg", spatial_dims](1)
        self.conv = conv_norm_act(spatial_dims, channels, channels, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the gates (N, C, 1, …) of features (N, C, *grid)."""
        check_cells(self, x, factor=None)
        return torch.sigmoid(self.conv(self.pool(x)))
