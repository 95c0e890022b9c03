"""Projection of the anatomy onto a flat detector: positions of points, and thickness of shapes along each ray.

Three projections avoid a volume. A solid is cut into sheets across the beam: on each row of the detector, a sheet
covers one span, and spans are added by their two ends. A tube becomes a cloud of points with the mass of the tube.
Other shapes have a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.data.phantoms.shapes import Tube, cone_depth

__all__ = ["Detector", "PatientPose"]


class PatientPose(NamedTuple):
    """Pose of the patient between X-ray source and detector.

    Detector coordinates (u, v) in mm point to the patient's right and to the head.

    Attributes:
        turn: Rotation about the long axis, radians.
        tip: Upward shift of the front of the chest against the back, mm/mm; positive is lordotic.
        lean: Sideways lean of the long axis, mm/mm.
        bend: Sideways curvature of the spine, mm at 150 mm from the middle.
        shift: (u, v) of the patient's origin on the detector, mm.
        detector_at: Coordinate y of the detector, mm: positive in front of the patient (PA view), negative behind (AP
            view).
        distance: Distance from source to detector, mm.

    Example:
        >>> pose = PatientPose(detector_at=100.0, distance=1000.0)
        >>> [float(round(value, 3)) for value in pose.cast(80.0, -100.0, 40.0)]
        [100.0, 50.0]
    """

    turn: float = 0.0
    tip: float = 0.0
    lean: float = 0.0
    bend: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    detector_at: float = 120.0
    distance: float = 1800.0

    def enlargement(self, y: Any) -> Any:
        """Return the magnification (...) of structures at depth ``y`` (...)."""
        return self.distance / (self.distance - abs(self.detector_at - y))

    def sway(self, v: Any) -> Any:
        """Return the shift (...) of row ``v`` to the right by lean and bend, mm."""
        return self.lean * v + self.bend * (v / 150.0) ** 2

    def cast(self, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
        """Project points (...) of the patient onto the detector: u, v (...), mm."""
        large = self.enlargement(y)
        v = large * (z + self.tip * y) + self.shift[1]
        return large * (math.cos(self.turn) * x + math.sin(self.turn) * y) + self.shift[0] + self.sway(v), v

    def height(self, v: np.ndarray, y: np.ndarray | float) -> np.ndarray:
        """Return the height z (...) above the patient's origin that row ``v`` shows at depth ``y``."""
        return (v - self.shift[1]) / self.enlargement(y) - self.tip * y

    def beside(self, u: np.ndarray, v: np.ndarray, y: np.ndarray | float) -> np.ndarray:
        """Return the patient's x (...) that the detector point (u, v) shows at depth ``y``."""
        across = (u - self.shift[0] - self.sway(v)) / self.enlargement(y)
        return (across - math.sin(self.turn) * y) / math.cos(self.turn)


class Detector:
    """Square detector. Rows run from head to foot, columns from the patient's right to the left.

    Args:
        size: Number of pixels of a side.
        width: Length of a side, mm.
        pose: Pose of the patient in front of it.

    Attributes:
        u: (1, W), mm to the patient's right of the detector's middle.
        v: (H, 1), mm above the detector's middle.
        pixel: Edge of a pixel, mm.

    Example:
        >>> detector = Detector(4, 40.0, PatientPose())
        >>> detector.u.tolist(), float(detector.v[0, 0])
        ([[15.0, 5.0, -5.0, -15.0]], 15.0)
    """

    def __init__(self, size: int, width: float, pose: PatientPose) -> None:
        self.size, self.width, self.pose = size, width, pose
        self.pixel = width / size
        centres = ((size - 1) / 2 - np.arange(size)) * self.pixel
        self.u, self.v = centres[None, :].astype(np.float32), centres[:, None].astype(np.float32)

    def columns(self, u: np.ndarray | float) -> np.ndarray:
        """Return the position (...) of ``u`` along the columns: 0 at the left border, W at the right one."""
        return self.size / 2 - np.asarray(u) / self.pixel

    def rows(self, v: np.ndarray | float) -> np.ndarray:
        """Return the position (...) of ``v`` along the rows: 0 at the upper border, H at the lower one."""
        return self.size / 2 - np.asarray(v) / self.pixel

    def part(self, low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray) -> tuple[slice, slice]:
        """Return the rows and columns that touch a box (u, v); empty if it is off the detector."""
        borders = [self.rows(high[1]), self.rows(low[1]) + 1, self.columns(high[0]), self.columns(low[0]) + 1]
        top, bottom, first, last = np.clip(borders, 0, self.size).astype(int).tolist()
        return slice(top, bottom), slice(first, last)

    def sum_spans(self, spans: Sequence[tuple[np.ndarray, np.ndarray]], y: np.ndarray, thickness: float) -> np.ndarray:
        """Project a solid that is cut into sheets across the beam.

        Args:
            spans: Pairs of (H, K): begin and end of the solid on each row of each sheet, in the patient's x, mm; empty
                unless the end is larger than the begin.
            y: (K,), depth of each sheet, mm.
            thickness: Thickness of a sheet, mm.

        Returns:
            float32 (H, W), mm along each ray; a pixel at an edge has its share.
        """
        total = np.zeros((self.size, self.size), np.float32)
        filled = np.flatnonzero(np.any([(high > low).any(axis=1) for low, high in spans], axis=0))
        if len(filled) == 0:
            return total
        part = slice(int(filled[0]), int(filled[-1]) + 1)
        pose, large = self.pose, self.pose.enlargement(y) / self.pixel
        middle = self.size / 2 - (pose.shift[0] + pose.sway(self.v[part])) / self.pixel
        zero, scale = middle - large * math.sin(pose.turn) * y, -large * math.cos(pose.turn)
        width = self.size + 2
        rows = np.arange(0, len(zero) * width, width)[:, None]
        steps = np.zeros(len(zero) * width)
        # a larger x is further to the left on the detector, so that a span begins at its higher end
        ends = [(end[part], sign) for low, high in spans for end, sign in ((np.maximum(high, low), 1.0), (low, -1.0))]
        for end, sign in ends:
            position = np.clip(zero + scale * end, 0.0, self.size, dtype=np.float32)
            first = position.astype(np.int64)
            # if a span begins within a pixel, the next pixel receives the rest
            rest = position - first.astype(np.float32)
            index = (first + rows).ravel()
            steps += sign * np.bincount(index, (1.0 - rest).ravel(), minlength=steps.size)
            steps[1:] += sign * np.bincount(index, rest.ravel(), minlength=steps.size)[:-1]
        covered = np.cumsum(steps.reshape(-1, width), axis=1)[:, : self.size]
        total[part] = covered * (thickness / math.cos(pose.turn))
        return total

    def tube_chord(self, tube: Tube, shell: float = np.inf) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Project one tube, whose segments do not add up where they meet.

        Args:
            tube: Tube in the patient's mm.
            shell: Thickness of its wall, mm; infinite for a solid tube.

        Returns:
            The part of the detector that the tube covers, (h, w) mm of the tube along each ray, and (h, w) mm of its
            hollow.
        """
        points = np.stack(self.pose.cast(*np.asarray(tube.points, float).T), axis=1)
        radii = tube.radii * self.pose.enlargement(tube.points[:, 1])
        flat = np.concatenate([points, np.zeros((len(points), 1))], axis=1)
        part = self.part(points.min(axis=0) - radii.max(), points.max(axis=0) + radii.max())
        whole = hollow = np.zeros((), np.float32)
        for segment in Tube(flat, radii).segments():
            depth, radius = cone_depth(segment, self.u[:, part[1]], self.v[part[0]], np.float32(0.0))
            away = (radius - depth) ** 2
            whole = np.maximum(whole, radius * radius - away)
            hollow = np.maximum(hollow, np.maximum(radius - shell, 0.0) ** 2 - away)
        return part, 2.0 * np.sqrt(whole), 2.0 * np.sqrt(hollow)

    def sum_tubes(self, segments: np.ndarray) -> np.ndarray:
        """Project many thin round cones as clouds of points less than a pixel apart; cones that meet add up.

        Args:
            segments: (B, 8), both ends (3 + 3) and both radii, in the patient's mm.

        Returns:
            float32 (H, W), mm along each ray.
        """
        start, end = (np.stack(self.pose.cast(*part.T), axis=1) for part in (segments[:, :3], segments[:, 3:6]))
        large = self.pose.enlargement(0.5 * (segments[:, 1] + segments[:, 4]))
        # a tube along the beam is longer than its projection
        length = np.linalg.norm(segments[:, 3:6] - segments[:, :3], axis=1) * large
        return self.sum_strokes(start, end, segments[:, 6:8] * large[:, None], length)

    def sum_strokes(self, start: np.ndarray, end: np.ndarray, radii: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Project round cones that are given by their ends on the detector.

        Args:
            start, end: (B, 2), detector coordinates (u, v), mm.
            radii: (B, 2), radius at either end, mm.
            length: (B,), length in mm, multiplied by the weight of each cone.

        Returns:
            float32 (H, W), weighted mm along each ray.
        """
        along = (start - end) / self.pixel
        drawn = np.hypot(*along.T)
        steps = np.maximum(1.0, np.ceil(drawn))
        lanes = np.maximum(1.0, np.ceil(radii.max(axis=1) / (0.55 * self.pixel)))
        counts = (steps * lanes).astype(int)
        which = np.repeat(np.arange(len(counts)), counts)
        number = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        first = self.columns(start[:, 0]) - 0.5, self.rows(start[:, 1]) - 0.5
        radius = radii[:, 0] / self.pixel, (radii[:, 1] - radii[:, 0]) / self.pixel
        table = np.stack([*first, *along.T, *radius, drawn, steps, lanes]).astype(np.float32)
        column, row, right, down, r, widening, drawn, steps, lanes = table[:, which]
        step = np.floor(number / lanes)
        t = (step + 0.5) / steps
        across = (2.0 * (number - step * lanes) + 1.0) / lanes - 1.0
        chord = np.sqrt(1.0 - across * across)
        r += widening * t
        share = (np.pi * length / np.bincount(which, chord, minlength=len(counts))).astype(np.float32)
        mass = r * r * chord * share[which]
        across *= r / np.maximum(drawn, 1e-6)
        return self._scatter(column + right * t - down * across, row + down * t + right * across, mass)

    def _scatter(self, column: np.ndarray, row: np.ndarray, mass: np.ndarray) -> np.ndarray:
        """Distribute the mass (P,) of each point to the four pixels around it, and drop points off the detector."""
        kept = (column > -1) & (column < self.size) & (row > -1) & (row < self.size)
        column, row, mass = column[kept] + 1.0, row[kept] + 1.0, mass[kept]
        i, j = row.astype(np.int64), column.astype(np.int64)
        b = column - j
        width = self.size + 2
        index = i * width + j
        lower = mass * (row - i)
        upper = mass - lower
        total = np.zeros(width * width)
        for offset, share in (
            (0, upper - upper * b),
            (1, upper * b),
            (width, lower - lower * b),
            (width + 1, lower * b),
        ):
            total[offset:] += np.bincount(index, share, minlength=total.size)[: total.size - offset]
        return total.reshape(width, width)[1:-1, 1:-1].astype(np.float32)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Interpolate a coarse lattice of values (n, m) linearly over the detector: float32 (H, W)."""
        for _ in range(2):
            at = np.linspace(0.0, values.shape[0] - 1.0, self.size, dtype=np.float32)
            low = np.minimum(at.astype(int), values.shape[0] - 2)
            part = (at - low)[:, None]
            values = (values[low] * (1.0 - part) + values[low + 1] * part).T
        return values
