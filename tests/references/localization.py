"""Slow reference of point and box localization with NumPy, one map at a time.

As in the authors' program, every map is upsampled, and then the maps with a box are compared with it.
"""

from __future__ import annotations

import math

import numpy as np


def upsample(probability: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Upsample (h, w) to (rows, columns): bilinear, pixel centers at half-integers, border values repeated."""
    h, w = probability.shape
    y = np.clip((np.arange(rows) + 0.5) * h / rows - 0.5, 0, h - 1)
    x = np.clip((np.arange(columns) + 0.5) * w / columns - 0.5, 0, w - 1)
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    dy, dx = (y - top)[:, None], (x - left)[None, :]
    above = probability[np.ix_(top, left)] * (1 - dx) + probability[np.ix_(top, right)] * dx
    below = probability[np.ix_(down, left)] * (1 - dx) + probability[np.ix_(down, right)] * dx
    return above * (1 - dy) + below * dy


def image_map(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Convert logits (h, w) to probabilities at image size."""
    return upsample(1 / (1 + np.exp(-logits.astype(np.float64))), *size)


def class_boxes(boxes: np.ndarray, label: int) -> list[tuple[float, ...]]:
    """Select the boxes of one class from rows [x1, y1, x2, y2, class], as (x, y, width, height)."""
    return [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2, c in np.asarray(boxes, dtype=np.float64) if c == label]


def point_hits(maps: np.ndarray, boxes: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """Return whether the highest pixel lies in a box of the class (N, M). NaN for a class without boxes."""
    hits = np.full(maps.shape[:2], np.nan)
    for image, label in np.ndindex(*hits.shape):
        probability = image_map(maps[image, label], size)
        row, column = np.unravel_index(np.argmax(probability), size)
        own = class_boxes(boxes[image], label)
        if own:
            hits[image, label] = any(x <= column <= x + w and y <= row <= y + h for x, y, w, h in own)
    return hits


def overlaps(
    maps: np.ndarray, boxes: list[np.ndarray], size: tuple[int, int], threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute IoR and IoU (N, M) of the bright pixels and the union of the class's boxes. NaN without boxes."""
    ior, iou = np.full((2, *maps.shape[:2]), np.nan)
    for image, label in np.ndindex(*ior.shape):
        probability = image_map(maps[image, label], size)
        bright = probability / probability.max() > threshold
        truth = np.zeros(size, dtype=bool)
        for box in class_boxes(boxes[image], label):
            x, y, w, h = (math.trunc(value) for value in box)
            for row in range(max(y, 0), min(y + h, size[0])):
                for column in range(max(x, 0), min(x + w, size[1])):
                    truth[row, column] = True
        if class_boxes(boxes[image], label):
            both = np.count_nonzero(bright & truth)
            ior[image, label] = both / np.count_nonzero(bright)
            iou[image, label] = both / np.count_nonzero(bright | truth)
    return ior, iou
