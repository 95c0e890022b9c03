"""Slices as a radiologist sees them, and organs painted over them. Arrays in, arrays out; no plotting here.

Radiological display: the patient's right on the image's left; axial slices with the front (anterior) up, coronal slices
with the head up. Which way the patient lies comes from the affine alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from monai_pylon.utils import check, check_choice, ras_view, voxel_spacing

__all__ = ["DisplaySlice", "paint_labels", "radiological_slice", "square_pixels", "window_to_gray"]

#: The axis of a RAS volume that each plane cuts, and the axes that become its rows and columns.
_PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0)}


class DisplaySlice(NamedTuple):
    """A slice in radiological display.

    Attributes:
        image: (H, W), the first row uppermost, the first column leftmost.
        spacing: height and width of a pixel in mm.

    Example:
        >>> DisplaySlice(np.zeros((4, 6)), (5.0, 0.8)).spacing
        (5.0, 0.8)
    """

    image: np.ndarray
    spacing: tuple[float, float]


def window_to_gray(hu: np.ndarray, level: float = -300.0, width: float = 1600.0) -> np.ndarray:
    """Map HU to gray values by a window; the default shows lungs and soft tissue on one picture.

    Args:
        hu: (...), in HU. NaN becomes black.
        level: the HU in the middle of the window.
        width: the HU from black to white.

    Returns:
        float32 (...), 0 (black) to 1 (white).

    Raises:
        ValueError: where the width is not positive.

    Example:
        >>> window_to_gray(np.array([-1024.0, 0.0, 400.0]), level=0, width=800).tolist()
        [0.0, 0.5, 1.0]
    """
    check(width > 0, "width", "positive", width)
    gray = (np.asarray(hu, dtype=np.float32) - (level - width / 2)) / width
    return np.clip(np.nan_to_num(gray), 0.0, 1.0)


def radiological_slice(volume: np.ndarray, affine: np.ndarray, plane: str, position: float) -> DisplaySlice:
    """Cut a slice out of a volume and turn it to radiological display.

    Args:
        volume: (X, Y, Z), any orientation; oblique volumes are cut along their own nearest axes.
        affine: (4, 4), voxel indices to RAS millimetres.
        plane: "axial" or "coronal".
        position: where to cut, 0 to 1: from the feet to the head (axial), from the back to the front (coronal).

    Returns:
        the slice, a view of the volume (its first row uppermost), and its pixel size.

    Raises:
        ValueError: for an unknown plane, or a position outside 0 to 1.

    Example:
        >>> # values that grow towards the patient's right: high on the left of the picture
        >>> volume = np.broadcast_to(np.arange(3.0)[:, None, None], (3, 4, 5))
        >>> radiological_slice(volume, np.eye(4), "axial", 0.5).image[0].tolist()
        [2.0, 1.0, 0.0]
    """
    check_choice(plane, _PLANES, "plane")
    check(0 <= position <= 1, "position", "between 0 and 1", position)
    view = ras_view(volume, affine)
    across, rows, columns = _PLANES[plane]
    index = round(position * (view.array.shape[across] - 1))
    image = np.moveaxis(view.array, (across, rows, columns), (0, 1, 2))[index, ::-1, ::-1]
    spacing = voxel_spacing(view.affine)
    return DisplaySlice(image, (spacing[rows], spacing[columns]))


def square_pixels(slice_: DisplaySlice, pixel_mm: float, order: int) -> np.ndarray:
    """Resample a slice to square pixels, so that a millimetre is as long across as it is down.

    Args:
        slice_: the slice, image (H, W), with its pixel size.
        pixel_mm: the edge of the new pixels in mm.
        order: 1 to interpolate between gray values, 0 to keep labels as they are.

    Returns:
        (H, W) of the slice's type, covering the same area to within half a pixel.

    Example:
        >>> square_pixels(DisplaySlice(np.eye(2, dtype=np.uint8), (2.0, 1.0)), pixel_mm=1.0, order=0).tolist()
        [[1, 0], [1, 0], [0, 1], [0, 1]]
    """
    check(pixel_mm > 0, "pixel_mm", "positive", pixel_mm)
    image = slice_.image
    shape = [max(1, round(n * mm / pixel_mm)) for n, mm in zip(image.shape, slice_.spacing, strict=True)]
    zoom = [new / old for new, old in zip(shape, image.shape, strict=True)]
    return ndimage.zoom(image, zoom, order=order, mode="nearest", grid_mode=True)


def paint_labels(
    gray: np.ndarray,
    labels: np.ndarray,
    colors: Mapping[int, tuple[float, float, float]],
    alpha: float = 0.25,
    contour: int = 2,
) -> np.ndarray:
    """Paint a label map over a gray image: each label tinted, with a solid outline just inside its border.

    Args:
        gray: (H, W), 0 to 1.
        labels: (H, W), integers; values without a colour stay as they are.
        colors: red, green and blue (0 to 1) by label value.
        alpha: strength of the tint, 0 to 1.
        contour: width of the outline in pixels; 0 for none.

    Returns:
        float32 (H, W, 3), 0 to 1.

    Raises:
        ValueError: where the shapes differ or alpha is outside 0 to 1.

    Example:
        >>> paint_labels(np.zeros((1, 2)), np.array([[0, 1]]), {1: (1.0, 0.0, 0.0)}, alpha=0.5, contour=0).tolist()
        [[[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]]
    """
    check(gray.shape == labels.shape, "labels", f"of the image's shape {gray.shape}", labels)
    check(0 <= alpha <= 1, "alpha", "between 0 and 1", alpha)
    rgb = np.repeat(np.asarray(gray, dtype=np.float32)[..., None], 3, axis=-1)
    for value, color in colors.items():
        inside = labels == value
        rgb[inside] = (1 - alpha) * rgb[inside] + alpha * np.asarray(color, dtype=np.float32)
        if contour and inside.any():
            # beyond the picture counts as inside: an organ that is cut off gets no outline along the edge
            core = ndimage.binary_erosion(inside, iterations=contour, border_value=1)
            rgb[inside & ~core] = color
    return rgb
