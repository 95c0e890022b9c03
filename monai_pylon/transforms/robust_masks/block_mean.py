"""Block means, on which the morphology runs, and the lungs' edge, which is drawn on the scan's own voxels.

A thin-slice CT has tens of millions of voxels, but the topology of its lungs needs only a twentieth of them. Blocks of
about 2 mm are therefore averaged first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_pylon.transforms.robust_masks.morphology import dilate_by
from monai_pylon.utils.arrays import bounding_box

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
    # Along the axis of the longest stride blocks are reduced one by one, so that a block's planes stay in the cache.
    axes = np.argsort([-abs(stride) for stride in volume.strides], kind="stable")
    turned = volume.transpose(axes)
    sizes = [factors[axis] for axis in axes]
    means = np.empty([-(-length // size) for length, size in zip(turned.shape, sizes, strict=True)], dtype=np.float32)
    for block, first in enumerate(range(0, len(turned), sizes[0])):
        slab = turned[first : first + sizes[0]]
        for axis, size in enumerate(sizes):
            slab = _mean_along(slab, axis, size)
        means[block] = slab[0]
    return np.ascontiguousarray(means.transpose(np.argsort(axes)))


def _mean_along(volume: np.ndarray, axis: int, size: int) -> np.ndarray:
    """Return the means of ``size`` planes along an axis, float32; the last mean is that of the remaining planes."""
    planes = np.moveaxis(volume, axis, 0)
    if size == 1:
        return volume
    means = planes[::size].astype(np.float32)
    for offset in range(1, size):
        added = planes[offset::size]
        means[: len(added)] += added
    rest = len(planes) % size
    means[: len(planes) // size] /= size
    if rest:
        means[-1] /= rest
    return np.moveaxis(means, 0, axis)


def spread_blocks(blocks: np.ndarray, factors: Sequence[int], shape: tuple[int, ...]) -> np.ndarray:
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
        (X, Y, Z) uint8, in the memory order of ``ct``.

    Example:
        >>> ct = np.array([-800, -800, -800, 40, 40, 40]).reshape(6, 1, 1)
        >>> organs = np.array([1, 1, 0], dtype=np.uint8).reshape(3, 1, 1)
        >>> draw_edge(ct, organs, organs > 0, organs > 9, (2, 1, 1), -300).ravel().tolist()
        [1, 1, 1, 0, 0, 0]
    """
    lung = (organs == 1) | (organs == 3)
    beside = (1.0, (1.0, 1.0, 1.0))  # the blocks that share a face
    next_lung = np.where(dilate_by(organs == 3, *beside), 3, dilate_by(organs == 1, *beside).view(np.uint8))
    inner = ~dilate_by(~lung, *beside)
    edge = np.where(lung, aerated & ~inner, ~sealed & (next_lung > 0))
    # The label of a block's voxels with air, and of its other voxels.
    of_air = np.where(edge, np.where(lung, organs, next_lung), organs).astype(np.uint8)
    of_rest = np.where(edge & lung, 0, organs).astype(np.uint8)
    # Along the axis of the longest stride blocks are drawn one by one, so that a block's planes stay in the cache.
    axes = np.argsort([-abs(stride) for stride in ct.strides], kind="stable")
    ct_view = ct.transpose(axes)
    view = np.zeros(ct_view.shape, dtype=np.uint8)[
        tuple(slice(None, None, -1 if n < 0 else 1) for n in ct_view.strides)
    ]
    labels, box = view.transpose(np.argsort(axes)), bounding_box(of_air | of_rest)
    if box is None:
        return labels
    sizes, box = [factors[axis] for axis in axes], tuple(box[axis] for axis in axes)
    window = tuple(slice(part.start * size, part.stop * size) for part, size in zip(box[1:], sizes[1:], strict=True))
    of_rest, other = of_rest.transpose(axes)[box], (of_air ^ of_rest).transpose(axes)[box]
    for block, rest, bits in zip(range(box[0].start, box[0].stop), of_rest, other, strict=True):
        planes = (slice(block * sizes[0], (block + 1) * sizes[0]), *window)
        drawn = view[planes]
        # The bits in which both labels differ, multiplied by 0 or 1: many times faster than a choice for each voxel.
        drawn[:] = (ct_view[planes] < hu).view(np.uint8) * spread_blocks(bits, sizes[1:], drawn.shape[1:])
        drawn ^= spread_blocks(rest, sizes[1:], drawn.shape[1:])
    return labels
