"""Which operations pass as affine, each by itself: the graph's word alone, without numbers to catch its mistakes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.visualize.affinity import bending_operations, nodes_between
from monai_pylon.visualize.module_trace import bending_modules, first_affine_layer, traced

X = (2, 3, 4, 4)
W = torch.randn(4, 4)

AFFINE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "sums": lambda x: 3 - (x + 2 - x.flip(1)) / 7,
    "in place": lambda x: (x * 1).add_(1).mul_(2),
    "means": lambda x: x.mean((2, 3)).sum(1, keepdim=True),
    "other shapes": lambda x: x.flatten(2).mT.unflatten(1, (4, 4)).squeeze().unsqueeze(0)[..., 1:].chunk(2, 2)[0],
    "joined": lambda x: torch.cat([torch.stack([x, x]).roll(1), x.expand(2, *X)]),
    "half precision": lambda x: x.bfloat16(),
    "a matrix": lambda x: x @ W,
    "a matrix on the left": lambda x: W @ x,
    "einsum": lambda x: torch.einsum("nchw,vw->nhv", x, W),
    "times a constant": lambda x: x * W,
    "convolution": lambda x: F.conv2d(x, torch.randn(5, 3, 3, 3)),
    "padding": lambda x: F.pad(F.pad(x, (1, 1)), (1, 1, 1, 1), mode="reflect"),
    "average pooling": lambda x: F.adaptive_avg_pool2d(F.avg_pool2d(x, 2), (1, 2)),
    "interpolation": lambda x: F.interpolate(F.interpolate(x, scale_factor=2, mode="bilinear"), scale_factor=2),
    "batch norm with its statistics": lambda x: F.batch_norm(x, torch.zeros(3), torch.ones(3)),
    "dropout in evaluation": lambda x: F.dropout(x, training=False),
}
BENDING: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "square": torch.square,
    "itself times itself": lambda x: x * x,
    "itself times its mean": lambda x: x * x.mean((2, 3), keepdim=True),
    "itself as a matrix": lambda x: x @ x,
    "as a filter of itself": lambda x: F.conv2d(x[:, :, :2, :2], x[:, :, :2, :2]),
    "a constant by it": lambda x: 1 / x,
    "itself by its sum": lambda x: x / x.sum(),
    "maximum": lambda x: x.amax((2, 3)),
    "max pooling": lambda x: F.max_pool2d(x, 2),
    "batch norm of the batch": lambda x: F.batch_norm(x, None, None, training=True),
    "weights of a batch norm": lambda x: F.batch_norm(W[None, :3], torch.zeros(3), torch.ones(3), weight=x[0, :, 0, 0]),
    "instance norm": F.instance_norm,
    "layer norm": lambda x: F.layer_norm(x, (4, 4)),
    "softmax": lambda x: x.softmax(1),
    "masking": lambda x: x.masked_fill(x < 0, 0),
    "selection": lambda x: torch.where(x > 0, x, 0),
    "sorting": lambda x: x.flatten(2).sort().values,
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
}


def bending(function: Callable[[torch.Tensor], torch.Tensor]) -> list[str]:
    entered = torch.randn(X, requires_grad=True).clone()
    entry = entered.grad_fn
    return bending_operations(function(entered).grad_fn, entry)


@pytest.mark.parametrize("name", AFFINE)
def test_affine_operations(name: str) -> None:
    assert bending(AFFINE[name]) == []


@pytest.mark.parametrize("name", BENDING)
def test_bending_operations(name: str) -> None:
    assert bending(BENDING[name]) != []


def test_what_does_not_move_with_the_layer_counts_as_constant() -> None:
    """A gate that hangs on something else than the layer's output, though it has a graph of its own."""
    entered, other = torch.randn(X, requires_grad=True).clone(), torch.randn(X, requires_grad=True)
    entry = entered.grad_fn
    result = entered * other.sigmoid() + other.relu()
    assert bending_operations(result.grad_fn, entry) == []
    assert bending_operations((entered.relu() + other.sigmoid()).grad_fn, entry) == ["Relu"]


def test_the_layers_output_itself_has_nothing_after_it() -> None:
    entered = torch.randn(X, requires_grad=True).clone()
    assert nodes_between(entered.grad_fn, entered.grad_fn) == set()


def test_modules_are_named_and_the_hooks_taken_off() -> None:
    block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True))
    net = nn.Sequential(nn.Conv2d(3, 3, 1), block, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 2))
    with traced(net) as steps:
        scores = net(torch.randn(X))
    assert [step.name for step in steps] == ["0", "1.0", "1.1", "1", "2", "3", "4"]
    entry = steps[0].after
    assert [step.name for step in bending_modules(steps, scores.grad_fn, entry)] == ["1.1"]
    assert first_affine_layer(steps, scores.grad_fn, entry) == "1"
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())
