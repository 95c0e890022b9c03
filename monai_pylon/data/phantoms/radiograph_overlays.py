"""Overlays of the radiograph phantom: breasts, nipples, electrodes with wires, a catheter, the side marker."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.shapes import cover

__all__ = ["add_overlays"]

#: Strokes of the side markers, in units of the letter's height: (u, v) to (u, v), u towards the left of the image.
_LETTERS = {
    "L": (((0.3, 1), (0.3, 0)), ((0.3, 0), (-0.3, 0))),
    "R": (
        ((0.3, 1), (0.3, 0)),
        ((0.3, 1), (-0.2, 0.95)),
        ((-0.2, 0.95), (-0.2, 0.55)),
        ((-0.2, 0.55), (0.3, 0.5)),
        ((0.1, 0.5), (-0.3, 0)),
    ),
}


def _ring(centre: np.ndarray, radius: float) -> list[np.ndarray]:
    turn = np.linspace(0.0, 2.0 * np.pi, 13)
    around = centre + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return [np.concatenate(pair) for pair in pairwise(around)]


def _wire(rng: np.random.Generator, start: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
    """Draw a slack wire between two points."""
    t = np.linspace(0.0, 1.0, 17)[:, None]
    slack = rng.normal(0.0, 22.0, (2, 2))
    points = start + (end - start) * t + np.sin(np.pi * t) * slack[0] + np.sin(2 * np.pi * t) * slack[1]
    return [np.concatenate(pair) for pair in pairwise(points)]


def _leads(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw electrodes with their wires: detector (u, v) of both ends, and the radius, of each stroke (5,)."""
    strokes = []
    for position in ((75, 70), (-75, 70), (-95, -60), (85, -70), (-20, -20))[: int(rng.integers(2, 6))]:
        spot = np.array(position) + rng.normal(0.0, 14.0, 2)
        strokes += [np.append(part, 1.0) for part in _ring(spot, 3.4)]
        strokes += [np.append(part, 0.7) for part in _wire(rng, spot, np.array([rng.uniform(-60, 60), -240.0]))]
    return strokes


def _line(rng: np.random.Generator) -> list[np.ndarray]:
    """Draw a venous catheter from a clavicle to the right atrium."""
    side = 1 if rng.random() < 0.7 else -1
    bends = np.array([[side * 130, 120], [side * 70, 112], [22, 92], [24, 40], [24, -12.0]]) + rng.normal(0, 4, (5, 2))
    for _ in range(3):
        # round the corners
        quarters = np.stack([0.75 * bends[:-1] + 0.25 * bends[1:], 0.25 * bends[:-1] + 0.75 * bends[1:]], axis=1)
        bends = np.concatenate([bends[:1], quarters.reshape(-1, 2), bends[-1:]])
    return [np.append(np.concatenate(pair), 1.1) for pair in pairwise(bends)]


def _marker(detector: Detector, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw the letter of the side on which it lies; its position is relative to the detector, not to the patient."""
    letter, tall = str(rng.choice(["L", "R"], p=[0.8, 0.2])), rng.uniform(9.0, 15.0)
    side = -1 if letter == "L" else 1
    corner = np.array([side * rng.uniform(0.36, 0.45), rng.uniform(0.28, 0.43)]) * detector.width - detector.pose.shift
    ends = [(corner + tall * np.array(start), corner + tall * np.array(end)) for start, end in _LETTERS[letter]]
    return [np.array([*start, *end, 1.2]) for start, end in ends]


def _breasts(detector: Detector, rng: np.random.Generator, total: np.ndarray) -> None:
    radius, thick = rng.uniform(48.0, 68.0), rng.uniform(14.0, 46.0)
    for side in (1, -1):
        middle = np.array([side * (52 + 0.4 * radius), rng.uniform(-62.0, -52.0)]) + detector.pose.shift
        part = detector.part(middle - radius, middle + radius)
        v = detector.v[part[0]]
        r = np.hypot((detector.u[:, part[1]] - middle[0]) / radius, (v - middle[1]) / radius)
        # the lower border of the breast is the sharper one
        total[part] += thick * np.maximum(1.0 - r * r, 0.0) ** 0.4 * cover(middle[1] + 20 - v, 90.0)


def _nipples(detector: Detector, rng: np.random.Generator, total: np.ndarray) -> None:
    for side in (1, -1):
        spot = np.array([side * rng.uniform(68, 92), rng.uniform(-62, -40)]) + detector.pose.shift
        part = detector.part(spot - 8.0, spot + 8.0)
        total[part] += 7.0 * cover(4.5 - np.hypot(detector.u[:, part[1]] - spot[0], detector.v[part[0]] - spot[1]), 3.0)


def add_overlays(detector: Detector, rng: np.random.Generator, view: str) -> np.ndarray:
    """Project breasts and nipples, electrodes and catheters, and the side marker.

    None of them depends on the findings.

    Args:
        detector: Detector with the pose of the patient.
        rng: Random numbers.
        view: "PA" or "AP"; AP radiographs have electrodes and catheters more often.

    Returns:
        float32 (H, W), mm of soft tissue with the same absorption.

    Example:
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> bool(add_overlays(Detector(64, 400.0, PatientPose()), np.random.default_rng(0), "PA").max() > 20)
        True
    """
    total = np.zeros((detector.size, detector.size), np.float32)
    if rng.random() < 0.45:
        _breasts(detector, rng, total)
    if rng.random() < 0.2:
        _nipples(detector, rng, total)
    metal = []
    if rng.random() < (0.7 if view == "AP" else 0.12):
        metal += _leads(rng)
    if rng.random() < (0.4 if view == "AP" else 0.06):
        metal += _line(rng)
    letter = _marker(detector, rng)
    table = np.array(metal + letter)
    start, end = table[:, :2] + detector.pose.shift, table[:, 2:4] + detector.pose.shift
    length = np.hypot(*(end - start).T) * np.repeat([16.0, 60.0], [len(metal), len(letter)])
    return total + np.minimum(detector.sum_strokes(start, end, np.repeat(table[:, 4:], 2, axis=1), length), 120.0)
