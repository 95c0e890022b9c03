"""Trachea and main bronchi, which are air but not lung.

The trachea is the longest chain of dark, coin-sized discs near the middle of the axial slices. From its lower end the
air is followed down, slice by slice, until it reaches the lungs or the end of the main bronchi.
"""

from __future__ import annotations

import math

import numpy as np

from monai_pylon.transforms.robust_masks.body import component_centres, label_slices
from monai_pylon.transforms.robust_masks.morphology import dilate_by

__all__ = ["trace_airway"]

#: Limits of a trachea's cross-section in mm². Adults have 100 to 450, a main bronchus cut lengthwise has more.
_TRACHEA_MM2 = (40.0, 700.0)

#: At least this share of a trachea's disc is darker than this HU. Lung parenchyma seldom is, and never in a small disc.
_DARK_HU, _DARK_SHARE = -880.0, 0.2

#: Shortest chain of discs accepted as a trachea, and distance below its lower end that the main bronchi reach, in mm.
_MIN_TRACHEA_MM, _BRONCHI_MM = 25.0, 90.0

#: In-plane distance in mm that a bronchus may move from one slice to the next.
_SHIFT_MM = 4.0

#: Where a bronchus opens into a lung, only air darker than this HU is followed.
_BRONCHUS_HU = -900.0


def _discs(ct: np.ndarray, numbered: np.ndarray, count: int, hull: np.ndarray, pixel_mm2: float) -> np.ndarray:
    """Return the components that may be a cross-section of the trachea.

    Args:
        ct: (X, Y, Z) in HU.
        numbered: (X, Y, Z), the number of the component at each voxel of air, 0 elsewhere.
        count: The highest number.
        hull: (X, Y, Z) bool, the convex hull of the body.
        pixel_mm2: Area of a pixel in mm².

    Returns:
        (D, 4) of [slice, x, y, number], centers in voxels, ordered by slice.
    """
    air = numbered > 0
    area = np.bincount(numbered[air], minlength=count + 1) * pixel_mm2
    dark = np.bincount(numbered[air & (ct < _DARK_HU)], minlength=count + 1) * pixel_mm2
    fits = np.logical_and(area >= _TRACHEA_MM2[0], area <= _TRACHEA_MM2[1]) & (dark >= _DARK_SHARE * area)
    numbers = np.flatnonzero(fits)
    numbers = numbers[numbers > 0]
    if not len(numbers):
        return np.empty((0, 4))
    x, y, z = component_centres(numbered, count)[numbers].T
    body = np.asarray(hull.any(axis=1))  # (X, Z)
    first = np.asarray(body.argmax(axis=0))
    width = np.asarray(body.shape[0] - body[::-1].argmax(axis=0) - first)
    level: np.ndarray = np.asarray(np.rint(z), dtype=int)
    middle = np.abs(x - first[level] - width[level] / 2) < 0.2 * width[level]
    found = np.stack([z, x, y, numbers], axis=1)[middle]
    return found[np.lexsort(found.T[::-1])]


def _longest_chain(discs: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the longest chain of discs from low to high: one disc on each slice, each near the one before."""
    reach = max(6.0, spacing[2])
    length = np.ones(len(discs), dtype=int)
    following = np.full(len(discs), -1)
    for row in range(len(discs) - 1, -1, -1):
        above = np.flatnonzero(discs[:, 0] == discs[row, 0] + 1)
        steps = np.hypot(*((discs[above, 1:3] - discs[row, 1:3]) * spacing[:2]).T)
        above = above[steps < reach]
        if len(above):
            following[row] = above[length[above].argmax()]
            length[row] += length[following[row]]
    chain = []
    row = int(length.argmax()) if len(discs) else -1
    while row >= 0:
        chain.append(row)
        row = int(following[row])
    return discs[chain]


def _follow_down(
    airway: np.ndarray, ct: np.ndarray, numbered: np.ndarray, start: int, spacing: tuple[float, float, float]
) -> None:
    """Add the main bronchi below slice ``start``, the lowest of the trachea, to ``airway`` in place."""
    pixel_mm2 = spacing[0] * spacing[1]
    stop = max(-1, start - math.ceil(_BRONCHI_MM / spacing[2]) - 1)
    for z in range(start - 1, stop, -1):
        above = airway[:, :, z + 1]
        if not above.any():
            return
        # Work in a window, because a slice has a hundred times more voxels than the bronchi.
        pad = [math.ceil(40.0 / spacing[axis]) for axis in (0, 1)]
        rows, columns = (
            slice(max(0, int(hit.min()) - pad[axis]), int(hit.max()) + pad[axis] + 1)
            for axis, hit in enumerate(np.nonzero(above))
        )
        window = (rows, columns)
        here = (rows, columns, z)
        near = dilate_by(above[window], _SHIFT_MM, spacing[:2])
        numbers, values = numbered[here], ct[here]
        largest = max(500.0, 1.6 * above.sum() * pixel_mm2)
        for number in np.unique(numbers[near & (numbers > 0)]):
            piece = numbers == number
            if piece.sum() * pixel_mm2 > largest:  # the bronchus opens into a lung
                piece &= near & (values < _BRONCHUS_HU)
            elif np.count_nonzero(values[piece] < -850) < 0.3 * piece.sum():
                continue
            airway[here] |= piece


def trace_airway(
    ct: np.ndarray, air: np.ndarray, hull: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray | None:
    """Find the trachea and the main bronchi.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS, at most about 5 mm in-plane.
        air: (X, Y, Z) bool, air enclosed by the body, without partial volume (below about -500 HU).
        hull: (X, Y, Z) bool, the convex hull of the body.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool. None if there is no trachea; the volume may then not be a chest.

    Example:
        >>> ct = np.full((40, 40, 20), 40.0)
        >>> ct[18:22, 18:22] = -1000  # a trachea of 16 mm by 16 mm
        >>> hull = np.ones(ct.shape, dtype=bool)
        >>> int(trace_airway(ct, ct < -500, hull, (4.0, 4.0, 4.0)).sum())
        320
    """
    numbered, count = label_slices(air)
    chain = _longest_chain(_discs(ct, numbered, count, hull, spacing[0] * spacing[1]), spacing)
    if len(chain) * spacing[2] < _MIN_TRACHEA_MM:
        return None
    airway = np.zeros(ct.shape, dtype=bool)
    for z, _, _, number in chain.astype(int):
        airway[:, :, z] |= numbered[:, :, z] == number
    _follow_down(airway, ct, numbered, int(chain[0, 0]), spacing)
    return airway
