"""Separation of right and left lung, and the mediastinum between them.

The sides are determined by the components of the lungs and the patient's midline, not by the middle of the volume.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.body import component_centres, largest_component
from monai_pylon.transforms.robust_masks.convex_hulls import convex_hulls
from monai_pylon.transforms.robust_masks.morphology import dilate_by, open_by
from monai_pylon.transforms.robust_masks.spine import Spine, behind_spine
from monai_pylon.utils.arrays import bounding_box

__all__ = ["mediastinum_between_lungs", "split_lungs"]

#: The second largest part of the eroded core is a lung if it has at least this share of the core. A component of the
#: lungs is cut at the midline only if at least this share of it lies on either side.
_SIDE_SHARE = 0.15

#: Radii in mm by which the core is eroded, in turn, until two sides separate. Junction lines are 1 to 3 mm thin.
_EROSIONS_MM = (0.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0)

#: Distance in mm up to which the nearer of two masks is found without computing distances.
_NEAR_MM = 10.0

#: Distance in mm below the mean level of the two diaphragm domes from which liver and stomach fill the hull.
_BELOW_DOMES_MM = 30.0

#: Slices belong to the mediastinum if the lungs have more than this share of their largest cross-section there.
_TIPS = 0.03

#: Half the height in mm over which the front of the spine is smoothed.
_VERTEBRA_MM = 25.0

#: Parts of the mediastinum narrower than twice this, in mm, are removed.
_SLIVER_MM = 4.0

#: Height in mm over which the outlines of low slices are merged with those above.
_LOOK_UP_MM = 30.0


def _two_sides(core: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Erode the core until it separates into two sides.

    Args:
        core: (X, Y, Z) bool, cropped to its bounding box.
        spacing: Voxel edges in mm.

    Returns:
        Seeds of the right and the left lung, (X, Y, Z) bool each. None if no erosion separates two large parts, or if
        these lie one above the other.
    """
    total = np.count_nonzero(core)
    for radius in _EROSIONS_MM:
        # There is no lung beyond the box, so the core is eroded from there, too.
        outside = dilate_by(np.pad(~core, 1, constant_values=True), radius, spacing)[1:-1, 1:-1, 1:-1]
        numbered, count = ndimage.label(~outside)
        sizes = np.bincount(numbered.ravel())
        sizes[0] = 0
        by_size = np.argsort(sizes)[::-1]
        if count > 1 and sizes[by_size[1]] >= _SIDE_SHARE * total:
            first, second = by_size[:2]
            centres = component_centres(numbered, count)[[first, second]] * spacing
            if abs(centres[0][0] - centres[1][0]) < abs(centres[0][2] - centres[1][2]):
                return None  # one above the other, so these are two parts of one lung
            right, left = (first, second) if centres[0][0] > centres[1][0] else (second, first)
            return numbered == right, numbered == left
    return None


def _by_midline(lungs: np.ndarray, midline: float) -> np.ndarray:
    """Return the right lung (X, Y, Z) bool: the voxels right of the midline.

    A component of which less than 15 % lies on one side of the midline belongs to the other side as a whole.
    """
    on_right = lungs & (np.arange(lungs.shape[0]) > midline)[:, None, None]
    numbered, count = ndimage.label(lungs)
    sizes = np.bincount(numbered.ravel())
    right_sizes = np.bincount(numbered[on_right], minlength=count + 1)
    whole = sizes - right_sizes < _SIDE_SHARE * sizes
    whole[0] = False
    return (on_right & (right_sizes >= _SIDE_SHARE * sizes)[numbered]) | whole[numbered]


def split_lungs(
    lungs: np.ndarray, core: np.ndarray, spacing: tuple[float, float, float], midline: float
) -> tuple[np.ndarray, np.ndarray]:
    """Separate the right lung from the left lung.

    Args:
        lungs: (X, Y, Z) bool, both lungs, axes turned to RAS (x grows towards the patient's right).
        core: (X, Y, Z) bool, the air well inside them.
        spacing: Voxel edges in mm.
        midline: x index of the patient's middle. It decides if the core does not separate into two lungs, for example
            because only one lung has air. A component of which less than 15 % lies across the midline is not cut.

    Returns:
        Right and left lung, (X, Y, Z) bool each. Every voxel of ``lungs`` belongs to one of them.

    Example:
        >>> lungs = np.zeros((20, 6, 6), dtype=bool)
        >>> lungs[2:8], lungs[12:18] = True, True
        >>> right, left = split_lungs(lungs, lungs, (5.0, 5.0, 5.0), 10.0)
        >>> bool(right[15].all()), bool(left[15].any())
        (True, False)
    """
    box = bounding_box(lungs | core)
    seeds = None if box is None else _two_sides(core[box], spacing)
    if seeds is None:
        right = _by_midline(lungs, midline)
    else:
        right = np.zeros_like(lungs)
        right[box] = lungs[box] & _nearer(*seeds, lungs[box], spacing)
    return right, lungs & ~right


def _nearer(one: np.ndarray, other: np.ndarray, among: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return (X, Y, Z) bool: the voxels of ``among`` that are at least as near to one mask as to the other.

    Most lie near one of the masks alone. Distances, which take longer, are computed around the others.
    """
    near = [dilate_by(mask, _NEAR_MM, spacing) for mask in (one, other)]
    found = near[0] & ~near[1]
    doubtful = among & (near[0] == near[1])
    box = bounding_box(doubtful)
    if box is not None:
        if (doubtful & ~near[0]).any():  # far from both
            window = tuple(slice(None) for _ in box)
        else:
            pads = [math.ceil(_NEAR_MM / edge) for edge in spacing]
            window = tuple(
                slice(max(0, part.start - pad), part.stop + pad) for part, pad in zip(box, pads, strict=True)
            )
        distances = [ndimage.distance_transform_edt(~mask[window], sampling=spacing) for mask in (one, other)]
        found[window] = np.where(doubtful[window], distances[0] <= distances[1], found[window])
    return found


def _dome(lung: np.ndarray) -> float:
    """Return the level (z index) of the diaphragm's dome: the upper quartile of the lung's lower ends."""
    columns = lung.any(axis=2)
    return float(np.percentile(lung.argmax(axis=2)[columns], 75))


def _front_of_spine(between: np.ndarray, ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return for each slice the row (y index) in front of the spine.

    A row of the rear half is bony if it has more than 12 mm of bone between the lungs. The foremost bony row is
    smoothed over neighboring slices, because an intervertebral disc has no bone.

    Args:
        between: (X, Y, Z) bool, the region between the lungs.
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.

    Returns:
        (Z,) row indices, 0 without a spine.
    """
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
    """Return the lungs (X, Y, Z) bool; below slice ``lowest`` merged with those of the slices just above.

    Low slices contain only the tips of the lungs, and a line between the tips would cut through the heart.
    """
    steps = math.ceil(_LOOK_UP_MM / spacing[2])
    outlines = lungs.copy()
    outlines[:, :, :lowest] = ndimage.maximum_filter1d(
        lungs[:, :, : lowest + steps].view(np.uint8), steps + 1, axis=2, mode="constant", origin=-((steps + 1) // 2)
    )[:, :, :lowest]
    return outlines


def mediastinum_between_lungs(
    right: np.ndarray,
    left: np.ndarray,
    ct: np.ndarray,
    spacing: tuple[float, float, float],
    spine: Spine | None = None,
) -> np.ndarray:
    """Segment the mediastinum: heart, great vessels and other tissue between the lungs, without spine and chest wall.

    On each axial slice it is the convex hull of both lungs without the lungs, the spine and everything behind the
    spine. From 30 mm below the mean level of the diaphragm's domes, liver and stomach lie between the lungs. There only
    the front three quarters are kept, without the right quarter (as in the authors' box), so that the region contains
    the heart. Slices with only the last tips of the lungs are excluded.

    Args:
        right: (X, Y, Z) bool, axes turned to RAS.
        left: (X, Y, Z) bool.
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.
        spine: The spine, from `find_spine`. Without it, bone between the lungs is taken for the spine.

    Returns:
        (X, Y, Z) bool, one 6-connected component. Empty if one of the lungs is empty.

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
    levels = right.any(axis=(0, 1)) & left.any(axis=(0, 1)) & (areas > _TIPS * areas.max())
    between[:, :, levels] = convex_hulls(outlines[:, :, levels]) & ~lungs[:, :, levels]
    if spine is not None:
        between &= ~behind_spine(spine, between.shape, spacing)
    else:
        for level, front in enumerate(_front_of_spine(between, ct, spacing)):
            between[:, :front, level] = False
    box = bounding_box(lungs) or ()
    between[box[0].stop - (box[0].stop - box[0].start) // 4 :, :, :lowest] = False
    between[:, : box[1].start + (box[1].stop - box[1].start) // 4, :lowest] = False
    # The hull also contains slivers between the ribs, which are too thin to be mediastinum.
    return largest_component(open_by(between, _SLIVER_MM, spacing[:2]))
