"""Slow reference of OrganIoU (section 4 of the paper), label by label, threshold by threshold, cell by cell."""

from __future__ import annotations

import numpy as np


def organ_iou_of(attention: np.ndarray, allowed: np.ndarray, threshold: float) -> float | None:
    """Compute OrganIoU of one label's map, or None if nothing is above the threshold."""
    highest = max(0.0, float(attention.max()))
    inside = outside = 0
    for value, permitted in zip(attention.ravel().tolist(), allowed.ravel().tolist(), strict=True):
        if highest > 0 and max(value, 0.0) / highest > threshold:
            inside, outside = inside + bool(permitted), outside + (not permitted)
    return inside / (inside + outside) if inside + outside else None


def organ_iou_table(
    attention: np.ndarray, allowed: np.ndarray, thresholds: list[float], labels: np.ndarray | None
) -> np.ndarray:
    """Compute OrganIoU (M, T) of each label and threshold, NaN if undefined."""
    table = np.full((len(attention), len(thresholds)), np.nan)
    for m, t in np.ndindex(*table.shape):
        present = bool(allowed[m].any()) if labels is None else bool(labels[m])
        found = organ_iou_of(attention[m], allowed[m], thresholds[t])
        if present and (found is not None or labels is not None):
            table[m, t] = found or 0.0
    return table


def tuned(tables: np.ndarray, thresholds: list[float]) -> list[float]:
    """Choose for each label of (N, M, T) the first threshold with the highest mean over the volumes that have it."""
    chosen = []
    for label in range(tables.shape[1]):
        means = []
        for column in range(len(thresholds)):
            values = [v for v in tables[:, label, column].tolist() if v == v]
            means.append(sum(values) / len(values) if values else -1.0)
        chosen.append(thresholds[means.index(max(means))] if max(means) >= 0 else float("nan"))
    return chosen
