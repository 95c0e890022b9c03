"""Pixels outside a round field of view: padding that is as dark as air, but that no lung continues into."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.block_mean import block_mean

__all__ = ["cut_by_padding", "unscanned_blocks", "unscanned_columns"]

#: Padding is darker than this HU on every slice.
_PADDING_HU = -970.0

#: A lung is cut if it comes as close to padding as this, in mm, over more than this area in cm2.
_NEAR_MM, _NEAR_CM2 = 6.0, 5.0


def unscanned_columns(ct: np.ndarray) -> np.ndarray:
    """Find columns of voxels along the body that have one dark value and are connected with a corner of the slices.

    Air that was measured has noise. Air that a scanner clips at -1024 HU may be found, too, but only outside the body.

    Args:
        ct: (X, Y, Z) in HU.

    Returns:
        (X, Y) bool.

    Example:
        >>> ct = np.random.default_rng(0).normal(-1000, 10, (8, 8, 20))
        >>> ct[:2, :2] = -1024.0
        >>> int(unscanned_columns(ct).sum())
        4
    """
    first = ct[:, :, 0]
    constant = first < _PADDING_HU
    for z in range(1, ct.shape[2]):
        if not constant.any():
            break
        constant &= ct[:, :, z] == first
    numbered, count = ndimage.label(constant)
    at_corner = np.zeros(count + 1, dtype=bool)
    at_corner[numbered[:: max(1, len(first) - 1), :: max(1, first.shape[1] - 1)]] = True
    at_corner[0] = False
    return np.asarray(at_corner[numbered])


def unscanned_blocks(columns: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Reduce columns to the blocks that hold any padding.

    Args:
        columns: (X, Y) bool, from :func:`unscanned_columns`.
        factors: Voxels in a block along each axis.

    Returns:
        (x, y) bool.

    Example:
        >>> unscanned_blocks(np.array([[True, False, False, False]]), (1, 2, 1)).tolist()
        [[True, False]]
    """
    return np.asarray(block_mean(columns[:, :, None], (*factors[:2], 1))[:, :, 0] > 0)


def cut_by_padding(organs: np.ndarray, columns: np.ndarray, spacing: tuple[float, float, float]) -> tuple[str, ...]:
    """Find lungs that end at padding, where a chest wall should be.

    Args:
        organs: (X, Y, Z): 1 right lung, 3 left lung.
        columns: (X, Y) bool, from :func:`unscanned_columns`.
        spacing: Voxel edges in mm.

    Returns:
        Reason codes: "right_lung_cut", "left_lung_cut".

    Example:
        >>> organs = np.full((9, 9, 9), 3, dtype=np.uint8)
        >>> columns = np.zeros((9, 9), dtype=bool)
        >>> columns[:2], organs[:2] = True, 0
        >>> cut_by_padding(organs, columns, (4.0, 4.0, 4.0))
        ('left_lung_cut',)
    """
    if not columns.any():
        return ()
    near = (ndimage.distance_transform_edt(~columns, sampling=spacing[:2]) <= _NEAR_MM) & ~columns
    beside = organs[near]
    cm2 = float(np.prod(spacing)) / _NEAR_MM / 100.0
    return tuple(
        f"{side}_lung_cut"
        for side, value in (("right", 1), ("left", 3))
        if np.count_nonzero(beside == value) * cm2 > _NEAR_CM2
    )
