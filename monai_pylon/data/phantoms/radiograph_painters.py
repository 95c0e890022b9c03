"""Painters of the radiograph phantom: each finding as a change of the gas in a lung.

A ray can lose no more gas than the lung holds along it. Findings therefore whiten thin parts of a lung less, hide the
vessels they overlap, and remain visible behind ribs and heart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.radiograph_chest import ChestLayers, lung_chords
from monai_pylon.data.phantoms.radiograph_fields import FindingBox, LungField
from monai_pylon.data.phantoms.shapes import cover

__all__ = ["RADIOGRAPH_PAINTERS", "PaintedRadiograph", "paint_large_heart"]


class PaintedRadiograph(NamedTuple):
    """Radiograph while findings are painted.

    Attributes:
        detector: Detector with the pose of the patient.
        anatomy: The patient.
        chest: Layers without findings.
        gas: float32 (2, H, W), mm of gas in the right and the left lung; changed by the painters.

    Example:
        >>> PaintedRadiograph._fields
        ('detector', 'anatomy', 'chest', 'gas')
    """

    detector: Detector
    anatomy: Anatomy
    chest: ChestLayers
    gas: np.ndarray

    def over(self, box: FindingBox) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
        """Return the pixels (h, w) of a box, and positions in it from -1 to 1: (1, w) to the right, (h, 1) upwards."""
        detector = self.detector
        part = detector.part(*box.corners())
        return (
            part,
            (detector.u[:, part[1]] - box.u) / (box.width / 2),
            (detector.v[part[0]] - box.v) / (box.height / 2),
        )

    def fill(self, side: int, part: tuple[slice, slice], share: np.ndarray) -> None:
        """Replace a share (h, w) of the gas of one lung by tissue or fluid."""
        self.gas[0 if side > 0 else 1][part] *= 1.0 - np.clip(share, 0.0, 0.97)

    def clouds(self, rng: np.random.Generator, step: float, part: tuple[slice, slice]) -> np.ndarray:
        """Draw a texture of unit standard deviation (h, w), smooth over ``step`` mm, independent of the pixel size."""
        nodes = 2 + int(np.ceil(self.detector.width / step))
        return self.detector.spread(rng.standard_normal((nodes, nodes), dtype=np.float32))[part]


def _fade(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return 1 in the middle of a box, 0 outside of the ellipse in it, and a smooth transition between."""
    inside = np.clip(1.6 * (1.0 - p * p - q * q), 0.0, 1.0)
    return inside * inside * (3.0 - 2.0 * inside)


def _ball(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox, lobes: int) -> None:
    part, p, q = on.over(box)
    bumps = 1.0 + 0.12 * on.clouds(rng, 9.0, part)
    best = np.maximum(1.0 - (p * p + q * q) * bumps * (1.25 if lobes else 1.0), 0.0)
    for _ in range(lobes):
        turn, size = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.35, 0.55)
        a, b = (1.0 - size) * np.cos(turn), (1.0 - size) * np.sin(turn)
        best = np.maximum(best, size * size - ((p - a) ** 2 + (q - b) ** 2) * bumps)
    depth = min(box.width, box.height) * np.sqrt(best) * rng.uniform(0.85, 1.5)
    lung = on.gas[0 if field.side > 0 else 1]
    lung[part] = np.maximum(lung[part] - depth, 0.0)


def _nodule(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint a solid sphere."""
    _ball(on, rng, field, box, lobes=0)


def _mass(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint a solid sphere with smaller ones on its surface."""
    _ball(on, rng, field, box, lobes=int(rng.integers(2, 5)))


def _infiltration(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint a hazy net of streaks and spots without a border."""
    part, p, q = on.over(box)
    net, clouds = on.clouds(rng, 6.0, part), on.clouds(rng, 22.0, part)
    streaks = 0.55 + 0.45 * np.maximum(1.0 - 1.6 * np.abs(net), 0.0)
    on.fill(field.side, part, (0.5 + 0.25 * clouds) * streaks * _fade(p, q) * rng.uniform(0.35, 0.7))


def _pneumonia(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint a dense patch of airless lung that ends at a fissure on one side, with air in its bronchi."""
    part, p, q = on.over(box)
    # the fissure is slightly oblique, above or below
    up, slant = (1.0 if rng.random() < 0.6 else -1.0), rng.uniform(-0.25, 0.25)
    fissure = cover((0.5 - up * (q + slant * p)) * box.height / 2, 4.0)
    patches = 1.0 + 0.1 * on.clouds(rng, 9.0, part) + 0.12 * on.clouds(rng, 24.0, part)
    dense = _fade(p, q) * fissure * patches * rng.uniform(0.25, 0.55)
    root = np.array([-0.8 * field.side, rng.uniform(-0.2, 0.3)])
    for _ in range(2):
        tip = np.array([rng.uniform(-0.1, 0.5) * field.side, rng.uniform(-0.5, 0.5)]) - root
        along = np.clip(((p - root[0]) * tip[0] + (q - root[1]) * tip[1]) / (tip @ tip), 0.0, 1.0)
        bow = rng.uniform(-0.4, 0.4) * along * (1.0 - along)
        aside = (p - root[0] - along * tip[0]) * box.width / 2, (q - root[1] - along * tip[1] - bow) * box.height / 2
        dense = dense * (1.0 - 0.35 * cover(1.8 - 1.2 * along - np.hypot(*aside), 1.5 + on.detector.pixel))
    on.fill(field.side, part, dense)


def _atelectasis(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint one or two flat bands of airless lung in a low box, or a wedge towards the hilum in a high one."""
    part, p, q = on.over(box)
    patches = 1.0 + 0.15 * on.clouds(rng, 10.0, part)
    rim = np.clip(5.0 * (1.0 - np.maximum(np.abs(p), np.abs(q))), 0.0, 1.0)
    if box.height < 34.0:
        share = 0.14 * np.maximum(1.0 - p * p - q * q, 0.0)
        for middle in (0.0,) if box.height < 20.0 else (-0.45, 0.4):
            shift, reach = rng.uniform(-0.25, 0.25), rng.uniform(0.7, 1.0)
            off = (q - middle - rng.uniform(-0.35, 0.35) * p - rng.uniform(-0.3, 0.3) * p * p) * box.height / 2
            ends = np.maximum(1.0 - ((p - shift) / reach) ** 4, 0.0)
            band = np.exp(-((off / rng.uniform(2.2, 5.0)) ** 2)) * ends * rng.uniform(0.5, 0.85)
            share = np.maximum(share, band)
    else:
        # the upper border descends from the hilum to the ribs
        border = 0.75 - 0.8 * (1.0 + field.side * p) - q
        share = cover(border * box.height / 2, 6.0) * cover((q + 0.6) * box.height / 2, 0.6 * box.height)
        share = share * cover((0.8 - np.abs(p)) * box.width / 2, 0.4 * box.width) * rng.uniform(0.4, 0.75)
    on.fill(field.side, part, share * patches * rim)


def _effusion(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint fluid over the diaphragm with a concave surface that is highest, and thins out, at the ribs."""
    detector = on.detector
    (rows, columns), _, q = on.over(box)
    # only a large effusion reaches the mediastinum
    flat = float(np.clip((box.height - 125.0) / 170.0, 0.0, 0.5))
    if flat > 0.0:
        half = detector.size // 2
        columns = slice(0, half) if field.side > 0 else slice(half, detector.size)
    outer = np.interp(-detector.v[rows], -field.v, field.outer).astype(np.float32)
    inward = np.maximum(field.side * (outer - detector.u[:, columns]), 0.0)
    crest = (1.0 - flat) * np.exp(-inward / (0.38 * box.width))
    below = (2.0 * (flat + crest) - 1.0 - q) * box.height / 2
    soft = 6.0 + 0.2 * crest * box.height
    fluid = cover(below - 0.2 * soft, soft) * cover((q + 1.0) * box.height / 2 - 3.0, 6.0)
    if flat == 0.0:
        fluid = fluid * cover(0.75 * box.width - inward, 0.5 * box.width)
    on.fill(field.side, (rows, columns), fluid * rng.uniform(0.75, 0.95))


def _pneumothorax(on: PaintedRadiograph, rng: np.random.Generator, field: LungField, box: FindingBox) -> None:
    """Paint air between ribs and lung, widest at the top, and the thin white line of the lung's border."""
    detector, index = on.detector, 0 if field.side > 0 else 1
    low = field.top - box.height
    rise = np.clip((detector.v - low) / box.height, 0.0, 1.0)
    gap = min(max(0.45 * box.width, 18.0), 48.0) * np.minimum(1.6 * rise, 1.0) ** 0.8
    whole = on.chest.lungs[index]
    lung = lung_chords(detector, on.anatomy, field.side, gap)
    fade = np.minimum(3.0 * rise, 1.0)
    line = lung - lung_chords(detector, on.anatomy, field.side, gap + 1.8)
    # the outermost lung is partly collapsed and denser
    rind = lung - lung_chords(detector, on.anatomy, field.side, gap + 12.0)
    gas = on.gas[index]
    gas *= np.minimum(lung / np.maximum(whole, 1e-3), 1.0)
    gas += 0.99 * np.maximum(whole - lung, 0.0) - fade * (np.minimum(line, 22.0) + 0.15 * rind)
    np.maximum(gas, 0.0, out=gas)


def paint_large_heart(on: PaintedRadiograph, larger: Anatomy) -> FindingBox:
    """Remove the gas that an enlarged heart displaces, within the box of the heart.

    Args:
        on: The radiograph; its gas is changed.
        larger: The same patient with an enlarged heart.

    Returns:
        The box around the heart, mm.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> from monai_pylon.data.phantoms.projection import PatientPose
        >>> detector, sides = Detector(64, 400.0, PatientPose()), (1, -1)
        >>> patient, larger = (make_anatomy(np.random.default_rng(0), heart_scale=scale) for scale in (1.0, 1.4))
        >>> lungs = np.stack([lung_chords(detector, patient, side) for side in sides])
        >>> before = PaintedRadiograph(detector, patient, ChestLayers(lungs, lungs, lungs[0]), lungs.copy())
        >>> box = paint_large_heart(before, larger)
        >>> bool(before.gas.sum() < lungs.sum())
        True
    """
    detector, corners = on.detector, []
    for lobe in larger.mediastinum.heart:
        co, si = np.cos(lobe.angle), np.sin(lobe.angle)
        a, b, c = lobe.radii
        reach = np.array([np.hypot(a * co, b * si) + 8.0, 0.0, c + 8.0])
        corners += [detector.pose.cast(*(np.asarray(lobe.centre) + sign * reach)) for sign in (1, -1)]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    box = FindingBox(*(0.5 * (low + high)).tolist(), *(high - low).tolist())
    part, p, q = on.over(box)
    window = np.clip(8.0 * (1.0 - np.maximum(np.abs(p), np.abs(q))), 0.0, 1.0)
    for index, side in enumerate((1, -1)):
        lung = lung_chords(detector, larger, side)[part]
        kept = np.minimum(lung / np.maximum(on.chest.lungs[index][part], 1e-3), 1.0)
        on.gas[index][part] *= 1.0 - window * (1.0 - kept)
    return box


#: Painters of the findings that lie in one lung.
RADIOGRAPH_PAINTERS: dict[str, Callable[[PaintedRadiograph, np.random.Generator, LungField, FindingBox], None]] = {
    "Pneumothorax": _pneumothorax,
    "Effusion": _effusion,
    "Atelectasis": _atelectasis,
    "Pneumonia": _pneumonia,
    "Infiltration": _infiltration,
    "Mass": _mass,
    "Nodule": _nodule,
}
