"""Convex hulls of a mask on all axial slices at once."""

from __future__ import annotations

import numpy as np

__all__ = ["convex_hulls"]


def _lower_hull(slices: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drop the points (K,) that are no vertices of the lower convex hull of their slice.

    Args:
        slices: Slice of each point, in increasing order.
        x: Position, increasing within a slice.
        y: Height.
    """
    while True:
        # A point on or above the line between its neighbors is no vertex. Many can be dropped at once, because the
        # neighbors are points of the mask, too.
        ahead, width = x[1:-1] - x[:-2], x[2:] - x[:-2]
        kept = np.ones(len(x), dtype=bool)
        kept[1:-1] = (y[1:-1] - y[:-2]) * width < (y[2:] - y[:-2]) * ahead
        kept[1:-1] |= slices[:-2] != slices[2:]
        if kept.all():
            return slices, x, y
        slices, x, y = slices[kept], x[kept], y[kept]


def _lower_rows(first: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Compute the first row of the convex hull in each column of each slice.

    Args:
        first: (X, Z) int, the first row of the mask.
        some: (X, Z) bool, columns that have one.

    Returns:
        (X, Z) int; a number larger than any row outside the hull.
    """
    columns, count = first.shape
    # The corners of the hull are the middles of the edges of pixels, which have whole coordinates in half pixels.
    none = np.iinfo(np.int32).max
    own = np.where(some, 2 * first.astype(np.int64), none).T
    heights = np.full((count, 2 * columns + 1), none)
    heights[:, 1::2] = np.where(own < none, own - 1, none)
    heights[:, :-1:2] = own
    heights[:, 2::2] = np.minimum(heights[:, 2::2], own)
    slices, x = np.nonzero(heights < none)
    slices, x, y = _lower_hull(slices, x, heights[slices, x])
    # Each column lies between two corners of its slice.
    length = 2 * columns + 1
    wanted = np.arange(count)[:, None] * length + np.arange(1, length, 2)
    after = np.searchsorted(slices * length + x, wanted).clip(1, len(x) - 1)
    before = after - 1
    at = np.arange(1, length, 2)
    inside = (slices[before] == slices[after]) & (slices[after] == np.arange(count)[:, None]) & (at <= x[after])
    inside &= at >= x[before]
    width = np.maximum(x[after] - x[before], 1)
    rows = -((-y[before] * width - (y[after] - y[before]) * (at - x[before])) // (2 * width))  # rounded up
    return np.where(inside, rows, none).T


def convex_hulls(mask: np.ndarray) -> np.ndarray:
    """Compute the convex hull of a mask on each axial slice.

    The hull is that of the middles of the four edges of each pixel, as in scikit-image's ``convex_hull_image``.

    Args:
        mask: (X, Y, Z) bool.

    Returns:
        (X, Y, Z) bool; a pixel belongs to the hull if its center does. Empty slices stay empty.

    Example:
        >>> mask = np.zeros((3, 3, 1), dtype=bool)
        >>> mask[0, 0] = mask[2, 2] = True
        >>> convex_hulls(mask)[:, :, 0].astype(int).tolist()
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    if not mask.any():
        return np.zeros_like(mask)
    some, last_row = np.asarray(mask.any(axis=1)), mask.shape[1] - 1
    first = _lower_rows(mask.argmax(axis=1), some)
    last = _lower_rows(mask[:, ::-1].argmax(axis=1), some)
    rows = np.arange(last_row + 1)[:, None]
    return np.asarray((rows >= first[:, None]) & (last_row - rows >= last[:, None]))
