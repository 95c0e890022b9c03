"""The organ masks as the paper's authors made them (PARTITION, section 12.2), with mL for voxels.

The steps and their constants are the authors'; what they took for granted is taken from the affine instead: 0.8 mm
voxels, and volumes stored from right to left, front to back and head to feet. In that storage the result is theirs
bit for bit, and a volume stored otherwise gets the same mask of the same anatomy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.utils import check, check_affine, check_type, ras_view, voxel_volume_ml

__all__ = ["paper_organ_labels", "paper_quality_reasons"]

#: HU below which a voxel may be lung.
_LUNG_HU = -300

#: The lungs' box must begin at or before column 130 and end at or after column 300 of the authors' 420.
_LAST_RIGHT_EDGE, _FIRST_LEFT_EDGE, _COLUMNS = 130, 300, 420


class _Axes(NamedTuple):
    """Which array axis is which anatomical one: the order (S, A, R), and whether the index grows towards the left."""

    order: tuple[int, int, int]
    towards_left: bool


def _anatomical_axes(volume: np.ndarray, affine: np.ndarray) -> _Axes:
    forward = ras_view(volume, affine).forward
    right, anterior, superior = (int(axis) for axis in np.argsort(forward[:, 0]))
    return _Axes((superior, anterior, right), bool(forward[right, 1] < 0))


def _checked_volume(volume: np.ndarray, argument: str) -> np.ndarray:
    if not hasattr(volume, "__array__"):
        check_type(volume, np.ndarray, argument)
    array = np.asarray(volume)
    check(array.ndim == 3, argument, "a volume (X, Y, Z)", volume, "Take one channel of a channel-first image.")
    return array


def _mediastinum_and_left(lungs: tuple[int, int], width: int, towards_left: bool) -> tuple[slice, slice]:
    """Along the right-left axis: the lungs' box less a quarter on the right and an eighth on the left, and the left
    half of the volume. The authors round a quarter down, then half of it, then the half volume."""
    quarter = (lungs[1] - lungs[0]) // 4
    if towards_left:
        return slice(lungs[0] + quarter, lungs[1] - quarter // 2), slice(width // 2, width)
    return slice(lungs[0] + quarter // 2, lungs[1] - quarter), slice(0, width - width // 2)


def paper_organ_labels(ct: np.ndarray, affine: np.ndarray, min_lung_ml: float = 512.0) -> np.ndarray:
    """Lungs and mediastinum by the authors' steps: threshold, two largest per slice, large components, boxes.

    On each axial slice, voxels below -300 HU that do not hang on the slice's border are grouped by sides and corners,
    and the groups as large as the second largest are kept. Of what is left, components in space (by faces) of at least
    ``min_lung_ml`` are the lungs. The mediastinum is what is not lung inside their bounding box, narrowed by a quarter
    of its width on the patient's right and an eighth on the left. The left lung is what lies in the left half of the
    **volume**: so the authors' program; the paper's text halves the bounding box.

    Where no component is large enough every voxel is background. (The authors' program then takes the whole volume
    for the bounding box and goes on.) See :func:`paper_quality_reasons` for the authors' quality control.

    Args:
        ct: (X, Y, Z) in HU. NaN is not lung.
        affine: (4, 4), voxel indices to RAS mm.
        min_lung_ml: the least volume of a component in mL; 512 mL are the authors' 1,000,000 voxels.

    Returns:
        (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung.

    Raises:
        TypeError: where ct or affine is no array.
        ValueError: where ct is not three-dimensional, the affine is not usable, or min_lung_ml is not positive.

    Example:
        >>> ct = np.full((20, 10, 10), 40)
        >>> ct[2:7, 2:8, 2:8] = ct[12:18, 2:8, 2:8] = -800
        >>> labels = paper_organ_labels(ct, np.diag([-10.0, -10.0, -10.0, 1.0]), min_lung_ml=100)
        >>> labels[:, 5, 5].tolist()
        [0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0, 0]
    """
    volume, matrix = _checked_volume(ct, "ct"), check_affine(affine)
    check(min_lung_ml > 0, "min_lung_ml", "positive (mL)", min_lung_ml)
    kernels, _ = optional_import("monai_pylon.transforms.paper_kernels")

    axes = _anatomical_axes(volume, matrix)
    turned = volume.transpose(axes.order)
    mask = np.empty(turned.shape, dtype=bool)
    for row in range(mask.shape[1]):  # plane by plane the transposition stays in the cache: three times faster
        np.less(turned[:, row], _LUNG_HU, out=mask[:, row])
    start, stop, first = kernels.two_largest_runs(mask)

    # A header in single precision is off by 1e-7: it must not turn 1,000,000 voxels into 1,000,001.
    least = math.ceil(min_lung_ml / voxel_volume_ml(matrix) * (1 - 5e-7))
    kept = kernels.component_volumes(start, stop, first, mask.shape[1]) >= least
    first = np.concatenate([[0], np.cumsum(kept)])[first]
    start, stop = start[kept], stop[kept]

    labels = mask.view(np.uint8)
    if not len(start):
        labels[:] = 0
    else:
        planes, rows = np.divmod(np.flatnonzero(np.diff(first)), mask.shape[1])
        across, left = _mediastinum_and_left((start.min(), stop.max()), mask.shape[2], axes.towards_left)
        box = (planes.min(), planes.max() + 1, rows.min(), rows.max() + 1, across.start, across.stop)
        kernels.paint_organs(labels, start, stop, first, np.array(box), np.array([left.start, left.stop]))
    return labels.transpose(np.argsort(axes.order))


def paper_quality_reasons(labels: np.ndarray, affine: np.ndarray) -> tuple[str, ...]:
    """The authors' quality control of their masks (section 12.2): is a lung missing at the right or the left?

    Their program asks whether the lungs begin after column 130 or end before column 300 of 420; here the same shares
    of the grid's width. What fails they replace by the heuristic masks.

    Args:
        labels: (X, Y, Z): 1 right lung, 2 mediastinum, 3 left lung.
        affine: (4, 4), voxel indices to RAS mm.

    Returns:
        reason codes, empty where the masks pass: "no_lung", "right_lung_missing", "left_lung_missing".

    Raises:
        TypeError: where labels or affine is no array.
        ValueError: where labels is not three-dimensional or the affine is not usable.

    Example:
        >>> labels = np.zeros((420, 1, 1), dtype=np.uint8)
        >>> labels[40:200] = 1
        >>> paper_quality_reasons(labels, np.diag([-0.8, -0.8, -0.8, 1.0]))
        ('left_lung_missing',)
    """
    volume = _checked_volume(labels, "labels")
    axes = _anatomical_axes(volume, check_affine(affine))
    lung = (volume == 1) | (volume == 3)
    across = np.any(lung, axis=axes.order[:2])
    columns = np.flatnonzero(across if axes.towards_left else across[::-1])
    if not len(columns):
        return ("no_lung",)
    reasons = []
    if columns[0] * _COLUMNS > _LAST_RIGHT_EDGE * len(across):
        reasons.append("right_lung_missing")
    if (columns[-1] + 1) * _COLUMNS < _FIRST_LEFT_EDGE * len(across):
        reasons.append("left_lung_missing")
    return tuple(reasons)
