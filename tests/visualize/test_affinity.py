"""Tests of the search for nonaffine operations in the graph, one operation at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from monai_pylon.visualize.affinity import nodes_between, nonaffine_operations

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
    "dropout in evaluation mode": lambda x: F.dropout(x, training=False),
}
NONAFFINE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
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


def found_in(function: Callable[[torch.Tensor], torch.Tensor]) -> list[str]:
    """Name the nonaffine operations of a function."""
    entered = torch.randn(X, requires_grad=True).clone()
    entry = entered.grad_fn
    return nonaffine_operations(function(entered).grad_fn, entry)


@pytest.mark.parametrize("name", AFFINE)
def test_affine_operations(name: str) -> None:
    assert found_in(AFFINE[name]) == []


@pytest.mark.parametrize("name", NONAFFINE)
def test_nonaffine_operations(name: str) -> None:
    assert found_in(NONAFFINE[name]) != []


def test_operands_independent_of_the_layer_are_constant() -> None:
    """A gate that does not depend on the layer's output is constant, although it is part of the graph."""
    entered, other = torch.randn(X, requires_grad=True).clone(), torch.randn(X, requires_grad=True)
    entry = entered.grad_fn
    result = entered * other.sigmoid() + other.relu()
    assert nonaffine_operations(result.grad_fn, entry) == []
    assert nonaffine_operations((entered.relu() + other.sigmoid()).grad_fn, entry) == ["Relu"]


def test_no_nodes_between_a_node_and_itself() -> None:
    entered = torch.randn(X, requires_grad=True).clone()
    assert nodes_between(entered.grad_fn, entered.grad_fn) == set()
