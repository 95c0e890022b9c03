"""Quality control of organ masks: volumes in mL, and reason codes if a mask may be wrong."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.transforms.field_of_view import field_reasons
from monai_pylon.utils import ras_view, voxel_spacing
from monai_pylon.utils.arrays import bounding_box
from monai_pylon.utils.geometry import voxel_volume_ml

__all__ = [
    "LUNG_MISSING",
    "NOTES",
    "REASONS",
    "MaskQuality",
    "judge_field",
    "judge_masks",
    "judge_volume",
]

#: Every reason code with its explanation.
REASONS = {
    "hu_range": "The values are not HU (0 to 1, or HU + 1024): convert them first.",
    "too_short": "The volume covers less than 80 mm from foot to head: less than a lung.",
    "no_lung": "No air-filled lung was found: the volume may be a head, an abdomen, or no CT.",
    "right_lung_small": "The right lung has less than a sixth of the left one's volume, or less than 200 mL.",
    "left_lung_small": "The left lung has less than a sixth of the right one's volume, or less than 200 mL.",
    "right_lung_missing": "The lungs begin too far from the grid's right side (the authors' own test of their masks).",
    "left_lung_missing": "The lungs end too far from the grid's left side (the authors' own test of their masks).",
    "lungs_small": "Both lungs together are smaller than min_lung_ml.",
    "lungs_large": "Both lungs together hold more than 12,000 mL: outside air may have been taken for lung.",
    "no_trachea": "No trachea was found: the airway may be counted as lung.",
    "no_mediastinum": "The label map of another program has no mediastinum: set fill_mediastinum.",
    "mediastinum_large": "The mediastinum is larger than both lungs together: it may contain dense lung or chest wall.",
    "mediastinum_wide": "Above the heart the mediastinum reaches far into one side: a mass or dense lung may be in it.",
    "mediastinum_right": "The mediastinum lies right of the spine: dense lung may be in it, or the header is mirrored.",
    "orientation_doubtful": "The spine lies in front or the trachea below: the header may exchange left and right.",
    "gas_in_lung": "Gas without tissue lies low in a lung: stomach or bowel was included, or there is a pneumothorax.",
    "gas_outside_lung": "Much gas lies outside the ribs (subcutaneous emphysema): some may be counted as lung.",
    "sides_swapped": "The label map's right lung lies on the patient's left: it was written with another orientation.",
    "right_lung_ends_abruptly": "The right lung ends between two slices: part of it may be missing.",
    "left_lung_ends_abruptly": "The left lung ends between two slices: part of it may be missing.",
    "lungs_joined": "Right and left lung border on each other over more than 80 cm2: they may be parts of one lung.",
    "lungs_cut_at_top": "The scan begins within the lungs: their upper part is not in the volume.",
    "lungs_cut_at_bottom": "The scan ends within the lungs: their lower part is not in the volume.",
    "right_lung_cut": "The field of view cuts the right lung at its side, front or back: it is not complete.",
    "left_lung_cut": "The field of view cuts the left lung at its side, front or back: it is not complete.",
    "right_lung_completed": "Much of the right lung has no air (effusion, collapse): completed by the left one.",
    "left_lung_completed": "Much of the left lung has no air (effusion, collapse): completed by the right one.",
}

#: Codes of masks that lack a lung although the volume may be a chest. Only these are replaced by heuristic masks.
LUNG_MISSING = (
    "no_lung",
    "right_lung_small",
    "left_lung_small",
    "right_lung_missing",
    "left_lung_missing",
    "lungs_small",
)

#: Codes that report a step, or a scan of part of the lungs, and not a failure.
NOTES = (
    "lungs_cut_at_top",
    "lungs_cut_at_bottom",
    "right_lung_cut",
    "left_lung_cut",
    "right_lung_completed",
    "left_lung_completed",
)


class MaskQuality(NamedTuple):
    """Quality of an organ mask: whether to trust it, and the reasons if not.

    Attributes:
        ok: True if there is no reason against the mask: its shape is plausible. Dense lung and masses are not judged.
        reasons: Reason codes (keys of ``REASONS``). If ok, only ``NOTES``: a lung without air was completed, or
            the scan shows only part of the lungs.
        volumes_ml: Volume of each organ in mL by name: "right lung", "mediastinum", "left lung".
        heuristic: True if the masks are the boxes of the fallback and not a segmentation.

    Example:
        >>> MaskQuality(False, ("no_lung",), {}, False).ok
        False
    """

    ok: bool
    reasons: tuple[str, ...]
    volumes_ml: dict[str, float]
    heuristic: bool


def judge_volume(ct: np.ndarray, affine: np.ndarray, padding: np.ndarray | None = None) -> tuple[str, ...]:
    """Find reasons why a volume cannot be segmented, before any segmentation.

    Args:
        ct: (X, Y, Z), axes turned to RAS.
        affine: (4, 4), voxel indices to RAS mm.
        padding: (X, Y, Z) bool, voxels without a measured value. They do not count.

    Returns:
        Reason codes: "hu_range", "too_short". Empty if the volume can be segmented.

    Example:
        >>> judge_volume(np.random.default_rng(0).random((9, 9, 90)), np.eye(4))
        ('hu_range',)
    """
    reasons = []
    some = ct[::2, ::2, ::2].astype(np.float32)
    least = some.min(initial=np.inf) if padding is None else some[~padding[::2, ::2, ::2]].min(initial=np.inf)
    if least > -500:
        reasons.append("hu_range")
    if ct.shape[2] * voxel_spacing(affine)[2] < 80.0:
        reasons.append("too_short")
    return tuple(reasons)


def judge_field(
    labels: np.ndarray, ct: np.ndarray, affine: np.ndarray, reasons: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Find lungs that the field of view cuts, and masks that lose a lung between two slices or divide one lung in two.

    Args:
        labels: (X, Y, Z): 1 right lung, 2 mediastinum, 3 left lung.
        ct: (X, Y, Z) in HU.
        affine: (4, 4), voxel indices to RAS mm.
        reasons: Reason codes found before. A lung that was completed is an estimate, so it may end between two slices.

    Returns:
        The reason codes found before, then those of :func:`monai_pylon.transforms.field_of_view.field_reasons`.

    Example:
        >>> labels = np.zeros((20, 10, 20), dtype=np.uint8)
        >>> labels[12:18, 2:8, :9] = 1
        >>> judge_field(labels, np.full(labels.shape, -850.0), np.diag([10.0, 10.0, 10.0, 1.0]))
        ('lungs_cut_at_bottom', 'right_lung_ends_abruptly')
    """
    view = ras_view(labels, affine)
    found = field_reasons(view.array, ras_view(ct, affine).array, voxel_spacing(view.affine))
    known = {*reasons, *(code.replace("completed", "ends_abruptly") for code in reasons)}
    return (*reasons, *(code for code in found if code not in known))


def judge_masks(
    labels: np.ndarray, affine: np.ndarray, min_lung_ml: float, reasons: tuple[str, ...] = ()
) -> MaskQuality:
    """Measure the volumes of an organ mask and judge whether they can be those of a chest.

    Args:
        labels: (X, Y, Z): 1 right lung, 2 mediastinum, 3 left lung.
        affine: (4, 4), voxel indices to RAS mm.
        min_lung_ml: Least volume of both lungs together in mL.
        reasons: Reason codes found before.

    Returns:
        The quality, with volumes in mL.

    Example:
        >>> judge_masks(np.zeros((4, 4, 4), dtype=np.uint8), np.eye(4), 512.0).reasons
        ('no_lung',)
    """
    voxel = voxel_volume_ml(affine)
    organs = labels[bounding_box(labels) or ...]  # a quarter of the volume
    # One comparison for each organ, because counting all values at once would widen every voxel to eight bytes.
    volumes = {name: float(np.count_nonzero(organs == value) * voxel) for name, value in ORGAN_VALUES.items()}
    right, left = volumes["right lung"], volumes["left lung"]
    found = [code for code in reasons if volumes.get(code.removesuffix("_completed").replace("_", " ")) != 0]
    if right + left == 0:
        found += [] if "no_lung" in found else ["no_lung"]
    else:
        if right < max(200.0, left / 6):
            found.append("right_lung_small")
        if left < max(200.0, right / 6):
            found.append("left_lung_small")
        if right + left < min_lung_ml:
            found.append("lungs_small")
        if right + left > 12_000:
            found.append("lungs_large")
    return MaskQuality(set(found) <= set(NOTES), tuple(found), volumes, False)
