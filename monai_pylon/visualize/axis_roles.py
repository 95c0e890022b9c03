"""Roles of a tensor's axes: batch, features, or a spatial axis of the input, followed through a forward pass.

The shape of a layer's output does not show which of its axes holds the features: (2, 8, 8, 8) may be channels first or
channels last. The operations that made it do. A convolution writes features to axis 1, a linear layer to the last axis,
and transposing, reshaping or concatenating moves them. The tracker records this below PyTorch's autograd, where a
network consists of few kinds of operations. An unknown operation gives unknown roles, never guessed ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__: list[str] = []

BATCH, FEATURE, CHANNEL, TOKENS, OTHER = "batch", "feature", "channel", "tokens", "other"


class Factor(NamedTuple):
    """Part of an axis. Reshaping joins several factors in one axis, and splits an axis into its factors.

    Attributes:
        size: Number of entries.
        role: "batch", "feature", "channel" (of the input, until a layer computes features), "0", "1", ... (spatial
            axis of the input), "tokens" (grid cells with other entries before or after them), or "other".
        stride: Distance of neighbors in the whole spatial axis, if the axis was split.
        parts: Factors of the grid cells among tokens.
        before: Number of other entries before the grid cells among tokens.
    """

    size: int
    role: str
    stride: int = 1
    parts: tuple[Factor, ...] = ()
    before: int = 0


Axis = tuple[Factor, ...]
Axes = tuple[Axis, ...]


def input_axes(shape: Sequence[int]) -> Axes:
    """Return the roles of an image (N, C, *spatial)."""
    roles = [BATCH, CHANNEL, *(str(i) for i in range(len(shape) - 2))]
    return tuple((Factor(size, role),) for size, role in zip(shape, roles, strict=False))


def unknown(size: int) -> Axis:
    """Return an axis of unknown role."""
    return (Factor(size, OTHER),)


def is_spatial(axis: Axis) -> bool:
    """Return whether an axis holds places only."""
    return bool(axis) and all(f.role.isdigit() or f.role == TOKENS for f in axis)


def resized(axis: Axis, size: int) -> Axis:
    """Return an axis after pooling, padding or slicing: the role stays if the axis has only one.

    Parts of a batch into which slices are folded are rows of a batch.
    """
    if math.prod(f.size for f in axis) == size:
        return axis
    if axis and axis[0].role == BATCH:
        return (Factor(size, BATCH),)
    roles = {f.role for f in axis}
    return (Factor(size, roles.pop()),) if len(roles) == 1 and roles != {TOKENS} else unknown(size)


def with_features(axes: Axes, at: int, size: int) -> Axes:
    """Set an axis to newly computed features. The input's channels elsewhere are then a sequence, not features."""
    demoted = [tuple(f._replace(role=OTHER) if f.role == CHANNEL else f for f in axis) for axis in axes]
    demoted[at] = (Factor(size, FEATURE),)
    return tuple(demoted)


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """Return the axes after a reshape that keeps the order of the values."""
    waiting = [factor for axis in axes for factor in axis]
    result: list[Axis] = []
    for size in shape:
        axis = _taken(waiting, size)
        if axis is None:
            return tuple(unknown(n) for n in shape)
        result.append(_joined(axis))
    if any(factor.size != 1 for factor in waiting):
        return tuple(unknown(n) for n in shape)
    if result and waiting:
        result[-1] = (*result[-1], *waiting)
    return tuple(result)


def _taken(waiting: list[Factor], size: int) -> list[Factor] | None:
    """Take the factors of an axis of the given size from the waiting ones; None if they do not give this size."""
    axis: list[Factor] = []
    missing = size
    if size == 1:
        return [waiting.pop(0)] if waiting and waiting[0].size == 1 else []
    while missing != 1:
        if not waiting:
            return None
        factor = waiting.pop(0)
        if factor.size > missing:  # split into an outer factor of the missing size, and an inner one
            if factor.parts or not missing or factor.size % missing:
                return None
            inner = factor.size // missing
            waiting.insert(0, factor._replace(size=inner))
            factor = factor._replace(size=missing, stride=factor.stride * inner)
        if not factor.size or missing % factor.size:
            return None
        axis.append(factor)
        missing //= factor.size
    return axis


def _joined(axis: Sequence[Factor]) -> Axis:
    """Join neighboring factors that are the outer and the inner part of the same axis."""
    joined: list[Factor] = []
    for factor in axis:
        last = joined[-1] if joined else None
        fits = last is not None and last.role == factor.role and not (last.parts or factor.parts)
        if last is not None and fits and (last.stride == factor.size * factor.stride or not factor.role.isdigit()):
            joined[-1] = factor._replace(size=last.size * factor.size)
        else:
            joined.append(factor)
    return tuple(joined)


def sliced(axis: Axis, start: int, size: int) -> Axis:
    """Return an axis from a start, with a new size: grid cells among tokens stay known if all of them remain."""
    if len(axis) == 1 and axis[0].parts:
        cells = math.prod(f.size for f in axis[0].parts)
        before = axis[0].before - start
        if before >= 0 and before + cells <= size:
            return axis[0].parts if size == cells else (axis[0]._replace(size=size, before=before),)
    return resized(axis, size)


def concatenated(axes: Sequence[Axis | None], sizes: Sequence[int]) -> Axis:
    """Return the axis along which tensors are joined; None for tensors without roles, such as a class token."""
    total = sum(sizes)
    spatial = [i for i, axis in enumerate(axes) if axis and is_spatial(axis)]
    known = next((axis for axis in axes if axis and axis[0].role != OTHER), None)
    if len(spatial) == 1 and len(axes) > 1:
        i = spatial[0]
        axis, before = axes[i] or (), sum(sizes[:i])
        if len(axis) == 1 and axis[0].parts:
            return (axis[0]._replace(size=total, before=before + axis[0].before),)
        return unknown(total) if any(f.parts for f in axis) else (Factor(total, TOKENS, 1, axis, before),)
    return unknown(total) if known is None else resized(known, total)


def product(first: Axes | None, second: Axes | None, shape: Sequence[int]) -> Axes:
    """Return the axes of a matrix product. A factor without roles is a weight, whose axis becomes features."""
    lead = first or second or ()
    rows = first[-2] if first is not None and len(first) > 1 else (Factor(shape[-2], FEATURE),)
    columns = second[-1] if second is not None else (Factor(shape[-1], FEATURE),)
    joined = (*lead[:-2], rows, columns)
    if len(joined) != len(shape):
        return tuple(unknown(n) for n in shape)
    if second is None:
        return with_features(joined, len(joined) - 1, shape[-1])
    return joined if first is not None else with_features(joined, len(joined) - 2, shape[-2])
