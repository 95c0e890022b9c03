"""Organ masks by the robust method, in mm and mL, on any spacing: lungs, airway, sides and mediastinum."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.field_of_view import face_areas
from monai_pylon.transforms.robust_masks.block_mean import block_factors, block_mean, draw_edge
from monai_pylon.transforms.robust_masks.body import body_hull
from monai_pylon.transforms.robust_masks.hemithorax import complete_lungs
from monai_pylon.transforms.robust_masks.lung_masks import EDGE_HU, segment_lungs
from monai_pylon.transforms.robust_masks.morphology import dilate_by
from monai_pylon.transforms.robust_masks.organ_split import mediastinum_between_lungs, split_lungs
from monai_pylon.transforms.robust_masks.orientation import doubt_orientation, leans_right
from monai_pylon.transforms.robust_masks.plausibility import doubt_lungs, doubt_mediastinum
from monai_pylon.transforms.robust_masks.scanned import cut_by_padding, unscanned_blocks, unscanned_columns
from monai_pylon.transforms.robust_masks.spine import find_spine
from monai_pylon.utils.arrays import bounding_box

__all__ = ["robust_organ_labels"]

#: Volume of gas outside the ribs in mL, from which some of it may be counted as lung. Six scans without have none.
_GAS_ML = 5.0

#: A lung is not completed if the field of view cuts one lung by so much more than the other, in cm2: the mirror image
#: and the plane of symmetry would be wrong.
_UNLIKE_CM2 = 40.0


def _organs_of_blocks(
    ct: np.ndarray, hull: np.ndarray, spacing: tuple[float, float, float], unscanned: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Segment a volume (x, y, z) of block means.

    Args:
        ct: (x, y, z) in HU, axes turned to RAS.
        hull: (x, y, z) bool, the convex hull of the body.
        spacing: Block edges in mm.
        unscanned: (x, y) bool, blocks with padding.

    Returns:
        Organ labels (x, y, z) uint8, the airway with its wall (x, y, z) bool, and reason codes.
    """
    lungs, core, airway, gas_ml = segment_lungs(ct, hull, spacing, unscanned)
    if not lungs.any():
        return np.zeros(ct.shape, dtype=np.uint8), np.zeros_like(lungs), ()
    middle = float(np.mean(np.nonzero((lungs if airway is None else airway).any(axis=(1, 2)))[0]))
    right, left = split_lungs(lungs, core, spacing, middle)
    reasons: tuple[str, ...] = ()
    if _same_cut(right, left, unscanned, spacing):
        right, left, reasons = complete_lungs(right, left, ct, spacing)
    spine = find_spine(ct, right | left, spacing)
    between = mediastinum_between_lungs(right, left, ct, spacing, spine)
    if not reasons:  # a completed lung has an uncertain border
        reasons = doubt_mediastinum(right, between, left, ct, spacing, spine)
        if spine is not None and leans_right(ct, right | left, between, spine, spacing):
            reasons = (*reasons, "mediastinum_right")
    reasons = (*reasons, *doubt_orientation(ct, right | left, airway, spine, spacing))
    reasons = (*reasons, *doubt_lungs(ct, right | left, spacing))
    if gas_ml > _GAS_ML:
        reasons = (*reasons, "gas_outside_lung")
    organs = right.view(np.uint8) + 2 * between.view(np.uint8) + 3 * left.view(np.uint8)
    tube = np.zeros_like(lungs) if airway is None else dilate_by(airway, 1.0, (1.0, 1.0, 1.0))
    return organs, tube, reasons if airway is not None else (*reasons, "no_trachea")


def _same_cut(right: np.ndarray, left: np.ndarray, unscanned: np.ndarray, spacing: tuple[float, float, float]) -> bool:
    """Tell whether the field of view cuts both lungs alike, so that one can be completed by the mirror image."""
    areas = []
    for lung in (right, left):
        faces = face_areas(lung, spacing)[:2].sum()
        beside = lung[ndimage.binary_dilation(unscanned, iterations=2)].sum() / 2 * spacing[0] * spacing[2] / 100
        areas.append(float(faces + beside))
    return abs(areas[0] - areas[1]) < _UNLIKE_CM2


def robust_organ_labels(ct: np.ndarray, spacing: tuple[float, float, float]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Segment right lung, mediastinum and left lung of a chest CT.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS, any memory order.
        spacing: Voxel edges in mm.

    Returns:
        Labels (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung. Reason codes: "no_trachea",
        "right_lung_completed", "left_lung_completed", "right_lung_cut", "left_lung_cut" (by padding),
        "mediastinum_large", "mediastinum_wide", "mediastinum_right", "orientation_doubtful", "gas_in_lung",
        "gas_outside_lung".

    Example:
        >>> ct = np.full((60, 40, 30), -1000.0)
        >>> ct[5:55, 5:35] = 40.0  # a body
        >>> ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0  # two lungs
        >>> labels, reasons = robust_organ_labels(ct, (4.0, 4.0, 4.0))
        >>> labels[[10, 30, 45], 20, 15].tolist(), reasons
        ([3, 2, 1], ('no_trachea',))
    """
    factors = block_factors(spacing)
    block = (spacing[0] * factors[0], spacing[1] * factors[1], spacing[2] * factors[2])
    means = block_mean(ct, factors)
    hull = body_hull(means, block)
    organs, tube = np.zeros(means.shape, dtype=np.uint8), np.zeros(means.shape, dtype=bool)
    body = bounding_box(hull)
    if body is None:
        return np.zeros(ct.shape, dtype=np.uint8), ()
    # Crop, because half of a scan is air and table. The margin is needed to recognize outside air.
    box = tuple(slice(max(0, part.start - 16), part.stop + 16) for part in body)
    columns = unscanned_columns(ct)
    unscanned = unscanned_blocks(columns, factors)
    organs[box], tube[box], reasons = _organs_of_blocks(
        np.ascontiguousarray(means[box]), hull[box], block, unscanned[box[:2]]
    )
    if max(factors) > 1:
        organs = draw_edge(ct, organs, means < EDGE_HU, tube, factors, EDGE_HU)
    organs[columns] = 0
    return organs, (*reasons, *cut_by_padding(organs, columns, spacing))
