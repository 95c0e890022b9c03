"""Which modules a forward pass called, and where in the recorded graph each began and ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.visualize.affinity import bending_operations, nodes_between

__all__: list[str] = []


class Step(NamedTuple):
    """One call of a module.

    Attributes:
        name: the module's name in the network.
        kind: its class.
        has_parts: whether it is made of other modules.
        before: the graph's node of its first argument, None outside the graph.
        after: the graph's node of its output, None outside the graph.
        maxima: (R, C), the highest value of each feature, where its output is a map of more than one cell.
    """

    name: str
    kind: str
    has_parts: bool
    before: Any
    after: Any
    maxima: torch.Tensor | None


@contextmanager
def traced(network: nn.Module) -> Iterator[list[Step]]:
    """Note every call of a module of the network, in the order in which they end."""
    steps: list[Step] = []
    begun: list[Any] = []

    def enter(module: nn.Module, args: tuple[Any, ...]) -> None:
        begun.append(next((part.grad_fn for part in args if isinstance(part, torch.Tensor)), None))

    def leave(name: str, module: nn.Module, output: Any) -> None:
        before = begun.pop()
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
    """The highest value of each feature (R, C) of an output (R, C, *grid); None where the grid has no two cells."""
    is_map = output.ndim >= 3 and output.flatten(2).shape[2] > 1
    return output.detach().flatten(2).amax(2) if is_map else None


def bending_modules(steps: list[Step], root: Any, entry: Any) -> list[Step]:
    """The smallest modules between a node (the layer's output) and the root (the scores) that are not affine."""
    between = nodes_between(root, entry)
    small = [step for step in steps if step.after in between and not step.has_parts]
    return [step for step in small if bending_operations(step.after, step.before or entry)]


def first_affine_layer(steps: list[Step], root: Any, entry: Any) -> str | None:
    """The first layer after a node (the layer's output) from which all is affine up to the root, if it gives a map."""
    between = nodes_between(root, entry)
    maps = [step for step in steps if step.after in between and step.maxima is not None]
    good = [step for step in maps if not bending_operations(root, step.after)]
    # a block ends where its last part ends: the block's name says more
    return [step.name for step in good if step.after is good[0].after][-1] if good else None
