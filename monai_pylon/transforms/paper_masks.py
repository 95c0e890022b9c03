"""Organ masks by the steps of the paper's authors (PARTITION, section 12.2), with mL instead of voxels.

The authors assume voxels of 0.8 mm and volumes stored from right to left, front to back and head to feet. Here the
affine gives spacing and orientation, and all other steps and constants are the authors'. On such a volume the masks
equal theirs bit for bit. Any other storage of the same anatomy gives the same mask.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.utils import check, check_affine, check_type, ras_view
from monai_pylon.utils.arrays import as_array
from monai_pylon.utils.geometry import voxel_volume_ml

__all__ = ["paper_organ_labels", "paper_quality_reasons"]

#: HU below which a voxel may be lung.
_LUNG_HU = -300

#: The bounding box of the lungs must begin at or before column 130 and end at or after column 300 of the authors' 420.
_LAST_RIGHT_EDGE, _FIRST_LEFT_EDGE, _COLUMNS = 130, 300, 420


class _Axes(NamedTuple):
    """Array axes in the anatomical order (S, A, R), and whether the index along R grows towards the left."""

    order: tuple[int, int, int]
    towards_left: bool


def _anatomical_axes(volume: np.ndarray, affine: np.ndarray) -> _Axes:
    forward = ras_view(volume, affine).forward
    right, anterior, superior = (int(axis) for axis in np.argsort(forward[:, 0]))
    return _Axes((superior, anterior, right), bool(forward[right, 1] < 0))


def _checked_volume(volume: np.ndarray, argument: str) -> np.ndarray:
    if not hasattr(volume, "__array__"):
        check_type(volume, np.ndarray, argument)
    array = as_array(volume)
    check(array.ndim == 3, argument, "a volume (X, Y, Z)", volume, "Take one channel of a channel-first image.")
    return array


def _mediastinum_and_left(lungs: tuple[int, int], width: int, towards_left: bool) -> tuple[slice, slice]:
    """Compute the mediastinum's range and the left half of the volume along the right-left axis.

    The mediastinum's range is that of the lungs without a quarter on the right and an eighth on the left. As in the
    authors' program the quarter is rounded down, then half of the quarter, then half of the volume.
    """
    quarter = (lungs[1] - lungs[0]) // 4
    if towards_left:
        return slice(lungs[0] + quarter, lungs[1] - quarter // 2), slice(width // 2, width)
    return slice(lungs[0] + quarter // 2, lungs[1] - quarter), slice(0, width - width // 2)


def paper_organ_labels(ct: np.ndarray, affine: np.ndarray, min_lung_ml: float = 512.0) -> np.ndarray:
    """Segment lungs and mediastinum by the authors' steps: threshold, two largest per slice, large components, boxes.

    1. On each axial slice, take the voxels below -300 HU and their 8-connected components. Drop the components at the
       slice's border, and keep those that are at least as large as the second largest.
    2. The lungs are the 6-connected components of the volume of at least ``min_lung_ml``.
    3. The mediastinum is the bounding box of the lungs without the lungs, narrowed by a quarter of its width on the
       patient's right and by an eighth on the left.
    4. The left lung is the part of the lungs in the left half of the **volume**, as in the authors' program. The
       paper's text halves the bounding box instead.

    If no component is large enough, every voxel is background. (The authors' program then continues with the whole
    volume as the bounding box.) See :func:`paper_quality_reasons` for the authors' quality control.

    Args:
        ct: (X, Y, Z) in HU. NaN is not lung.
        affine: (4, 4), voxel indices to RAS mm.
        min_lung_ml: Least volume of a component in mL. 512 mL are the authors' 1,000,000 voxels.

    Returns:
        (X, Y, Z) uint8: 0 background, 1 right lung, 2 mediastinum, 3 left lung.

    Raises:
        TypeError: If ct or affine is not an array.
        ValueError: If ct is not three-dimensional, the affine is unusable, or min_lung_ml is not positive.

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
    for row in range(mask.shape[1]):  # three times faster than the whole volume, because a plane fits in the cache
        np.less(turned[:, row], _LUNG_HU, out=mask[:, row])
    start, stop, first = kernels.two_largest_runs(mask)

    # The error of a header in single precision, 1e-7, must not turn 1,000,000 voxels into 1,000,001.
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
    """Check by the authors' quality control whether a lung is missing at the right or the left (section 12.2).

    Their program tests whether the lungs begin after column 130 or end before column 300 of 420. This function tests
    the same shares of the volume's width. The authors replace masks that fail by the heuristic masks.

    Args:
        labels: (X, Y, Z): 1 right lung, 2 mediastinum, 3 left lung.
        affine: (4, 4), voxel indices to RAS mm.

    Returns:
        Reason codes: "no_lung", "right_lung_missing", "left_lung_missing". Empty if the masks pass.

    Raises:
        TypeError: If labels or affine is not an array.
        ValueError: If labels is not three-dimensional or the affine is unusable.

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
