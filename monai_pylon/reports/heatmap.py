"""Heatmaps over a radiograph: resizing, peak and color overlay, as functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from monai_pylon.utils import check

__all__ = ["Peak", "heatmap_on_image", "heatmap_peak", "paint_heatmap"]

#: Dark red, orange and yellow from weak to strong; brightness alone tells them apart.
_RAMP = np.array([(0.55, 0.05, 0.15), (0.90, 0.30, 0.05), (1.0, 0.65, 0.0), (1.0, 0.95, 0.35)], dtype=np.float32)


class Peak(NamedTuple):
    """Highest pixel of a map.

    Attributes:
        row: Row of the pixel, from 0.
        column: Column of the pixel, from 0.
        value: Value of the map at the pixel.

    Example:
        >>> Peak(row=3, column=5, value=0.9).column
        5
    """

    row: int
    column: int
    value: float


def heatmap_on_image(heatmap: torch.Tensor, size: Sequence[int], probabilities: bool = True) -> torch.Tensor:
    """Resize maps to an image as the localization metrics do: bilinear with ``align_corners=False``.

    Args:
        heatmap: Logits (M, h, w).
        size: Rows and columns (H, W) of the image.
        probabilities: Whether to apply the sigmoid before resizing; without it the maps stay signed logits.

    Returns:
        Maps (M, H, W), float32.

    Raises:
        ValueError: If the maps or the size have another shape, or a size is not positive.

    Example:
        >>> heatmap_on_image(torch.zeros(14, 8, 8), (256, 200)).shape
        torch.Size([14, 256, 200])
    """
    check(heatmap.ndim == 3, "heatmap", "of shape (M, h, w)", heatmap)
    check(len(size) == 2 and min(size) > 0, "size", "(rows, columns), positive", size)
    maps = heatmap.detach().float().sigmoid() if probabilities else heatmap.detach().float()
    return functional.interpolate(maps[None], tuple(size), mode="bilinear", align_corners=False)[0]


def heatmap_peak(heatmap: np.ndarray) -> Peak:
    """Find the highest pixel of a map; among equal pixels the first in row order.

    Args:
        heatmap: Map (H, W).

    Returns:
        Row, column and value of the pixel.

    Raises:
        ValueError: If the map is empty or has another number of axes.

    Example:
        >>> heatmap_peak(np.array([[0.1, 0.2], [0.7, 0.3]]))
        Peak(row=1, column=0, value=0.7)
    """
    check(heatmap.ndim == 2 and heatmap.size > 0, "heatmap", "of shape (H, W), not empty", heatmap)
    row, column = np.unravel_index(int(np.argmax(heatmap)), heatmap.shape)
    return Peak(int(row), int(column), float(heatmap[row, column]))


def paint_heatmap(gray: np.ndarray, heat: np.ndarray, alpha: float = 0.6) -> np.ndarray:
    """Blend a map over a gray image with an opacity in proportion to the map.

    Args:
        gray: Image (H, W), 0 to 1.
        heat: Map (H, W), 0 to 1, such as a map divided by its maximum.
        alpha: Opacity of the color where the map is 1, 0 to 1.

    Returns:
        RGB image (H, W, 3), float32 from 0 to 1.

    Raises:
        ValueError: If the shapes differ, or the map or alpha is outside 0 to 1.

    Example:
        >>> paint_heatmap(np.full((1, 2), 0.5), np.array([[0.0, 1.0]]), alpha=0.5)[0, 0].tolist()
        [0.5, 0.5, 0.5]
    """
    check(gray.ndim == 2 and gray.shape == heat.shape, "heat", f"of the image's shape {gray.shape}", heat)
    check(0 <= alpha <= 1, "alpha", "between 0 and 1", alpha)
    in_range = heat.size == 0 or (heat.min() >= 0 and heat.max() <= 1)
    check(bool(in_range), "heat", "between 0 and 1", heat, "Divide it by its maximum.")
    steps = np.linspace(0, 1, len(_RAMP))
    color = np.stack([np.interp(heat, steps, _RAMP[:, channel]) for channel in range(3)], axis=-1)
    opacity = (alpha * np.asarray(heat, dtype=np.float32))[..., None]
    return ((1 - opacity) * np.asarray(gray, dtype=np.float32)[..., None] + opacity * color).astype(np.float32)
