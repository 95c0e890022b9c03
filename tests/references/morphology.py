"""Cells, balls and hulls the slow way: one voxel, one pair of voxels at a time."""

from __future__ import annotations

import itertools

import numpy as np


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Twice the overlap over the sum of both sizes."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def mean_of_cells(volume: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """Mean of every cell, cell by cell; a cell at the end has the voxels that are left."""
    shape = [-(-n // factor) for n, factor in zip(volume.shape, factors, strict=True)]
    means = np.empty(shape)
    for cell in itertools.product(*map(range, shape)):
        means[cell] = np.mean(volume[tuple(slice(c * f, (c + 1) * f) for c, f in zip(cell, factors, strict=True))])
    return means


def _distances(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Distance of every voxel centre to the nearest voxel centre of a mask, from all pairs."""
    points = np.argwhere(mask) * spacing
    if not len(points):
        return np.full(mask.shape, np.inf)
    voxels = np.moveaxis(np.indices(mask.shape), 0, -1)[..., None, :] * np.asarray(spacing)
    return np.sqrt(((voxels - points) ** 2).sum(axis=-1)).min(axis=-1)


def dilated_by_a_ball(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Every voxel of which some voxel of the mask is no further than the distance."""
    return _distances(mask, spacing) <= distance


def closed_by_a_ball(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Every voxel that no ball reaches whose centre is further than the distance from the mask; space has no end."""
    pad = int(distance / min(spacing)) + 2
    wide = np.pad(mask, pad)
    reached = _distances(_distances(wide, spacing) > distance, spacing) <= distance
    return ~reached[(slice(pad, -pad),) * mask.ndim]
