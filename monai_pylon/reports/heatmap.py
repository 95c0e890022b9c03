"""Heatmaps over a radiograph: resizing, peak and color overlay, as functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from monai_pylon.reports.pixels import as_pixels
from monai_pylon.utils import check, check_type
from monai_pylon.utils.outputs import attention_of
from monai_pylon.visualize import MapGeometry, map_on_image

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


def heatmap_on_image(
    heatmap: Any, size: Sequence[int], probabilities: bool = True, geometry: MapGeometry | None = None
) -> torch.Tensor:
    """Resize maps to an image, each cell drawn where it looks or stretched evenly as in the localization metrics.

    Args:
        heatmap: Logits (M, h, w) of one image, or (N, M, h, w), or an explanation that contains them.
        size: Rows and columns (H, W) of the image.
        probabilities: Whether to apply the sigmoid before resizing; without it the maps stay signed logits.
        geometry: Where the maps' cells look in the image, from :func:`~monai_pylon.visualize.map_geometry`. None:
            bilinear with ``align_corners=False``, as the metrics do.

    Returns:
        Maps (M, H, W) or (N, M, H, W), float32, on the device of the heatmap.

    Raises:
        TypeError: If the heatmap is not a tensor.
        ValueError: If the maps or the size have another shape, a size is not positive, or a map is not finite.

    Example:
        >>> heatmap_on_image(torch.zeros(14, 8, 8), (256, 200)).shape
        torch.Size([14, 256, 200])
    """
    if isinstance(heatmap, tuple | list):
        heatmap = attention_of(heatmap, "heatmap")
    check_type(heatmap, torch.Tensor, "heatmap")
    fits = heatmap.ndim in (3, 4) and 0 not in heatmap.shape[-2:]
    check(fits, "heatmap", "of shape (M, h, w) or (N, M, h, w)", heatmap, "Keep the axis of the labels: maps[None].")
    check(len(size) == 2 and min(size) > 0, "size", "(rows, columns), positive", size)
    finite = bool(heatmap.isfinite().all())
    check(finite, "heatmap", "finite", heatmap, "Check the training of the network.")
    maps = heatmap.detach().float().sigmoid() if probabilities else heatmap.detach().float()
    many = maps if maps.ndim == 4 else maps[None]
    if geometry is None:
        resized = functional.interpolate(many, tuple(size), mode="bilinear", align_corners=False)
    else:
        resized = map_on_image(many, geometry, tuple(size), extend=True)
    return resized if maps.ndim == 4 else resized[0]


def heatmap_peak(heatmap: np.ndarray | torch.Tensor) -> Peak:
    """Find the highest pixel of a map; among equal pixels the first in row order.

    Args:
        heatmap: Map (H, W), an array or a tensor on any device.

    Returns:
        Row, column and value of the pixel.

    Raises:
        TypeError: If the map has no numbers.
        ValueError: If the map is empty, has another number of axes, or is not finite.

    Example:
        >>> heatmap_peak(np.array([[0.1, 0.2], [0.7, 0.3]]))
        Peak(row=1, column=0, value=0.7)
    """
    pixels = as_pixels(heatmap, "heatmap", unit=False)
    check(pixels.size > 0, "heatmap", "of shape (H, W), not empty", heatmap)
    row, column = np.unravel_index(int(np.argmax(pixels)), pixels.shape)
    return Peak(int(row), int(column), float(pixels[row, column]))


def paint_heatmap(gray: np.ndarray | torch.Tensor, heat: np.ndarray | torch.Tensor, alpha: float = 0.6) -> np.ndarray:
    """Blend a map over a gray image with an opacity in proportion to the map.

    Args:
        gray: Image (H, W), 0 to 1, an array or a tensor on any device.
        heat: Map (H, W), 0 to 1, such as a map divided by its maximum.
        alpha: Opacity of the color where the map is 1, 0 to 1.

    Returns:
        RGB image (H, W, 3), float32 from 0 to 1.

    Raises:
        TypeError: If image or map has no numbers.
        ValueError: If the shapes differ, or the image, the map or alpha is outside 0 to 1 or NaN.

    Example:
        >>> paint_heatmap(np.full((1, 2), 0.5), np.array([[0.0, 1.0]]), alpha=0.5)[0, 0].tolist()
        [0.5, 0.5, 0.5]
    """
    image = as_pixels(gray, "gray")
    shown = as_pixels(heat, "heat", like=("image", image.shape))
    check(0 <= alpha <= 1, "alpha", "between 0 and 1", alpha)
    steps = np.linspace(0, 1, len(_RAMP))
    color = np.stack([np.interp(shown, steps, _RAMP[:, channel]) for channel in range(3)], axis=-1)
    opacity = (alpha * shown.astype(np.float32))[..., None]
    return ((1 - opacity) * image.astype(np.float32)[..., None] + opacity * color).astype(np.float32)
