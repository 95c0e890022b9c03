"""Maps of evidence over a radiograph: brought to its size, and painted. Arrays in, arrays out; no plotting here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from monai_pylon.utils import check

__all__ = ["Peak", "heatmap_on_image", "heatmap_peak", "paint_heatmap"]

#: From weak to strong: dark red, orange, yellow; told apart from gray, and from each other by brightness alone.
_RAMP = np.array([(0.55, 0.05, 0.15), (0.90, 0.30, 0.05), (1.0, 0.65, 0.0), (1.0, 0.95, 0.35)], dtype=np.float32)


class Peak(NamedTuple):
    """The highest pixel of a map.

    Attributes:
        row: its row, from 0.
        column: its column, from 0.
        value: of the map there.

    Example:
        >>> Peak(row=3, column=5, value=0.9).column
        5
    """

    row: int
    column: int
    value: float


def heatmap_on_image(heatmap: torch.Tensor, size: Sequence[int], probabilities: bool = True) -> torch.Tensor:
    """Bring maps to the size of the image, as the metrics of localization do: bilinear, ``align_corners=False``.

    Args:
        heatmap: (M, h, w) logits.
        size: (rows, columns) of the image.
        probabilities: whether the sigmoid is taken first; without, the maps stay signed logits.

    Returns:
        (M, H, W), float32.

    Raises:
        ValueError: where the maps have another shape.

    Example:
        >>> heatmap_on_image(torch.zeros(14, 8, 8), (256, 200)).shape
        torch.Size([14, 256, 200])
    """
    check(heatmap.ndim == 3, "heatmap", "of shape (M, h, w)", heatmap)
    check(len(size) == 2 and min(size) > 0, "size", "(rows, columns), positive", size)
    maps = heatmap.detach().float().sigmoid() if probabilities else heatmap.detach().float()
    return functional.interpolate(maps[None], tuple(size), mode="bilinear", align_corners=False)[0]


def heatmap_peak(heatmap: np.ndarray) -> Peak:
    """The highest pixel of a map; of equals the first.

    Args:
        heatmap: (H, W).

    Returns:
        its row, column and value.

    Example:
        >>> heatmap_peak(np.array([[0.1, 0.2], [0.7, 0.3]]))
        Peak(row=1, column=0, value=0.7)
    """
    check(heatmap.ndim == 2 and heatmap.size > 0, "heatmap", "of shape (H, W), not empty", heatmap)
    row, column = np.unravel_index(int(np.argmax(heatmap)), heatmap.shape)
    return Peak(int(row), int(column), float(heatmap[row, column]))


def paint_heatmap(gray: np.ndarray, heat: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Paint a map over a gray image: where it is 0 the image stays as it is, where it is 1 it is nearly covered.

    Args:
        gray: (H, W), 0 to 1.
        heat: (H, W), 0 to 1, such as a map divided by its maximum.
        alpha: how much of the image is covered where the heat is 1, 0 to 1.

    Returns:
        float32 (H, W, 3), 0 to 1.

    Raises:
        ValueError: where the shapes differ, or the heat or alpha lies outside 0 to 1.

    Example:
        >>> paint_heatmap(np.full((1, 2), 0.5), np.array([[0.0, 1.0]]), alpha=0.5)[0, 0].tolist()
        [0.5, 0.5, 0.5]
    """
    check(gray.ndim == 2 and gray.shape == heat.shape, "heat", f"of the image's shape {gray.shape}", heat)
    check(0 <= alpha <= 1, "alpha", "between 0 and 1", alpha)
    inside = heat.size == 0 or (heat.min() >= 0 and heat.max() <= 1)
    check(bool(inside), "heat", "between 0 and 1", heat, "Divide it by its maximum.")
    steps = np.linspace(0, 1, len(_RAMP))
    color = np.stack([np.interp(heat, steps, _RAMP[:, channel]) for channel in range(3)], axis=-1)
    cover = (alpha * np.asarray(heat, dtype=np.float32))[..., None]
    return ((1 - cover) * np.asarray(gray, dtype=np.float32)[..., None] + cover * color).astype(np.float32)
