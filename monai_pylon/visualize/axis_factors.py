"""Roles and places of a tensor's axes.

Each axis is a product of factors. The role of a factor says what its entries are: samples, features, or the cells
along a spatial axis of the input. Cells also have a place: where each of them looks in the input. Reshaping moves,
splits and joins the factors, so that slices folded into the batch, windows and tokens keep role and place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__: list[str] = []

BATCH, FEATURE, CHANNEL, TOKENS, OTHER = "batch", "feature", "channel", "tokens", "other"
_LOST = math.nan


class Factor(NamedTuple):
    """Part of an axis.

    Attributes:
        size: Number of entries.
        role: "batch", "feature", "channel" (of the input, until a layer computes features), "0", "1", ... (cells along
            a spatial axis of the input), "tokens" (cells with other entries before or after them), or "other".
        origin: Where the center of cell 0 looks, in pixels of the input. 0 is the center of the first pixel. NaN if
            the place is lost.
        spacing: Distance between the places where neighboring cells look, in pixels of the input.
        detail: Largest spacing that the values have passed: an enlarged map has small cells with coarse content.
        part: Whether the factor holds the cells within a block of the axis, such as the slices within a group.
        parts: Factors of the cells among tokens.
        before: Number of other entries before the cells among tokens.

    Example:
        >>> Factor(8, "0", origin=1.5, spacing=4.0).at(2)
        9.5
    """

    size: int
    role: str
    origin: float = 0.0
    spacing: float = 1.0
    detail: float = 1.0
    part: bool = False
    parts: tuple[Factor, ...] = ()
    before: int = 0

    @property
    def spatial(self) -> bool:
        """Whether the entries are cells along a spatial axis of the input."""
        return self.role.isdigit()

    def at(self, cell: float) -> float:
        """Return the place where a cell looks, in pixels."""
        return self.origin + cell * self.spacing

    def resampled(self, size: int, start: float, step: float) -> Factor:
        """Return the factor of cells whose first one looks at cell `start`, each `step` cells further."""
        spacing = self.spacing * step
        return self._replace(size=size, origin=self.at(start), spacing=spacing, detail=max(self.detail, abs(spacing)))

    def split(self, inner: int) -> tuple[Factor, Factor]:
        """Split the factor into blocks of `inner` entries and the entries within a block."""
        if not self.spatial:
            return self._replace(size=self.size // inner), self._replace(size=inner)
        blocks = self.resampled(self.size // inner, (inner - 1) / 2, inner)._replace(detail=self.detail)
        return blocks, self.within(inner)

    def within(self, size: int) -> Factor:
        """Return the factor of the cells within blocks of `size` cells."""
        return self._replace(size=size, origin=-(size - 1) / 2 * self.spacing, part=True)

    def joined(self, inner: Factor) -> Factor | None:
        """Return the whole from its blocks (self) and the entries within a block, or None if they do not fit."""
        if self.role != inner.role or self.parts or inner.parts:
            return None
        size = self.size * inner.size
        if not self.spatial:
            return self._replace(size=size)
        if not inner.part or not math.isclose(self.spacing, inner.spacing * inner.size):
            return None
        return self._replace(size=size, origin=self.origin + inner.origin, spacing=inner.spacing)

    def extended(self) -> Factor:
        """Return cells of one spatial axis among other entries as if the others were cells too, as padding is."""
        if len(self.parts) != 1:
            return self
        return self.parts[0]._replace(size=self.size, origin=self.parts[0].at(-self.before))

    def unplaced(self) -> Factor:
        """Return the factor with its role only."""
        if self.parts:
            return self._replace(parts=tuple(part.unplaced() for part in self.parts))
        return Factor(self.size, self.role, _LOST) if self.spatial else self


Axis = tuple[Factor, ...]
Axes = tuple[Axis, ...]


def input_axes(shape: Sequence[int]) -> Axes:
    """Return the axes of an image (N, C, *spatial)."""
    roles = [BATCH, CHANNEL, *(str(i) for i in range(len(shape) - 2))]
    return tuple((Factor(int(size), role),) for size, role in zip(shape, roles, strict=False))


def unknown(size: int) -> Axis:
    """Return an axis of unknown role."""
    return (Factor(int(size), OTHER),)


def length(axis: Axis) -> int:
    """Return the number of entries along an axis."""
    return math.prod(factor.size for factor in axis)


def is_spatial(axis: Axis) -> bool:
    """Return whether an axis holds cells only, perhaps among tokens."""
    return bool(axis) and all(f.spatial or f.role == TOKENS for f in axis)


def resized(axis: Axis, size: int) -> Axis:
    """Return an axis of another size after an operation without a known place: the role stays if there is only one.

    Parts of a batch into which slices are folded are rows of a batch.
    """
    if length(axis) == size:
        return axis
    if axis and axis[0].role == BATCH:
        return (Factor(size, BATCH),)
    roles = {f.role for f in axis}
    return (Factor(size, roles.pop()).unplaced(),) if len(roles) == 1 and roles != {TOKENS} else unknown(size)


def resampled(axis: Axis, size: int, start: float, step: float) -> Axis:
    """Return an axis of cells whose first one looks at cell `start`, each `step` cells further.

    Several factors, such as the tokens of a flattened image, keep their role at most, not their place.
    """
    if (size, start, step) == (length(axis), 0, 1):
        return axis
    factor = axis[0].extended() if len(axis) == 1 else None
    if factor is None or not factor.spatial:
        return tuple(f.unplaced() for f in resized(axis, size))
    return (factor.resampled(size, start, step),)


def sliced(axis: Axis, start: int, size: int, step: int = 1) -> Axis:
    """Return every `step`-th entry of an axis from a start: cells among tokens stay known if all of them remain."""
    if length(axis) == size:
        return axis
    if len(axis) == 1 and axis[0].parts and step == 1:
        cells, before = length(axis[0].parts), axis[0].before - start
        if before >= 0 and before + cells <= size:
            return axis[0].parts if size == cells else (axis[0]._replace(size=size, before=before),)
    return resampled(axis, size, start, step)


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
        axis = _taken(waiting, int(size))
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
        if factor.size > missing:
            factor = factor.extended()
            if factor.parts or not missing or factor.size % missing:
                return None
            factor, inner = factor.split(factor.size // missing)
            waiting.insert(0, inner)
        if not factor.size or missing % factor.size:
            return None
        axis.append(factor)
        missing //= factor.size
    return axis


def _joined(axis: Sequence[Factor]) -> Axis:
    """Join neighboring factors that are the blocks of an axis and the entries within a block."""
    result: list[Factor] = []
    for factor in axis:
        whole = result[-1].joined(factor) if result else None
        if whole is None:
            result.append(factor)
        else:
            result[-1] = whole
    return tuple(result)


def concatenated(axes: Sequence[Axis | None], sizes: Sequence[int]) -> Axis:
    """Return the axis along which tensors are joined; None for tensors without roles, such as a class token.

    Of several parts with cells, the longest gives the place, as where copies fill a volume.
    """
    total = sum(sizes)
    spatial = [i for i, axis in enumerate(axes) if axis and is_spatial(axis)]
    known = next((axis for axis in axes if axis and axis[0].role != OTHER), None)
    if len(spatial) == 1 and len(axes) > 1:
        i = spatial[0]
        axis, before = axes[i] or (), sum(sizes[:i])
        if len(axis) == 1 and axis[0].parts:
            return (axis[0]._replace(size=total, before=before + axis[0].before),)
        return unknown(total) if any(f.parts for f in axis) else (Factor(total, TOKENS, parts=axis, before=before),)
    if spatial and len(spatial) == len(axes):
        longest = max(spatial, key=lambda i: sizes[i])
        return resampled(axes[longest] or (), total, -sum(sizes[:longest]), 1)
    return unknown(total) if known is None else resized(known, total)


def product(first: Axes | None, second: Axes | None, shape: Sequence[int]) -> Axes:
    """Return the axes of a matrix product. A factor without roles is a weight, whose axis becomes features."""
    lead = first or second or ()
    joined = (*lead[:-2], () if first is None else first[-2], () if second is None else second[-1])
    if len(joined) != len(shape):
        return tuple(unknown(n) for n in shape)
    if second is None:
        return with_features(joined, len(joined) - 1, shape[-1])
    return joined if first is not None else with_features(joined, len(joined) - 2, shape[-2])


def merged(axes: Sequence[Axis]) -> Axis:
    """Return the axis where branches meet: of those with the roles of the first known one, that of the finest content.

    Of several that are as fine, the mean position counts.
    """
    known = [axis for axis in axes if axis and axis[0].role != OTHER]
    if not known:
        return axes[0]
    same = [axis for axis in known if [f.role for f in axis] == [f.role for f in known[0]]]
    best = [axis for axis in same if _detail(axis) == min(map(_detail, same))]
    if len(best[0]) != 1 or not best[0][0].spatial:
        return best[0]
    return (best[0][0]._replace(origin=sum(axis[0].origin for axis in best) / len(best)),)


def _detail(axis: Axis) -> float:
    """Return the spacing of an axis's content, infinite without a place."""
    cells = [part for factor in axis for part in (factor, *factor.parts) if part.spatial]
    return max((c.detail if math.isfinite(c.origin) else math.inf for c in cells), default=math.inf)


def per_axis(values: Any, axes: int) -> list[float]:
    """Return one number for each axis from a number or a list of one or of `axes` numbers; an empty list stays."""
    numbers = list(values) if isinstance(values, list | tuple) else [values]
    return numbers * axes if len(numbers) == 1 else numbers


def windowed(axes: Axes, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Axes:
    """Return axes after a convolution or pooling along them: a window looks at its center."""
    count = len(shape)
    kernel, padding, dilation = (per_axis(values, count) for values in (kernel, padding, dilation))
    stride = per_axis(stride, count) or kernel
    starts = [(kernel[i] - 1) * dilation[i] / 2 - padding[i] for i in range(count)]
    return tuple(resampled(axes[i], int(shape[i]), starts[i], stride[i]) for i in range(count))


def scaled(axes: Axes, shape: Sequence[int], align_corners: bool) -> Axes:
    """Return axes after an interpolation of those whose size changes."""
    result: list[Axis] = []
    for axis, size in zip(axes, map(int, shape), strict=True):
        old = length(axis)
        if old == size:
            result.append(axis)
        elif align_corners:
            result.append(resampled(axis, size, 0.0, (old - 1) / max(size - 1, 1)))
        else:
            result.append(resampled(axis, size, old / size / 2 - 0.5, old / size))
    return tuple(result)
