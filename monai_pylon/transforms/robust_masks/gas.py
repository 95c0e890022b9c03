"""Gas of other organs: stomach, bowel and oesophagus, also where a thin wall lets it join the lung.

A wall of a few millimeters may vanish in some voxels by partial volume, so that gas and lung are connected there. The
connection is then a narrow neck, while lung joins lung, and a pneumothorax or bulla joins lung, over a wide face.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.body import component_centres, label_slices
from monai_pylon.transforms.robust_masks.morphology import box_radii, dilate_box, erode_box
from monai_pylon.transforms.robust_masks.spine import Spine
from monai_pylon.utils.arrays import bounding_box

__all__ = ["GAS_HU", "gas_near_midline", "gas_of_parts", "gas_of_slices"]

#: Gas of stomach and bowel is mostly darker than this HU. Of a lung at most a fifth is, in severe emphysema half.
GAS_HU = -950.0

#: Shares of dark voxels from which a part is gas: of a small part, and of a part as large as a lung.
_GAS_SHARE, _LUNG_GAS_SHARE, _LUNG_ML = 0.25, 0.6, 300.0

#: Half the width in mm of a neck. Smallest part judged, in mL. Largest share of a part's surface that its necks have.
_NECK_MM, _PART_ML, _NECK_SHARE = 4.5, 2.0, 0.15

#: Distance in mm from a part within which its surroundings are judged: further than its wall is thick.
_AROUND_MM = 9.0

#: Gas in the oesophagus: darker than the first HU on a cross-section within the wall, of which half is darker than the
#: second. Largest area of a cross-section in mm², and largest distance from the spinal canal in mm.
_LUMEN_HU, _OF_LUMEN_HU, _LUMEN_MM2, _MIDLINE_MM = -700.0, -900.0, 2000.0, 30.0


def gas_of_slices(ct: np.ndarray, core: np.ndarray) -> np.ndarray:
    """Find gas in the lower half of the lungs' core, slice by slice, for thick slices.

    A component of a slice is gas if at least half of it is as dark as gas, or if at least half of it lies on such a
    component of the slice below. The latter is the upper tip of a bubble, a partial volume of gas and wall.

    Args:
        ct: (X, Y, Z) in HU.
        core: (X, Y, Z) bool, the lungs' core.

    Returns:
        (X, Y, Z) bool.

    Example:
        >>> ct = np.full((9, 3, 4), -850.0)
        >>> ct[6:, :, 0] = -1000.0
        >>> core = np.ones(ct.shape, dtype=bool)
        >>> core[5] = False
        >>> gas_of_slices(ct, core)[:, 1, 0].astype(int).tolist()
        [0, 0, 0, 0, 0, 0, 1, 1, 1]
    """
    gas = np.zeros_like(core)
    box = bounding_box(core)
    if box is not None:
        height = box[2]
        low = slice(height.start, (height.start + height.stop) // 2)
        numbered, count = label_slices(core[:, :, low])
        half = np.bincount(numbered.ravel(), minlength=count + 1) / 2
        half[0] = np.inf
        dark = np.bincount(numbered[ct[:, :, low] < GAS_HU], minlength=len(half)) >= half
        on_dark = np.pad(dark[numbered], ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
        tips = np.bincount(numbered[on_dark], minlength=len(half)) >= half
        gas[:, :, low] = (dark | tips)[numbered]
    return gas


def _parts(dark: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, int]:
    """Number the parts of air that remain after an erosion, grown back within the air."""
    radii = box_radii(_NECK_MM, spacing)
    parts, count = ndimage.label(erode_box(dark, radii))
    for step in range(max(radii) + 1):
        grown = parts
        for axis in (axis for axis, radius in enumerate(radii) if step <= radius):
            wider, narrow = np.moveaxis(grown.copy(), axis, 0), np.moveaxis(grown, axis, 0)
            np.maximum(wider[1:], narrow[:-1], out=wider[1:])
            np.maximum(wider[:-1], narrow[1:], out=wider[:-1])
            grown = np.moveaxis(wider, 0, axis)
        np.copyto(parts, grown, where=dark & (parts == 0))
    return parts, count


def _necks(parts: np.ndarray, count: int, dark: np.ndarray) -> np.ndarray:
    """Return (count + 1,): the share of each part's surface beyond which there is other air."""
    surface, open_ = np.zeros(count + 1), np.zeros(count + 1)
    for axis in range(3):
        turned, air = np.moveaxis(parts, axis, 0), np.moveaxis(dark, axis, 0)
        for here, there in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            own = turned[here]
            face = (own > 0) & (own != turned[there])
            surface += np.bincount(own[face], minlength=count + 1)
            open_ += np.bincount(own[face & air[there]], minlength=count + 1)
    return np.asarray(open_ / np.maximum(surface, 1))


def _within_lung(part: np.ndarray, lung: np.ndarray, spacing: tuple[float, float, float]) -> bool:
    """Tell whether at least half of the surroundings of a part are lung, as of a cavity or a bulla."""
    pads = [max(2, round(_AROUND_MM / edge)) for edge in spacing]
    box = bounding_box(part) or ()
    window = tuple(slice(max(0, side.start - pad), side.stop + pad) for side, pad in zip(box, pads, strict=True))
    around = dilate_box(part[window], pads) & ~part[window]
    return bool(np.count_nonzero(lung[window][around]) >= max(1, int(np.count_nonzero(around))) / 2)


def gas_of_parts(ct: np.ndarray, dark: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Find gas that is joined to the lung by narrow necks at most.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        dark: (X, Y, Z) bool, enclosed air without the airway.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool: parts as dark as gas in the lower half of the lungs.

    Example:
        >>> ct = np.full((40, 30, 44), 40.0)
        >>> ct[5:35, 5:25, 20:42] = -850.0  # a lung
        >>> ct[8:26, 6:24, 3:18], ct[12:14, 12:14, 18:20] = -1000.0, -600.0  # a stomach, and a gap in its wall
        >>> gas = gas_of_parts(ct, ct < -500, (3.0, 3.0, 3.0))
        >>> bool(gas[20, 15, 10]), bool(gas[20, 15, 30])
        (True, False)
    """
    gas = np.zeros_like(dark)
    box = bounding_box(dark)
    if box is None:
        return gas
    parts, count = _parts(dark[box], spacing)
    sizes = np.bincount(parts.ravel())
    volume = sizes * math.prod(spacing) / 1000
    share = np.bincount(parts[ct[box] < GAS_HU], minlength=len(sizes)) / np.maximum(sizes, 1)
    centres = component_centres(parts, count)
    largest = np.flatnonzero(volume[1:] >= _LUNG_ML) + 1
    if not len(largest):
        return gas
    bounds = bounding_box(np.isin(parts, largest)) or ()
    low = centres[:, 2] < (bounds[2].start + bounds[2].stop) / 2
    dark_enough = share >= np.where(volume >= _LUNG_ML, _LUNG_GAS_SHARE, _GAS_SHARE)
    found = dark_enough & low & (volume >= _PART_ML) & (_necks(parts, count, dark[box]) < _NECK_SHARE)
    found[0] = False
    lung = dark[box] & ~found[parts]
    for number in np.flatnonzero(found):
        found[number] = not _within_lung(parts == number, lung, spacing)
    gas[box] = found[parts]
    return gas


def gas_near_midline(ct: np.ndarray, dark: np.ndarray, spine: Spine, spacing: tuple[float, float, float]) -> np.ndarray:
    """Find gas of the oesophagus and of the mediastinum: small dark cross-sections in front of the spine.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        dark: (X, Y, Z) bool, enclosed air without the airway.
        spine: The spine, which gives the midline.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, with one voxel of rim in-plane. Slices above the spine's levels have its last midline.

    Example:
        >>> ct = np.full((40, 30, 10), 40.0)
        >>> ct[19:22, 14:17] = -1000.0
        >>> spine = Spine(np.arange(10), np.full((10, 2), (20.0, 5.0)), np.full(10, 30.0))
        >>> int(gas_near_midline(ct, ct < -500, spine, (4.0, 4.0, 4.0))[:, :, 5].sum())
        9
    """
    gas = np.zeros_like(dark)
    # A window, wide enough that no cross-section near the midline reaches its sides.
    reach = (_MIDLINE_MM + _LUMEN_MM2**0.5) / spacing[0]
    start = max(0, int(spine.canal[:, 0].min() - reach))
    stop = math.ceil(spine.canal[:, 0].max() + reach)
    window = (slice(start, stop), slice(max(0, int(spine.canal[:, 1].min())), None))
    ct, dark = ct[window], dark[window]
    canal = spine.canal - (start, window[1].start)
    numbered, count = label_slices(dark & (ct < _LUMEN_HU))
    area = np.bincount(numbered.ravel()) * spacing[0] * spacing[1]
    darkest = np.bincount(numbered[ct < _OF_LUMEN_HU], minlength=len(area)) * spacing[0] * spacing[1]
    centres = component_centres(numbered, count)
    level = np.clip(np.nan_to_num(centres[:, 2]), spine.levels[0], spine.levels[-1]).astype(int) - spine.levels[0]
    aside = np.abs(centres[:, 0] - canal[level, 0]) * spacing[0]
    in_front = centres[:, 1] > canal[level, 1]
    lumen = (area <= _LUMEN_MM2) & (darkest >= area / 2) & (aside < _MIDLINE_MM) & in_front
    lumen[0] = False
    tubes, _ = ndimage.label(lumen[numbered], np.ones((3, 3, 3)))
    large = np.bincount(tubes.ravel()) * math.prod(spacing) / 1000 >= _PART_ML
    large[0] = False
    gas[window] = dilate_box(large[tubes], (1, 1, 0)) & dark
    return gas
