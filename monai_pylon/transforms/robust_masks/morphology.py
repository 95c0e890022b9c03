"""Dilation, closing and opening of masks by balls in mm.

A ball is a bundle of parallel runs of voxels. A mask is therefore dilated along one axis by each run's length, and the
results are shifted along the other axes. This needs one pass over the mask for each run of the ball. A distance
transform needs many times more, because it finds the distance of every voxel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from monai_pylon.utils.arrays import bounding_box

__all__ = ["box_radii", "close_by", "dilate_box", "dilate_by", "erode_box", "open_by"]


def _shift(offset: int, size: int) -> tuple[slice, slice]:
    """Return the slices of an axis to which a shift by ``offset`` moves voxels, and from which."""
    offset = min(max(offset, -size), size)
    return slice(max(0, offset), size + min(0, offset)), slice(max(0, -offset), size - max(0, offset))


def _dilate(mask: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Dilate a mask (X, Y, Z) by a convex, symmetric ball (a,), (a, b) or (a, b, c) bool along its first axes."""
    axis, center = ball.ndim - 1, np.array(ball.shape[:-1]) // 2
    half_lengths = (ball.sum(axis=-1) - 1) // 2  # -1 if a run is empty
    run, grown = mask.copy(), np.zeros_like(mask)
    for half in range(int(half_lengths.max()) + 1):
        for offset in {half, -half} - {0}:
            to, of = ((slice(None),) * axis + (part,) for part in _shift(offset, mask.shape[axis]))
            run[to] |= mask[of]
        for offsets in np.argwhere(half_lengths == half) - center:
            shifts = [_shift(int(offset), size) for offset, size in zip(offsets, mask.shape, strict=False)]
            grown[tuple(to for to, _ in shifts)] |= run[tuple(of for _, of in shifts)]
    return grown


def _ball(distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Return the ball (a, b, c) bool of the voxels whose center lies within a distance in mm."""
    reach = [math.floor(distance / edge) + 1 for edge in spacing]
    offsets = np.ogrid[tuple(slice(-n, n + 1) for n in reach)]
    squares = [(offset * edge) ** 2 for offset, edge in zip(offsets, spacing, strict=True)]
    return np.asarray(np.sqrt(sum(squares)) <= distance)


def dilate_by(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Grow a mask by a distance in mm.

    Args:
        mask: (X, Y, Z) bool.
        distance: Distance in mm.
        spacing: Voxel edges in mm along the first axes. Along the other axes the mask does not grow.

    Returns:
        (X, Y, Z) bool: every voxel whose center lies within the distance of the center of a voxel of the mask.

    Example:
        >>> mask = np.zeros((5, 5, 5), dtype=bool)
        >>> mask[2, 2, 2] = True
        >>> int(dilate_by(mask, 1.0, (1.0, 1.0, 1.0)).sum()), int(dilate_by(mask, 1.0, (1.0, 1.0)).sum())
        (7, 5)
    """
    grown = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is None:
        return grown
    ball = _ball(distance, spacing)
    pads = [size // 2 for size in ball.shape] + [0] * (mask.ndim - ball.ndim)
    window = tuple(slice(max(0, part.start - pad), part.stop + pad) for part, pad in zip(box, pads, strict=True))
    grown[window] = _dilate(mask[window], ball)
    return grown


def close_by(mask: np.ndarray, distance: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """Fill the space that a ball of a radius in mm cannot enter from outside (morphological closing).

    Args:
        mask: (X, Y, Z) bool.
        distance: Radius in mm.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, which includes the mask.

    Example:
        >>> mask = np.ones((7, 7, 7), dtype=bool)
        >>> mask[3, 3, 3] = False
        >>> bool(close_by(mask, 2.0, (1.0, 1.0, 1.0)).all())
        True
    """
    closed = mask.copy()
    box = bounding_box(mask)  # the closing of a mask lies within its bounding box
    if box is not None:
        ball = _ball(distance, spacing)
        pads = [size // 2 for size in ball.shape]
        padded = np.pad(mask[box], [(pad, pad) for pad in pads])
        outside = _dilate(~_dilate(padded, ball), ball)
        closed[box] |= ~outside[tuple(slice(pad, -pad) for pad in pads)]
    return closed


def open_by(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Remove parts that are narrower than twice a distance in mm (morphological opening).

    The distance is rounded to whole voxels along each axis, but to at least one.

    Args:
        mask: (X, Y, Z) bool.
        distance: Distance in mm.
        spacing: Voxel edges in mm along the first axes. Along the other axes the mask is not opened.

    Returns:
        (X, Y, Z) bool.

    Example:
        >>> mask = np.zeros((9, 9, 1), dtype=bool)
        >>> mask[1:6, 1:6] = mask[3, 6:8] = True  # a square with a thin spur
        >>> bool(open_by(mask, 1.0, (1.0, 1.0))[3, 7, 0])
        False
    """
    opened = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is not None:
        radii = box_radii(distance, spacing)
        axes = np.ogrid[tuple(slice(-radius, radius + 1) for radius in radii)]
        ball = np.asarray(sum((axis / radius) ** 2 for axis, radius in zip(axes, radii, strict=True)) <= 1.0)
        pads = radii + [0] * (mask.ndim - len(radii))
        eroded = ~_dilate(np.pad(~mask[box], [(pad, pad) for pad in pads], constant_values=True), ball)
        inside = tuple(slice(pad, size - pad) for pad, size in zip(pads, eroded.shape, strict=True))
        opened[box] = _dilate(eroded, ball)[inside]
    return opened


def box_radii(distance: float, spacing: Sequence[float]) -> list[int]:
    """Round a distance in mm to whole voxels along each axis, but to at least one.

    Args:
        distance: Distance in mm.
        spacing: Voxel edges in mm.

    Returns:
        Number of voxels along each axis.

    Example:
        >>> box_radii(4.0, (0.8, 0.8, 10.0))
        [5, 5, 1]
    """
    return [max(1, round(distance / edge)) for edge in spacing]


def dilate_box(mask: np.ndarray, radii: Sequence[int]) -> np.ndarray:
    """Grow a mask by a number of voxels along each axis, which is faster than by a ball.

    Args:
        mask: (X, Y, Z) bool.
        radii: Number of voxels along each axis.

    Returns:
        (X, Y, Z) bool: every voxel whose box of ``2 * radius + 1`` voxels meets the mask.

    Example:
        >>> mask = np.zeros((1, 5, 5), dtype=bool)
        >>> mask[0, 0, 2] = True
        >>> dilate_box(mask, (0, 1, 1))[0].sum(axis=1).tolist()
        [3, 3, 0, 0, 0]
    """
    for axis, radius in enumerate(radii):
        reached = 0
        while reached < radius:  # each pass reaches up to twice as far
            step = min(radius - reached, reached + 1)
            grown = mask.copy()
            for offset in (step, -step):
                to, of = ((slice(None),) * axis + (part,) for part in _shift(offset, mask.shape[axis]))
                grown[to] |= mask[of]
            mask, reached = grown, reached + step
    return mask if any(radii) else mask.copy()


def erode_box(mask: np.ndarray, radii: Sequence[int], beyond: bool = True) -> np.ndarray:
    """Shrink a mask by a number of voxels along each axis.

    Args:
        mask: (X, Y, Z) bool.
        radii: Number of voxels along each axis.
        beyond: Whether the space beyond the volume belongs to the mask.

    Returns:
        (X, Y, Z) bool: every voxel whose box of ``2 * radius + 1`` voxels lies within the mask.

    Example:
        >>> erode_box(np.ones((1, 1, 5), dtype=bool), (0, 0, 1), beyond=False)[0, 0].astype(int).tolist()
        [0, 1, 1, 1, 0]
    """
    eroded = ~dilate_box(~mask, radii)
    if not beyond:
        for axis, radius in enumerate(radii):
            border = np.moveaxis(eroded, axis, 0)
            border[:radius] = border[max(0, len(border) - radius) :] = False
    return eroded
