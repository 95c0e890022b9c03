"""Right lung, left lung, and the mediastinum between them.

Sides come from the components of the lungs and the patient's midline, not from the middle of the volume.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from skimage.morphology import convex_hull_image

from monai_pylon.transforms.body import component_centres, largest_component
from monai_pylon.transforms.lung_masks import open_by

__all__ = ["mediastinum_between_lungs", "split_lungs"]

#: A part of the lungs' core this large on either side is a lung by itself; smaller ones follow their place. A part that
#: crosses the midline by less than this is not cut there.
_SIDE_SHARE = 0.15

#: Radii in mm by which the core is eroded, in turn, until two sides part (junction lines are 1 to 3 mm thin).
_EROSIONS_MM = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0)

#: Further below the mean level of the two diaphragm domes than this many mm, liver and stomach fill the hull.
_BELOW_DOMES_MM = 30.0

#: The mediastinum ends below the slices where the lungs have less than this share of their largest cross-section.
_TIPS = 0.03

#: Half the height over which the front of the spine is told from slice to slice, and half the width of a sliver, in mm.
_VERTEBRA_MM, _SLIVER_MM = 25.0, 4.0

#: How far up, in mm, the outline of the low slices is sought.
_LOOK_UP_MM = 30.0


def _two_sides(core: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Seeds (right, left) at the least erosion at which the core falls into two sides, or None."""
    total = np.count_nonzero(core)
    # Beyond the box is no lung: a border of one voxel, so that depth is measured from there too.
    depth = ndimage.distance_transform_edt(np.pad(core, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    for radius in _EROSIONS_MM:
        numbered, count = ndimage.label(depth > radius)
        sizes = np.bincount(numbered.ravel(), minlength=count + 1)
        sizes[0] = 0
        first, second = np.argsort(sizes)[::-1][:2] if count > 1 else (0, 0)
        if second and sizes[second] >= _SIDE_SHARE * total:
            centres = component_centres(numbered, count)[[first, second]] * spacing
            if abs(centres[0][0] - centres[1][0]) < abs(centres[0][2] - centres[1][2]):
                return None  # one above the other: two halves of one lung
            right, left = (first, second) if centres[0][0] > centres[1][0] else (second, first)
            return numbered == right, numbered == left
    return None


def _by_midline(lungs: np.ndarray, midline: float) -> np.ndarray:
    """The right lung (X, Y, Z): what lies right of the midline; a component that hardly crosses it stays whole."""
    beyond = lungs & (np.arange(lungs.shape[0]) > midline)[:, None, None]
    numbered, count = ndimage.label(lungs)
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)
    right = np.bincount(numbered[beyond], minlength=count + 1)
    whole = sizes - right < _SIDE_SHARE * sizes
    whole[0] = False
    return (beyond & (right >= _SIDE_SHARE * sizes)[numbered]) | whole[numbered]


def split_lungs(
    lungs: np.ndarray, core: np.ndarray, spacing: tuple[float, float, float], midline: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tell the right lung from the left one.

    Args:
        lungs: (X, Y, Z) bool, both lungs, axes turned to RAS (x grows towards the patient's right).
        core: (X, Y, Z) bool, the air well inside them.
        spacing: voxel edges in mm.
        midline: x index of the patient's middle, which decides where only one lung has air. A component of which less
            than 15 % lie across it is not cut.

    Returns:
        right and left lung, (X, Y, Z) bool each; every voxel of ``lungs`` belongs to one of them.

    Example:
        >>> lungs = np.zeros((20, 6, 6), dtype=bool)
        >>> lungs[2:8], lungs[12:18] = True, True
        >>> right, left = split_lungs(lungs, lungs, (5.0, 5.0, 5.0), 10.0)
        >>> bool(right[15].all()), bool(left[15].any())
        (True, False)
    """
    boxes = ndimage.find_objects((lungs | core).view(np.uint8))
    seeds = _two_sides(core[boxes[0]], spacing) if boxes else None
    if seeds is None:
        right = _by_midline(lungs, midline)
    else:
        right = np.zeros_like(lungs)
        away = [ndimage.distance_transform_edt(~seed, sampling=spacing) for seed in seeds]
        right[boxes[0]] = lungs[boxes[0]] & (away[0] <= away[1])
    return right, lungs & ~right


def _dome(lung: np.ndarray) -> float:
    """The level (z index) of a diaphragm's dome: high among the lower ends of the lung's columns."""
    columns = lung.any(axis=2)
    return float(np.percentile(lung.argmax(axis=2)[columns], 75)) if columns.any() else 0.0


def _front_of_spine(between: np.ndarray, ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """(Z,): the row (y index) in front of the rearmost bone between the lungs, told by its neighbours at a disc."""
    fronts = np.zeros(between.shape[2], dtype=int)
    for z in np.flatnonzero(between.any(axis=(0, 1))):
        rows = np.flatnonzero(between[:, :, z].any(axis=0))
        rear = rows[: max(1, len(rows) // 2)]
        bone = (ct[:, rear, z] > 200) & between[:, rear, z]
        bony = np.flatnonzero(bone.sum(axis=0) * spacing[0] > 12)
        fronts[z] = rear[bony.max()] + 1 if len(bony) else 0
    window = 2 * math.ceil(_VERTEBRA_MM / spacing[2]) + 1
    return ndimage.percentile_filter(fronts, 70, size=window, mode="nearest")


def _low_outlines(lungs: np.ndarray, lowest: int, spacing: tuple[float, float, float]) -> np.ndarray:
    """(X, Y, Z): the lungs, below slice ``lowest`` together with those of the slices just above.

    Low slices hold the tips of the lungs alone, and a line between the tips would cut through the heart.
    """
    steps = math.ceil(_LOOK_UP_MM / spacing[2])
    outlines = lungs.copy()
    outlines[:, :, :lowest] = ndimage.maximum_filter1d(
        lungs[:, :, : lowest + steps].view(np.uint8), steps + 1, axis=2, mode="constant", origin=-((steps + 1) // 2)
    )[:, :, :lowest]
    return outlines


def mediastinum_between_lungs(
    right: np.ndarray, left: np.ndarray, ct: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Heart, great vessels and all else between the lungs, without spine and chest wall.

    On each axial slice, what lies inside the convex hull of both lungs and is neither lung nor, in its rear part, bone.
    Lower than 30 mm below the mean level of the diaphragm's domes, where liver and stomach lie between the lungs, only
    the front three quarters are kept, without the right quarter (as in the authors' box), so that the region holds the
    heart. It ends where only the lungs' last tips are left.

    Args:
        right: (X, Y, Z) bool, axes turned to RAS.
        left: (X, Y, Z) bool.
        ct: (X, Y, Z) in HU.
        spacing: voxel edges in mm.

    Returns:
        (X, Y, Z) bool, in one piece; empty where one of the lungs is.

    Example:
        >>> right, left = np.zeros((2, 20, 6, 4), dtype=bool)
        >>> right[12:18], left[2:8] = True, True
        >>> between = mediastinum_between_lungs(right, left, np.zeros(right.shape), (5.0, 5.0, 5.0))
        >>> np.flatnonzero(between[:, 3, 2]).tolist()
        [8, 9, 10, 11]
    """
    between = np.zeros_like(right)
    if not (right.any() and left.any()):
        return between
    lungs = right | left
    lowest = max(0, math.floor((_dome(right) + _dome(left)) / 2 - _BELOW_DOMES_MM / spacing[2]))
    outlines = _low_outlines(lungs, lowest, spacing)
    areas = lungs.sum(axis=(0, 1))
    for z in np.flatnonzero(right.any(axis=(0, 1)) & left.any(axis=(0, 1)) & (areas > _TIPS * areas.max())):
        between[:, :, z] = convex_hull_image(outlines[:, :, z]) & ~lungs[:, :, z]
    for level, front in enumerate(_front_of_spine(between, ct, spacing)):
        between[:, :front, level] = False
    box = ndimage.find_objects(lungs.view(np.uint8))[0]
    between[box[0].stop - (box[0].stop - box[0].start) // 4 :, :, :lowest] = False
    between[:, : box[1].start + (box[1].stop - box[1].start) // 4, :lowest] = False
    # Slivers between the ribs lie inside the hull too: too thin for anything that is sought here.
    return largest_component(open_by(between, _SLIVER_MM, spacing[:2]))
