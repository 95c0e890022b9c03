"""Places of the cells of a tensor in the image, axis by axis.

Each axis of a tensor is a product of factors. A factor of a grid axis knows the image axis, the position of its first
cell and the distance between neighboring cells. Reshaping moves, splits and joins the factors, so that slices folded
into the batch and tokens keep their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__: list[str] = []


@dataclass(frozen=True)
class AxisFactor:
    """A factor of a tensor's axis.

    Attributes:
        size: Number of cells.
        axis: Spatial axis of the image, from 0, or None if the factor is no grid axis (batch, features).
        origin: Where the center of cell 0 looks, in pixels of the image. 0 is the center of the first pixel.
        spacing: Distance between the places where neighboring cells look, in pixels of the image.
        detail: Largest spacing that the values have passed: an enlarged map has small cells with coarse content.
        part: Whether the factor holds the cells within a block of the axis, such as the slices within a group.
        tokens: Factors of a sequence of tokens to which others (a class token) were added, else empty.
        before: Number of other tokens before these.

    Example:
        >>> AxisFactor(8, axis=0, origin=1.5, spacing=4.0).at(2)
        9.5
    """

    size: int
    axis: int | None = None
    origin: float = 0.0
    spacing: float = 1.0
    detail: float = 1.0
    part: bool = False
    tokens: tuple[AxisFactor, ...] = ()
    before: int = 0

    def at(self, cell: float) -> float:
        """Return the place where a cell looks, in pixels."""
        return self.origin + cell * self.spacing

    def resampled(self, size: int, start: float, step: float) -> AxisFactor:
        """Return the factor of cells whose first one looks at cell `start`, each `step` cells further."""
        if self.axis is None:
            return AxisFactor(size)
        spacing = self.spacing * step
        return replace(self, size=size, origin=self.at(start), spacing=spacing, detail=max(self.detail, abs(spacing)))

    def split(self, inner: int) -> tuple[AxisFactor, AxisFactor]:
        """Split the factor into blocks of `inner` cells and the cells within a block."""
        if self.axis is None:
            return AxisFactor(self.size // inner), AxisFactor(inner)
        blocks = self.resampled(self.size // inner, (inner - 1) / 2, inner)
        return replace(blocks, detail=self.detail), replace(
            self, size=inner, origin=-(inner - 1) / 2 * self.spacing, part=True
        )

    def joined(self, inner: AxisFactor) -> AxisFactor | None:
        """Return the whole axis from its blocks (self) and the cells within a block, or None if they do not fit."""
        same = self.axis is not None and self.axis == inner.axis and inner.part
        if not same or not math.isclose(self.spacing, inner.spacing * inner.size):
            return None
        return replace(
            self, size=self.size * inner.size, origin=self.origin + inner.origin, spacing=inner.spacing, part=self.part
        )


Axis = tuple[AxisFactor, ...]
Grid = tuple[Axis, ...]


def plain(shape: Sequence[int]) -> Grid:
    """Return a grid without image axes."""
    return tuple((AxisFactor(int(size)),) for size in shape)


def image_grid(shape: Sequence[int]) -> Grid:
    """Return the grid of an image (N, C, *spatial)."""
    return (*plain(shape[:2]), *((AxisFactor(int(n), axis=i),) for i, n in enumerate(shape[2:])))


def single(axis: Axis) -> AxisFactor:
    """Return an axis as one factor; a product of several is no grid axis."""
    return axis[0] if len(axis) == 1 else AxisFactor(math.prod(factor.size for factor in axis))


def regrouped(grid: Grid, shape: Sequence[int]) -> Grid:
    """Distribute the factors over the axes of another shape of the same number of elements."""
    if [math.prod(f.size for f in axis) for axis in grid] == list(shape):
        return grid
    factors = [factor for axis in grid for factor in axis if factor.size != 1]
    result: list[Axis] = []
    for size in shape:
        taken: list[AxisFactor] = []
        room = int(size)
        while room > 1 and factors:
            first = factors.pop(0)
            if room % first.size == 0:
                taken.append(first)
                room //= first.size
            elif first.size % room == 0:
                outer, inner = first.split(first.size // room)
                taken.append(outer)
                factors.insert(0, inner)
                room = 1
            else:
                return plain(shape)
        if room > 1:
            return plain(shape)
        result.append(_joined(taken) or (AxisFactor(1),))
    return tuple(result)


def _joined(factors: Sequence[AxisFactor]) -> Axis:
    """Join neighboring factors that are blocks of an axis and the cells within a block."""
    result: list[AxisFactor] = []
    for factor in factors:
        whole = result[-1].joined(factor) if result else None
        if whole is None:
            result.append(factor)
        else:
            result[-1] = whole
    return tuple(result)


def _rank(axis: Axis) -> float:
    """Order candidates for an axis: the finest content first, axes without a place last."""
    details = [part.detail for factor in axis for part in (factor, *factor.tokens) if part.axis is not None]
    return max(details) if details else math.inf


def merged(axes: Sequence[Axis], size: int) -> Axis:
    """Return the axis with the finest content; of several that are as fine, the mean position."""
    finest = min(map(_rank, axes), default=math.inf)
    best = [axis for axis in axes if _rank(axis) == finest] if finest < math.inf else []
    if not best:
        return axes[0] if axes else (AxisFactor(size),)
    first = best[0]
    if any(len(axis) != 1 or axis[0].axis != first[0].axis or axis[0].tokens for axis in best):
        return first
    return (replace(first[0], origin=sum(axis[0].origin for axis in best) / len(best)),)


def broadcast(grids: Sequence[Grid], shape: Sequence[int]) -> Grid:
    """Merge the grids of an elementwise operation. Where branches meet, the finest content gives the place."""
    result = []
    for i in range(1, len(shape) + 1):
        size = int(shape[-i])
        axes = [g[-i] for g in grids if len(g) >= i and math.prod(f.size for f in g[-i]) == size]
        result.append(merged(axes, size))
    return tuple(reversed(result))


def per_axis(values: Any, axes: int) -> list[float]:
    """Return one number for each axis from a number or a list of one or of `axes` numbers; an empty list stays."""
    numbers = list(values) if isinstance(values, list | tuple) else [values]
    return numbers * axes if len(numbers) == 1 else numbers


def windowed(grid: Grid, shape: Sequence[int], kernel: Any, stride: Any, padding: Any, dilation: Any = 1) -> Grid:
    """Return the grid after a convolution or pooling: a window looks at its center."""
    axes = len(shape)
    kernel, padding, dilation = (per_axis(values, axes) for values in (kernel, padding, dilation))
    stride = per_axis(stride, axes) or kernel
    return tuple(
        (single(grid[i]).resampled(int(shape[i]), (kernel[i] - 1) * dilation[i] / 2 - padding[i], stride[i]),)
        for i in range(axes)
    )


def scaled(grid: Grid, shape: Sequence[int], align_corners: bool) -> Grid:
    """Return the grid after an interpolation of the axes whose size changes."""
    result: list[Axis] = []
    for axis, size in zip(grid, map(int, shape), strict=True):
        factor = single(axis)
        if factor.size == size or factor.axis is None:
            result.append(axis if factor.size == size else (AxisFactor(size),))
        elif align_corners:
            result.append((factor.resampled(size, 0.0, (factor.size - 1) / max(size - 1, 1)),))
        else:
            step = factor.size / size
            result.append((factor.resampled(size, step / 2 - 0.5, step),))
    return tuple(result)
