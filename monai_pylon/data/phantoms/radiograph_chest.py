"""Chest of the radiograph phantom without findings: gas, bone and soft tissue along each ray."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.shapes import cover, superellipse_reach

__all__ = ["CLEAR_MM", "ChestLayers", "lung_chords", "project_bones", "project_chest"]

#: Absorption that a millimeter of compact and of spongy bone adds, in mm of the soft tissue that it replaces.
_COMPACT, _SPONGY = 1.0, 0.4


def _thorax_wall(detector: Detector, anatomy: Anatomy, part: tuple[slice, slice]) -> np.ndarray:
    """Project ribs, at the back and in front, and shoulder blades onto a part of the detector."""
    u, v = detector.u[:, part[1]], detector.v[part[0]]
    total = np.zeros(np.broadcast_shapes(u.shape, v.shape), np.float32)
    for front in (0, 1):
        # the depth of the wall is guessed first, because the magnification depends on it
        guess = (-70.0, 62.0)[front]
        x, z = detector.pose.beside(u, v, guess), detector.pose.height(v, guess)
        inner, outer = (anatomy.thorax_faces(x, z, grow)[front] for grow in (1.0, 9.0))
        y = 0.5 * (inner + outer)
        x, z = detector.pose.beside(u, v, y), detector.pose.height(v, y)
        depth, round_ = anatomy.rib_depth(x, y, z, np.float32(-5.0))
        # the curvature of a rib limits its length along a tangential ray
        path = np.minimum(np.abs(outer - inner), 15.0)
        compact, spongy = cover(depth, detector.pixel), cover(depth - 1.6, detector.pixel)
        bone = _COMPACT * compact - (_COMPACT - _SPONGY) * spongy
        total += path * bone * cover(0.74 - round_, 0.05)
        if not front:
            total += path * _shoulder_blades(z, round_, detector.pixel)
    return total


def _shoulder_blades(z: np.ndarray, round_: np.ndarray, edge: float) -> np.ndarray:
    """Return bone per mm of rib (H, W): a triangle with its tip down and the thickest bone at its border."""
    height = (z - 2.0) / 95.0
    inside = np.minimum(round_ - (0.36 - 0.12 * height), 0.47 - round_) * 300.0
    inside = np.minimum(inside, np.minimum(z - 2.0, 97.0 - z))
    return cover(inside, 2.0 * edge) * (0.15 + 0.25 * cover(4.0 - inside, 4.0))


def _spine(detector: Detector, anatomy: Anatomy, part: tuple[slice, slice]) -> np.ndarray:
    """Project vertebral bodies with discs, pedicles, spinous and transverse processes onto a part of the detector."""
    u, v = detector.u[:, part[1]], detector.v[part[0]]
    x, z = detector.pose.beside(u, v, -80.0), detector.pose.height(v, -80.0)
    gap = anatomy.rib_gap
    rise = (z - anatomy.rib_phase) / gap
    rise = np.abs(rise - np.round(rise)) * gap
    # vertebrae become wider from the neck downwards
    wide = 1.0 - 0.0016 * np.clip(z, -120.0, 120.0)
    soft = detector.pixel + 1.0
    disc = cover(gap / 2 - 2.6 - rise, soft)
    rim = disc - cover(gap / 2 - 4.8 - rise, soft)
    total = superellipse_reach(x, 18.5 * wide, 31.0) * (0.1 + (_SPONGY - 0.1) * disc + 0.2 * rim)
    oval = np.hypot((np.abs(x) - 12.5 * wide) / 4.0, (rise - 4.0) / 5.5)
    total += 7.0 * _COMPACT * cover(1.0 - np.abs(oval - 0.85) / 0.3, 1.0)
    wings = np.minimum(38.0 * wide - np.abs(x), 5.5 - rise) * cover(np.abs(x) - 16.0, 8.0)
    total += 7.0 * _SPONGY * cover(wings, 3.0)
    thorn = np.minimum(3.2 - np.abs(x), 7.0 - np.abs(rise - 6.0))
    return total + 14.0 * _SPONGY * cover(thorn, soft)


def _breastbone(detector: Detector, part: tuple[slice, slice]) -> np.ndarray:
    u, v = detector.u[:, part[1]], detector.v[part[0]]
    x, z = detector.pose.beside(u, v, 70.0), detector.pose.height(v, 70.0)
    edge = np.minimum(np.where(z > 52.0, np.float32(24.0), np.float32(16.0)) - np.abs(x), 68.0 - np.abs(z - 20.0))
    return 11.0 * _SPONGY * cover(edge, 3.0)


def project_bones(detector: Detector, anatomy: Anatomy) -> np.ndarray:
    """Project all bones.

    Args:
        detector: Detector with the pose of the patient.
        anatomy: The patient.

    Returns:
        float32 (H, W), mm of soft tissue with the same absorption.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> project_bones(Detector(64, 400.0, PatientPose()), make_anatomy(np.random.default_rng(0))).shape
        (64, 64)
    """
    total = np.zeros((detector.size, detector.size), np.float32)
    wide, top = anatomy.chest[0] + 12.0, anatomy.apex + 12.0
    corners = [detector.pose.cast(x, y, top) for x in (-wide, wide) for y in (-120.0, 120.0)]
    sway = 0.1 * detector.width
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    part = detector.part((low[0] - sway, -detector.width), (high[0] + sway, high[1]))
    total[part] += _thorax_wall(detector, anatomy, part)
    middle = detector.pose.shift[0]
    part = detector.part((middle - 75.0, -detector.width), (middle + 75.0, detector.width))
    total[part] += _spine(detector, anatomy, part) + _breastbone(detector, part)
    for bone in anatomy.long_bones():
        part, shaft, marrow = detector.tube_chord(bone, shell=3.0)
        total[part] += _COMPACT * shaft - (_COMPACT - _SPONGY) * marrow
    return total


#: Length in a lung from which on a ray shows it dark, mm; rays behind the domes of the diaphragm are shorter.
CLEAR_MM = 62.0

#: Largest thickness of the sheets into which a lung is cut, mm; thinner for small pixels, to hide the steps.
_SHEET = 2.5


class ChestLayers(NamedTuple):
    """Lengths along each ray of a radiograph. ``solid - gas.sum(axis=0)`` is what absorbs the beam.

    Attributes:
        gas: float32 (2, H, W), mm of gas in the right and the left lung, without vessels and tissue.
        lungs: float32 (2, H, W), mm inside each pleural cavity.
        solid: float32 (H, W), mm of soft tissue with the same absorption as the chest with filled lungs.

    Example:
        >>> ChestLayers._fields
        ('gas', 'lungs', 'solid')
    """

    gas: np.ndarray
    lungs: np.ndarray
    solid: np.ndarray


def lung_chords(detector: Detector, anatomy: Anatomy, side: int, gap: np.ndarray | float = 0.0) -> np.ndarray:
    """Return the length of each ray inside one pleural cavity.

    Args:
        detector: Detector with the pose of the patient.
        anatomy: The patient.
        side: +1 right, -1 left.
        gap: Distance of the lung from the chest wall, mm; a number, or one for each row (H, 1).

    Returns:
        float32 (H, W), mm.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> right = lung_chords(Detector(64, 400.0, PatientPose()), make_anatomy(np.random.default_rng(0)), side=1)
        >>> bool(right[:, :32].sum() > 100 * right[:, 40:].sum())
        True
    """
    sheet = min(_SHEET, 1.6 * detector.pixel)
    y = np.arange(sheet / 2 - anatomy.chest[1], anatomy.chest[1], sheet, dtype=np.float32)
    return detector.sum_spans(anatomy.lung_spans(y, detector.pose.height(detector.v, y), side, gap), y, sheet)


def _ball(detector: Detector, centre: np.ndarray, radii: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return the part of the detector that an upright ellipsoid covers, and its chord there, mm."""
    (u, v), large = detector.pose.cast(*centre), detector.pose.enlargement(centre[1])
    part = detector.part((u - large * radii[0], v - large * radii[2]), (u + large * radii[0], v + large * radii[2]))
    r = ((detector.u[:, part[1]] - u) / (large * radii[0])) ** 2 + ((detector.v[part[0]] - v) / (large * radii[2])) ** 2
    return part, 2.0 * radii[1] * np.sqrt(np.maximum(1.0 - r, 0.0))


def _body(detector: Detector, anatomy: Anatomy) -> np.ndarray:
    """Return the chord (H, W) of trunk and arms, mm; where both overlap, the longer one."""
    chord = anatomy.trunk_chord(
        detector.pose.beside(detector.u, detector.v, 0.0), detector.pose.height(detector.v, 0.0)
    )
    for side in (1, -1):
        part, arm, _ = detector.tube_chord(anatomy.arm(side))
        chord[part] = np.maximum(chord[part], arm)
    return chord


def _belly_gas(anatomy: Anatomy, chances: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return center and radii of the gas in the stomach, below the left dome, and in the colon."""
    right, left = anatomy.domes
    size = 8.0 + 22.0 * chances[0]
    balls = [((-58.0, 20.0, left - 12.0 - 0.7 * size), (1.3 * size, 12.0 + 10.0 * chances[1], 0.7 * size))]
    for number in range(4):
        turn, radius = 1.3 * number + 6.0 * chances[2], 6.0 + 10.0 * chances[3 + number]
        balls.append(((-100.0 + 9 * number, 34, left - 52 - 15 * number + 8 * np.sin(turn)), (radius, 9, radius)))
        balls.append(((88.0 - 17.0 * number, 58, right - 112 - 9 * np.cos(turn)), (radius, 9, radius)))
    return [(np.array(centre), np.array(radii)) for centre, radii in balls]


def project_chest(
    detector: Detector, anatomy: Anatomy, trees: np.ndarray, grain: np.ndarray, chances: np.ndarray
) -> ChestLayers:
    """Project a chest without findings.

    Args:
        detector: Detector with the pose of the patient.
        anatomy: The patient.
        trees: (B, 8), branches of the lungs' vessels.
        grain: (H, W), unevenness of the lungs' density, of unit standard deviation.
        chances: (16,) uniform numbers for gas in stomach and bowel.

    Returns:
        The layers.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> detector, patient = Detector(64, 400.0, PatientPose()), make_anatomy(np.random.default_rng(0))
        >>> project_chest(detector, patient, np.zeros((0, 8)), np.zeros((64, 64)), np.zeros(16)).gas.shape
        (2, 64, 64)
    """
    lungs = np.stack([lung_chords(detector, anatomy, side) for side in (1, -1)])
    solid = _body(detector, anatomy) + project_bones(detector, anatomy)
    for airway in anatomy.mediastinum.airways:
        part, chord, _ = detector.tube_chord(airway)
        solid[part] -= chord
    for centre, radii in _belly_gas(anatomy, chances):
        part, chord = _ball(detector, centre, radii)
        solid[part] -= 0.8 * chord
    # vessels too thin to be drawn add to the tissue; in a standing patient the bases are denser than the apices
    basal = 1.0 - 0.0018 * detector.pose.height(detector.v, 0.0)
    tissue = (1.07 + anatomy.lung_hu / 1000.0) * basal + 0.018 * grain
    # vessels are widened, because a radiograph superimposes them with the walls of bronchi
    seen = np.concatenate([trees[:, :6], 0.75 * trees[:, 6:] + 0.75], axis=1)
    vessels = detector.sum_tubes(seen)
    gas = np.maximum(lungs * (1.0 - tissue) - vessels, 0.0)
    return ChestLayers(np.asarray(gas, np.float32), lungs, np.asarray(solid, np.float32))
