"""Slices in radiological display, gray windows and label overlays, as functions from arrays to arrays.

In radiological display the patient's right is on the left of the image. Axial slices have the front (anterior) of the
patient at the top, coronal and sagittal slices the head; sagittal slices have the front on the left. The orientation of
the patient comes from the affine alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage

from monai_pylon.reports.pixels import as_labels, as_pixels
from monai_pylon.utils import check, check_choice, check_type, ras_view, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = ["DisplaySlice", "paint_labels", "radiological_slice", "square_pixels", "window_to_gray"]

#: For each plane, the axes of a RAS volume that are cut, that become the rows and that become the columns.
_PLANES = {"axial": (2, 1, 0), "coronal": (1, 2, 0), "sagittal": (0, 2, 1)}


class DisplaySlice(NamedTuple):
    """A slice in radiological display.

    Attributes:
        image: Pixels (H, W); the first row is at the top, the first column on the left.
        spacing: Height and width of a pixel in mm.

    Example:
        >>> DisplaySlice(np.zeros((4, 6)), (5.0, 0.8)).spacing
        (5.0, 0.8)
    """

    image: np.ndarray
    spacing: tuple[float, float]


def window_to_gray(hu: np.ndarray, level: float = -300.0, width: float = 1600.0) -> np.ndarray:
    """Map HU to gray values by a window; the default window shows both lungs and soft tissue.

    Args:
        hu: Values (...) in HU; NaN becomes black.
        level: Center of the window in HU.
        width: Width of the window in HU, from black to white.

    Returns:
        Gray values (...), float32 from 0 (black) to 1 (white).

    Raises:
        ValueError: If the width is not positive.

    Example:
        >>> window_to_gray(np.array([-1024.0, 0.0, 400.0]), level=0, width=800).tolist()
        [0.0, 0.5, 1.0]
    """
    check(width > 0, "width", "positive", width)
    gray = (as_array(hu).astype(np.float32) - (level - width / 2)) / width
    return np.clip(np.nan_to_num(gray), 0.0, 1.0)


def radiological_slice(volume: np.ndarray, affine: np.ndarray, plane: str, position: float) -> DisplaySlice:
    """Cut a slice from a volume and turn it to radiological display.

    Args:
        volume: Voxels (X, Y, Z) in any orientation; an oblique volume is cut along its own nearest axes.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        plane: "axial", "coronal" or "sagittal".
        position: Position of the cut from 0 to 1: feet to head (axial), back to front (coronal), or the patient's
            left to right side (sagittal).

    Returns:
        The slice, as a view of the volume, and its pixel size.

    Raises:
        ValueError: If the plane is unknown or the position is outside 0 to 1.

    Example:
        >>> # the values grow towards the patient's right, so the left of the image has the highest
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
    """Resample a slice to square pixels.

    Args:
        slice_: Slice with image (H, W) and pixel size.
        pixel_mm: Edge length of the new pixels in mm.
        order: 1 for linear interpolation of gray values, 0 for nearest neighbor, which keeps label values.

    Returns:
        Image (H', W') of the same dtype, covering the same area to within half a pixel.

    Raises:
        ValueError: If `pixel_mm` is not positive.

    Example:
        >>> square_pixels(DisplaySlice(np.eye(2, dtype=np.uint8), (2.0, 1.0)), pixel_mm=1.0, order=0).tolist()
        [[1, 0], [1, 0], [0, 1], [0, 1]]
    """
    check(pixel_mm > 0, "pixel_mm", "positive", pixel_mm)
    image = as_array(slice_.image)
    check(image.ndim == 2 and image.size > 0, "slice_", "a slice with an image (H, W), not empty", slice_.image)
    shape = [max(1, round(n * mm / pixel_mm)) for n, mm in zip(image.shape, slice_.spacing, strict=True)]
    zoom = [new / old for new, old in zip(shape, image.shape, strict=True)]
    return ndimage.zoom(image, zoom, order=order, mode="nearest", grid_mode=True)


def paint_labels(
    gray: np.ndarray | torch.Tensor,
    labels: np.ndarray | torch.Tensor,
    colors: Mapping[int, tuple[float, float, float]],
    alpha: float = 0.25,
    contour: int = 2,
) -> np.ndarray:
    """Paint a label map over a gray image, each label with a tint and a solid outline just inside its border.

    Args:
        gray: Image (H, W), 0 to 1, an array or a tensor on any device.
        labels: Integers (H, W); pixels whose value has no color stay gray.
        colors: Red, green and blue (0 to 1) by label value.
        alpha: Strength of the tint, 0 to 1.
        contour: Width of the outline in pixels, a whole number; 0 draws none.

    Returns:
        RGB image (H, W, 3), float32 from 0 to 1.

    Raises:
        TypeError: If image or labels have no numbers, or the contour is no integer.
        ValueError: If the shapes differ, the image, alpha or a color is outside 0 to 1 or NaN, or labels are fractions.

    Example:
        >>> paint_labels(np.zeros((1, 2)), np.array([[0, 1]]), {1: (1.0, 0.0, 0.0)}, alpha=0.5, contour=0).tolist()
        [[[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]]
    """
    image = as_pixels(gray, "gray")
    organs = as_labels(labels, "labels", ("image", image.shape))
    check(0 <= alpha <= 1, "alpha", "between 0 and 1", alpha)
    check_type(contour, int, "contour")
    check(contour >= 0, "contour", "0 or more", contour)
    for color in colors.values():
        fits = len(color) == 3 and all(0 <= part <= 1 for part in color)
        check(fits, "colors", "three numbers between 0 and 1 for each label", color, "Divide colors by 255.")
    rgb = np.repeat(image.astype(np.float32)[..., None], 3, axis=-1)
    for value, color in colors.items():
        inside = organs == value
        rgb[inside] = (1 - alpha) * rgb[inside] + alpha * np.asarray(color, dtype=np.float32)
        if contour and inside.any():
            # Pixels beyond the edge count as inside, so an organ that the edge cuts has no outline along it.
            core = ndimage.binary_erosion(inside, iterations=contour, border_value=1)
            rgb[inside & ~core] = color
    return rgb
