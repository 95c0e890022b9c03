"""Cells of voxels: the morphology runs on means of about 2 mm; only the lungs' edge is drawn on the scan's own voxels.

A thin-slice CT has tens of millions of voxels and its lungs' topology needs a twentieth of them.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["block_factors", "draw_edge", "block_mean", "spread_blocks"]

#: The edge in mm that cells should have: fine enough for the wall between trachea and lung to show as a ridge.
_CELL_MM = 2.2


def block_factors(spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    """How many voxels make a cell along each axis, for cells of about 2.2 mm.

    Args:
        spacing: voxel edges in mm.

    Returns:
        whole numbers of at least 1.

    Example:
        >>> block_factors((0.8, 0.8, 5.0))
        (3, 3, 1)
    """
    x, y, z = (max(1, round(_CELL_MM / edge)) for edge in spacing)
    return x, y, z


def block_mean(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """The mean of each cell of voxels; the last cell of an axis has what is left.

    Args:
        volume: (X, Y, Z), any numeric type and memory order.
        factors: voxels of a cell along each axis.

    Returns:
        float32 (ceil(X / factor), ...), contiguous.

    Example:
        >>> block_mean(np.arange(5).reshape(5, 1, 1), (2, 1, 1)).ravel().tolist()
        [0.5, 2.5, 4.0]
    """
    # The axis with the longest stride first: whole planes are added, and what follows works on a fraction.
    for axis in sorted(range(3), key=lambda axis: -abs(volume.strides[axis])):
        factor, planes = factors[axis], np.moveaxis(volume, axis, 0)
        if factor > 1:
            whole = len(planes) // factor * factor
            means = planes[:whole:factor].astype(np.float32)
            for offset in range(1, factor):
                means += planes[offset:whole:factor]
            means /= factor
            if whole < len(planes):
                means = np.concatenate([means, planes[whole:].mean(axis=0, dtype=np.float32)[None]])
            volume = np.moveaxis(means, 0, axis)
    return np.ascontiguousarray(volume, dtype=np.float32)


def spread_blocks(cells: np.ndarray, factors: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Give every voxel the value of its cell.

    Args:
        cells: (x, y) or (x, y, z), one value a cell.
        factors: voxels of a cell along each axis.
        shape: the voxels' own shape (X, Y) or (X, Y, Z).

    Returns:
        an array of that shape.

    Example:
        >>> spread_blocks(np.array([[1, 2]]), (2, 2), (2, 3)).tolist()
        [[1, 1, 2], [1, 1, 2]]
    """
    for axis, factor in enumerate(factors):
        cells = np.repeat(cells, factor, axis=axis) if factor > 1 else cells
    return cells[tuple(slice(size) for size in shape)]


def draw_edge(
    ct: np.ndarray,
    organs: np.ndarray,
    aerated: np.ndarray,
    sealed: np.ndarray,
    factors: tuple[int, int, int],
    hu: float,
) -> np.ndarray:
    """Organ labels on the scan's own voxels: where a cell at the edge of a lung is part air, part wall, each voxel's HU
    decides.

    Args:
        ct: (X, Y, Z) in HU.
        organs: (x, y, z) uint8 labels of the cells.
        aerated: (x, y, z) bool, lung cells that are lung because they hold air. Others, filled in, stay whole.
        sealed: (x, y, z) bool, cells that never become lung: the airway.
        factors: voxels of a cell along each axis.
        hu: below it a voxel at the edge is lung.

    Returns:
        (X, Y, Z) uint8.

    Example:
        >>> ct = np.array([-800, -800, -800, 40, 40, 40]).reshape(6, 1, 1)
        >>> organs = np.array([1, 1, 0], dtype=np.uint8).reshape(3, 1, 1)
        >>> draw_edge(ct, organs, organs > 0, organs > 9, (2, 1, 1), -300).ravel().tolist()
        [1, 1, 1, 0, 0, 0]
    """
    lung = (organs == 1) | (organs == 3)
    # What a voxel of the edge becomes where it holds air: its own lung, or the one next to it.
    own = np.where(lung, organs, 0).astype(np.uint8)
    beside = ndimage.grey_dilation(own, footprint=ndimage.generate_binary_structure(3, 1))
    inner = ndimage.binary_erosion(lung, border_value=1)
    open_ = np.where(lung, aerated & ~inner, ~sealed & (beside > 0))
    airy = np.where(open_, np.where(lung, organs, beside), organs).astype(np.uint8)
    solid = np.where(open_ & lung, 0, organs).astype(np.uint8)
    labels = np.zeros(ct.shape, dtype=np.uint8)
    for z in np.flatnonzero((airy | solid).any(axis=(0, 1))):  # by layers, so that a layer stays in the cache
        where = slice(z * factors[2], (z + 1) * factors[2])
        x, y = (slice(int(hit.min()), int(hit.max()) + 1) for hit in np.nonzero(airy[:, :, z] | solid[:, :, z]))
        window = (
            slice(x.start * factors[0], x.stop * factors[0]),
            slice(y.start * factors[1], y.stop * factors[1]),
            where,
        )
        air = ct[window] < hu
        full = [spread_blocks(layer[x, y, z], factors[:2], air.shape[:2])[:, :, None] for layer in (airy, solid)]
        labels[window] = np.where(air, full[0], full[1])
    return labels
