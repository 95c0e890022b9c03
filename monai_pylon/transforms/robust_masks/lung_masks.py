"""Segmentation of both lungs in a chest CT by morphology, in mm and mL, on any spacing.

The authors' steps count voxels and clear the border of each slice. These steps instead look for air that is enclosed by
the body and has the HU and the position of lung. They were tuned on real scans; the comments on the constants give the
measured values.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.airway import trace_airway
from monai_pylon.transforms.robust_masks.block_mean import spread_blocks
from monai_pylon.transforms.robust_masks.body import component_centres, enclosed_air
from monai_pylon.transforms.robust_masks.gas import GAS_HU, gas_near_midline, gas_of_parts, gas_of_slices
from monai_pylon.transforms.robust_masks.morphology import box_radii, close_by, dilate_box, dilate_by, erode_box
from monai_pylon.transforms.robust_masks.rib_cage import outside_ribs
from monai_pylon.transforms.robust_masks.spine import find_spine
from monai_pylon.transforms.robust_masks.streaks import dark_streaks
from monai_pylon.utils.arrays import bounding_box

__all__ = ["EDGE_HU", "aerated_lungs", "lung_air", "segment_lungs"]

#: Threshold of the lungs' core, at which components are labeled, because thin walls still separate them.
_CORE_HU = -500.0

#: Threshold of the lungs' edge, as in the authors' steps.
EDGE_HU = -300.0

#: Least volume of a lung and of a loose piece of lung. A loose piece must lie within the bounds of the lungs.
_LUNG_ML, _PIECE_ML = 300.0, 5.0

#: A lung smaller than this share of the larger one is doubted if it lies low.
_SMALL_SHARE = 1 / 3

#: Shares of voxels as dark as gas, from which a lung, or a loose piece, is taken for gas.
_GAS_SHARE, _PIECE_GAS_SHARE = 0.6, 0.25

#: Thicker slices may miss the diaphragm and the wall of the stomach (5 to 6 mm), so that gas and lung are connected.
_THICK_MM = 5.5

#: Half the width in mm of the necks at which pieces are cut. A lung has a place as deep as the second number.
_NECK_MM, _DEEP_MM = 4.5, 10.0

#: Pixel size in mm on which the rib cage is drawn.
_RIB_PIXEL_MM = 4.0

#: Vessels and small lesions at the edge are filled if they are narrower than twice this, in mm.
_CLOSING_MM = 6.0


def lung_air(ct: np.ndarray, dark: np.ndarray, voxel_ml: float) -> tuple[np.ndarray, np.ndarray]:
    """Separate the enclosed dark air into lung and other air (stomach, bowel, gaps in the table).

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        dark: (X, Y, Z) bool, enclosed air without the airway.
        voxel_ml: Volume of a voxel in mL.

    Returns:
        Lung and other air, (X, Y, Z) bool each. Pieces below 5 mL are in neither. Both are empty if no component is
        large enough to be a lung.

    Example:
        >>> ct = np.full((12, 12, 12), 40.0)
        >>> ct[1:5, 1:11, 1:11], ct[7:11, 1:11, 1:11] = -850.0, -1000.0  # a lung and a stomach full of gas
        >>> lungs, other = lung_air(ct, ct < -500, voxel_ml=1.0)
        >>> int(lungs.sum()), bool(lungs[8].any()), int(other.sum())
        (400, False, 400)
    """
    numbered, count = ndimage.label(dark)
    numbers = numbered[dark]
    volume = np.bincount(numbers, minlength=count + 1) * voxel_ml
    gas = np.bincount(numbers[ct[dark] < GAS_HU], minlength=count + 1) * voxel_ml
    lung = (volume >= _LUNG_ML) & (gas < _GAS_SHARE * volume)
    if not lung.any():
        return np.zeros_like(dark), np.zeros_like(dark)
    small = lung & (volume < _SMALL_SHARE * volume[lung].max())
    box = bounding_box((lung & ~small)[numbered]) or ()
    # Beside the lower third of the lungs lies bowel, so neither a small lung nor a loose piece is expected there.
    lowest = box[2].start + (box[2].stop - box[2].start) / 3
    bounds = np.array([[box[0].start, box[0].stop], [box[1].start, box[1].stop], [lowest, box[2].stop]])
    large = volume >= _PIECE_ML
    pieces = np.flatnonzero(small | large & ~lung & (gas < _PIECE_GAS_SHARE * volume))
    centres = component_centres(numbered, count)[pieces]
    inside = (bounds[:, 0] <= centres) & (centres <= bounds[:, 1])
    lung[pieces] = np.where(small[pieces], inside[:, 2], inside.all(axis=1))
    return lung[numbered], (large & ~lung)[numbered]


def aerated_lungs(
    air: np.ndarray, core: np.ndarray, other: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Extend the lungs from their core to their edge by all air that is connected with the core.

    Args:
        air: (X, Y, Z) bool, enclosed air out to the lungs' edge, partly aerated tissue included.
        core: (X, Y, Z) bool, the lungs' core.
        other: (X, Y, Z) bool, dark air that is not lung (stomach, bowel). It is excluded together with its rim.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool.

    Example:
        >>> air = np.ones((9, 3, 3), dtype=bool)
        >>> core, other = np.zeros((2, 9, 3, 3), dtype=bool)
        >>> core[:3], other[7:] = True, True
        >>> aerated_lungs(air, core, other, (1.0, 1.0, 1.0))[:, 1, 1].astype(int).tolist()
        [1, 1, 1, 1, 1, 1, 0, 0, 0]
    """
    rim = dilate_by(other, 1.01 * max(spacing[:2]), spacing) & ~core
    numbered, count = ndimage.label(air & ~rim)
    return _touched(numbered, count, core) | core


def _outside_chest(
    ct: np.ndarray, core: np.ndarray, dark: np.ndarray, deep: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray:
    """Return the air (X, Y, Z) bool outside the ribs (subcutaneous emphysema), in pieces of at least 5 mL.

    The ribs are seen from the lungs without what hangs on them by narrow necks. The lungs' own edge stays.
    """
    radii = box_radii(_NECK_MM, spacing)
    numbered, count = ndimage.label(erode_box(core, radii))
    main = dilate_box(_touched(numbered, count, deep), radii)
    near = dilate_box(main, radii)
    step = [max(1, round(_RIB_PIXEL_MM / edge)) for edge in spacing[:2]]
    pixel = (spacing[0] * step[0], spacing[1] * step[1], spacing[2])
    outside = outside_ribs(ct[:: step[0], :: step[1]], main[:: step[0], :: step[1]], pixel)
    numbered, _ = ndimage.label(dark & ~near & spread_blocks(outside, (*step, 1), dark.shape))
    large = np.bincount(numbered.ravel()) * math.prod(spacing) / 1000 >= _PIECE_ML
    large[0] = False
    return large[numbered]


def _upper_ml(gas: np.ndarray, core: np.ndarray, voxel_ml: float) -> float:
    """Return the volume of gas beside the upper half of the lungs. Beside the lower half it may be in the bowel."""
    levels = np.flatnonzero(core.any(axis=(0, 1)))
    return np.count_nonzero(gas[:, :, (levels[0] + levels[-1]) // 2 :]) * voxel_ml if len(levels) else 0.0


def _touched(numbered: np.ndarray, count: int, mask: np.ndarray) -> np.ndarray:
    """Return (X, Y, Z) bool: the numbered components that share a voxel with a mask."""
    touched = np.zeros(count + 1, dtype=bool)
    touched[numbered[mask]] = True
    touched[0] = False
    return touched[numbered]


def segment_lungs(
    ct: np.ndarray, hull: np.ndarray, spacing: tuple[float, float, float], unscanned: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, float]:
    """Segment both lungs together, with their vessels, without trachea and main bronchi (PARTITION, section 12.2).

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        hull: (X, Y, Z) bool, from :func:`monai_pylon.transforms.robust_masks.body.body_hull`.
        spacing: Voxel edges in mm. The steps are made for about 1.5 to 5 mm in-plane.
        unscanned: (X, Y) bool, columns of padding.

    Returns:
        The lungs (X, Y, Z) bool; their core, in which right and left are most easily separated; the airway, or None if
        there is no trachea; and the volume in mL of gas outside the ribs beside the upper half of the lungs. Lungs and
        core are empty if there is no lung.

    Example:
        >>> ct = np.full((60, 40, 30), -1000.0)
        >>> hull = np.zeros(ct.shape, dtype=bool)
        >>> hull[5:55, 5:35], ct[5:55, 5:35] = True, 40.0
        >>> ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0  # two lungs
        >>> lungs, core, airway, _ = segment_lungs(ct, hull, (4.0, 4.0, 4.0))
        >>> int(lungs.sum()), airway is None
        (17280, True)
    """
    streaks = dark_streaks(ct, spacing)
    dark_enough = ct < EDGE_HU if streaks is None else (ct < EDGE_HU) & ~streaks
    air = enclosed_air(ct, dark_enough, hull, spacing, unscanned)
    dark = air & (ct < _CORE_HU)
    airway = trace_airway(ct, dark, hull, spacing)
    # The airway's wall is thinner than a voxel, so one voxel around the airway separates it from the lung next to it.
    wall = max(1.5, 1.01 * max(spacing[:2]))
    tube = np.zeros_like(dark) if airway is None else dilate_by(airway, wall, spacing)
    dark &= ~tube
    voxel_ml = math.prod(spacing) / 1000
    deep = erode_box(dark, box_radii(_DEEP_MM, spacing))
    core, other = lung_air(ct, dark, voxel_ml)
    spine = find_spine(ct, core, spacing)
    gas = gas_of_parts(ct, dark, spacing)
    if spine is not None:
        gas |= gas_near_midline(ct, dark, spine, spacing)
    if spacing[2] > _THICK_MM:
        gas |= gas_of_slices(ct, core)
    outside = _outside_chest(ct, core, dark, deep, spacing)
    gas |= outside
    if gas.any():
        core, other = lung_air(ct, dark & ~gas, voxel_ml)
        numbered, count = ndimage.label(core)
        thin = core & ~_touched(numbered, count, deep)
        if thin.any():
            thin &= (np.bincount(numbered.ravel()) * voxel_ml >= _LUNG_ML)[numbered]
        core, other = core & ~thin, other | gas | thin
    lungs = aerated_lungs(air & ~tube, core, other, spacing)
    return close_by(lungs, _CLOSING_MM, spacing) & ~tube, core, airway, _upper_ml(outside, core, voxel_ml)
