"""Bones of the radiograph phantom: what ribs, shoulder blades, spine, breastbone, clavicles and arms add along a ray.

All in millimetres of soft tissue that would stop the beam as much as the bone does beyond the soft tissue in its place.
"""

from __future__ import annotations

import numpy as np

from monai_pylon.data.anatomy import Anatomy
from monai_pylon.data.film_canvas import Film
from monai_pylon.data.shapes import cover, superellipse_reach

__all__ = ["project_bones"]

#: What a millimetre of compact and of spongy bone adds to the millimetre of soft tissue it replaces.
_COMPACT, _SPONGY = 1.0, 0.4


def _thorax_wall(film: Film, anatomy: Anatomy, part: tuple[slice, slice]) -> np.ndarray:
    """Ribs and shoulder blades on a part of the film: a ray crosses a shell of bone at the back and in front."""
    u, v = film.u[:, part[1]], film.v[part[0]]
    total = np.zeros(np.broadcast_shapes(u.shape, v.shape), np.float32)
    for front in (0, 1):
        # a first guess of where the ray meets the wall says how far the beam has spread there
        guess = (-70.0, 62.0)[front]
        x, z = film.pose.beside(u, v, guess), film.pose.height(v, guess)
        inner, outer = (anatomy.thorax_faces(x, z, grow)[front] for grow in (1.0, 9.0))
        y = 0.5 * (inner + outer)
        x, z = film.pose.beside(u, v, y), film.pose.height(v, y)
        depth, round_ = anatomy.rib_depth(x, y, z, np.float32(-5.0))
        # seen edge on, a rib is as long as its bend allows
        path = np.minimum(np.abs(outer - inner), 15.0)
        compact, spongy = cover(depth, film.pixel), cover(depth - 1.6, film.pixel)
        bone = _COMPACT * compact - (_COMPACT - _SPONGY) * spongy
        total += path * bone * cover(0.74 - round_, 0.05)
        if not front:
            total += path * _shoulder_blades(z, round_, film.pixel)
    return total


def _shoulder_blades(z: np.ndarray, round_: np.ndarray, edge: float) -> np.ndarray:
    """Bone per mm of rib (H, W): a triangle behind the ribs that stands on its tip, its borders thickest."""
    height = (z - 2.0) / 95.0
    inside = np.minimum(round_ - (0.36 - 0.12 * height), 0.47 - round_) * 300.0
    inside = np.minimum(inside, np.minimum(z - 2.0, 97.0 - z))
    return cover(inside, 2.0 * edge) * (0.15 + 0.25 * cover(4.0 - inside, 4.0))


def _spine(film: Film, anatomy: Anatomy, part: tuple[slice, slice]) -> np.ndarray:
    """Vertebral bodies with discs between them, pedicles, spinous and transverse processes, on a part of the film."""
    u, v = film.u[:, part[1]], film.v[part[0]]
    x, z = film.pose.beside(u, v, -80.0), film.pose.height(v, -80.0)
    gap = anatomy.rib_gap
    rise = (z - anatomy.rib_phase) / gap
    rise = np.abs(rise - np.round(rise)) * gap
    # necks are narrower than loins
    wide = 1.0 - 0.0016 * np.clip(z, -120.0, 120.0)
    soft = film.pixel + 1.0
    disc = cover(gap / 2 - 2.6 - rise, soft)
    rim = disc - cover(gap / 2 - 4.8 - rise, soft)
    total = superellipse_reach(x, 18.5 * wide, 31.0) * (0.1 + (_SPONGY - 0.1) * disc + 0.2 * rim)
    oval = np.hypot((np.abs(x) - 12.5 * wide) / 4.0, (rise - 4.0) / 5.5)
    total += 7.0 * _COMPACT * cover(1.0 - np.abs(oval - 0.85) / 0.3, 1.0)
    wings = np.minimum(38.0 * wide - np.abs(x), 5.5 - rise) * cover(np.abs(x) - 16.0, 8.0)
    total += 7.0 * _SPONGY * cover(wings, 3.0)
    thorn = np.minimum(3.2 - np.abs(x), 7.0 - np.abs(rise - 6.0))
    return total + 14.0 * _SPONGY * cover(thorn, soft)


def _breastbone(film: Film, part: tuple[slice, slice]) -> np.ndarray:
    u, v = film.u[:, part[1]], film.v[part[0]]
    x, z = film.pose.beside(u, v, 70.0), film.pose.height(v, 70.0)
    edge = np.minimum(np.where(z > 52.0, np.float32(24.0), np.float32(16.0)) - np.abs(x), 68.0 - np.abs(z - 20.0))
    return 11.0 * _SPONGY * cover(edge, 3.0)


def project_bones(film: Film, anatomy: Anatomy) -> np.ndarray:
    """Project every bone.

    Args:
        film: the film and the pose before it.
        anatomy: the patient.

    Returns:
        float32 (H, W), mm of soft tissue.

    Example:
        >>> from monai_pylon.data.anatomy import make_anatomy
        >>> from monai_pylon.data.film_canvas import FilmPose
        >>> project_bones(Film(64, 400.0, FilmPose()), make_anatomy(np.random.default_rng(0))).shape
        (64, 64)
    """
    total = np.zeros((film.size, film.size), np.float32)
    wide, top = anatomy.chest[0] + 12.0, anatomy.apex + 12.0
    corners = [film.pose.cast(x, y, top) for x in (-wide, wide) for y in (-120.0, 120.0)]
    sway = 0.1 * film.width
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    part = film.part((low[0] - sway, -film.width), (high[0] + sway, high[1]))
    total[part] += _thorax_wall(film, anatomy, part)
    middle = film.pose.shift[0]
    part = film.part((middle - 75.0, -film.width), (middle + 75.0, film.width))
    total[part] += _spine(film, anatomy, part) + _breastbone(film, part)
    for bone in anatomy.long_bones():
        part, shaft, marrow = film.tube_chord(bone, shell=3.0)
        total[part] += _COMPACT * shaft - (_COMPACT - _SPONGY) * marrow
    return total
