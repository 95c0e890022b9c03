"""Heart, great vessels, airways and oesophagus in millimeters, and the two surfaces where the lungs meet them.

Each surface is a height field: for every (anterior, superior) position it holds the x at which the right or the left
lung begins. If no organ lies between the lungs, they nearly touch, as at the anterior and posterior junction lines.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from monai_pylon.data.phantoms.shapes import Ellipsoid, Tube

__all__ = ["Mediastinum", "make_mediastinum"]

#: Grid of the height fields over the anterior and superior axes: first node and step in mm, number of nodes.
_ORIGIN, _STEP, _NODES = (-126.0, -180.0), 3.0, (85, 121)


class Mediastinum(NamedTuple):
    """Organs between the lungs.

    Attributes:
        heart: Chambers, as ellipsoids.
        vessels: Tubes by name ("aorta", "pulmonary trunk", ...).
        airways: Trachea, right and left main bronchus.
        oesophagus: Oesophagus.
        hila: Right and left hilum, (3,) each, where vessels and bronchi enter the lung.
        surfaces: (2, A, S), right and left lung surface: x in mm over the anterior and superior axes.
        slopes: (2, A, S), length of the surfaces' normals, which converts distances along x to true distances.

    Example:
        >>> organs = make_mediastinum(np.random.default_rng(0))
        >>> float(organs.hila[0][0]) > 0 > float(organs.hila[1][0])
        True
    """

    heart: tuple[Ellipsoid, ...]
    vessels: dict[str, Tube]
    airways: tuple[Tube, ...]
    oesophagus: Tube
    hila: tuple[np.ndarray, np.ndarray]
    surfaces: np.ndarray
    slopes: np.ndarray

    def surface(self, y: np.ndarray, z: np.ndarray, side: int) -> np.ndarray:
        """Return the x (...) at which the lung of one side begins, mm, at coordinates that broadcast to ``(...)``."""
        return _look_up(self.surfaces[0 if side > 0 else 1], y, z)

    def beside(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int) -> np.ndarray:
        """Return the distance (...) from the mediastinum into one lung, mm; negative inside the mediastinum."""
        slope = _look_up(self.slopes[0 if side > 0 else 1], y, z)
        return side * (x - self.surface(y, z, side)) / slope


def _look_up(field: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    where = np.stack(np.broadcast_arrays((y - _ORIGIN[0]) / _STEP, (z - _ORIGIN[1]) / _STEP))
    return map_coordinates(field, where, order=1, mode="nearest", output=np.float32)


def _tube(rng: np.random.Generator, points: list[tuple[float, float, float]], radii: list[float] | float) -> Tube:
    moved = np.array(points, float)
    moved += rng.normal(0.0, 1.0, moved.shape) * (1.2, 1.2, 2.0)
    return Tube(moved, np.broadcast_to(np.asarray(radii, float), len(points)).copy())


def make_mediastinum(
    rng: np.random.Generator, heart_scale: float = 1.0, shift: float = 0.0, floor: float = -52.0
) -> Mediastinum:
    """Draw the organs between the lungs.

    Args:
        rng: Random numbers for every variation.
        heart_scale: Scale of the heart's radii.
        shift: Displacement of everything but the spine towards the right, mm.
        floor: Height of the higher diaphragm, on which the heart rests, mm.

    Returns:
        The organs and the lung surfaces.

    Example:
        >>> make_mediastinum(np.random.default_rng(0)).surfaces.shape
        (2, 85, 121)
    """
    s, k = shift, heart_scale * float(rng.uniform(0.95, 1.05))
    base = floor + 16.0
    heart = (
        Ellipsoid((s - 34.0 * k, 22.0, base), (50.0 * k, 42.0 * k, 46.0 * k), 0.5),
        Ellipsoid((s + 6.0, 20.0, base + 8.0), (38.0 * k, 40.0 * k, 44.0 * k), 0.2),
        Ellipsoid((s - 8.0, -6.0, base + 26.0), (36.0 * k, 24.0 * k, 26.0 * k)),
    )
    carina = np.array([s + 1.0, -22.0, 36.0 + float(rng.uniform(-6, 6))])
    c = carina[2]
    r = float(rng.uniform(0.9, 1.12))
    arch = [(8, 14, c - 46), (18, 20, c - 20), (16, 16, c + 2), (8, 2, c + 22), (-10, -18, c + 28), (-24, -38, c + 16)]
    down = [(-26, -50, c - 10), (-24, -54, c - 60), (-18, -54, c - 110), (-12, -50, c - 150), (-10, -48, c - 220)]
    vessels = {
        "aorta": _tube(rng, [(s + x, y, z) for x, y, z in arch + down], [16 * r] * 4 + [14 * r] * 2 + [12.5 * r] * 5),
        "vena cava": _tube(
            rng, [(s + 26, 14, c - 50), (s + 27, 10, c), (s + 24, 6, c + 50), (12, -4, c + 78)], 9.0 * r
        ),
        "pulmonary trunk": _tube(rng, [(s - 14, 40, c - 46), (s - 20, 22, c - 22), (s - 22, 2, c - 10)], 14.0 * r),
        "right pulmonary artery": _tube(
            rng,
            [(s - 14, 2, c - 14), (s + 14, -6, c - 17), (s + 44, -14, c - 20), (s + 54, -20, c - 34)],
            [12, 11, 9, 7],
        ),
        "left pulmonary artery": _tube(
            rng,
            [(s - 22, 2, c - 10), (s - 40, -16, c - 6), (s - 52, -28, c - 16), (s - 54, -30, c - 34)],
            [12, 10, 8, 7],
        ),
        "brachiocephalic": _tube(rng, [(s + 8, 2, c + 22), (14, 0, c + 50), (26, -10, c + 84)], [7, 6, 5]),
        "left carotid": _tube(rng, [(s - 4, -8, c + 26), (-14, -10, c + 56), (-22, -16, c + 120)], [5, 4, 4]),
        "left subclavian": _tube(rng, [(s - 16, -26, c + 26), (-24, -28, c + 58), (-52, -20, c + 82)], [6, 5, 5]),
    }
    t = float(rng.uniform(7.5, 9.5))
    trachea = [(0, -2, c + 150), (0, -8, c + 100), (1, -16, c + 50), tuple(carina)]
    right = [tuple(carina), (s + 20, -23, c - 14), (s + 36, -25, c - 26)]
    left = [tuple(carina), (s - 22, -24, c - 18), (s - 44, -28, c - 34)]
    airways = (
        Tube(np.array(trachea, float), np.full(4, t)),
        _tube(rng, right, [0.85 * t, 0.8 * t, 0.7 * t]),
        _tube(rng, left, [0.75 * t, 0.7 * t, 0.6 * t]),
    )
    oesophagus = _tube(rng, [(-3, -32, c + 150), (-5, -36, c + 40), (-4, -40, c - 40), (-12, -36, c - 110)], 6.5)
    hila = (airways[1].points[-1], airways[2].points[-1])
    surfaces = _surfaces(rng, heart, [*vessels.values(), *airways, oesophagus], c)
    gradients = [np.gradient(surface, _STEP) for surface in surfaces]
    slopes = np.stack([np.sqrt(1.0 + np.minimum(g[0] ** 2 + g[1] ** 2, 15.0)) for g in gradients])
    return Mediastinum(heart, vessels, airways, oesophagus, hila, surfaces, slopes)


def _hold_balls(right: np.ndarray, left: np.ndarray, balls: np.ndarray) -> None:
    """Move the surfaces (A, S) outwards so that they enclose spheres (B, 4), each a center and a radius."""
    x, radius = balls[:, 0, None, None], balls[:, 3, None, None]
    reach = np.arange(int(2.0 * balls[:, 3].max() / _STEP) + 2)
    first = np.ceil((balls[:, 1:3] - balls[:, 3:] - _ORIGIN) / _STEP).astype(int)
    i, j = first[:, 0, None, None] + reach[:, None], first[:, 1, None, None] + reach
    y, z = (start + _STEP * node.astype(np.float32) for start, node in zip(_ORIGIN, (i, j), strict=True))
    inside = 1.0 - ((y - balls[:, 1, None, None]) / radius) ** 2 - ((z - balls[:, 2, None, None]) / radius) ** 2
    on_grid = (i >= 0) & (i < _NODES[0]) & (j >= 0) & (j < _NODES[1])
    held = np.nonzero((inside > 0) & on_grid)
    out = radius[held[0], 0, 0] * np.sqrt(inside[held])
    nodes, x = (i[held[0], held[1], 0], j[held[0], 0, held[2]]), x[held[0], 0, 0]
    np.maximum.at(right, nodes, x + out)
    np.minimum.at(left, nodes, x - out)


def _surfaces(rng: np.random.Generator, heart: tuple[Ellipsoid, ...], tubes: list[Tube], carina: float) -> np.ndarray:
    """Compute both lung surfaces (2, A, S): the outline of the organs, with fat in the angles between them."""
    y = _ORIGIN[0] + _STEP * np.arange(_NODES[0], dtype=np.float32)[:, None]
    z = _ORIGIN[1] + _STEP * np.arange(_NODES[1], dtype=np.float32)[None, :]
    half = float(rng.uniform(1.0, 1.8))
    middle = -6.0 * np.exp(-(((y - 60.0) / 30.0) ** 2)) + 0.0 * z
    neck = 18.0 * np.clip((z - carina - 38.0) / 55.0, 0.0, 1.0) ** 2
    right, left = middle + half + neck, middle - half - neck
    spine = np.where(y < -58.0, 27.0 * np.sqrt(np.clip(1.0 - ((y + 84.0) / 27.0) ** 2, 0.0, 1.0)), 0.0)
    spine = np.where(y < -84.0, 27.0, spine)
    right, left = np.maximum(right, spine), np.minimum(left, -spine)
    balls = np.concatenate([tube.spheres(9.0) for tube in tubes])
    _hold_balls(right, left, balls + np.array([0.0, 0.0, 0.0, 3.0]))
    for lobe in heart:
        # replace the rotated ellipsoid by an upright one of the same extent
        co, si = np.cos(lobe.angle), np.sin(lobe.angle)
        (x, front, up), (a, b, h) = lobe.centre, lobe.radii
        a, b, h = np.hypot(a * co, b * si) + 4, np.hypot(a * si, b * co) + 4, h + 4
        inside = 1.0 - ((y - front) / b) ** 2 - ((z - up) / h) ** 2
        out = a * np.sqrt(np.maximum(inside, 0.0))
        right = np.where(inside > 0, np.maximum(right, x + out), right)
        left = np.where(inside > 0, np.minimum(left, x - out), left)
    smooth = (gaussian_filter(right, 2.2), gaussian_filter(left, 2.2))
    return np.stack([np.maximum(right, smooth[0]), np.minimum(left, smooth[1])]).astype(np.float32)
