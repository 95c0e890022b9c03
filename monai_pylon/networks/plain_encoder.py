"""Small encoder of plain convolutions for short trainings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["PLAIN_CHANNELS", "PlainPyramid"]

#: Channels of the plain encoders at the strides 2, 4, 8 ... The number in the name is that of the convolutions.
PLAIN_CHANNELS = {"conv5": (16, 32, 64), "conv9": (16, 32, 64, 128, 256)}


class PlainPyramid(nn.Module):
    """Plain convolutions with batch norm and ReLU: a 5x5 one with stride 2, then two 3x3 ones for each further stride.

    It suits small images and short trainings from random weights.

    Args:
        name: "conv5" with strides 2 to 8, "conv9" with strides 2 to 32, or any name if channels are given.
        spatial_dims: 2.
        in_channels: Channels C of the images (N, C, H, W).
        channels: Channels of the maps; those of the name if None.

    Example:
        >>> [tuple(map.shape) for map in PlainPyramid("conv5", 2, 3)(torch.zeros(1, 3, 80, 80))]
        [(1, 16, 40, 40), (1, 32, 20, 20), (1, 64, 10, 10)]
    """

    def __init__(self, name: str, spatial_dims: int, in_channels: int, channels: Sequence[int] | None = None) -> None:
        super().__init__()
        self.first_cell = 0
        self.name, self.channels = name, tuple(PLAIN_CHANNELS[name] if channels is None else channels)
        self.strides = tuple(2 ** (i + 1) for i in range(len(self.channels)))

        def layer(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        first = layer(in_channels, self.channels[0], 5, 2)
        pairs = itertools.pairwise(self.channels)
        others = [layer(inputs, outputs, 3, 2) + layer(outputs, outputs, 3, 1) for inputs, outputs in pairs]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in (first, *others))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Compute the feature maps of images (N, C, H, W)."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
