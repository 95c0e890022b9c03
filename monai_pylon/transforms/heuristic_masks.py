"""Heuristic masks for scans in which no lungs were found: the volume's halves and its middle (PARTITION, section 12.2).

The authors use them for the 4 % of scans whose masks fail quality control. The masks depend only on the shape and the
orientation of the volume.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_pylon.utils import axis_codes, check, check_affine, check_choice, check_type

__all__ = ["HEURISTICS", "heuristic_organ_labels", "heuristic_organ_masks"]

#: First and last border of the mediastinum from side to side, in twelfths of the volume's width.
HEURISTICS = {"center_half": (3, 9), "middle_two_thirds": (2, 10)}


def heuristic_organ_masks(shape: Sequence[int], affine: np.ndarray, mediastinum: str = "center_half") -> np.ndarray:
    """Create overlapping masks of a volume's right half, middle and left half, for :func:`allowed_regions`.

    The masks extend through the whole volume from front to back and from foot to head. A voxel belongs to a mask if its
    center lies in the mask or on its border. If the number of voxels from side to side is odd, the middle ones are
    therefore in both halves.

    Args:
        shape: (X, Y, Z) of the volume.
        affine: (4, 4), voxel indices to RAS mm; determines left and right. An oblique axis is taken as the nearest
            anatomical one.
        mediastinum: "center_half" as in the paper's text, or "middle_two_thirds" as in the authors' program.

    Returns:
        (3, X, Y, Z) bool: right lung, mediastinum, left lung.

    Raises:
        TypeError: If shape is not a tuple or list, or the affine is missing.
        ValueError: If shape is not three positive whole numbers, the affine is unusable, or mediastinum is unknown.

    Example:
        >>> masks = heuristic_organ_masks((8, 1, 1), np.diag([-1.0, -1.0, 1.0, 1.0]))
        >>> masks[:, :, 0, 0].astype(int)  # from the patient's right to the left
        array([[1, 1, 1, 1, 0, 0, 0, 0],
               [0, 0, 1, 1, 1, 1, 0, 0],
               [0, 0, 0, 0, 1, 1, 1, 1]])
    """
    check_type(shape, (tuple, list), "shape")
    fits = len(shape) == 3 and all(isinstance(n, int | np.integer) and n > 0 for n in shape)
    check(fits, "shape", "three positive whole numbers (X, Y, Z)", shape)
    codes = axis_codes(check_affine(affine))
    check_choice(mediastinum, HEURISTICS, "mediastinum")

    axis = next(i for i, code in enumerate(codes) if code in "RL")
    width = shape[axis]
    centre = 6 * (2 * np.arange(width) + 1)  # of each voxel from the right side, in twelfths of a voxel
    if codes[axis] == "R":
        centre = centre[::-1]
    first, last = HEURISTICS[mediastinum]
    across = np.stack([centre <= 6 * width, (first * width <= centre) & (centre <= last * width), centre >= 6 * width])
    along = [1, 1, 1]
    along[axis] = width
    return np.broadcast_to(across.reshape(3, *along), (3, *shape)).copy()


def heuristic_organ_labels(shape: Sequence[int], affine: np.ndarray, mediastinum: str = "center_half") -> np.ndarray:
    """Create the heuristic masks as one label map, in which the mediastinum takes the voxels where masks overlap.

    The authors' allowed regions need the overlap; for them use :func:`heuristic_organ_masks`.

    Args:
        shape: (X, Y, Z) of the volume.
        affine: (4, 4), voxel indices to RAS mm.
        mediastinum: "center_half" or "middle_two_thirds".

    Returns:
        (X, Y, Z) uint8: 1 right lung, 2 mediastinum, 3 left lung; no background.

    Raises:
        TypeError: If shape is not a tuple or list, or the affine is missing.
        ValueError: If shape is not three positive whole numbers, the affine is unusable, or mediastinum is unknown.

    Example:
        >>> heuristic_organ_labels((8, 1, 1), np.diag([-1.0, -1.0, 1.0, 1.0])).ravel()
        array([1, 1, 2, 2, 2, 2, 3, 3], dtype=uint8)
    """
    right, middle, _ = heuristic_organ_masks(shape, affine, mediastinum)
    return np.where(middle, np.uint8(2), np.where(right, np.uint8(1), np.uint8(3)))
