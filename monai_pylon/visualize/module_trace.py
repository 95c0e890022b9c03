"""Trace of the module calls in a forward pass, with their first and last nodes in PyTorch's graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.visualize.affinity import nodes_between, nonaffine_operations

__all__: list[str] = []


class Step(NamedTuple):
    """One call of a module.

    Attributes:
        name: Name of the module in the network.
        kind: Class name of the module.
        has_parts: Whether the module contains other modules.
        before: Graph node of its first argument, None outside the graph.
        after: Graph node of its output, None outside the graph.
        maxima: Highest value of each feature (R, C), if its output is a map of more than one grid cell.
    """

    name: str
    kind: str
    has_parts: bool
    before: Any
    after: Any
    maxima: torch.Tensor | None


@contextmanager
def traced(network: nn.Module) -> Iterator[list[Step]]:
    """Record every module call of the network, in the order in which the calls end."""
    steps: list[Step] = []
    started: list[Any] = []

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        started.append(next((part.grad_fn for part in args if isinstance(part, torch.Tensor)), None))

    def leave(name: str, module: nn.Module, output: Any) -> None:
        before = started.pop()
        if name and isinstance(output, torch.Tensor):
            has_parts = next(module.children(), None) is not None
            steps.append(Step(name, type(module).__name__, has_parts, before, output.grad_fn, grid_maxima(output)))

    handles = []
    for name, module in network.named_modules():
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(lambda m, args, output, name=name: leave(name, m, output)))
    try:
        yield steps
    finally:
        for handle in handles:
            handle.remove()


def grid_maxima(output: torch.Tensor) -> torch.Tensor | None:
    """Return the highest value of each feature (R, C) of an output (R, C, *grid); None without two grid cells."""
    is_map = output.ndim >= 3 and output.flatten(2).shape[2] > 1
    return output.detach().flatten(2).amax(2) if is_map else None


def nonaffine_modules(steps: list[Step], root: Any, entry: Any) -> list[Step]:
    """Return the smallest modules between entry (the layer's output) and root (the scores) that are not affine."""
    between = nodes_between(root, entry)
    smallest = [step for step in steps if step.after in between and not step.has_parts]
    return [step for step in smallest if nonaffine_operations(step.after, step.before or entry)]


def first_affine_layer(steps: list[Step], root: Any, entry: Any) -> str | None:
    """Name the first layer with a map after entry (the layer's output) from which all is affine up to root."""
    between = nodes_between(root, entry)
    maps = [step for step in steps if step.after in between and step.maxima is not None]
    affine = [step for step in maps if not nonaffine_operations(root, step.after)]
    # A block and its last part end at the same node. The block's name is more telling.
    return [step.name for step in affine if step.after is affine[0].after][-1] if affine else None
