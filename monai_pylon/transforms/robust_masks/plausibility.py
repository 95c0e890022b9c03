"""Plausibility of organ masks: gas within a lung, a mediastinum that is too large or reaches into one side."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.spine import Spine
from monai_pylon.transforms.robust_masks.symmetry import find_symmetry_plane
from monai_pylon.utils.arrays import bounding_box

__all__ = ["doubt_lungs", "doubt_mediastinum"]

#: Gas without tissue is darker than this HU on average over the edge in mm. In the lower half of the lungs of five real
#: scans, one of them with severe emphysema, the largest such part has 2 mL.
_GAS_HU, _MEAN_MM, _GAS_ML = -975.0, 8.0, 20.0

#: In the upper half of a lung the mediastinum reaches about 50 mm to each side of the spine. Of six scans without a
#: mass at the hilum, up to 20 mL lie beyond this distance in mm, of LUNG1-001 with its mass 117 mL.
_ASIDE_MM, _BEYOND_ML = 60.0, 40.0


def _beyond(
    mediastinum: np.ndarray, spine: Spine, side: int, low: int, angle: float, edges: tuple[float, ...]
) -> float:
    """Return the volume in mL of the mediastinum above level ``low`` that lies far on one side (1 right, -1 left)."""
    levels = spine.levels > low
    x, y = (np.arange(n) * edge for n, edge in zip(mediastinum.shape[:2], edges, strict=False))
    along = x[:, None] * np.cos(angle) + y * np.sin(angle)
    middle = spine.canal[levels] @ (np.array(edges[:2]) * (np.cos(angle), np.sin(angle)))
    far = side * (along[:, :, None] - middle) > _ASIDE_MM
    return np.count_nonzero(mediastinum[:, :, spine.levels[levels]] & far) * math.prod(edges) / 1000


def doubt_lungs(ct: np.ndarray, lungs: np.ndarray, spacing: tuple[float, float, float]) -> tuple[str, ...]:
    """Find gas without tissue that lies in the lower half of the lungs alone, as that of stomach or bowel.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        lungs: (X, Y, Z) bool, both lungs.
        spacing: Voxel edges in mm.

    Returns:
        Reason codes: "gas_in_lung" if a connected part has more than 20 mL. Pleural air that reaches higher is none.

    Example:
        >>> ct = np.full((20, 20, 20), -850.0)
        >>> ct[2:14, 2:14, 1:9] = -1000.0
        >>> doubt_lungs(ct, np.ones(ct.shape, dtype=bool), (4.0, 4.0, 4.0))
        ('gas_in_lung',)
    """
    box = bounding_box(lungs)
    if box is None:
        return ()
    edges = [max(1, round(_MEAN_MM / edge)) for edge in spacing]
    window = tuple(slice(max(0, part.start - edge), part.stop + edge) for part, edge in zip(box, edges, strict=True))
    lungs = lungs[window]
    mean = ndimage.uniform_filter(ct[window].astype(np.float32), edges, mode="nearest")
    parts, count = ndimage.label(lungs & (mean < _GAS_HU))
    # pleural air reaches higher than the middle of the lungs, gas of the abdomen does not
    middle = (box[2].start + box[2].stop - 1) // 2 - window[2].start
    lowest = np.setdiff1d(np.arange(1, count + 1), parts[:, :, middle + 1 :])
    if not len(lowest):
        return ()
    largest = np.bincount(parts.ravel())[lowest].max() * math.prod(spacing) / 1000
    return ("gas_in_lung",) if largest > _GAS_ML else ()


def doubt_mediastinum(
    right: np.ndarray,
    mediastinum: np.ndarray,
    left: np.ndarray,
    ct: np.ndarray,
    spacing: tuple[float, float, float],
    spine: Spine | None = None,
) -> tuple[str, ...]:
    """Find reasons why a mediastinum may contain more than the mediastinum.

    Args:
        right: (X, Y, Z) bool, axes turned to RAS.
        mediastinum: (X, Y, Z) bool.
        left: (X, Y, Z) bool.
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.
        spine: The spine, from `find_spine`. Without it, the width is not judged.

    Returns:
        Reason codes: "mediastinum_large" if it is larger than both lungs together, "mediastinum_wide" if in the upper
        half of a lung it reaches far into that side, as with a mass or collapsed lung at the hilum. Empty without a
        lung on each side.

    Example:
        >>> right, left, middle = np.zeros((3, 20, 4, 4), dtype=bool)
        >>> right[15:], left[:5], middle[5:15] = True, True, True
        >>> doubt_mediastinum(right, middle, left, np.zeros(right.shape), (5.0, 5.0, 5.0))
        ()
    """
    if not (right.any() and left.any()):
        return ()
    lungs = right | left
    reasons = []
    if np.count_nonzero(mediastinum) > np.count_nonzero(lungs):
        reasons.append("mediastinum_large")
    if spine is not None:
        for side, lung in ((1, right), (-1, left)):
            levels = np.flatnonzero(lung.any(axis=(0, 1)))
            low = (levels[0] + levels[-1]) // 2
            if _beyond(mediastinum, spine, side, low, 0.0, spacing) < _BEYOND_ML:
                continue
            # Only then is the rotation of the patient needed.
            plane = find_symmetry_plane(ct[:, :, spine.levels], spacing)
            angle = 0.0 if plane is None else plane.angle
            if _beyond(mediastinum, spine, side, low, angle, spacing) >= _BEYOND_ML:
                reasons.append("mediastinum_wide")
                break
    return tuple(reasons)
