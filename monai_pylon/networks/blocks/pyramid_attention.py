"""PYLON's pyramid attention (section 2.3): the FPA module of PAN without its global average pooling."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act, upsample_to

__all__ = ["PyramidAttention"]

_KERNELS = (7, 5, 3)


class PyramidAttention(nn.Module):
    """One attention map for the deepest features, computed from three coarser levels of these features.

    Going down, each level is a max pooling and a convolution (7, 5, 3) to one channel. Going up, each level is
    convolved again (3, 5, 7), upsampled and added to the next finer level. Pooling rounds sizes up, so that any size
    works.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the features (N, C, *grid).
        align_corners: Whether upsampling aligns the centers of the corner cells.

    The output (N, 1, *grid) is multiplied with the features.

    Raises:
        ValueError: If it is trained on a single image whose smallest level is one cell.

    Example:
        >>> PyramidAttention(2, in_channels=8).eval()(torch.zeros(1, 8, 5, 7)).shape
        torch.Size([1, 1, 5, 7])
    """

    def __init__(self, spatial_dims: int, in_channels: int, align_corners: bool = True) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.pool = Pool["max", spatial_dims](kernel_size=2, stride=2, ceil_mode=True)
        widths = (in_channels, 1, 1)
        self.down = nn.ModuleList(
            conv_norm_act(spatial_dims, width, 1, kernel) for width, kernel in zip(widths, _KERNELS, strict=True)
        )
        self.up = nn.ModuleList(conv_norm_act(spatial_dims, 1, 1, kernel) for kernel in _KERNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the attention (N, 1, *grid) of features (N, C, *grid)."""
        check_cells(self, x, factor=2 ** len(_KERNELS))
        levels = [x]
        for down in self.down:
            levels.append(down(self.pool(levels[-1])))
        attention = self.up[-1](levels[-1])
        for up, level in zip(self.up[-2::-1], reversed(levels[1:-1]), strict=True):
            attention = upsample_to(attention, level.shape[2:], self.align_corners) + up(level)
        return upsample_to(attention, x.shape[2:], self.align_corners)
