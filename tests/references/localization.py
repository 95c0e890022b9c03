"""Point and box localization with NumPy, one map after the other: slow, and plain enough to be checked by eye.

In the authors' order: every map is upsampled, and then those that have a box are judged.
"""

from __future__ import annotations

import math

import numpy as np


def upsample(probability: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """(h, w) to (rows, columns): bilinear, pixel centres at half-integers, the border repeated."""
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
    """(h, w) logits to probabilities at image size."""
    return upsample(1 / (1 + np.exp(-logits.astype(np.float64))), *size)


def class_boxes(boxes: np.ndarray, label: int) -> list[tuple[float, ...]]:
    """Of rows [x1, y1, x2, y2, class] those of one class, as (x, y, width, height)."""
    return [(x1, y1, x2 - x1, y2 - y1) for x1, y1, x2, y2, c in np.asarray(boxes, dtype=np.float64) if c == label]


def point_hits(maps: np.ndarray, boxes: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """(N, M): whether the highest pixel lies in one of the class's boxes, NaN where it has none."""
    hits = np.full(maps.shape[:2], np.nan)
    for image, label in np.ndindex(*hits.shape):
        probability = image_map(maps[image, label], size)
        row, column = np.unravel_index(np.argmax(probability), size)
        mine = class_boxes(boxes[image], label)
        if mine:
            hits[image, label] = any(x <= column <= x + w and y <= row <= y + h for x, y, w, h in mine)
    return hits


def overlaps(
    maps: np.ndarray, boxes: list[np.ndarray], size: tuple[int, int], threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """(N, M) twice: IoR and IoU of the bright pixels and the union of the class's boxes, NaN where it has none."""
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
