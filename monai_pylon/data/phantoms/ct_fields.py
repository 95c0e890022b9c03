"""Fields of view of a CT phantom: the part of the chest that is scanned, and the circle that is reconstructed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.utils import check

__all__ = ["FIELDS", "crop_axes", "outside_circle"]

#: Fields of view: the whole grid; a box that cuts one lung 45 mm deep at its side and back; from above the apex to the
#: carina; 100 mm about the middle of the lungs; and from 30 mm above the diaphragm down.
FIELDS = ("whole", "right_side_and_back", "left_side_and_back", "upper", "middle", "lower")

#: Depth in mm to which a box cuts a lung.
_CUT_MM = 45.0


def crop_axes(axes: Sequence[np.ndarray], field: str, anatomy: Anatomy, shift: Sequence[float]) -> list[np.ndarray]:
    """Restrict the axes of a grid to a field of view.

    Args:
        axes: Three arrays (X,), (Y,), (Z,) of scanner millimeters.
        field: One of ``FIELDS``.
        anatomy: The patient.
        shift: Position (3,) of the patient's origin in the scanner, mm.

    Returns:
        The axes within the field of view.

    Raises:
        ValueError: If the grid has no voxel there.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> axis = np.arange(-100.0, 101.0, 10.0)
        >>> axes = crop_axes([axis] * 3, "middle", make_anatomy(np.random.default_rng(0)), (0, 0, 20))
        >>> [part.size for part in axes], float(axes[2].min())
        ([21, 21, 11], -30.0)
    """
    low, high = np.full(3, -np.inf), np.full(3, np.inf)
    side, back = anatomy.chest[0] - _CUT_MM, _CUT_MM - anatomy.chest[1]
    if field == "right_side_and_back":
        high[0], low[1] = side, back
    elif field == "left_side_and_back":
        low[0], low[1] = -side, back
    elif field == "upper":
        low[2] = anatomy.mediastinum.airways[0].points[-1][2]
    elif field == "middle":
        low[2], high[2] = -50.0, 50.0
    elif field == "lower":
        high[2] = max(anatomy.domes) + 30.0
    parts = [
        axis[(axis - o >= first) & (axis - o <= last)]
        for axis, o, first, last in zip(axes, shift, low, high, strict=True)
    ]
    sizes = tuple(len(part) for part in parts)
    check(min(sizes) > 0, "shape", f'a grid with voxels in the field "{field}"', sizes, "Choose a larger shape.")
    return parts


def outside_circle(shape: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Return the pixels outside the largest circle within a slice.

    Args:
        shape: (X, Y) pixels.
        spacing: (x, y) mm.

    Returns:
        (X, Y) bool.

    Example:
        >>> outside_circle((4, 4), (1.0, 1.0))[0].tolist()
        [True, False, False, True]
    """
    x, y = ((np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True))
    radius = min(n * step for n, step in zip(shape, spacing, strict=True)) / 2
    return np.hypot(x[:, None], y[None, :]) > radius
