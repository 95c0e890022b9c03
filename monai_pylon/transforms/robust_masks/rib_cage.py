"""Rib cage: the space outside the ribs, where air is gas in the chest wall (subcutaneous emphysema) and not lung."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.convex_hulls import convex_hulls
from monai_pylon.transforms.robust_masks.symmetry import bone_without_blood

__all__ = ["outside_ribs"]

#: Number of directions in a slice, and the height in mm over which the ribs of neighboring slices count: a slanted
#: rib leaves the slice, and the next one enters it.
_SECTORS, _HEIGHT_MM = 72, 10.0

#: Thickness of a rib and the pleura in mm. Air within it is not outside.
_RIB_MM = 10.0

#: Bone nearer to the middle of the chest than this, in mm, is none of a rib.
_LEAST_MM = 50.0


#: Distance in mm above the lungs up to which the ribs of their top count, and beyond which everything is outside.
#: Number of slices by which the hull there lies below the tip of the lungs.
_ABOVE_MM, _BELOW_TIP = 30.0, 3

#: Largest distance in mm of the ribs from the hull of the lungs, in the upper half of the lungs.
_MOST_BEYOND_MM = 15.0


def outside_ribs(ct: np.ndarray, lungs: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Mark what lies outside the ribs, seen from the middle of the chest.

    In each direction of an axial slice the innermost bone beyond the hull of the lungs is a rib, the sternum or the
    spine, in the upper half at most 15 mm from the hull. Nothing within the hull is outside.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        lungs: (X, Y, Z) bool, voxels that are surely lung. They need not be complete.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, False on slices below the lungs.

    Example:
        >>> ct = np.full((80, 60, 5), 40.0)
        >>> radius = np.hypot(*(np.ogrid[:80, :60][axis] - middle for axis, middle in enumerate((40, 30))))
        >>> ct[(radius > 22) & (radius < 25)] = 500.0  # ribs
        >>> lungs = np.zeros(ct.shape, dtype=bool)
        >>> lungs[25:56, 20:41] = True
        >>> outside_ribs(ct, lungs, (4.0, 4.0, 4.0))[[40, 62, 69], 30, 2].tolist()
        [False, False, True]
    """
    outside = np.zeros(ct.shape, dtype=bool)
    levels = np.flatnonzero(lungs.any(axis=(0, 1)))
    if not len(levels):
        return outside
    top = levels[-1] + round(_ABOVE_MM / spacing[2])
    outside[:, :, top + 1 :] = True
    slab = slice(levels[0], top + 1)
    hull = convex_hulls(lungs[:, :, slab])
    height = levels[-1] - levels[0]
    hull[:, :, height + 1 :] = hull[:, :, max(0, height - _BELOW_TIP), None]
    x, y = (np.nonzero(lungs.any(axis=axes))[0] for axes in ((1, 2), (0, 2)))
    right = (np.arange(ct.shape[0])[:, None] - (x[0] + x[-1]) / 2) * spacing[0]
    front = (np.arange(ct.shape[1]) - (y[0] + y[-1]) / 2) * spacing[1]
    radius = np.hypot(right, front)
    sector = np.floor((np.arctan2(front, right) / (2 * np.pi) + 0.5) * _SECTORS).astype(int) % _SECTORS
    shape = (_SECTORS, hull.shape[2])
    edge, ribs = np.full(shape, -np.inf), np.full(shape, np.inf)
    a, b, z = np.nonzero(hull)
    np.maximum.at(edge, (sector[a, b], z), radius[a, b])
    a, b, z = np.nonzero(bone_without_blood(ct[:, :, slab], spacing) & ~hull & (radius > _LEAST_MM)[:, :, None])
    np.minimum.at(ribs, (sector[a, b], z), radius[a, b])
    length = 2 * round(_HEIGHT_MM / spacing[2]) + 1
    ribs = ndimage.minimum_filter(ribs, (3, length), mode=("wrap", "nearest"))
    # Cartilage is no brighter than muscle, and beside the apex the next bone may be the shoulder. Further down, the
    # hull may lack the recesses of the lungs.
    near = np.isfinite(edge) & (np.arange(hull.shape[2]) > height / 2)
    ribs = np.where(near, np.minimum(ribs, edge + _MOST_BEYOND_MM), ribs)
    outside[:, :, slab] = (radius[:, :, None] > ribs[sector] + _RIB_MM) & ~hull
    return outside
