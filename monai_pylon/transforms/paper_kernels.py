"""Inner loops of the paper's lung masks, on runs of voxels instead of voxels, compiled by numba.

A run is a series of adjacent voxels of a row below the threshold. A chest CT has about two hundred times fewer runs
than voxels, and the ends of two runs suffice to decide whether they touch. Components are found by union-find over the
runs, so no label volume is ever made. Only :mod:`monai_pylon.transforms.paper_masks` uses this module. It imports the
module when called, because importing numba takes longer than importing the rest of the package.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["component_volumes", "paint_organs", "two_largest_runs"]


@njit(cache=True)
def _root(parent: np.ndarray, i: int) -> int:
    """Find the root of run ``i``, and shorten the path to it."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True)
def _link_rows(
    parent: np.ndarray, start: np.ndarray, stop: np.ndarray, a: int, a_end: int, b: int, b_end: int, reach: int
) -> None:
    """Unite the runs a to a_end and b to b_end of two rows where they touch by faces (reach 1: or by corners)."""
    while a < a_end and b < b_end:
        if start[a] < stop[b] + reach and start[b] < stop[a] + reach:
            i, j = _root(parent, a), _root(parent, b)
            parent[max(i, j)] = min(i, j)
        if stop[a] < stop[b]:
            a += 1
        else:
            b += 1


@njit(cache=True)
def _encode(plane: np.ndarray, start: np.ndarray, stop: np.ndarray, first: np.ndarray) -> int:
    """Write the runs of a plane (rows, columns) and return their number; row y has runs first[y] to first[y + 1]."""
    n = 0
    for y in range(plane.shape[0]):
        first[y] = n
        inside = False
        for x in range(plane.shape[1]):
            if plane[y, x] != inside:
                if inside:
                    stop[n] = x
                    n += 1
                else:
                    start[n] = x
                inside = not inside
        if inside:
            stop[n] = plane.shape[1]
            n += 1
    first[plane.shape[0]] = n
    return n


@njit(cache=True)
def _keep_two_largest(
    columns: int, n: int, parent: np.ndarray, start: np.ndarray, stop: np.ndarray, first: np.ndarray, area: np.ndarray
) -> None:
    """Compute the areas of components; 0 if one touches the plane's border or is smaller than the second largest."""
    rows = first.size - 1
    area[:n] = 0
    for y in range(rows):
        for i in range(first[y], first[y + 1]):
            area[_root(parent, i)] += stop[i] - start[i]
    for y in range(rows):
        for i in range(first[y], first[y + 1]):
            if y == 0 or y == rows - 1 or start[i] == 0 or stop[i] == columns:
                area[_root(parent, i)] = 0
    largest, second = 0, 0
    for i in range(n):
        if area[i] >= largest:
            largest, second = area[i], largest
        elif area[i] > second:
            second = area[i]
    for i in range(n):
        if area[i] < second:
            area[i] = 0


@njit(cache=True)
def two_largest_runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Drop the 8-connected components at the border of each plane, and keep those as large as the second largest.

    Args:
        mask: (S, A, R) bool.

    Returns:
        start and stop (K,) of the remaining runs, and first (S * A + 1,): row r has the runs first[r] to first[r + 1].
    """
    planes, rows, columns = mask.shape
    most = rows * (columns // 2 + 1)
    start, stop, parent = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.int32)
    area, first = np.empty(most, np.int64), np.empty(rows + 1, np.int64)
    all_first = np.zeros(planes * rows + 1, np.int64)
    all_start, all_stop, total = np.empty(most, np.int32), np.empty(most, np.int32), 0
    for z in range(planes):
        n = _encode(mask[z], start, stop, first)
        for i in range(n):
            parent[i] = i
        for y in range(1, rows):
            _link_rows(parent, start, stop, first[y - 1], first[y], first[y], first[y + 1], 1)
        _keep_two_largest(columns, n, parent, start, stop, first, area)
        if total + n > all_start.size:
            all_start = np.concatenate((all_start, np.empty(max(all_start.size, n), np.int32)))
            all_stop = np.concatenate((all_stop, np.empty(max(all_stop.size, n), np.int32)))
        for y in range(rows):
            for i in range(first[y], first[y + 1]):
                if area[_root(parent, i)] > 0:
                    all_start[total], all_stop[total] = start[i], stop[i]
                    total += 1
            all_first[z * rows + y + 1] = total
    return all_start[:total], all_stop[:total], all_first


@njit(cache=True)
def component_volumes(start: np.ndarray, stop: np.ndarray, first: np.ndarray, rows: int) -> np.ndarray:
    """Compute the volume of the 6-connected component to which each run belongs.

    Args:
        start: (K,), first column of each run.
        stop: (K,), column after each run.
        first: (S * A + 1,), index of the first run of each row.
        rows: A, the number of rows in a plane.

    Returns:
        (K,) volumes in voxels.
    """
    parent = np.arange(start.size).astype(np.int32)
    for r in range(1, first.size - 1):
        if r % rows > 0:
            _link_rows(parent, start, stop, first[r - 1], first[r], first[r], first[r + 1], 0)
        if r >= rows:
            _link_rows(parent, start, stop, first[r - rows], first[r - rows + 1], first[r], first[r + 1], 0)
    volume = np.zeros(start.size, np.int64)
    for i in range(start.size):
        volume[_root(parent, i)] += stop[i] - start[i]
    for i in range(start.size):
        volume[i] = volume[_root(parent, i)]
    return volume


@njit(cache=True)
def paint_organs(
    labels: np.ndarray, start: np.ndarray, stop: np.ndarray, first: np.ndarray, box: np.ndarray, left: np.ndarray
) -> None:
    """Paint the labels: 1 right lung, 2 mediastinum, 3 left lung.

    Args:
        labels: (S, A, R) uint8, overwritten.
        start: (K,), first column of each run of the lungs.
        stop: (K,), column after each run of the lungs.
        first: (S * A + 1,), index of the first run of each row.
        box: (6,), start and stop of the mediastinum's box along S, A and R.
        left: (2,), start and stop of the left half along R.
    """
    planes, rows = labels.shape[:2]
    for z in range(planes):
        for y in range(rows):
            row = labels[z, y]
            row[:] = 0
            if box[0] <= z < box[1] and box[2] <= y < box[3]:
                row[box[4] : box[5]] = 2
            for i in range(first[z * rows + y], first[z * rows + y + 1]):
                row[start[i] : stop[i]] = 1
                row[max(start[i], left[0]) : min(stop[i], left[1])] = 3
