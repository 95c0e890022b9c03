"""Masks for want of better ones, where the lungs were not found: halves of the volume, and its middle (section 12.2).

The authors use them for the 4 % of scans whose masks fail quality control. They know nothing of the patient but which
side is right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_pylon.utils import axis_codes, check, check_affine, check_choice, check_type

__all__ = ["HEURISTICS", "heuristic_organ_labels", "heuristic_organ_masks"]

#: Where the mediastinum lies between the volume's two sides, in twelfths of its width.
HEURISTICS = {"center_half": (3, 9), "middle_two_thirds": (2, 10)}


def heuristic_organ_masks(shape: Sequence[int], affine: np.ndarray, mediastinum: str = "center_half") -> np.ndarray:
    """Right half, middle and left half of a volume: three masks that overlap, for :func:`allowed_regions`.

    They reach through the whole volume from front to back and from foot to head. A voxel belongs to a mask where its
    centre lies in it or on its border: with an odd number of voxels from side to side the middle ones are in both
    halves.

    Args:
        shape: (X, Y, Z) of the volume.
        affine: (4, 4), voxel indices to RAS mm; it tells left from right. Oblique axes count as the nearest ones.
        mediastinum: "center_half" as the paper's text says, or "middle_two_thirds" as the authors' program does.

    Returns:
        (3, X, Y, Z) bool: right lung, mediastinum, left lung.

    Raises:
        TypeError: where shape is no sequence or the affine is missing.
        ValueError: where shape is not three positive whole numbers, the affine not usable, the choice unknown.

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
    place = 6 * (2 * np.arange(width) + 1)  # of the voxels' centres, in twelfths of a voxel, counted from the right
    if codes[axis] == "R":
        place = place[::-1]
    first, last = HEURISTICS[mediastinum]
    across = np.stack([place <= 6 * width, (first * width <= place) & (place <= last * width), place >= 6 * width])
    along = [1, 1, 1]
    along[axis] = width
    return np.broadcast_to(across.reshape(3, *along), (3, *shape)).copy()


def heuristic_organ_labels(shape: Sequence[int], affine: np.ndarray, mediastinum: str = "center_half") -> np.ndarray:
    """The heuristic masks as one label map. Where they overlap the mediastinum wins, so that the lungs are its flanks.

    The loss of the overlap is the map's, not the authors': for their allowed regions use
    :func:`heuristic_organ_masks`.

    Args:
        shape: (X, Y, Z) of the volume.
        affine: (4, 4), voxel indices to RAS mm.
        mediastinum: "center_half" or "middle_two_thirds".

    Returns:
        (X, Y, Z) uint8: 1 right lung, 2 mediastinum, 3 left lung; no background.

    Raises:
        TypeError: as :func:`heuristic_organ_masks`.
        ValueError: as :func:`heuristic_organ_masks`.

    Example:
        >>> heuristic_organ_labels((8, 1, 1), np.diag([-1.0, -1.0, 1.0, 1.0])).ravel()
        array([1, 1, 2, 2, 2, 2, 3, 3], dtype=uint8)
    """
    right, middle, _ = heuristic_organ_masks(shape, affine, mediastinum)
    return np.where(middle, np.uint8(2), np.where(right, np.uint8(1), np.uint8(3)))
