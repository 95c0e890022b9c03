"""Small networks for the tests, each with one property that is difficult for class activation maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

CONVOLUTION = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
AVERAGE = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
FEATURES, LABELS = 4, 3


class Output(NamedTuple):
    """Output of networks that return the scores and something else."""

    logits: torch.Tensor
    features: torch.Tensor


class Net(nn.Module):
    """Network of a layer to explain and a head that computes the scores from its output. Images are (N, 1, 8, ...)."""

    def __init__(self, dims: int, head: nn.Module) -> None:
        super().__init__()
        self.layer = CONVOLUTION[dims](1, FEATURES, 3, stride=2, padding=1)
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x))


def cells(dims: int) -> int:
    """Count the grid cells of the layer's output."""
    return 4**dims


def pooled_head(dims: int) -> nn.Module:
    """Make a CAM architecture: global average, one linear layer."""
    return nn.Sequential(AVERAGE[dims](1), nn.Flatten(), nn.Linear(FEATURES, LABELS))


def linear_head(dims: int) -> nn.Module:
    """Make one linear layer over all grid cells."""
    return nn.Sequential(nn.Flatten(), nn.Linear(FEATURES * cells(dims), LABELS))


def inplace_head(dims: int) -> nn.Module:
    """Make a head that begins with an in-place activation."""
    return nn.Sequential(nn.ReLU(inplace=True), *pooled_head(dims))


def deep_head(dims: int) -> nn.Module:
    """Make two linear layers with a ReLU between them."""
    inner = nn.Linear(FEATURES * cells(dims), 5)
    return nn.Sequential(nn.Flatten(), inner, nn.ReLU(inplace=True), nn.Linear(5, LABELS))


class Mean(nn.Module):
    """Mean over all grid axes, without a PyTorch module."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).mean(-1)


def map_head(dims: int) -> nn.Module:
    """Make a 3x3 convolution to one map per label, followed by the mean."""
    return nn.Sequential(CONVOLUTION[dims](FEATURES, LABELS, 3, padding=1), Mean())


class Residual(nn.Module):
    """Head that changes the layer's output in place and has a gradient that depends on the activations."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.head = pooled_head(dims)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x.sigmoid()
        x += shortcut
        x.mul_(x.detach() + 1)
        return self.head(x * shortcut)


HEADS = {
    "pooled": pooled_head,
    "linear": linear_head,
    "in-place": inplace_head,
    "deep": deep_head,
    "map": map_head,
    "residual": Residual,
}


def make_net(kind: str, dims: int = 2) -> Net:
    """Make a network with a head of the given kind, in evaluation mode."""
    return Net(dims, HEADS[kind](dims)).eval()


def image(dims: int = 2, samples: int = 2) -> torch.Tensor:
    """Make random images (N, 1, 8, ...)."""
    return torch.randn(samples, 1, *[8] * dims)


class Folded(nn.Module):
    """Network that folds the S slices of a volume (N, 1, S, 8, 8) into the batch and joins the scores of the slices."""

    def __init__(self, head: str = "linear", join: str = "mean") -> None:
        super().__init__()
        self.slices = make_net(head)
        self.join = join

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        samples, _, depth = x.shape[:3]
        scores = self.slices(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (samples, depth))
        if self.join == "weighted":
            scores = scores * torch.arange(1.0, depth + 1)[:, None]
        return scores.amax(1) if self.join == "max" else scores.mean(1)


class Call(nn.Module):
    """Module that calls a function."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def gradients_by_autograd(net: Net, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute activations (N, C, *grid) and gradients (N, M, C, *grid), one label and one sample at a time."""
    activations = net.layer(x).detach()
    rows = []
    for a in activations:
        leaf = a[None].clone().requires_grad_()
        scores = net.head(leaf.clone())[0]
        rows.append(torch.cat([torch.autograd.grad(s, leaf, retain_graph=True)[0] for s in scores]))
    return activations, torch.stack(rows)
