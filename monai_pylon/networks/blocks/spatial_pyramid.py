"""Context from far away: the image's average, and convolutions with holes at several rates (DeepLab's ASPP)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act

__all__ = ["AtrousSpatialPyramid", "ImagePooling", "separable_conv"]


class ImagePooling(nn.Module):
    """The global average of a map through Conv1x1, BN and ReLU, to be laid over every cell.

    This is the global average pooling that the paper advises against (section 2.2).

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the map (N, C, *grid).
        out_channels: D of the result (N, D, 1, …).

    Raises:
        ValueError: in training on one image.

    Example:
        >>> ImagePooling(2, 8, 12).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 12, 1, 1])
    """

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pool = Pool["adaptiveavg", spatial_dims](1)
        self.conv = conv_norm_act(spatial_dims, in_channels, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool a map (N, C, *grid)."""
        check_cells(self, x, factor=None)
        return self.conv(self.pool(x))


def separable_conv(spatial_dims: int, in_channels: int, out_channels: int, dilation: int = 1) -> nn.Module:
    """A 3x3 convolution per channel, a 1x1 convolution over the channels, BN and ReLU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the input (N, C, *grid).
        out_channels: C of the output.
        dilation: of the first convolution.

    Returns:
        the block, which keeps the size.

    Example:
        >>> separable_conv(2, 8, 12, dilation=4)(torch.zeros(2, 8, 5, 7)).shape
        torch.Size([2, 12, 5, 7])
    """
    depthwise = Conv["conv", spatial_dims](
        in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False
    )
    return nn.Sequential(depthwise, conv_norm_act(spatial_dims, in_channels, out_channels, bias=False))


class AtrousSpatialPyramid(nn.Module):
    """DeepLabV3+'s ASPP with separable convolutions: a 1x1 convolution, three dilated ones, the image's average.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the map (N, C, *grid).
        out_channels: D of the result (N, D, *grid).
        rates: dilations.
        image_pooling: whether the image's average is one of the branches; "No GAP" in the paper is without.
        dropout: probability, after the branches are joined.

    Raises:
        ValueError: in training on one image, where the average is one of the branches.

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
        """Look at a map (N, C, *grid) at every rate."""
        found = [branch(x) for branch in self.branches]
        if self.pooling is not None:
            found.append(self.pooling(x).expand_as(found[0]))
        return self.project(torch.cat(found, dim=1))
