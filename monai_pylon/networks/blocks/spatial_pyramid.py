"""Wide context: the image's average, and dilated convolutions at several rates (the ASPP of DeepLab)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act

__all__ = ["AtrousSpatialPyramid", "ImagePooling", "separable_conv"]


class ImagePooling(nn.Module):
    """The global average of a map, followed by a 1x1 convolution, BN and ReLU.

    The PYLON paper advises against this global average pooling (section 2.2).

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the map (N, C, *grid).
        out_channels: Channels D of the output (N, D, 1, …).

    Raises:
        ValueError: If it is trained on a single image.

    Example:
        >>> ImagePooling(2, 8, 12).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 12, 1, 1])
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = Pool["adaptiveavg", spatial_dims](1)
        self.conv = conv_norm_act(spatial_dims, in_channels, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool a map (N, C, *grid) to (N, D, 1, …)."""
        check_cells(self, x, factor=None)
        return self.conv(self.pool(x))


def separable_conv(spatial_dims: int, in_channels: int, out_channels: int, dilation: int = 1) -> nn.Module:
    """Make a 3x3 convolution of each channel and a 1x1 convolution over the channels, with BN and ReLU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels of the input (N, C, *grid).
        out_channels: Channels of the output.
        dilation: Dilation of the first convolution.

    Returns:
        Block that keeps the grid.

    Example:
        >>> separable_conv(2, 8, 12, dilation=4)(torch.zeros(2, 8, 5, 7)).shape
        torch.Size([2, 12, 5, 7])
    """
    depthwise = Conv["conv", spatial_dims](
        in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False
    )
    return nn.Sequential(depthwise, conv_norm_act(spatial_dims, in_channels, out_channels, bias=False))


class AtrousSpatialPyramid(nn.Module):
    """The ASPP of DeepLabV3+ with separable convolutions: a 1x1 and three dilated ones, and the image's average.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the map (N, C, *grid).
        out_channels: Channels D of the output (N, D, *grid).
        rates: Dilations.
        image_pooling: Whether the image's average is one of the branches. Without it the block is "No GAP" in the
            paper.
        dropout: Probability of the dropout after the branches are joined.

    Raises:
        ValueError: If it has the image's average and is trained on a single image.

    Example:
        >>> AtrousSpatialPyramid(2, 8, 12).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 12, 5, 7])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        rates: Sequence[int] = (12, 24, 36),
        image_pooling: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            [conv_norm_act(spatial_dims, in_channels, out_channels, bias=False)]
            + [separable_conv(spatial_dims, in_channels, out_channels, rate) for rate in rates]
        )
        self.pooling = ImagePooling(spatial_dims, in_channels, out_channels) if image_pooling else None
        joined = (len(rates) + 1 + image_pooling) * out_channels
        self.project = nn.Sequential(conv_norm_act(spatial_dims, joined, out_channels, bias=False), nn.Dropout(dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the context (N, D, *grid) of a map (N, C, *grid)."""
        context = [branch(x) for branch in self.branches]
        if self.pooling is not None:
            context.append(self.pooling(x).expand_as(context[0]))
        return self.project(torch.cat(context, dim=1))
