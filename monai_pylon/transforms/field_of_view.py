"""Lungs that the field of view cuts off, and lungs that end between two slices.

A scan may show only part of the chest: from the apex to the carina, a slab, the base, or a box around the heart. Its
masks can be right, but their volumes are not those of whole lungs. A mask that loses a lung from one slice to the next
is wrong.
"""

from __future__ import annotations

import numpy as np

__all__ = ["face_areas", "field_reasons"]

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
#: cm2 for each mm. Real and drawn lungs reach 0.36 in slices of 10 mm, and 11 cm2 for each mm.
_LOSS_SHARE, _LOSS_CM2_PER_MM = 0.3, 15.0

#: It ends abruptly, too, if a section with more than this share of the largest section and more than this many cm2 for
#: each mm loses more than the last share of itself. Lungs in slices of 10 mm lose up to 0.78 of such a section.
_END_SECTION, _END_SECTION_CM2_PER_MM, _END_LOSS = 0.2, 2.5, 0.85


def face_areas(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Measure the area in which a mask touches each face of its volume.

    Args:
        mask: (X, Y, Z) bool.
        spacing: Voxel edges in mm.

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
            areas[axis, end] = np.count_nonzero(np.take(mask, -end, axis=axis)) * pixel
    return areas


def _ends_abruptly(sections: np.ndarray, slice_mm: float) -> bool:
    """Tell whether a lung with sections (Z,) in cm2 disappears from one slice to the next."""
    step = max(1, round(_STEP_MM / slice_mm))
    if len(sections) <= step:
        return False
    larger = np.maximum(sections[step:], sections[:-step])
    loss, most, height = np.abs(sections[step:] - sections[:-step]), sections.max(), step * slice_mm
    sudden = loss > max(_LOSS_SHARE * most, _LOSS_CM2_PER_MM * height)
    gone = (larger > max(_END_SECTION * most, _END_SECTION_CM2_PER_MM * height)) & (loss > _END_LOSS * larger)
    return bool((sudden | gone).any())


def field_reasons(labels: np.ndarray, spacing: tuple[float, float, float]) -> tuple[str, ...]:
    """Find lungs that the field of view cuts, and lungs that end between two slices.

    Args:
        labels: (X, Y, Z): 1 right lung, 3 left lung, axes turned to RAS.
        spacing: Voxel edges in mm.

    Returns:
        Reason codes: "lungs_cut_at_top", "lungs_cut_at_bottom", "right_lung_cut", "left_lung_cut" (at a side, the front
        or the back), "right_lung_ends_abruptly", "left_lung_ends_abruptly".

    Example:
        >>> labels = np.zeros((20, 20, 20), dtype=np.uint8)
        >>> labels[12:18, 4:16], labels[2:8, 4:16, 4:] = 1, 3
        >>> field_reasons(labels, (10.0, 10.0, 5.0))
        ('lungs_cut_at_bottom', 'lungs_cut_at_top', 'left_lung_ends_abruptly')
    """
    cut_at_end, beside, abrupt = [False, False], [], []
    for side, value in (("right", 1), ("left", 3)):
        lung = labels == value
        sections = np.count_nonzero(lung, axis=(0, 1)) * (spacing[0] * spacing[1] / 100.0)
        least = max(_END_CM2, _END_SHARE * float(sections.max())) + _END_CM2_PER_MM * spacing[2]
        areas = face_areas(lung, spacing)
        cut_at_end = [cut or area > least for cut, area in zip(cut_at_end, areas[2].tolist(), strict=True)]
        if areas[:2].max() > _FACE_CM2:
            beside.append(f"{side}_lung_cut")
        if _ends_abruptly(sections, spacing[2]):
            abrupt.append(f"{side}_lung_ends_abruptly")
    ends = [f"lungs_cut_at_{end}" for end, cut in zip(("bottom", "top"), cut_at_end, strict=True) if cut]
    return (*ends, *beside, *abrupt)
