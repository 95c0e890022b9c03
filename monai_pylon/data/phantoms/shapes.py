"""Analytic shapes in millimeters: depth of a point inside each shape, and the grid of points.

A depth is positive inside, negative outside, and close to the true distance near the surface. A soft edge one voxel
wide therefore equals the partial volume that a scanner measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Box", "Ellipsoid", "Grid", "Tube", "cone_depth", "cover", "superellipse_depth", "superellipse_reach"]


class Box(NamedTuple):
    """Box in patient millimeters: (right, anterior, superior) of its lowest and its highest corner.

    Example:
        >>> Box((0, 0, 0), (1, 2, 3)).high
        (1, 2, 3)
    """

    low: Sequence[float]
    high: Sequence[float]


class Grid:
    """Voxel centers of a volume in patient millimeters (right, anterior, superior), ready to broadcast.

    ``x`` and ``y`` are (X, 1, 1) and (1, Y, 1), or (X, Y, 1) if the patient is rotated; ``z`` is (1, 1, Z).

    Args:
        axes: Three arrays (X,), (Y,), (Z,) of scanner millimeters.
        angle: Rotation of the patient about the long axis, radians.
        shift: Position (3,) of the patient's origin in the scanner, mm.

    Example:
        >>> grid = Grid((np.arange(3.0), np.arange(2.0), np.arange(4.0)))
        >>> grid.shape
        (3, 2, 4)
    """

    def __init__(
        self, axes: Sequence[np.ndarray], angle: float = 0.0, shift: Sequence[float] = (0.0, 0.0, 0.0)
    ) -> None:
        self.axes, self.angle, self.shift = tuple(axes), angle, tuple(shift)
        moved = [np.asarray(axis, dtype=np.float32) - np.float32(o) for axis, o in zip(axes, shift, strict=True)]
        x, y, self.z = moved[0][:, None, None], moved[1][None, :, None], moved[2][None, None, :]
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        self.x, self.y = (x, y) if angle == 0 else (c * x + s * y, c * y - s * x)

    @property
    def up(self) -> np.ndarray:
        """Height against gravity (X or 1, Y, 1), mm: y, unless the patient on the table is rotated."""
        return (
            self.y
            if self.angle == 0
            else np.float32(np.sin(self.angle)) * self.x + np.float32(np.cos(self.angle)) * self.y
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (X, Y, Z)."""
        return tuple(len(axis) for axis in self.axes)

    def crop(self, box: Box) -> tuple[tuple[slice, slice, slice], Grid] | None:
        """Return the slices of the voxels in a box and their grid, or None if the box holds none."""
        (x0, y0, z0), (x1, y1, z1) = box
        c, s = np.cos(self.angle), np.sin(self.angle)
        corners = [(c * x - s * y, s * x + c * y) for x in (x0, x1) for y in (y0, y1)]
        lows = (min(p[0] for p in corners), min(p[1] for p in corners), z0)
        highs = (max(p[0] for p in corners), max(p[1] for p in corners), z1)
        slices = []
        for axis, low, high, offset in zip(self.axes, lows, highs, self.shift, strict=True):
            inside = np.flatnonzero((axis >= low + offset) & (axis <= high + offset))
            if inside.size == 0:
                return None
            slices.append(slice(int(inside[0]), int(inside[-1]) + 1))
        a, b, c_ = slices
        return (a, b, c_), Grid(
            [axis[part] for axis, part in zip(self.axes, slices, strict=True)], self.angle, self.shift
        )


def cover(depth: np.ndarray, edge: float) -> np.ndarray:
    """Return the share of a voxel that a shape covers, from 0 to 1 across a soft edge.

    Args:
        depth: Depth inside the shape ``(...)``, mm.
        edge: Width of the edge, mm.

    Returns:
        The share, of the shape of ``depth``.

    Example:
        >>> cover(np.array([-2.0, 0.0, 0.5, 2.0]), edge=2.0).tolist()
        [0.0, 0.5, 0.75, 1.0]
    """
    return np.clip(depth / edge + 0.5, 0.0, 1.0)


class Ellipsoid(NamedTuple):
    """Ellipsoid, rotated about the patient's long axis.

    Attributes:
        centre: (3,) mm.
        radii: (3,) mm.
        angle: Rotation about the superior axis, radians.

    Example:
        >>> ball = Ellipsoid((0, 0, 0), (10, 10, 10))
        >>> ball.depth(np.array([7.0, 12.0]), 0.0, 0.0).round(3).tolist()
        [3.0, -2.0]
    """

    centre: Sequence[float] | np.ndarray
    radii: Sequence[float] | np.ndarray
    angle: float = 0.0

    def depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the depth inside (...), mm, at coordinates that broadcast to ``(...)``."""
        x, y, z = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        if self.angle:
            c, s = float(np.cos(self.angle)), float(np.sin(self.angle))
            x, y = c * x + s * y, c * y - s * x
        ux, uy, uz = ((p / r) ** 2 for p, r in zip((x, y, z), self.radii, strict=True))
        rx, ry, rz = (1.0 / r**2 for r in self.radii)
        r = np.sqrt(ux + uy + uz)
        slope = np.sqrt(ux * rx + uy * ry + uz * rz)
        return r * (1.0 - r) / np.maximum(slope, 1e-6) + np.where(r < 1e-6, min(self.radii), 0.0)

    def box(self, margin: float = 4.0) -> Box:
        """Return the box around it; if rotated, around a circle of its larger radius in the axial plane."""
        rx, ry, rz = self.radii
        if self.angle:
            rx = ry = max(rx, ry)
        reach = np.array([rx, ry, rz]) + margin
        return Box(tuple(np.subtract(self.centre, reach)), tuple(np.add(self.centre, reach)))


class Tube(NamedTuple):
    """Chain of round cones through points, such as an airway, the aorta or a clavicle.

    Attributes:
        points: (K, 3) mm.
        radii: (K,) mm.

    Example:
        >>> pipe = Tube(np.array([[0, 0, 0], [0, 0, 10.0]]), np.array([2.0, 2.0]))
        >>> len(pipe.segments())
        1
    """

    points: np.ndarray
    radii: np.ndarray

    def depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the depth inside (...), mm, at coordinates that broadcast to ``(...)``."""
        return np.max([cone_depth(segment, x, y, z)[0] for segment in self.segments()], axis=0)

    def segments(self) -> np.ndarray:
        """Return the cones (K - 1, 8): both ends (3 + 3) and both radii of each."""
        p, r = np.asarray(self.points, float), np.asarray(self.radii, float)
        return np.concatenate([p[:-1], p[1:], r[:-1, None], r[1:, None]], axis=1)

    def spheres(self, step: float) -> np.ndarray:
        """Return spheres along the tube (S, 4), center and radius, about ``step`` mm apart."""
        p, r = np.asarray(self.points, float), np.asarray(self.radii, float)
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(p, axis=0), axis=1))])
        at = np.linspace(0.0, length[-1], max(2, round(length[-1] / step) + 1))
        return np.stack([np.interp(at, length, column) for column in (*p.T, r)], axis=1)


def cone_depth(segment: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth inside a round cone with round ends.

    Args:
        segment: (8,), both ends (3 + 3) and both radii, mm.
        x, y, z: Coordinates that broadcast to ``(...)``, mm.

    Returns:
        Depth (...), mm, and radius (...) of the cone at the nearest point of its axis, mm.

    Example:
        >>> depth, radius = cone_depth(np.array([0, 0, 0, 10, 0, 0, 2, 4.0]), *np.array([[5.0], [1.0], [0.0]]))
        >>> depth.tolist(), radius.tolist()
        ([2.0], [3.0])
    """
    start, axis = segment[:3], segment[3:6] - segment[:3]
    x, y, z = (p - np.float32(s) for p, s in zip((x, y, z), start, strict=True))
    a, b, c = axis.astype(np.float32) if np.any(axis) else np.array([1, 0, 0], np.float32)
    along = np.clip((a * x + b * y + c * z) / (a * a + b * b + c * c), 0.0, 1.0)
    radius = np.float32(segment[6]) + np.float32(segment[7] - segment[6]) * along
    return radius - np.sqrt((x - a * along) ** 2 + (y - b * along) ** 2 + (z - c * along) ** 2), radius


def superellipse_depth(x: np.ndarray, y: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the depth inside an upright cylinder with the cross-section |x/a|^2.5 + |y/b|^2.5 = 1.

    Args:
        x, y: Coordinates about the center that broadcast to ``(...)``, mm.
        a, b: Half width and half depth, broadcasting likewise, mm.

    Returns:
        Depth (...), mm, negative outside.

    Example:
        >>> float(superellipse_depth(np.float64(90), np.float64(0), np.float64(100), np.float64(50)).round(3))
        10.0
    """
    u, v = np.abs(x / a), np.abs(y / b)
    su, sv = u * np.sqrt(u), v * np.sqrt(v)
    r = np.maximum(u * su + v * sv, 1e-6) ** 0.4
    slope = np.sqrt((su / a) ** 2 + (sv / b) ** 2) / (r * np.sqrt(r))
    return (1.0 - r) / np.maximum(slope, 1.0 / np.maximum(a, b))


def superellipse_reach(x: np.ndarray, a: np.ndarray | float, b: np.ndarray | float) -> np.ndarray:
    """Return the border of the section |x/a|^2.5 + |y/b|^2.5 = 1 along y at each x.

    Args:
        x: Coordinate about the center that broadcasts to ``(...)``, mm.
        a, b: Half width and half depth, broadcasting likewise, mm; the section is empty if either is not positive.

    Returns:
        The positive y of the border (...), mm; 0 beyond the section.

    Example:
        >>> superellipse_reach(np.array([0.0, 80.0, 100.0, 120.0]), 100.0, 50.0).round(1).tolist()
        [50.0, 35.6, 0.0, 0.0]
    """
    t = np.minimum(np.abs(x) / np.maximum(a, 1e-3), 1.0)
    return np.maximum(b, 0.0) * (1.0 - t * t * np.sqrt(t)) ** 0.4
