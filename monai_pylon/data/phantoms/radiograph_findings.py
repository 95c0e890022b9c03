"""Findings of the radiograph phantom: choice, position, and the box that contains all of the change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.projection import Detector
from monai_pylon.data.phantoms.radiograph_fields import FindingBox, LungField, draw_extent
from monai_pylon.data.phantoms.radiograph_painters import RADIOGRAPH_PAINTERS, PaintedRadiograph, paint_large_heart

__all__ = ["RADIOGRAPH_FINDINGS", "RadiographFinding", "draw_radiograph_findings", "paint_radiograph_findings"]

#: The eight classes of the published boxes in painting order, with the number of boxes of each in a thousand.
_FREQUENCIES = {
    "Cardiomegaly": 142,
    "Pneumothorax": 108,
    "Effusion": 151,
    "Atelectasis": 187,
    "Pneumonia": 123,
    "Infiltration": 124,
    "Mass": 84,
    "Nodule": 81,
}
RADIOGRAPH_FINDINGS: tuple[str, ...] = tuple(_FREQUENCIES)

#: Probability of a second finding of the same class in the other lung.
_TWICE = {"Effusion": 0.2, "Nodule": 0.2, "Infiltration": 0.15, "Atelectasis": 0.1, "Pneumonia": 0.1}

#: Smallest visible change, mm of soft tissue.
_SEEN = 1.0


class _Kind(NamedTuple):
    """Position of a class, as shares of the way down the lung, and distribution of its boxes: see ``draw_extent``."""

    high: float
    low: float
    share: float
    spread: float
    aspect: float
    aspect_spread: float


_KINDS = {
    "Pneumothorax": _Kind(0.0, 0.0, 1.2, 0.9, 1.0, 0.3),
    "Effusion": _Kind(1.0, 1.0, 5.2, 0.8, 0.7, 0.35),
    "Atelectasis": _Kind(0.45, 0.95, 2.2, 0.6, 1.5, 0.45),
    "Pneumonia": _Kind(0.35, 0.92, 7.0, 0.45, 0.91, 0.25),
    "Infiltration": _Kind(0.25, 0.92, 7.0, 0.45, 0.93, 0.25),
    "Mass": _Kind(0.2, 0.8, 1.5, 0.75, 0.9, 0.2),
    "Nodule": _Kind(0.15, 0.9, 0.5, 0.45, 1.02, 0.12),
}


class RadiographFinding(NamedTuple):
    """Finding on a radiograph.

    Attributes:
        label: One of the eight classes.
        side: +1 right lung, -1 left lung, 0 the heart.
        zone: "upper", "middle" or "lower" third of the lung.
        extent: Size relative to the class, 0 to 1.
        box: x1, y1, x2, y2 in pixels.

    Example:
        >>> RadiographFinding("Mass", 1, "upper", 0.5, (10.0, 20.0, 30.0, 40.0)).zone
        'upper'
    """

    label: str
    side: int
    zone: str
    extent: float
    box: tuple[float, float, float, float]


def draw_radiograph_findings(rng: np.random.Generator) -> list[str]:
    """Draw the classes of a radiograph: none in nearly half of the cases, else as frequent as in published boxes.

    Args:
        rng: Random numbers.

    Returns:
        Class names; a class that lies in both lungs is listed twice.

    Example:
        >>> draw_radiograph_findings(np.random.default_rng(2))
        []
    """
    if rng.random() < 0.45:
        return []
    number = int(rng.choice(3, p=[0.74, 0.2, 0.06])) + 1
    weights = np.array(list(_FREQUENCIES.values()), float)
    chosen = rng.choice(len(RADIOGRAPH_FINDINGS), size=number, replace=False, p=weights / weights.sum())
    names = [RADIOGRAPH_FINDINGS[index] for index in sorted(chosen)]
    return [name for name in names for _ in range(1 + int(rng.random() < _TWICE.get(name, 0.0)))]


def _propose(detector: Detector, rng: np.random.Generator, label: str, field: LungField) -> FindingBox:
    kind, tall = _KINDS[label], field.top - field.bottom
    width, height = draw_extent(rng, detector, kind.share, kind.spread, kind.aspect, kind.aspect_spread)
    if label == "Pneumothorax":
        # a lower one would be invisible
        height = min(max(height, 0.09 * detector.width), 0.8 * tall)
        return FindingBox(field.at(0.1, 0.3)[0], field.top - height / 2, width, height)
    if label == "Effusion":
        height = min(height, 0.8 * tall)
        outer = float(np.interp(-(field.bottom + 0.3 * height), -field.v, field.outer))
        return FindingBox(outer - field.side * width / 2, field.bottom + height / 2 - 4.0, width, height)
    # up to half of a small box, and less of a large one, may lie beyond the lung's border
    reach = min(0.9, width / 150.0)
    middle = field.at(rng.uniform(kind.high, kind.low), rng.uniform(0.5 * reach, 1.0 - 0.4 * reach))
    return FindingBox(*middle, width, height)


def _place(on: PaintedRadiograph, rng: np.random.Generator, label: str, field: LungField) -> FindingBox:
    """Choose a box in which the lung is deep, and not yet filled, enough to show the finding."""
    index = 0 if field.side > 0 else 1
    best = box = _propose(on.detector, rng, label, field)
    clearest = -1.0
    for _ in range(12):
        part = on.detector.part(*box.corners())
        empty, now = float(on.chest.gas[index][part].mean()), float(on.gas[index][part].mean())
        clear = now / max(empty, 1.0) * min(empty / 60.0, 1.0)
        if clear > clearest:
            best, clearest = box, clear
        if clear > 0.8 or _KINDS[label].high == _KINDS[label].low:
            break
        box = _propose(on.detector, rng, label, field)
    return best


def _seen_box(change: np.ndarray) -> tuple[float, float, float, float] | None:
    """Return the box around all pixels (H, W) with a visible change, or None if there is none."""
    seen = change > _SEEN
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if len(rows) == 0:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _paint_heart(on: PaintedRadiograph, larger: Anatomy) -> RadiographFinding:
    detector, box = on.detector, paint_large_heart(on, larger)
    (u0, v0), (u1, v1) = box.corners()
    edges = np.clip(
        [detector.columns(u1), detector.rows(v1), detector.columns(u0), detector.rows(v0)], 0.0, detector.size
    )
    return RadiographFinding("Cardiomegaly", 0, "lower", 0.5, tuple(edges.tolist()))


def _paint_one(
    on: PaintedRadiograph, rng: np.random.Generator, label: str, fields: tuple[LungField, ...]
) -> RadiographFinding | None:
    before = on.gas.copy()
    for field in fields:
        box = _place(on, rng, label, field)
        RADIOGRAPH_PAINTERS[label](on, rng, field, box)
        seen = _seen_box(np.abs(on.gas - before).max(axis=0))
        if seen is not None:
            down = (field.top - box.v) / (field.top - field.bottom)
            zone = "upper" if down < 0.36 else "middle" if down < 0.64 else "lower"
            area = box.width * box.height / on.detector.width**2
            extent = float(np.clip(area / (2.5 * _KINDS[label].share / 100.0), 0.0, 1.0))
            return RadiographFinding(label, field.side, zone, extent, seen)
    return None


def paint_radiograph_findings(
    on: PaintedRadiograph, larger: Anatomy | None, labels: Sequence[str], seed: int
) -> list[RadiographFinding]:
    """Paint findings into the lungs of a radiograph.

    Args:
        on: The radiograph; its gas is changed.
        larger: The same patient with an enlarged heart; required for "Cardiomegaly".
        labels: Classes to paint, one finding for each entry. Repeated findings of a class alternate between the lungs.
        seed: Seed of the patient. Each class has random numbers of its own, so that a finding does not change another.

    Returns:
        The findings, in painting order.

    Example:
        >>> paint_radiograph_findings(PaintedRadiograph(None, None, None, np.zeros((2, 8, 8))), None, [], seed=0)
        []
    """
    found: list[RadiographFinding] = []
    if not labels:
        return found
    right, left = (LungField.of(on.detector, on.chest.lungs[index], side) for index, side in enumerate((1, -1)))
    for number, label in enumerate(RADIOGRAPH_FINDINGS):
        rng = np.random.default_rng([seed, 210 + number])
        fields = (right, left) if rng.random() < 0.5 else (left, right)
        for _ in range(list(labels).count(label)):
            if larger is not None and label == "Cardiomegaly":
                found.append(_paint_heart(on, larger))
                break
            one = _paint_one(on, rng, label, fields)
            fields = fields[::-1]
            found += [] if one is None else [one]
    return found
