"""Small networks and helpers for tests: encoders, batch norms with statistics, decoded maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.layers.factories import Conv, Norm
from torch import nn


class TinyEncoder(nn.Module):
    """An encoder of five strided convolutions with batch norm and 2,600 parameters."""

    strides = (2, 4, 8, 16, 32)

    def __init__(self, spatial_dims: int = 2, in_channels: int = 1, strides: tuple[int, ...] = strides) -> None:
        super().__init__()
        self.channels, self.strides, self.first_cell = (4, 6, 8, 10, 12), strides, 0
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
    """An encoder that returns given maps for every image; the first may be None."""

    strides = (2, 4, 8, 16, 32)

    def __init__(self, maps: Sequence[torch.Tensor], channels: tuple[int, ...]) -> None:
        super().__init__()
        self.maps, self.channels = list(maps), channels

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return self.maps


def shake_(module: nn.Module) -> nn.Module:
    """Give batch norms random statistics and weights, as after training, and put the module into eval mode."""
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
    """Give batch norms the statistics of images (N, C, *spatial) and put the module into eval mode."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
            norm.reset_running_stats()
            norm.momentum = None  # the mean over batches
    module.train()(images)
    return module.eval()


@torch.no_grad()
def decode(net: nn.Module, size: Sequence[int]) -> tuple[torch.Tensor, dict[str, torch.Tensor], list[torch.Tensor]]:
    """Decode two random images in double precision; return the decoded map, the decoder's state and its input maps."""
    net = shake_(net).double()
    maps = net.encoder(torch.randn(2, 1, *size, dtype=torch.float64))
    return net.decoder(maps), dict(net.decoder.state_dict()), maps
