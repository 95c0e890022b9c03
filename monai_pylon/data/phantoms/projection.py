"""The radiograph of a radiograph phantom: where the beam casts each point, and how thick a shape is along each ray.

Three ways to project, none of which needs a volume. A solid is cut into sheets across the beam; on every row of the
radiograph a sheet is one span from its first to its last millimetre, and spans add up by their two ends alone. A tube
is
a cloud of points with the tube's own mass. Whatever else there is has a closed form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.data.phantoms.shapes import Tube, cone_depth

__all__ = ["Detector", "PatientPose"]


class PatientPose(NamedTuple):
    """How the patient stands between source and radiograph. Detector coordinates (u, v) point to the patient's right
    and head.

    Attributes:
        turn: rotation about the long axis, radians.
        tip: how far the front of the chest is cast above the back, mm/mm; lordotic where positive.
        lean: sideways lean of the long axis, mm/mm.
        bend: sideways bow of the spine, mm at 150 mm from the middle.
        shift: (u, v) of the patient's origin on the radiograph, mm.
        radiograph_at: the front (positive: PA view) or back coordinate y at which the radiograph stands, mm.
        distance: from the source to the radiograph, mm.

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
        """How much larger than life the radiograph shows what lies at ``y`` (...)."""
        return self.distance / (self.distance - abs(self.detector_at - y))

    def sway(self, v: Any) -> Any:
        """How far lean and bend move a row (...) to the right, mm."""
        return self.lean * v + self.bend * (v / 150.0) ** 2

    def cast(self, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
        """Where points (...) of the patient fall on the radiograph: u, v (...), mm."""
        large = self.enlargement(y)
        v = large * (z + self.tip * y) + self.shift[1]
        return large * (math.cos(self.turn) * x + math.sin(self.turn) * y) + self.shift[0] + self.sway(v), v

    def height(self, v: np.ndarray, y: np.ndarray | float) -> np.ndarray:
        """The height z (...) above the patient's origin that row ``v`` shows at depth ``y``."""
        return (v - self.shift[1]) / self.enlargement(y) - self.tip * y

    def beside(self, u: np.ndarray, v: np.ndarray, y: np.ndarray | float) -> np.ndarray:
        """The patient's x (...) that the radiograph point (u, v) shows at depth ``y``."""
        across = (u - self.shift[0] - self.sway(v)) / self.enlargement(y)
        return (across - math.sin(self.turn) * y) / math.cos(self.turn)


class Detector:
    """A square radiograph. Rows run from head to foot, columns from the patient's right to the left.

    Args:
        size: pixels a side.
        width: mm a side.
        pose: how the patient stands before it.

    Attributes:
        u: (1, W) mm to the patient's right of the radiograph's middle; ``v``: (H, 1) mm above it.
        pixel: mm a pixel.

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
        """The place (...) of ``u`` among the columns' borders: 0 the radiograph's left border, W its right one."""
        return self.size / 2 - np.asarray(u) / self.pixel

    def rows(self, v: np.ndarray | float) -> np.ndarray:
        """The place (...) of ``v`` among the rows' borders: 0 the radiograph's upper border, H its lower one."""
        return self.size / 2 - np.asarray(v) / self.pixel

    def part(self, low: Sequence[float] | np.ndarray, high: Sequence[float] | np.ndarray) -> tuple[slice, slice]:
        """Pixel rows and columns that touch the box of two corners (u, v); empty if it lies off the detector."""
        borders = [self.rows(high[1]), self.rows(low[1]) + 1, self.columns(high[0]), self.columns(low[0]) + 1]
        top, bottom, first, last = np.clip(borders, 0, self.size).astype(int).tolist()
        return slice(top, bottom), slice(first, last)

    def sum_spans(self, spans: Sequence[tuple[np.ndarray, np.ndarray]], y: np.ndarray, thickness: float) -> np.ndarray:
        """Project a solid that was cut into sheets across the beam.

        Args:
            spans: pairs of (H, K): where the solid begins and ends on each row of each sheet, the patient's x in mm;
                nothing where the end does not lie above the beginning.
            y: (K,) the sheets' depths, mm.
            thickness: of each sheet, mm.

        Returns:
            float32 (H, W), mm along the ray; a pixel cut by an edge counts by its share.
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
        # what lies higher lies further to the left: there the span begins on the radiograph
        ends = [(end[part], sign) for low, high in spans for end, sign in ((np.maximum(high, low), 1.0), (low, -1.0))]
        for end, sign in ends:
            place = np.clip(zero + scale * end, 0.0, self.size, dtype=np.float32)
            first = place.astype(np.int64)
            # where a span begins within a pixel, the next pixel takes the rest
            rest = place - first.astype(np.float32)
            index = (first + rows).ravel()
            steps += sign * np.bincount(index, (1.0 - rest).ravel(), minlength=steps.size)
            steps[1:] += sign * np.bincount(index, rest.ravel(), minlength=steps.size)[:-1]
        covered = np.cumsum(steps.reshape(-1, width), axis=1)[:, : self.size]
        total[part] = covered * (thickness / math.cos(pose.turn))
        return total

    def tube_chord(self, tube: Tube, shell: float = np.inf) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Project one tube, whose segments do not add up where they meet.

        Args:
            tube: in the patient's mm.
            shell: thickness of its wall, mm; all of it where it has no hollow.

        Returns:
            the part of the radiograph on which it falls, (h, w) mm of tube along the ray, and (h, w) mm of its hollow.
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
            segments: (B, 8) both ends (3 + 3) and both radii, the patient's mm.

        Returns:
            float32 (H, W), mm along the ray.
        """
        start, end = (np.stack(self.pose.cast(*part.T), axis=1) for part in (segments[:, :3], segments[:, 3:6]))
        large = self.pose.enlargement(0.5 * (segments[:, 1] + segments[:, 4]))
        # a tube that runs along the beam is longer than its picture
        length = np.linalg.norm(segments[:, 3:6] - segments[:, :3], axis=1) * large
        return self.sum_strokes(start, end, segments[:, 6:8] * large[:, None], length)

    def sum_strokes(self, start: np.ndarray, end: np.ndarray, radii: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Project round cones that are given by their ends on the radiograph.

        Args:
            start, end: (B, 2) radiograph coordinates, mm.
            radii: (B, 2) at either end, mm.
            length: (B,) mm, times whatever a millimetre of each counts.

        Returns:
            float32 (H, W), weighted mm along the ray.
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
        """Share each point's mass (P,) among the four pixels around it; what misses the radiograph is lost."""
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
        """Spread a coarse lattice of values (n, m) over the radiograph: float32 (H, W), linear in between."""
        for _ in range(2):
            at = np.linspace(0.0, values.shape[0] - 1.0, self.size, dtype=np.float32)
            low = np.minimum(at.astype(int), values.shape[0] - 2)
            part = (at - low)[:, None]
            values = (values[low] * (1.0 - part) + values[low + 1] * part).T
        return values
