"""Block means, on which the morphology runs, and the lungs' edge, which is drawn on the scan's own voxels.

A thin-slice CT has tens of millions of voxels, but the topology of its lungs needs only a twentieth of them. Blocks of
about 2 mm are therefore averaged first.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["block_factors", "draw_edge", "block_mean", "spread_blocks"]

#: Target edge of a block in mm: fine enough for the wall between trachea and lung to show as a ridge.
_BLOCK_MM = 2.2


def block_factors(spacing: tuple[float, float, float]) -> tuple[int, int, int]:
    """Choose the number of voxels in a block along each axis, for blocks of about 2.2 mm.

    Args:
        spacing: Voxel edges in mm.

    Returns:
        Whole numbers of at least 1.

    Example:
        >>> block_factors((0.8, 0.8, 5.0))
        (3, 3, 1)
    """
    x, y, z = (max(1, round(_BLOCK_MM / edge)) for edge in spacing)
    return x, y, z


def block_mean(volume: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Compute the mean of each block of voxels; the last block of an axis holds the remaining voxels.

    Args:
        volume: (X, Y, Z), any numeric type and memory order.
        factors: Voxels in a block along each axis.

    Returns:
        float32 (ceil(X / factor), ...), contiguous.

    Example:
        >>> block_mean(np.arange(5).reshape(5, 1, 1), (2, 1, 1)).ravel().tolist()
        [0.5, 2.5, 4.0]
    """
    # Start with the axis of the longest stride: this adds whole planes, and the other axes have fewer voxels left.
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


def spread_blocks(blocks: np.ndarray, factors: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Give every voxel the value of its block.

    Args:
        blocks: (x, y) or (x, y, z), one value for each block.
        factors: Voxels in a block along each axis.
        shape: Shape of the voxels, (X, Y) or (X, Y, Z).

    Returns:
        An array of that shape.

    Example:
        >>> spread_blocks(np.array([[1, 2]]), (2, 2), (2, 3)).tolist()
        [[1, 1, 2], [1, 1, 2]]
    """
    for axis, factor in enumerate(factors):
        blocks = np.repeat(blocks, factor, axis=axis) if factor > 1 else blocks
    return blocks[tuple(slice(size) for size in shape)]


def draw_edge(
    ct: np.ndarray,
    organs: np.ndarray,
    aerated: np.ndarray,
    sealed: np.ndarray,
    factors: tuple[int, int, int],
    hu: float,
) -> np.ndarray:
    """Draw organ labels on the scan's own voxels, where the HU of each voxel decides at the edge of a lung.

    A block at the edge may be part air and part wall. All other blocks keep one label.

    Args:
        ct: (X, Y, Z) in HU.
        organs: (x, y, z) uint8, the labels of the blocks.
        aerated: (x, y, z) bool, the lung blocks with air. The other lung blocks were filled in and keep their label.
        sealed: (x, y, z) bool, the blocks that never become lung (the airway).
        factors: Voxels in a block along each axis.
        hu: Threshold in HU; a voxel at the edge is lung if it lies below.

    Returns:
        (X, Y, Z) uint8.

    Example:
        >>> ct = np.array([-800, -800, -800, 40, 40, 40]).reshape(6, 1, 1)
        >>> organs = np.array([1, 1, 0], dtype=np.uint8).reshape(3, 1, 1)
        >>> draw_edge(ct, organs, organs > 0, organs > 9, (2, 1, 1), -300).ravel().tolist()
        [1, 1, 1, 0, 0, 0]
    """
    lung = (organs == 1) | (organs == 3)
    own_lung = np.where(lung, organs, 0).astype(np.uint8)
    next_lung = ndimage.grey_dilation(own_lung, footprint=ndimage.generate_binary_structure(3, 1))
    inner = ndimage.binary_erosion(lung, border_value=1)
    edge = np.where(lung, aerated & ~inner, ~sealed & (next_lung > 0))
    # The label of a block's voxels with air, and of its other voxels.
    of_air = np.where(edge, np.where(lung, organs, next_lung), organs).astype(np.uint8)
    of_rest = np.where(edge & lung, 0, organs).astype(np.uint8)
    labels = np.zeros(ct.shape, dtype=np.uint8)
    for z in np.flatnonzero((of_air | of_rest).any(axis=(0, 1))):  # layer by layer, so that a layer fits in the cache
        x, y = (slice(int(hit.min()), int(hit.max()) + 1) for hit in np.nonzero(of_air[:, :, z] | of_rest[:, :, z]))
        window = (
            slice(x.start * factors[0], x.stop * factors[0]),
            slice(y.start * factors[1], y.stop * factors[1]),
            slice(z * factors[2], (z + 1) * factors[2]),
        )
        air = ct[window] < hu
        full = [spread_blocks(layer[x, y, z], factors[:2], air.shape[:2])[:, :, None] for layer in (of_air, of_rest)]
        labels[window] = np.where(air, full[0], full[1])
    return labels
