"""Allowed regions from their definitions, one grid cell and one voxel at a time: slow, but simple."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np


def axis_weights(size: int, cells: int, mode: str) -> list[list[Fraction]]:
    """Compute weights[d][v], the weight of voxel v of an axis in grid cell d, in exact arithmetic."""
    ratio = Fraction(size, cells)
    weights = [[Fraction(0)] * size for _ in range(cells)]
    for d in range(cells):
        if mode == "nearest":  # torch rounds the ratio to single precision
            weights[d][int(np.float32(size / cells) * np.float32(d))] = Fraction(1)
        elif mode == "trilinear":  # a triangle of width 1 voxel on each side of the grid cell's center
            centre = (d + Fraction(1, 2)) * ratio - Fraction(1, 2)
            for v in range(size):
                weights[d][v] = max(Fraction(0), 1 - abs(v - centre))
        else:  # the mean over all voxels that the grid cell overlaps
            for v in range(size):
                weights[d][v] = Fraction(v < (d + 1) * ratio and v + 1 > d * ratio)
    return weights


def slow_organ_cells(masks: np.ndarray, grid: tuple[int, ...], mode: str) -> np.ndarray:
    """Find the grid cells (3, *grid) in which the weighted mean of an organ's mask (3, X, Y, Z) is not zero."""
    along = [axis_weights(size, cells, mode) for size, cells in zip(masks.shape[1:], grid, strict=True)]
    organs = np.zeros((3, *grid), dtype=bool)
    for cell in itertools.product(*map(range, grid)):
        for voxel in itertools.product(*map(range, masks.shape[1:])):
            if all(along[axis][cell[axis]][voxel[axis]] > 0 for axis in range(3)):
                organs[(slice(None), *cell)] |= masks[(slice(None), *voxel)]
    return organs


def slow_allowed_regions(masks: np.ndarray, locations: np.ndarray, grid: tuple[int, ...], mode: str) -> np.ndarray:
    """Compute the regions (M, *grid) bool of locations (M, 3): the union of the grid cells of a label's organs."""
    organs = slow_organ_cells(masks, grid, mode)
    regions = np.zeros((len(locations), *grid), dtype=bool)
    for label, row in enumerate(locations):
        for o in range(3):
            if row[o]:
                regions[label] |= organs[o]
    return regions


def slow_allowed_share(masks: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Compute the share (3,) of each organ's voxels in masks (3, X, Y, Z) that lie in allowed cells (3, *grid)."""
    inside, total = np.zeros(3), np.zeros(3)
    for voxel in itertools.product(*map(range, masks.shape[1:])):
        cell = tuple(
            int((v + Fraction(1, 2)) * cells / size)
            for v, cells, size in zip(voxel, regions.shape[1:], masks.shape[1:], strict=True)
        )
        for o in range(3):
            if masks[(o, *voxel)]:
                total[o] += 1
                inside[o] += regions[(o, *cell)]
    return np.array([i / t if t else np.nan for i, t in zip(inside, total, strict=True)])
