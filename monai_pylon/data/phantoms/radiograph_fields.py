"""Lung fields of the radiograph phantom, and box sizes as readers drew them on real radiographs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.radiograph_chest import CLEAR_MM

__all__ = ["FindingBox", "LungField", "draw_extent"]


class FindingBox(NamedTuple):
    """A box on the radiograph, mm.

    Attributes:
        u, v: its middle.
        width, height: its sides.

    Example:
        >>> FindingBox(10.0, 0.0, 4.0, 8.0).corners()
        ((8.0, -4.0), (12.0, 4.0))
    """

    u: float
    v: float
    width: float
    height: float

    def corners(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The lowest and the highest (u, v)."""
        half = self.width / 2, self.height / 2
        return (self.u - half[0], self.v - half[1]), (self.u + half[0], self.v + half[1])


class LungField(NamedTuple):
    """The dark field of one lung.

    Attributes:
        side: +1 right, -1 left.
        top, bottom: v of its highest and its lowest row, mm.
        v: (R,) its rows from top to bottom, mm.
        outer, inner: (R,) u of its border in each row, beside the ribs and beside the mediastinum, mm.

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
        """The field of a lung from mm of lung along each ray (H, W)."""
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
        """The point (u, v) at a share of the way from top to bottom, and from the ribs to the mediastinum."""
        v = self.top + down * (self.bottom - self.top)
        outer, inner = (float(np.interp(-v, -self.v, border)) for border in (self.outer, self.inner))
        return outer + across * (inner - outer), v


def draw_extent(
    rng: np.random.Generator, detector: Detector, share: float, spread: float, aspect: float, aspect_spread: float
) -> tuple[float, float]:
    """Draw width and height of a finding as the real boxes vary.

    Args:
        rng: the source.
        radiograph: the radiograph.
        share: median area, % of the picture.
        spread: standard deviation of the area's logarithm.
        aspect: median of width over height.
        aspect_spread: standard deviation of its logarithm.

    Returns:
        width and height in mm, not wider than a lung.

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
