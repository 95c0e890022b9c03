"""Head of BodyConv, CTNet and Conv3DNet: 3D convolutions and three fully connected layers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

__all__ = ["dense_classifier", "volume_convolutions"]


def volume_convolutions(in_channels: int, channels: Sequence[int] = (64, 32, 16)) -> nn.Sequential:
    """Make CTNet's three reducing convolutions, each with a ReLU.

    Each convolution divides the last axis by three. In plane, the first two remove a cell from each side and the last
    halves the size.

    Args:
        in_channels: Channels C of the input (N, C, x, y, z).
        channels: Channels after each of the three convolutions.

    Returns:
        Convolutions with output (N, channels[-1], (x - 4) // 2, (y - 4) // 2, z // 27).

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
    """Make fully connected layers to 128, 96 and M features with ReLU and dropout between them.

    Args:
        features: Number of values in a sample of the input (N, C, *grid).
        num_classes: Number of labels M.
        dropout: Probability with which a value is dropped in training.

    Returns:
        Layers with output (N, M).

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
