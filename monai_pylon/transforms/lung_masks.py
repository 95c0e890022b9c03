"""Both lungs out of a chest CT by morphology, in mm and mL, on any spacing.

Where the authors' steps count voxels and clear the slice's border, these ask where air is enclosed, dark as lung and
placed as lung. Tuned by eye and by number on real scans; constants say what they are measured against.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.airway import trace_airway
from monai_pylon.transforms.body import body_hull, enclosed_air

__all__ = ["close_by", "dilate_by", "lung_air", "segment_lungs"]

#: Well inside a lung: topology (what hangs together) is read off at this threshold, where thin walls still part.
_CORE_HU = -500.0

#: The lung's edge. Between the authors' -300 and the half-way value between lung and wall of about -400.
_EDGE_HU = -350.0

#: A component this large is a lung unless it is pure gas; a smaller one must lie between the lungs' own bounds.
_LUNG_ML, _PIECE_ML = 300.0, 5.0

#: Gas of stomach and bowel: most of it is darker than this. Lungs have at most a fifth so dark, severe emphysema half.
_GAS_HU, _GAS_SHARE, _PIECE_GAS_SHARE = -950.0, 0.6, 0.25

#: Vessels and small lesions at the edge narrower than twice this many mm are filled.
_CLOSING_MM = 6.0


def dilate_by(mask: np.ndarray, distance: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """Grow a mask by a distance in mm.

    Args:
        mask: (X, Y, Z) bool.
        distance: in mm.
        spacing: voxel edges in mm.

    Returns:
        (X, Y, Z) bool: every voxel whose centre lies within the distance of one of the mask.

    Example:
        >>> mask = np.zeros((5, 5, 5), dtype=bool)
        >>> mask[2, 2, 2] = True
        >>> int(dilate_by(mask, 1.0, (1.0, 1.0, 1.0)).sum())
        7
    """
    if not mask.any():
        return mask.copy()
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    pads = [math.floor(distance / edge) + 1 for edge in spacing]
    window = tuple(slice(max(0, part.start - pad), part.stop + pad) for part, pad in zip(box, pads, strict=True))
    grown = np.zeros_like(mask)
    grown[window] = ndimage.distance_transform_edt(~mask[window], sampling=spacing) <= distance
    return grown


def close_by(mask: np.ndarray, distance: float, spacing: tuple[float, float, float]) -> np.ndarray:
    """Fill what a ball of a radius in mm cannot enter from outside (morphological closing). Keeps all of the mask.

    Args:
        mask: (X, Y, Z) bool.
        distance: radius in mm.
        spacing: voxel edges in mm.

    Returns:
        (X, Y, Z) bool.

    Example:
        >>> mask = np.ones((7, 7, 7), dtype=bool)
        >>> mask[3, 3, 3] = False
        >>> bool(close_by(mask, 2.0, (1.0, 1.0, 1.0)).all())
        True
    """
    pads = [math.floor(distance / edge) + 1 for edge in spacing]
    padded = np.pad(mask, [(pad, pad) for pad in pads])
    grown = dilate_by(padded, distance, spacing)
    closed = ndimage.distance_transform_edt(grown, sampling=spacing) > distance
    return closed[tuple(slice(pad, -pad) for pad in pads)] | mask


def lung_air(ct: np.ndarray, core: np.ndarray, voxel_ml: float) -> np.ndarray:
    """Of the enclosed air, what is lung: not stomach, bowel or gaps in the table.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        core: (X, Y, Z) bool, enclosed air without the airway.
        voxel_ml: volume of a voxel in mL.

    Returns:
        (X, Y, Z) bool, empty where nothing is large enough to be a lung.

    Example:
        >>> ct = np.full((12, 12, 12), 40.0)
        >>> ct[1:5, 1:11, 1:11], ct[7:11, 1:11, 1:11] = -850.0, -1000.0  # a lung and a stomach full of gas
        >>> lungs = lung_air(ct, ct < -500, voxel_ml=1.0)
        >>> int(lungs.sum()), bool(lungs[8].any())
        (400, False)
    """
    numbered, count = ndimage.label(core)
    volume = np.bincount(numbered.ravel(), minlength=count + 1) * voxel_ml
    gas = np.bincount(numbered[ct < _GAS_HU], minlength=count + 1) * voxel_ml
    volume[0] = 0
    lung = (volume >= _LUNG_ML) & (gas < _GAS_SHARE * volume)
    if not lung.any():
        return np.zeros_like(core)
    lungs = lung[numbered]
    box = ndimage.find_objects(lungs.astype(np.uint8))[0]
    # The lower third of the lungs' height is shared with the bowel: there no loose piece is taken for lung.
    lowest = box[2].start + (box[2].stop - box[2].start) / 3
    bounds = np.array([[box[0].start, box[0].stop], [box[1].start, box[1].stop], [lowest, box[2].stop]])
    pieces = np.flatnonzero((volume >= _PIECE_ML) & ~lung & (gas < _PIECE_GAS_SHARE * volume))
    for piece, centre in zip(pieces, ndimage.center_of_mass(core, numbered, pieces), strict=True):
        lung[piece] = bool(((bounds[:, 0] <= centre) & (centre <= bounds[:, 1])).all())
    return lung[numbered]


def segment_lungs(
    ct: np.ndarray, spacing: tuple[float, float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Both lungs together, with their vessels, without trachea and main bronchi (PARTITION, section 12.2).

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        spacing: voxel edges in mm; about 1.5 to 5 mm in-plane is what the steps are made for.

    Returns:
        the lungs (X, Y, Z) bool; their core, where right and left still part most easily; and the airway, or None
        where no trachea was found. All empty where there is no lung.

    Example:
        >>> ct = np.full((60, 40, 30), -1000.0)
        >>> ct[5:55, 5:35] = 40.0  # a body
        >>> ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0  # two lungs
        >>> lungs, core, airway = segment_lungs(ct, (4.0, 4.0, 4.0))
        >>> int(lungs.sum()), airway is None
        (17280, True)
    """
    hull = body_hull(ct, spacing)
    enclosed = enclosed_air(ct < _EDGE_HU, hull, spacing)
    core = enclosed & (ct < _CORE_HU)
    airway = trace_airway(ct, core, hull, spacing)
    # The airway's wall is thinner than a voxel: with a shell it is parted from the lung that lies against it.
    tube = np.zeros_like(core) if airway is None else dilate_by(airway, max(1.5, 0.9 * spacing[0]), spacing)
    core = lung_air(ct, core & ~tube, math.prod(spacing) / 1000)
    edge = dilate_by(core, 1.01 * max(spacing[:2]), spacing) & (ct < _EDGE_HU) & enclosed
    lungs = close_by(core | (edge & ~tube), _CLOSING_MM, spacing) & ~tube
    return lungs, core, airway
