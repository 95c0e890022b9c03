"""PYLON's upsampling module (section 2.3), and the decoder of PAN and PYLON that stacks it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from monai_pylon.networks.blocks.channel_attention import ChannelGate
from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.blocks.pyramid_attention import PyramidAttention
from monai_pylon.networks.blocks.spatial_pyramid import ImagePooling
from monai_pylon.utils import check

__all__ = ["PyramidDecoder", "UpsamplingModule"]


class UpsamplingModule(nn.Module):
    """An upsampling of a deep map to the grid of a finer map, plus convolutions of the finer map.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the finer map.
        out_channels: Channels D of the deep map.
        layers: 2 for convolutions C→C→D, 1 for C→D.
        kernel_size: Kernel size of these convolutions, odd.
        gate: Whether the deep map's global average weighs the channels of the finer map (ATT; PAN's GAU).
        align_corners: Whether upsampling aligns the centers of the corner cells.

    The module turns the finer map (N, C, *grid) and the deep map (N, D, *coarse grid) into (N, D, *grid).

    Raises:
        ValueError: If layers is neither 1 nor 2, or the kernel size is even.

    Example:
        >>> up = UpsamplingModule(2, in_channels=8, out_channels=12).eval()
        >>> up(torch.zeros(1, 8, 6, 5), torch.zeros(1, 12, 3, 3)).shape
        torch.Size([1, 12, 6, 5])
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        out_channels: int,
        layers: int = 2,
        kernel_size: int = 1,
        gate: bool = False,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        check(layers in (1, 2), "up_layers", "1 or 2", layers)
        remedy = "An even kernel shifts the map by half a cell."
        check(kernel_size % 2 == 1, "up_kernel_size", "odd", kernel_size, remedy)
        self.align_corners = align_corners
        widths = [in_channels] * layers + [out_channels]
        self.layers = nn.Sequential(
            *(conv_norm_act(spatial_dims, a, b, kernel_size) for a, b in itertools.pairwise(widths))
        )
        self.gate = ChannelGate(spatial_dims, out_channels) if gate else None

    def forward(self, fine: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        """Add a finer map (N, C, *grid) to a deep map (N, D, *coarse grid)."""
        detail = self.layers(fine)
        if self.gate is not None:
            detail = detail * self.gate(deep)
        return upsample_to(deep, fine.shape[2:], self.align_corners) + detail


class PyramidDecoder(nn.Module):
    """The decoder of PYLON and, with global pooling, of PAN: pyramid attention, then upsampling modules.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels of the encoder's feature maps, shallow to deep.
        width: Channels D of the decoded map.
        num_up: Number of upsampling modules, 1 to 3. The decoded map has stride 16, 8 or 4.
        pyramid_attention: Whether the deepest map is multiplied with :class:`PyramidAttention`.
        image_pooling: Whether the global average of the deepest map is added to it (PAN).
        channel_attention: Whether the upsampling modules have a gate (ATT; PAN).
        up_layers: Convolutions in an upsampling module, 1 or 2.
        up_kernel_size: Kernel size of these convolutions, odd.
        align_corners: Whether all upsampling aligns the centers of the corner cells.

    The decoder turns the encoder's maps (N, C, *grid), shallow to deep, into the decoded map (N, D, *grid). Its
    attribute ``out_channels`` is D.

    Raises:
        ValueError: If a number is out of range.

    Example:
        >>> maps = [torch.zeros(1, c, 64 // s, 64 // s) for c, s in ((2, 2), (3, 4), (4, 8), (5, 16), (6, 32))]
        >>> PyramidDecoder(2, (2, 3, 4, 5, 6), width=12).eval()(maps).shape
        torch.Size([1, 12, 16, 16])
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: Sequence[int],
        width: int = 128,
        num_up: int = 3,
        pyramid_attention: bool = True,
        image_pooling: bool = False,
        channel_attention: bool = False,
        up_layers: int = 2,
        up_kernel_size: int = 1,
        align_corners: bool = True,
    ) -> None:
        super().__init__()
        check(num_up in (1, 2, 3), "num_up", "1, 2 or 3", num_up, "num_up counts the upsampling modules.")
        check(width > 0, "decoder_channels", "positive", width)
        self.out_channels, deepest = width, channels[-1]
        self.mid = conv_norm_act(spatial_dims, deepest, width)
        self.attention = PyramidAttention(spatial_dims, deepest, align_corners) if pyramid_attention else None
        self.pooling = ImagePooling(spatial_dims, deepest, width) if image_pooling else None
        self.up = nn.ModuleList(
            UpsamplingModule(spatial_dims, c, width, up_layers, up_kernel_size, channel_attention, align_corners)
            for c in channels[-2 : -2 - num_up : -1]
        )

    def deepest(self, x: torch.Tensor) -> torch.Tensor:
        """Reduce the deepest map (N, C, *grid) to (N, D, *grid) and apply attention and pooling."""
        mid = self.mid(x)
        if self.attention is not None:
            mid = mid * self.attention(x)
        if self.pooling is not None:
            mid = mid + self.pooling(x)
        return mid

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Decode the encoder's maps (N, C, *grid), shallow to deep, into (N, D, *grid)."""
        decoded = self.deepest(maps[-1])
        for up, fine in zip(self.up, reversed(maps[-1 - len(self.up) : -1]), strict=True):
            decoded = up(fine, decoded)
        return decoded
