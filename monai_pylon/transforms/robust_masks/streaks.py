"""Streaks around undiluted contrast medium and metal, in which tissue looks as dark as the edge of a lung."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.morphology import dilate_by

__all__ = ["dark_streaks"]

#: Streaks run from parts denser than the first HU, of which at least so many mL are denser than the second: contrast
#: medium in a vein (5 mL) and metal. Parts of bone have up to 1.8 mL.
_PART_HU, _DENSE_HU, _DENSE_ML = 1000.0, 1200.0, 2.5

#: They reach this far in mm. Within, air darker than this HU is lung; tissue in a dark streak is brighter.
_REACH_MM, _LUNG_HU = 60.0, -600.0


def dark_streaks(ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray | None:
    """Find voxels near very dense parts that are too bright for lung, whatever streaks make of tissue.

    Args:
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, or None if nothing is so dense.

    Example:
        >>> ct = np.full((20, 20, 6), -400.0)
        >>> ct[8:12, 8:12] = 1500.0
        >>> bool(dark_streaks(ct, (4.0, 4.0, 4.0)).all()), dark_streaks(ct.clip(max=900), (4.0, 4.0, 4.0)) is None
        (True, True)
    """
    dense = ct > _DENSE_HU
    if np.count_nonzero(dense) * math.prod(spacing) / 1000 < _DENSE_ML:  # most scans: no part can be large enough
        return None
    numbered, count = ndimage.label(ct > _PART_HU)
    large = np.bincount(numbered[dense], minlength=count + 1) * math.prod(spacing) / 1000 >= _DENSE_ML
    large[0] = False
    if not large.any():
        return None
    # Streaks lie in the slices of what causes them.
    return dilate_by(large[numbered], _REACH_MM, spacing[:2]) & (ct > _LUNG_HU)
