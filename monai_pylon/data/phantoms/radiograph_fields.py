"""Lung fields of the radiograph phantom, and box sizes distributed as in published boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.radiograph_chest import CLEAR_MM

__all__ = ["FindingBox", "LungField", "draw_extent"]


class FindingBox(NamedTuple):
    """Box on the detector, mm.

    Attributes:
        u, v: Center.
        width, height: Length of the sides.

    Example:
        >>> FindingBox(10.0, 0.0, 4.0, 8.0).corners()
        ((8.0, -4.0), (12.0, 4.0))
    """

    u: float
    v: float
    width: float
    height: float

    def corners(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the lowest and the highest (u, v)."""
        half = self.width / 2, self.height / 2
        return (self.u - half[0], self.v - half[1]), (self.u + half[0], self.v + half[1])


class LungField(NamedTuple):
    """Dark field of one lung on the detector.

    Attributes:
        side: +1 right, -1 left.
        top, bottom: v of the highest and the lowest row, mm.
        v: (R,), rows from top to bottom, mm.
        outer, inner: (R,), u of the border at the ribs and at the mediastinum in each row, mm.

    Example:
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> detector = Detector(4, 40.0, PatientPose())
        >>> LungField.of(detector, np.full((4, 4), 99.0), side=1).outer.tolist()
        [20.0, 20.0, 20.0, 20.0]
    """

    side: int
    top: float
    bottom: float
    v: np.ndarray
    outer: np.ndarray
    inner: np.ndarray

    @classmethod
    def of(cls, detector: Detector, chord: np.ndarray, side: int) -> LungField:
        """Compute the field of a lung from mm of lung along each ray (H, W)."""
        inside = chord > CLEAR_MM
        rows = np.flatnonzero(inside.any(axis=1))
        inside = inside[rows]
        first = inside.argmax(axis=1)
        last = detector.size - inside[:, ::-1].argmax(axis=1)
        right, left = (detector.width / 2 - border * detector.pixel for border in (first, last))
        outer, inner = (right, left) if side > 0 else (left, right)
        v = detector.v[rows, 0]
        return cls(side, float(v[0]), float(v[-1]), v, outer, inner)

    def at(self, down: float, across: float) -> tuple[float, float]:
        """Return the point (u, v) at a share of the way from top to bottom, and from ribs to mediastinum."""
        v = self.top + down * (self.bottom - self.top)
        outer, inner = (float(np.interp(-v, -self.v, border)) for border in (self.outer, self.inner))
        return outer + across * (inner - outer), v


def draw_extent(
    rng: np.random.Generator, detector: Detector, share: float, spread: float, aspect: float, aspect_spread: float
) -> tuple[float, float]:
    """Draw width and height of a finding with the distribution of published boxes.

    Args:
        rng: Random numbers.
        detector: The detector.
        share: Median area, % of the radiograph.
        spread: Standard deviation of the logarithm of the area.
        aspect: Median of width over height.
        aspect_spread: Standard deviation of its logarithm.

    Returns:
        Width and height, mm; at most 0.26 and 0.55 of the detector's width.

    Example:
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> detector = Detector(64, 400.0, PatientPose())
        >>> [round(side, 3) for side in draw_extent(np.random.default_rng(0), detector, 1, 0, 1, 0)]
        [40.0, 40.0]
    """
    area = share / 100.0 * detector.width**2 * np.exp(np.clip(rng.normal(0.0, spread), -2.0 * spread, 2.0 * spread))
    ratio = aspect * np.exp(np.clip(rng.normal(0.0, aspect_spread), -2.0 * aspect_spread, 2.0 * aspect_spread))
    width, height = float(np.sqrt(area * ratio)), float(np.sqrt(area / ratio))
    return min(width, 0.26 * detector.width), min(height, 0.55 * detector.width)
