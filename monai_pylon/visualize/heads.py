"""HiResCAM and Grad-CAM from the graph of a head, the part of the network after a layer.

In general the gradient of each score with respect to each activation is needed. Two heads have a closed form. If the
head begins with a global average, the gradient is the same in every grid cell. If it begins with one linear layer, the
gradient contains that layer's weights. In both cases only the small gradient after that step is computed, and the rest
is a matrix product.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch.autograd.graph import GradientEdge

from monai_pylon.utils import check
from monai_pylon.utils.precision import at_least_float32
from monai_pylon.visualize.class_activation import hires_cam, weighted_features
from monai_pylon.visualize.recording import Recording
from monai_pylon.visualize.score_gradients import is_half, score_gradients

__all__: list[str] = []

#: Nodes that keep the numbers and their order and may change the shape.
_RESHAPING = {"ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "CloneBackward0", "AliasBackward0"}
#: Largest number of gradient values to compute at once, unless one label has more.
_NUMBERS_AT_ONCE = 2**23


class GeneralHead:
    """Head of any kind, which needs the gradients of all activations.

    Attributes:
        activations: Activations (R, C, *grid).
        labels_at_once: Number of labels to process at once, which bounds the memory.
    """

    def __init__(self, recording: Recording, edge: Any = None) -> None:
        self.recording = recording
        self.activations = recording.layout(recording.activations.detach())
        self.edge = recording.activations if edge is None else edge
        self.labels_at_once = max(1, _NUMBERS_AT_ONCE // max(1, recording.activations.numel()))

    @cached_property
    def half(self) -> bool:
        """Whether the head computes in float16."""
        logits = self.recording.logits
        return is_half(logits, graph_nodes(logits.grad_fn))

    def gradients(self, cotangents: torch.Tensor) -> torch.Tensor:
        """Compute the gradients (K, R, ...) of K weighted sums of scores (K, N, M) with respect to the head's edge."""
        return score_gradients(self.recording.logits, self.edge, cotangents, self.half)

    def hires_maps(self, gradients: torch.Tensor) -> torch.Tensor:
        """Compute HiResCAM (R, K, *grid) from the gradients (K, R, C, *grid)."""
        return hires_cam(self.activations, gradients.transpose(0, 1))

    def mean_gradients(self, gradients: torch.Tensor) -> torch.Tensor:
        """Average the activations' gradients (K, R, C, *grid) over the grid, to (R, K, C)."""
        return at_least_float32(gradients).transpose(0, 1).flatten(3).mean(-1)


class ArrangedHead(GeneralHead):
    """Head of any kind after a layer with another layout than (R, C, *grid)."""

    def gradients(self, cotangents: torch.Tensor) -> torch.Tensor:
        """Compute the gradients (K, R, C, *grid). Those of class tokens are left out."""
        found = super().gradients(cotangents)
        arranged = self.recording.layout.of_each(found)
        outside = not self.recording.layout.complete and not arranged.any() and bool(found.any())
        remedy = "Choose an earlier layer, such as the first norm of the last block."
        requirement = "a layer whose grid cells affect the scores"
        check(not outside, "target_layer", requirement, "one of which only the class token does", remedy)
        return arranged


class PooledHead(GeneralHead):
    """Head that begins with a global average, so that its gradient is the same in every grid cell."""

    def __init__(self, recording: Recording, edge: Any) -> None:
        super().__init__(recording, edge)
        self.labels_at_once = _NUMBERS_AT_ONCE

    def hires_maps(self, gradients: torch.Tensor) -> torch.Tensor:
        """Compute HiResCAM (R, K, *grid), with the same weights in every grid cell."""
        return weighted_features(self.activations, self.mean_gradients(gradients))

    def mean_gradients(self, gradients: torch.Tensor) -> torch.Tensor:
        """Divide the gradients of the averages (K, R, C, 1, ...) by the number of grid cells, to (R, K, C)."""
        rows, features, *grid = self.activations.shape
        even = at_least_float32(gradients).reshape(len(gradients), rows, features) / math.prod(grid)
        return even.transpose(0, 1)


class LinearHead(GeneralHead):
    """Head that begins with one linear layer over all grid cells and features, weight (H, C·cells)."""

    def __init__(self, recording: Recording, edge: Any, weight: torch.Tensor) -> None:
        super().__init__(recording, edge)
        self.labels_at_once = _NUMBERS_AT_ONCE
        self.weight = at_least_float32(weight).reshape(len(weight), self.activations.shape[1], -1)

    def hires_maps(self, gradients: torch.Tensor) -> torch.Tensor:
        """Compute HiResCAM (R, K, *grid): the linear layer's terms weighted by the gradients (K, R, H)."""
        activations = at_least_float32(self.activations)
        with torch.autocast(activations.device.type, enabled=False):
            terms = torch.einsum("hcx,rcx->rhx", self.weight.to(activations), activations.flatten(2))
            maps = torch.bmm(gradients.transpose(0, 1).to(terms), terms)
        return maps.reshape(*maps.shape[:2], *activations.shape[2:])

    def mean_gradients(self, gradients: torch.Tensor) -> torch.Tensor:
        """Compute the activations' mean gradients (R, K, C) from those of the linear layer's output (K, R, H)."""
        with torch.autocast(gradients.device.type, enabled=False):
            means = at_least_float32(gradients).to(self.weight.dtype) @ self.weight.mean(-1)
        return means.transpose(0, 1)


def head_of(recording: Recording) -> GeneralHead:
    """Return the head of a recorded pass, in the cheapest of the three forms that is valid."""
    activations, node = recording.activations, recording.entry
    if recording.layout.arrange is not None:
        return ArrangedHead(recording)
    step, operand = _only_consumer(recording.logits.grad_fn, node)
    if step is not None and step.name() == "MeanBackward1" and _averages_grid(step, activations.ndim):
        return PooledHead(recording, GradientEdge(step, 0))
    while step is not None and step.name() in _RESHAPING:
        node = step
        step, operand = _only_consumer(recording.logits.grad_fn, node)
    weight = None if step is None else _weight_of_linear(step, operand)
    if weight is not None and weight.shape[1] == activations[0].numel() and len(weight) <= recording.logits.shape[1]:
        return LinearHead(recording, GradientEdge(step, 0), weight)
    return GeneralHead(recording)


def graph_nodes(root: Any) -> Iterator[Any]:
    """Yield every node of a graph once, from the root (the result) backwards."""
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        unseen = {child for child, _ in node.next_functions if child is not None} - seen
        seen |= unseen
        waiting += unseen


def _only_consumer(root: Any, node: Any) -> tuple[Any, int | None]:
    """Return the only node that uses a node's result, and the operand's number; (None, None) for none or several."""
    uses = [
        (user, i) for user in graph_nodes(root) for i, (child, _) in enumerate(user.next_functions) if child is node
    ]
    return uses[0] if len(uses) == 1 else (None, None)


def _averages_grid(step: Any, ndim: int) -> bool:
    """Return whether a mean runs over the axes 2, 3, ... of an array, all of them and no others."""
    # The node stores a negative axis as an unsigned 64-bit integer.
    axes = {ctypes.c_int64(axis).value % ndim for axis in getattr(step, "_saved_dim", None) or ()}
    return axes == set(range(2, ndim))


def _weight_of_linear(step: Any, operand: int | None) -> torch.Tensor | None:
    """Return the weight (H, K) of a matrix product with rows (R, K) on its left, or None for other nodes."""
    if step.name() == "AddmmBackward0" and operand == 1 and step._saved_alpha == 1:
        return step._saved_mat2.T
    if step.name() == "MmBackward0" and operand == 0:
        return step._saved_mat2.T
    return None
