"""Organ masks on a coarser grid: the grid cells of each organ, and the organ's voxels in each grid cell.

The grid is stretched evenly over the volume, or its cells lie where a network looks. The volume is reduced one axis
after the other, with one bit for each organ, so that the memory never exceeds the size of the volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.nn.functional import interpolate

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.arrays import as_array

__all__ = ["DOWNSAMPLING_MODES", "Geometry", "organ_bits", "organ_cells", "organ_voxel_counts", "whole_numbers"]

DOWNSAMPLING_MODES = ("nearest", "trilinear", "area")

#: Where the cells of a grid look: for each axis the voxel of cell 0 and the voxels from one cell to the next.
Geometry = tuple[Sequence[float], Sequence[float]]

#: The bits of right lung, mediastinum and left lung.
_BITS = (1, 2, 4)


def whole_numbers(value: Any, most: int, argument: str, remedy: str = "") -> np.ndarray:
    """Convert an array or tensor of whole numbers from 0 to a limit to uint8.

    Args:
        value: (...), of any numeric type.
        most: The limit, at most 255.
        argument: Name of the argument for an error.
        remedy: Advice to the user for an error.

    Returns:
        (...) uint8. A uint8 array is returned itself, not copied.

    Raises:
        TypeError: If value is not an array.
        ValueError: If a value is negative, above the limit, fractional or NaN.

    Example:
        >>> whole_numbers(np.array([0.0, 3.0]), 3, "organs")
        array([0, 3], dtype=uint8)
    """
    if not hasattr(value, "__array__"):
        check_type(value, (np.ndarray, torch.Tensor), argument)
    array = as_array(value)
    check(array.dtype.kind in "biuf", argument, "numbers", array, remedy)
    if array.dtype == bool or array.size == 0:
        return array.astype(np.uint8)
    low, high = array.min(), array.max()
    check(bool(low >= 0 and high <= most), argument, f"between 0 and {most} everywhere", f"{low} to {high}", remedy)
    whole = array.astype(np.uint8, copy=False)
    if array.dtype.kind == "f":
        check(bool((whole == array).all()), argument, "whole numbers", array, remedy)
    return whole


def organ_bits(organs: Any) -> np.ndarray:
    """Encode organs with one bit each, so that overlapping masks fit in one byte.

    Args:
        organs: (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung; or masks (3, X, Y, Z) in this order.

    Returns:
        (X, Y, Z) uint8: the sum of 1 in the right lung, 2 in the mediastinum, 4 in the left lung.

    Raises:
        TypeError: If organs is not an array.
        ValueError: If organs has another shape or other values.

    Example:
        >>> organ_bits(np.array([[[0, 1, 2, 3]]]))
        array([[[0, 1, 2, 4]]], dtype=uint8)
    """
    shape = tuple(getattr(organs, "shape", ()))
    if hasattr(organs, "__array__"):
        fits = 0 not in shape and (len(shape) == 3 or (len(shape) == 4 and shape[0] == 3))
        remedy = "Remove the channel of a label map (1, X, Y, Z)."
        check(fits, "organs", "labels (X, Y, Z) or masks (3, X, Y, Z), not empty", organs, remedy)
    if len(shape) == 4:
        masks = whole_numbers(organs, 1, "organs", "Masks of right lung, mediastinum and left lung hold 0 and 1.")
        return masks[0] | masks[1] << np.uint8(1) | masks[2] << np.uint8(2)
    remedy = "0 is background, 1 right lung, 2 mediastinum, 3 left lung. Resample labels by nearest neighbor."
    return (np.uint8(1) << whole_numbers(organs, 3, "organs", remedy)) >> np.uint8(1)


def _check_grid(grid: Sequence[int], shape: tuple[int, ...]) -> tuple[int, ...]:
    remedy = "Give the size (x, y, groups) of the attention map, which is no finer than the masks."
    check_type(grid, (tuple, list), "grid", remedy)
    fits = len(grid) == 3 and all(
        isinstance(cells, int | np.integer) and 1 <= cells <= size for cells, size in zip(grid, shape, strict=True)
    )
    check(fits, "grid", f"three whole numbers from 1 to the volume's {tuple(shape)}", tuple(grid), remedy)
    return tuple(int(cells) for cells in grid)


def _places(geometry: Geometry | None, axes: int) -> list[tuple[float, float] | None]:
    """Return origin and spacing for each axis, or None for an even stretch."""
    if geometry is None:
        return [None] * axes
    origin, spacing = geometry
    fits = len(origin) == len(spacing) == axes and min(spacing) > 0
    remedy = "Use monai_pylon.visualize.map_geometry."
    check(fits, "geometry", f"{axes} origins and {axes} positive spacings", geometry, remedy)
    return list(zip(origin, spacing, strict=True))


def _voxels_at(size: int, cells: int, mode: str, origin: float, spacing: float) -> list[slice]:
    """List the voxels seen by each cell of an axis whose cells lie at origin, origin + spacing, ...; empty outside."""
    result = []
    for center in origin + spacing * np.arange(cells):
        first, last = {
            "nearest": (np.floor(center + 0.5), np.floor(center + 0.5)),
            "trilinear": (np.floor(center), np.ceil(center)),
            "area": (np.floor(center - spacing / 2 + 0.5), np.ceil(center + spacing / 2 - 0.5)),
        }[mode]
        result.append(slice(min(max(int(first), 0), size), min(max(int(last) + 1, 0), size)))
    return result


def _voxels_seen(size: int, cells: int, mode: str, place: tuple[float, float] | None = None) -> list[slice]:
    """List for each grid cell of an axis the voxels to which the downsampling gives a weight other than zero."""
    if place is not None:
        return _voxels_at(size, cells, mode, *place)
    if mode == "nearest":  # torch itself, so that its rounding is included
        chosen = interpolate(torch.arange(float(size))[None, None], cells, mode="nearest")
        return [slice(i, i + 1) for i in chosen.flatten().int().tolist()]
    if mode == "trilinear":  # the voxels next to the grid cell's center; only one if it coincides with a voxel's center
        centres = [divmod((2 * d + 1) * size - cells, 2 * cells) for d in range(cells)]
        return [slice(i, i + 1 + (rest > 0)) for i, rest in centres]
    return [slice(d * size // cells, -(-(d + 1) * size // cells)) for d in range(cells)]


def _voxels_within(size: int, cells: int, place: tuple[float, float] | None = None) -> list[slice]:
    """List for each grid cell of an axis the voxels whose center lies in it, so that each voxel is in one at most."""
    if place is not None:
        borders = np.ceil(place[0] + place[1] * (np.arange(cells + 1) - 0.5)).clip(0, size).astype(int).tolist()
        return [slice(first, end) for first, end in pairwise(borders)]
    edges = [-((cells - 2 * d * size) // (2 * cells)) for d in range(cells + 1)]
    return [slice(first, end) for first, end in pairwise(edges)]


def _reduce(ufunc: np.ufunc, array: np.ndarray, parts: Sequence[list[slice]], dtype: type) -> np.ndarray:
    """Reduce an array (X, Y, Z) over boxes of voxels to one value per grid cell."""
    for slices in parts:  # reduces the first axis and moves it to the end, so that three steps restore the order
        array = np.stack([ufunc.reduce(array[part], axis=0, dtype=dtype) for part in slices], axis=-1)
    return array


def organ_cells(
    bits: np.ndarray, grid: Sequence[int], mode: str = "nearest", geometry: Geometry | None = None
) -> np.ndarray:
    """Find the cells of a coarser grid that belong to each organ: those where the downsampled mask is not zero.

    Args:
        bits: (X, Y, Z), from :func:`organ_bits`.
        grid: (x, y, z), the number of grid cells along each axis.
        mode: "nearest", "trilinear" or "area", as in :func:`monai_pylon.transforms.allowed_regions`.
        geometry: Where the cells look, see :data:`Geometry`; None stretches the grid evenly.

    Returns:
        (3, x, y, z) bool: right lung, mediastinum, left lung.

    Raises:
        TypeError: If grid is not a tuple or list.
        ValueError: If grid is not three whole numbers, is finer than the volume, or the mode is unknown.

    Example:
        >>> organ_cells(np.uint8([[[0, 1, 4, 4]]]), (1, 1, 2), "area")[:, 0, 0].tolist()
        [[True, False], [False, False], [False, True]]
    """
    cells = _check_grid(grid, bits.shape)
    check_choice(mode, DOWNSAMPLING_MODES, "mode")
    places = _places(geometry, 3)
    seen = [_voxels_seen(size, n, mode, place) for size, n, place in zip(bits.shape, cells, places, strict=True)]
    coarse = _reduce(np.bitwise_or, bits, seen, np.uint8)
    return np.stack([(coarse & bit) > 0 for bit in _BITS])


def organ_voxel_counts(bits: np.ndarray, grid: Sequence[int], geometry: Geometry | None = None) -> np.ndarray:
    """Count the voxels of each organ in each cell of a coarser grid; a voxel belongs to the cell with its center.

    Args:
        bits: (X, Y, Z), from :func:`organ_bits`.
        grid: (x, y, z), the number of grid cells along each axis.
        geometry: Where the cells look, see :data:`Geometry`; None stretches the grid evenly. Voxels in no cell do not
            count.

    Returns:
        (3, x, y, z) int64: right lung, mediastinum, left lung.

    Raises:
        TypeError: If grid is not a tuple or list.
        ValueError: If grid is not three whole numbers or is finer than the volume.

    Example:
        >>> organ_voxel_counts(np.uint8([[[0, 1, 4, 4]]]), (1, 1, 2))[:, 0, 0].tolist()
        [[1, 0], [0, 0], [0, 2]]
    """
    cells = _check_grid(grid, bits.shape)
    within = [_voxels_within(*axis) for axis in zip(bits.shape, cells, _places(geometry, 3), strict=True)]
    return np.stack([_reduce(np.add, (bits & bit) > 0, within, np.int64) for bit in _BITS])
