"""How the networks for chest CT before AxialNet end: 3D convolutions, then three fully connected layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

__all__ = ["dense_classifier", "volume_convolutions"]


def volume_convolutions(in_channels: int, channels: Sequence[int] = (64, 32, 16)) -> nn.Sequential:
    """CTNet's reducing convolutions, each with a ReLU: in plane slowly, along the last axis by three each time.

    Args:
        in_channels: C of the input (N, C, x, y, z).
        channels: after each of the three.

    Returns:
        the convolutions, to (N, channels[-1], (x - 4) // 2, (y - 4) // 2, z // 27).

    Example:
        >>> import torch
        >>> volume_convolutions(8)(torch.zeros(1, 8, 14, 14, 135)).shape
        torch.Size([1, 16, 5, 5, 5])
    """
    kernels = [((3, 3, 3), (1, 1, 3)), ((3, 3, 3), (1, 1, 3)), ((2, 2, 3), (2, 2, 3))]
    layers: list[nn.Module] = []
    for (a, b), (kernel, stride) in zip(itertools.pairwise((in_channels, *channels)), kernels, strict=True):
        layers += [nn.Conv3d(a, b, kernel, stride), nn.ReLU()]
    return nn.Sequential(*layers)


def dense_classifier(features: int, num_classes: int, dropout: float) -> nn.Sequential:
    """Fully connected layers to 128, 96 and the labels, with ReLU and dropout between.

    Args:
        features: how many numbers of a sample (N, C, *grid) there are.
        num_classes: labels M.
        dropout: probability with which a number is dropped in training.

    Returns:
        the layers, to (N, M).

    Example:
        >>> import torch
        >>> dense_classifier(16 * 5**3, 80, dropout=0.5)(torch.zeros(2, 16, 5, 5, 5)).shape
        torch.Size([2, 80])
    """
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Linear(features, 128), nn.ReLU(), nn.Dropout(dropout)),
        *(nn.Linear(128, 96), nn.ReLU(), nn.Dropout(dropout)),
        nn.Linear(96, num_classes),
    )
