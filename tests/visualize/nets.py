"""Small networks, each with one trait that trips class activation maps up, split into a trunk and a tail."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
AVERAGE = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
FEATURES, LABELS = 4, 3


class Output(NamedTuple):
    """What some networks return: scores first, other things after."""

    logits: torch.Tensor
    features: torch.Tensor


class Net(nn.Module):
    """``layer`` is the layer to explain; ``tail`` takes its output to the scores. Images (N, 1, *8s)."""

    def __init__(self, dims: int, tail: nn.Module) -> None:
        super().__init__()
        self.layer = CONVOLUTION[dims](1, FEATURES, 3, stride=2, padding=1)
        self.tail = tail

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.tail(self.layer(x))


def cells(dims: int) -> int:
    return 4**dims


def pooled_tail(dims: int) -> nn.Module:
    """The CAM architecture: global average, one linear layer."""
    return nn.Sequential(AVERAGE[dims](1), nn.Flatten(), nn.Linear(FEATURES, LABELS))


def linear_tail(dims: int) -> nn.Module:
    """One linear layer over all cells."""
    return nn.Sequential(nn.Flatten(), nn.Linear(FEATURES * cells(dims), LABELS))


def inplace_tail(dims: int) -> nn.Module:
    """An in-place activation right after the layer."""
    return nn.Sequential(nn.ReLU(inplace=True), *pooled_tail(dims))


def deep_tail(dims: int) -> nn.Module:
    """Two linear layers with a ReLU between."""
    inner = nn.Linear(FEATURES * cells(dims), 5)
    return nn.Sequential(nn.Flatten(), inner, nn.ReLU(inplace=True), nn.Linear(5, LABELS))


class Mean(nn.Module):
    """The mean over all axes behind the features, without a module of PyTorch's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).mean(-1)


def map_tail(dims: int) -> nn.Module:
    """A 3x3 convolution to one map a label, then its mean."""
    return nn.Sequential(CONVOLUTION[dims](FEATURES, LABELS, 3, padding=1), Mean())


class Residual(nn.Module):
    """Adds to the layer's output in place, then squares it, so that the gradient depends on the activations."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.head = pooled_tail(dims)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x.sigmoid()
        x += shortcut
        x.mul_(x.detach() + 1)
        return self.head(x * shortcut)


TAILS = {
    "pooled": pooled_tail,
    "linear": linear_tail,
    "in-place": inplace_tail,
    "deep": deep_tail,
    "map": map_tail,
    "residual": Residual,
}


def make_net(kind: str, dims: int = 2) -> Net:
    return Net(dims, TAILS[kind](dims)).eval()


def image(dims: int = 2, samples: int = 2) -> torch.Tensor:
    return torch.randn(samples, 1, *[8] * dims)


class Folded(nn.Module):
    """Folds the S slices of a volume (N, 1, S, 8, 8) into the batch, scores each, and joins the scores."""

    def __init__(self, tail: str = "linear", join: str = "mean") -> None:
        super().__init__()
        self.slices = make_net(tail)
        self.join = join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        samples, _, depth = x.shape[:3]
        scores = self.slices(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (samples, depth))
        if self.join == "weighted":
            scores = scores * torch.arange(1.0, depth + 1)[:, None]
        return scores.amax(1) if self.join == "max" else scores.mean(1)
