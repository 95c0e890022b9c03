"""Regular grids from the positions of axial slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["SliceGrid", "fit_slice_grid", "rounding_step"]

#: A slice may deviate from the grid by this share of the slice spacing, besides the rounding of its position.
_SPACING_TOLERANCE = 0.02
#: Tangent of the largest accepted angle between the slices' normal and the line through their positions (3 degrees).
_TILT_TOLERANCE = 0.05


class SliceGrid(NamedTuple):
    """A regular grid of S slices.

    Attributes:
        order: Indices (S,) that sort the slices along their normal.
        origin: Position (3,) of the first voxel of the first slice, in mm.
        step: Vector (3,) from one slice to the next, in mm.
        problem: Why the slices form no regular grid. Empty if they do.

    Example:
        >>> SliceGrid(np.arange(2), np.zeros(3), np.array([0.0, 0.0, 5.0]), "").problem
        ''
    """

    order: np.ndarray
    origin: np.ndarray
    step: np.ndarray
    problem: str


def rounding_step(values: Sequence[str]) -> float:
    """Return the step to which decimal numbers were rounded.

    Args:
        values: Numbers as text, such as those of ImagePositionPatient.

    Returns:
        The step, in the unit of the numbers: 0.1 for "12.3". The number with the most decimals decides.

    Example:
        >>> rounding_step(["12.3", "13", "-0.6"]), rounding_step(["1.25e1"])
        (0.1, 0.1)
    """
    decimals = 0
    for value in values:
        mantissa, _, exponent = value.strip().lower().partition("e")
        places = len(mantissa.partition(".")[2]) - (int(exponent) if exponent else 0)
        decimals = max(decimals, places)
    return 10.0**-decimals


def fit_slice_grid(positions: np.ndarray, normal: np.ndarray, rounding: float = 0.0) -> SliceGrid:
    """Fit an even grid to the positions of slices.

    The slices are sorted along their normal. A straight line with even steps is fitted to their positions by least
    squares. Each slice must lie on it within half a rounding step plus 2 % of the slice spacing, so a missing slice, a
    duplicate, or a slice shifted sideways is a problem, and rounding is not.

    Args:
        positions: Position of each slice's first voxel (S, 3), in mm (DICOM: ImagePositionPatient).
        normal: Unit vector (3,) perpendicular to the slices.
        rounding: Step to which the positions were rounded, in mm.

    Returns:
        The grid. With one slice, `step` is zero and there is no problem.

    Example:
        >>> heights = np.array([0.0, 0.6, 1.3, 1.9, 2.5])  # 0.625 mm apart, rounded to 0.1 mm
        >>> positions = np.stack([np.zeros(5), np.zeros(5), heights], axis=1)
        >>> fit_slice_grid(positions, np.array([0.0, 0.0, 1.0]), rounding=0.1).problem
        ''
        >>> fit_slice_grid(positions[[0, 1, 3, 4]], np.array([0.0, 0.0, 1.0]), rounding=0.1).problem
        'The slices are 0.60 to 1.30 mm apart. Look for missing slices or duplicates after 0.6 mm.'
    """
    heights = positions @ normal
    order = np.argsort(heights, kind="stable")
    positions, heights = positions[order], heights[order]
    count = len(positions)
    if count == 1:
        return SliceGrid(order, positions[0], np.zeros(3), "")
    index = np.arange(count) - (count - 1) / 2
    step = index @ positions / (index @ index)
    origin = positions.mean(axis=0) - (count - 1) / 2 * step
    gaps = np.diff(heights)
    typical = float(np.median(gaps))
    tolerance = 0.5 * rounding + _SPACING_TOLERANCE * typical
    # Along the normal, a gap joins two rounded positions: its error is up to a whole rounding step.
    uneven = np.abs(gaps - typical) > 2 * tolerance
    if typical <= 0 or uneven.any():
        where = ", ".join(f"{height:.1f} mm" for height in heights[:-1][uneven][:5])
        return SliceGrid(
            order,
            origin,
            step,
            f"The slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart. "
            f"Look for missing slices or duplicates after {where or 'the first'}.",
        )
    deviation = positions - origin - np.arange(count)[:, None] * step
    along = deviation @ normal
    sideways = np.linalg.norm(deviation - along[:, None] * normal, axis=1)
    # Along the normal, rounding may add up where the true spacing is no multiple of the step, but never over the line.
    if np.abs(along).max() > 3 * tolerance:
        worst = float(heights[np.abs(along).argmax()])
        return SliceGrid(
            order, origin, step, f"The spacing of the slices changes along the series, near {worst:.1f} mm."
        )
    if sideways.max() > rounding + 2 * tolerance:
        worst = float(heights[sideways.argmax()])
        problem = f"Slices are shifted sideways by up to {sideways.max():.1f} mm, near {worst:.1f} mm."
        return SliceGrid(order, origin, step, problem)
    rise = float(step @ normal)
    slide = float(np.linalg.norm(step - rise * normal)) / rise
    if slide > _TILT_TOLERANCE:
        angle = np.degrees(np.arctan(slide))
        problem = f"The gantry was tilted by {angle:.1f} degrees. Resample the series to a rectangular grid first."
        return SliceGrid(order, origin, step, problem)
    return SliceGrid(order, origin, step, "")
