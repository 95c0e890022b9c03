"""A CT in 8 bits on a coarser grid, small enough for a page, with organ masks and maps on the same grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from monai_pylon.reports.pixels import as_labels, as_voxels
from monai_pylon.utils import check, check_affine, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = ["HU_INTERCEPT", "HU_SLOPE", "SmallScan", "evidence_on_grid", "reduce_labels", "reduce_scan"]

#: Stored values 0 to 255 are HU_INTERCEPT + HU_SLOPE * value: -1000 to 1040 HU in steps of 8.
HU_SLOPE, HU_INTERCEPT = 8.0, -1000.0
#: Most voxels of the embedded scan: about 5 MB compressed, 7 MB in the page.
MOST_VOXELS = 12_000_000


class SmallScan(NamedTuple):
    """Scan in 8 bits on a coarser grid.

    Attributes:
        stored: Stored values (x, y, z), uint8.
        affine: Matrix (4, 4) from voxel indices of the coarser grid to RAS mm.
        factors: Voxels of the scan in a voxel of the coarser grid, along each axis.

    Example:
        >>> SmallScan(np.full((1, 1, 1), 125, np.uint8), np.eye(4), (1, 1, 1)).hu.item()
        0.0
    """

    stored: np.ndarray
    affine: np.ndarray
    factors: tuple[int, int, int]

    @property
    def hu(self) -> np.ndarray:
        """Values (x, y, z) in HU, float32."""
        return self.stored.astype(np.float32) * np.float32(HU_SLOPE) + np.float32(HU_INTERCEPT)


def _factors(shape: tuple[int, ...], spacing: tuple[float, ...], most_voxels: int) -> tuple[int, int, int]:
    """Enlarge the shortest voxel edge until the grid is small enough."""
    factors = [1, 1, 1]
    while np.prod([-(-n // f) for n, f in zip(shape, factors, strict=True)]) > most_voxels:
        edges = [mm * f if f < n else np.inf for mm, f, n in zip(spacing, factors, shape, strict=True)]
        factors[int(np.argmin(edges))] += 1
    return factors[0], factors[1], factors[2]


def _block_mean(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Average blocks of voxels; a block that reaches over the edge averages the voxels it has."""
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, volume.shape[axis], factor)
            counts = np.diff(np.append(starts, volume.shape[axis]))
            shape = [-1 if a == axis else 1 for a in range(3)]
            volume = np.add.reduceat(volume, starts, axis=axis) / counts.reshape(shape).astype(np.float32)
    return volume


def reduce_scan(ct: np.ndarray, affine: np.ndarray, most_voxels: int = MOST_VOXELS) -> SmallScan:
    """Average a CT over blocks of voxels and store it in 8 bits.

    The blocks are as small as `most_voxels` allows and about equally long in mm along all axes.

    Args:
        ct: Voxels (X, Y, Z) in HU; NaN becomes air.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        most_voxels: Most voxels of the result.

    Returns:
        The small scan. HU outside -1000 to 1040 are clipped.

    Raises:
        ValueError: If the scan is not 3D, the affine is invalid, or `most_voxels` is not positive.

    Example:
        >>> small = reduce_scan(np.zeros((4, 4, 2)), np.diag([1.0, 1, 2, 1]), most_voxels=8)
        >>> small.stored.shape, small.affine[:3, 3].tolist()
        ((2, 2, 2), [0.5, 0.5, 0.0])
    """
    check(most_voxels > 0, "most_voxels", "positive", most_voxels)
    hu, matrix = as_voxels(ct, "ct", finite=False), check_affine(affine)
    factors = _factors(hu.shape, voxel_spacing(matrix), most_voxels)
    low, high = HU_INTERCEPT, HU_INTERCEPT + 255 * HU_SLOPE
    values = np.clip(np.nan_to_num(hu.astype(np.float32), nan=low, posinf=high, neginf=low), low, high)
    mean = _block_mean(values, factors)
    stored = np.rint((mean - HU_INTERCEPT) / HU_SLOPE).astype(np.uint8)
    scale = np.diag([*factors, 1.0])
    scale[:3, 3] = [(factor - 1) / 2 for factor in factors]
    return SmallScan(stored, matrix @ scale, factors)


def reduce_labels(labels: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Take the label in the middle of each block of voxels.

    Args:
        labels: Integers (X, Y, Z), 0 to 255.
        factors: Voxels in a block along each axis, as in :class:`SmallScan`.

    Returns:
        Labels (x, y, z), uint8, on the grid of the small scan.

    Example:
        >>> reduce_labels(np.arange(6).reshape(6, 1, 1), (3, 1, 1)).ravel().tolist()
        [1, 4]
    """
    found = as_labels(labels, "labels", ("mask", as_array(labels).shape))
    picks = [np.minimum(np.arange(0, n, f) + (f - 1) // 2, n - 1) for n, f in zip(found.shape, factors, strict=True)]
    return np.ascontiguousarray(found[np.ix_(*picks)], dtype=np.uint8)


def evidence_on_grid(
    map: np.ndarray, map_affine: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray
) -> np.ndarray:
    """Interpolate a map linearly at the voxels of another grid, as viewers draw it.

    Args:
        map: Signed map (x, y, z) on its own grid.
        map_affine: Matrix (4, 4) from the map's cells to RAS mm.
        shape: Voxels of the other grid.
        affine: Matrix (4, 4) of the other grid.

    Returns:
        The map on the other grid, float32. Beyond the outermost cells, by more than half a cell, it is 0.

    Example:
        >>> cells = np.array([[[0.0]], [[2.0]]])
        >>> evidence_on_grid(cells, np.diag([2.0, 2, 2, 1]), (4, 1, 1), np.eye(4)).ravel().tolist()
        [0.0, 1.0, 2.0, 0.0]
    """
    cells = as_voxels(map, "map").astype(np.float32)
    to_map = np.linalg.inv(check_affine(map_affine, "map_affine")) @ check_affine(affine)
    options = {"output_shape": shape, "order": 1, "prefilter": False}
    values = ndimage.affine_transform(cells, to_map[:3, :3], to_map[:3, 3], mode="nearest", **options)
    # Cells cover half a cell on each side of their center; beyond, nothing was looked at.
    index = np.ogrid[tuple(slice(n) for n in shape)]
    for axis, size in enumerate(cells.shape):
        at = sum(to_map[axis, k] * index[k] for k in range(3)) + to_map[axis, 3]
        values = np.where((at >= -0.5) & (at < size - 0.5), values, 0)
    return values.astype(np.float32)
