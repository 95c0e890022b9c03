"""Lungs that the field of view cuts off, and masks that cannot be two whole lungs.

A scan may show only part of the chest: from the apex to the carina, a slab, the base, or a box around the heart. Its
masks can be right, but their volumes are not those of whole lungs. A mask that loses a lung from one slice to the next,
or that divides one lung in two, is wrong.
"""

from __future__ import annotations

import numpy as np

from monai_pylon.utils.arrays import bounding_box

__all__ = ["contact_area", "face_areas", "field_reasons"]

#: A lung is cut at the first or last slice if its section there has more than this share of its largest section and
#: more than this many cm2, plus this many cm2 for each mm between slices. Whole lungs in slices of 10 mm have up to
#: 22 cm2 (0.13) there.
_END_SHARE, _END_CM2, _END_CM2_PER_MM = 0.15, 5.0, 1.0

#: A lung is cut at a side, the front or the back if it touches that face of the volume with more than this, in cm2. The
#: chest wall keeps whole lungs away from the faces.
_FACE_CM2 = 5.0

#: Sections are compared over about this distance, because edges of masks are drawn in blocks of about 2 mm.
_STEP_MM = 2.5

#: A lung ends abruptly if its section changes by more than this share of its largest section and more than this many
#: cm2 for each mm, and if the CT goes on as lung. Whole lungs reach 0.36 in slices of 10 mm, and 11 cm2 for each mm,
#: but end at tissue.
_LOSS_SHARE, _LOSS_CM2_PER_MM = 0.2, 8.0

#: It ends abruptly, too, if a section with more than this share of the largest section and more than this many cm2 for
#: each mm loses more than the last share of itself. Lungs in slices of 10 mm lose up to 0.78 of such a section.
_END_SECTION, _END_SECTION_CM2_PER_MM, _END_LOSS = 0.2, 2.5, 0.85

#: HU of lung, and the share of the lost section that must have them. Gas of the stomach is darker.
_LUNG_HU, _LUNG_SHARE = (-950.0, -500.0), 0.3

#: Two lungs border on each other by up to 27 cm2, in front of the heart. Parts of one lung have more than this.
_CONTACT_CM2 = 80.0


def face_areas(labels: np.ndarray, spacing: tuple[float, float, float], value: int | bool = True) -> np.ndarray:
    """Measure the area in which a mask touches each face of its volume.

    Args:
        labels: (X, Y, Z), a mask or label map.
        spacing: Voxel edges in mm.
        value: The value that belongs to the mask.

    Returns:
        (3, 2) cm2: the first and the last face along each axis.

    Example:
        >>> mask = np.zeros((4, 4, 4), dtype=bool)
        >>> mask[0, 1:3, 1:4] = True
        >>> face_areas(mask, (10.0, 10.0, 10.0)).tolist()
        [[6.0, 0.0], [0.0, 0.0], [0.0, 2.0]]
    """
    areas = np.zeros((3, 2))
    for axis in range(3):
        pixel = float(np.prod(spacing)) / spacing[axis] / 100.0
        for end in (0, 1):
            areas[axis, end] = np.count_nonzero(np.moveaxis(labels, axis, 0)[-end] == value) * pixel
    return areas


def _lung_boxes(labels: np.ndarray) -> dict[int, tuple[slice, ...] | None]:
    """Return the bounding box of the right lung (1) and of the left lung (3), None without this lung."""
    both = bounding_box(labels)
    boxes: dict[int, tuple[slice, ...] | None] = {1: None, 3: None}
    if both is not None:
        for value in boxes:
            box = bounding_box(labels[both] == value)
            if box is not None:
                boxes[value] = tuple(
                    slice(outer.start + part.start, outer.start + part.stop)
                    for outer, part in zip(both, box, strict=True)
                )
    return boxes


def contact_area(
    labels: np.ndarray, spacing: tuple[float, float, float], boxes: dict[int, tuple[slice, ...] | None] | None = None
) -> float:
    """Measure the area over which right and left lung border on each other.

    Args:
        labels: (X, Y, Z): 1 right lung, 3 left lung.
        spacing: Voxel edges in mm.
        boxes: Bounding boxes of the labels 1 and 3, if they are known.

    Returns:
        Area in cm2, the sum of the voxel faces between them.

    Example:
        >>> labels = np.zeros((4, 5, 5), dtype=np.uint8)
        >>> labels[:2], labels[2:] = 3, 1
        >>> contact_area(labels, (10.0, 10.0, 10.0))
        25.0
    """
    right, left = (boxes or _lung_boxes(labels)).values()
    if right is None or left is None:
        return 0.0
    # The lungs can only meet where their boxes do.
    labels = labels[
        tuple(
            slice(max(0, one.start - 1, other.start - 1), min(one.stop, other.stop) + 1)
            for one, other in zip(right, left, strict=True)
        )
    ]
    area = 0.0
    for axis in range(3):
        pixel = float(np.prod(spacing)) / spacing[axis] / 100.0
        turned = np.moveaxis(labels, axis, 0)
        one, other = turned[1:], turned[:-1]
        area += np.count_nonzero(one * other == 3) * pixel  # 1 beside 3
    return float(area)


def _margin(spacing: tuple[float, float, float]) -> int:
    """Return the number of slices over which sections are compared."""
    return max(1, round(_STEP_MM / spacing[2]))


def _ends_abruptly(lung: np.ndarray, ct: np.ndarray, spacing: tuple[float, float, float]) -> bool:
    """Tell whether a lung (X, Y, Z) bool disappears from one slice to the next although the CT goes on as lung."""
    sections = np.count_nonzero(lung, axis=(0, 1)) * (spacing[0] * spacing[1] / 100.0)
    step = _margin(spacing)
    larger = np.maximum(sections[step:], sections[:-step])
    loss, most, height = np.abs(sections[step:] - sections[:-step]), sections.max(), step * spacing[2]
    sudden = loss > max(_LOSS_SHARE * most, _LOSS_CM2_PER_MM * height)
    gone = (larger > max(_END_SECTION * most, _END_SECTION_CM2_PER_MM * height)) & (loss > _END_LOSS * larger)
    for low in np.flatnonzero(sudden | gone):
        last, beyond = (low, low + step) if sections[low] > sections[low + step] else (low + step, low)
        lost = lung[:, :, last] & ~lung[:, :, beyond]
        values = ct[:, :, beyond][lost]
        if np.count_nonzero((values > _LUNG_HU[0]) & (values < _LUNG_HU[1])) > _LUNG_SHARE * len(values):
            return True
    return False


def field_reasons(labels: np.ndarray, ct: np.ndarray, spacing: tuple[float, float, float]) -> tuple[str, ...]:
    """Find lungs that the field of view cuts, lungs that end between two slices, and one lung with two labels.

    Args:
        labels: (X, Y, Z): 1 right lung, 3 left lung, axes turned to RAS.
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.

    Returns:
        Reason codes: "lungs_cut_at_top", "lungs_cut_at_bottom", "right_lung_cut", "left_lung_cut" (at a side, the front
        or the back), "right_lung_ends_abruptly", "left_lung_ends_abruptly", "lungs_joined".

    Example:
        >>> labels = np.zeros((20, 20, 20), dtype=np.uint8)
        >>> labels[12:18, 4:16], labels[2:8, 4:16, 4:] = 1, 3
        >>> ct = np.full(labels.shape, 40.0)
        >>> ct[12:18, 4:16] = ct[2:8, 4:16] = -850.0
        >>> field_reasons(labels, ct, (10.0, 10.0, 5.0))
        ('lungs_cut_at_bottom', 'lungs_cut_at_top', 'left_lung_ends_abruptly')
    """
    cut_at_end, beside, abrupt = [False, False], [], []
    boxes = _lung_boxes(labels)
    for side, value in (("right", 1), ("left", 3)):
        box = boxes[value]
        if box is None:
            continue
        # Keep a margin along the body to see how the CT goes on beyond the lung.
        box = (*box[:2], slice(max(0, box[2].start - _margin(spacing)), box[2].stop + _margin(spacing)))
        lung = labels[box] == value
        sections = np.count_nonzero(lung, axis=(0, 1)) * (spacing[0] * spacing[1] / 100.0)
        least = max(_END_CM2, _END_SHARE * float(sections.max())) + _END_CM2_PER_MM * spacing[2]
        areas = face_areas(labels, spacing, value)
        cut_at_end = [cut or area > least for cut, area in zip(cut_at_end, areas[2].tolist(), strict=True)]
        if areas[:2].max() > _FACE_CM2:
            beside.append(f"{side}_lung_cut")
        if _ends_abruptly(lung, ct[box], spacing):
            abrupt.append(f"{side}_lung_ends_abruptly")
    if contact_area(labels, spacing, boxes) > _CONTACT_CM2:
        abrupt.append("lungs_joined")
    ends = [f"lungs_cut_at_{end}" for end, cut in zip(("bottom", "top"), cut_at_end, strict=True) if cut]
    return (*ends, *beside, *abrupt)
