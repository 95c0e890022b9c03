"""The chest of a radiograph phantom without any finding: how much gas and how much of everything else a ray meets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.anatomy import Anatomy
from monai_pylon.data.film_bones import project_bones
from monai_pylon.data.film_canvas import Film

__all__ = ["CLEAR_MM", "ChestLayers", "lung_chords", "project_chest"]

#: A ray that runs longer than this in a lung shows it dark, mm. Behind the domes of the diaphragm rays run shorter.
CLEAR_MM = 62.0

#: Thickest sheet into which a lung is cut, mm; thinner on films so fine that the steps between sheets would show.
_SHEET = 2.5


class ChestLayers(NamedTuple):
    """What the rays of a film meet, right and left lung apart. ``solid - gas.sum(axis=0)`` is what stops the beam.

    Attributes:
        gas: float32 (2, H, W), mm of gas in each lung, its vessels and tissue not counted.
        lungs: float32 (2, H, W), mm inside each pleural cavity.
        solid: float32 (H, W), mm of soft tissue that would stop the beam as much as all that is there, lungs filled.

    Example:
        >>> ChestLayers._fields
        ('gas', 'lungs', 'solid')
    """

    gas: np.ndarray
    lungs: np.ndarray
    solid: np.ndarray


def lung_chords(film: Film, anatomy: Anatomy, side: int, gap: np.ndarray | float = 0.0) -> np.ndarray:
    """How far each ray runs in one pleural cavity.

    Args:
        film: the film.
        anatomy: the patient.
        side: +1 right, -1 left.
        gap: how far the lung has come off the wall, mm; a number or one for each row (H, 1).

    Returns:
        float32 (H, W), mm.

    Example:
        >>> from monai_pylon.data.anatomy import make_anatomy
        >>> from monai_pylon.data.film_canvas import FilmPose
        >>> right = lung_chords(Film(64, 400.0, FilmPose()), make_anatomy(np.random.default_rng(0)), side=1)
        >>> bool(right[:, :32].sum() > 100 * right[:, 40:].sum())
        True
    """
    sheet = min(_SHEET, 1.6 * film.pixel)
    y = np.arange(sheet / 2 - anatomy.chest[1], anatomy.chest[1], sheet, dtype=np.float32)
    return film.sum_spans(anatomy.lung_spans(y, film.pose.height(film.v, y), side, gap), y, sheet)


def _ball(film: Film, centre: np.ndarray, radii: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray]:
    """Chord of an upright ellipsoid and the part of the film on which it falls."""
    (u, v), large = film.pose.cast(*centre), film.pose.enlargement(centre[1])
    part = film.part((u - large * radii[0], v - large * radii[2]), (u + large * radii[0], v + large * radii[2]))
    r = ((film.u[:, part[1]] - u) / (large * radii[0])) ** 2 + ((film.v[part[0]] - v) / (large * radii[2])) ** 2
    return part, 2.0 * radii[1] * np.sqrt(np.maximum(1.0 - r, 0.0))


def _body(film: Film, anatomy: Anatomy) -> np.ndarray:
    """Chord (H, W) of trunk and arms, where an arm lies beside the trunk the longer of both."""
    chord = anatomy.trunk_chord(film.pose.beside(film.u, film.v, 0.0), film.pose.height(film.v, 0.0))
    for side in (1, -1):
        part, arm, _ = film.tube_chord(anatomy.arm(side))
        chord[part] = np.maximum(chord[part], arm)
    return chord


def _belly_gas(anatomy: Anatomy, chances: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Centre and radii of the gas in the stomach, under the left dome, and in the colon."""
    right, left = anatomy.domes
    size = 8.0 + 22.0 * chances[0]
    balls = [((-58.0, 20.0, left - 12.0 - 0.7 * size), (1.3 * size, 12.0 + 10.0 * chances[1], 0.7 * size))]
    for number in range(4):
        turn, radius = 1.3 * number + 6.0 * chances[2], 6.0 + 10.0 * chances[3 + number]
        balls.append(((-100.0 + 9 * number, 34, left - 52 - 15 * number + 8 * np.sin(turn)), (radius, 9, radius)))
        balls.append(((88.0 - 17.0 * number, 58, right - 112 - 9 * np.cos(turn)), (radius, 9, radius)))
    return [(np.array(centre), np.array(radii)) for centre, radii in balls]


def project_chest(
    film: Film, anatomy: Anatomy, trees: np.ndarray, grain: np.ndarray, chances: np.ndarray
) -> ChestLayers:
    """Project a chest.

    Args:
        film: the film and the pose before it.
        anatomy: the patient.
        trees: (B, 8) branches of the lungs' vessels.
        grain: (H, W), unevenness of the lungs' density, of unit spread.
        chances: (16,) uniform numbers for gas in stomach and bowel.

    Returns:
        the layers.

    Example:
        >>> from monai_pylon.data.anatomy import make_anatomy
        >>> from monai_pylon.data.film_canvas import FilmPose
        >>> film, patient = Film(64, 400.0, FilmPose()), make_anatomy(np.random.default_rng(0))
        >>> project_chest(film, patient, np.zeros((0, 8)), np.zeros((64, 64)), np.zeros(16)).gas.shape
        (2, 64, 64)
    """
    lungs = np.stack([lung_chords(film, anatomy, side) for side in (1, -1)])
    solid = _body(film, anatomy) + project_bones(film, anatomy)
    for airway in anatomy.mediastinum.airways:
        part, chord, _ = film.tube_chord(airway)
        solid[part] -= chord
    for centre, radii in _belly_gas(anatomy, chances):
        part, chord = _ball(film, centre, radii)
        solid[part] -= 0.8 * chord
    # vessels too fine to be drawn add to the tissue; standing, the bases are denser than the apices
    basal = 1.0 - 0.0018 * film.pose.height(film.v, 0.0)
    tissue = (1.07 + anatomy.lung_hu / 1000.0) * basal + 0.018 * grain
    # a film shows arteries, veins and walls of bronchi as one, and the finest of them more than their width tells
    seen = np.concatenate([trees[:, :6], 0.75 * trees[:, 6:] + 0.75], axis=1)
    vessels = film.sum_tubes(seen)
    gas = np.maximum(lungs * (1.0 - tissue) - vessels, 0.0)
    return ChestLayers(np.asarray(gas, np.float32), lungs, np.asarray(solid, np.float32))
