"""Block means and balls computed one voxel or one pair of voxels at a time: slow, but simple."""

from __future__ import annotations

import itertools

import numpy as np


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Compute the Dice coefficient: twice the overlap over the sum of both sizes."""
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def slow_block_mean(volume: np.ndarray, factors: tuple[int, ...]) -> np.ndarray:
    """Compute the mean of every block; the last block of an axis holds the remaining voxels."""
    shape = [-(-n // factor) for n, factor in zip(volume.shape, factors, strict=True)]
    means = np.empty(shape)
    for block in itertools.product(*map(range, shape)):
        means[block] = np.mean(volume[tuple(slice(b * f, (b + 1) * f) for b, f in zip(block, factors, strict=True))])
    return means


def _distances(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """Compute the distance of every voxel center to the nearest voxel center of a mask, from all pairs."""
    points = np.argwhere(mask) * spacing
    if not len(points):
        return np.full(mask.shape, np.inf)
    voxels = np.moveaxis(np.indices(mask.shape), 0, -1)[..., None, :] * np.asarray(spacing)
    return np.sqrt(((voxels - points) ** 2).sum(axis=-1)).min(axis=-1)


def dilated_by_a_ball(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Find the voxels within the distance of a voxel of the mask."""
    return _distances(mask, spacing) <= distance


def closed_by_a_ball(mask: np.ndarray, distance: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Find the voxels not reached by any ball whose center is further than the distance from the mask."""
    pad = int(distance / min(spacing)) + 2
    wide = np.pad(mask, pad)
    reached = _distances(_distances(wide, spacing) > distance, spacing) <= distance
    return ~reached[(slice(pad, -pad),) * mask.ndim]
