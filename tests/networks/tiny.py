"""Encoders for tests: a small one that computes, and one that hands out maps made before."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Norm
from torch import nn


class TinyEncoder(nn.Module):
    """Five strided convolutions with batch norm: an encoder of 10,000 parameters."""

    strides = (2, 4, 8, 16, 32)

    def __init__(self, spatial_dims: int = 2, in_channels: int = 1, strides: tuple[int, ...] = strides) -> None:
        super().__init__()
        self.channels, self.strides = (4, 6, 8, 10, 12), strides
        widths = (in_channels, *self.channels)
        steps = [b // a for a, b in zip((1, *strides), strides, strict=False)]
        self.stages = nn.ModuleList(
            nn.Sequential(
                Conv["conv", spatial_dims](a, b, 3, stride=step, padding=1),
                Norm["batch", spatial_dims](b),
                nn.ReLU(inplace=True),
            )
            for a, b, step in zip(widths[:-1], widths[1:], steps, strict=True)
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class MapsEncoder(nn.Module):
    """Hands out the maps that it was given, whatever the image; the first may be missing."""

    strides = (2, 4, 8, 16, 32)

    def __init__(self, maps: Sequence[torch.Tensor], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.maps, self.channels = list(maps), channels

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return self.maps


def shake_(module: nn.Module) -> nn.Module:
    """Give batch norms other statistics and weights than 0 and 1, as after training, and put them into eval mode."""
    with torch.no_grad():
        for norm in module.modules():
            if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                norm.running_mean.normal_(0, 0.1)
                norm.running_var.uniform_(0.5, 1.5)
                norm.weight.uniform_(0.5, 1.5)
                norm.bias.normal_(0, 0.1)
    return module.eval()


@torch.no_grad()
def calibrate_(module: nn.Module, images: torch.Tensor) -> nn.Module:
    """Give batch norms the statistics of images (N, C, *spatial), and put them into eval mode."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            norm.reset_running_stats()
            norm.momentum = None  # the mean over batches
    module.train()(images)
    return module.eval()
