"""Checks of the images, maps and label maps that figures draw.

A figure of an image in another range, or of a map with NaN, looks plausible and shows something else. Therefore every
function of this package that draws or measures pixels checks them here first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from monai_pylon.utils import check, check_type
from monai_pylon.utils.arrays import as_array

__all__ = ["as_labels", "as_pixels", "as_voxels"]

#: Interpolation of values between 0 and 1 may exceed the ends by rounding.
_ROUNDING = 1e-5
_ONE = "Take one image or map of a batch, such as maps[0]."
_SCALE = "Divide an image by the highest value that its pixels can have (255, 65535), and a map by its maximum."
_FINITE = "Replace NaN and infinite values, or check the training of the network."


def _numbers(value: Any, argument: str) -> np.ndarray:
    """Convert numbers to an array, or raise a TypeError."""
    remedy = "Give an array or a tensor of numbers."
    if not hasattr(value, "__array__"):
        check_type(value, (np.ndarray, list, tuple), argument, remedy)
    array = as_array(value)
    if array.dtype.kind not in "biuf":
        check_type(value, int, argument, remedy)
    return array


def as_pixels(
    value: Any,
    argument: str,
    unit: bool = True,
    like: tuple[str, tuple[int, ...]] | None = None,
    remedy: str = "",
) -> np.ndarray:
    """Check an image or a map, and convert it to an array.

    Args:
        value: Pixels (H, W), an array or a tensor on any device.
        argument: Name of the argument for an error.
        unit: Whether the pixels must lie between 0 and 1. They may be off by rounding and are clipped then.
        like: Name and shape of the image on whose grid the pixels must lie.
        remedy: Advice to the user if shape or range do not fit.

    Returns:
        Array (H, W), float32 or float64.

    Raises:
        TypeError: If the value has no numbers.
        ValueError: If the shape is another, a pixel is not finite, or a pixel is out of range.

    Example:
        >>> as_pixels(np.full((2, 2), 255, dtype=np.uint8), "gray")
        Traceback (most recent call last):
        ...
        ValueError: gray must be between 0 and 1, but is 'uint8 from 255 to 255'. Divide an image by the highest ...
    """
    array = _numbers(value, argument)
    check(array.ndim == 2, argument, "of shape (H, W)", value, _ONE)
    if like is not None:
        check(array.shape == like[1], argument, f"of the {like[0]}'s shape {like[1]}", value, remedy or "Resize one.")
    return _in_range(array, argument, unit, remedy or _SCALE)


def as_voxels(
    value: Any, argument: str, like: tuple[str, tuple[int, ...]] | None = None, finite: bool = True
) -> np.ndarray:
    """Check a volume and convert it to an array.

    Args:
        value: Voxels (X, Y, Z), an array or a tensor on any device.
        argument: Name of the argument for an error.
        like: Name and shape of the scan on whose grid the voxels must lie.
        finite: Whether every voxel must be finite.

    Returns:
        Array (X, Y, Z) of its own type.

    Raises:
        TypeError: If the value has no numbers.
        ValueError: If the shape is another, or a voxel is not finite.

    Example:
        >>> as_voxels(np.zeros((2, 3, 4)), "ct").shape
        (2, 3, 4)
    """
    array = _numbers(value, argument)
    check(array.ndim == 3 and array.size > 0, argument, "of shape (X, Y, Z), not empty", value, "Remove other axes.")
    if like is not None:
        check(array.shape == like[1], argument, f"of the {like[0]}'s shape {like[1]}", value, "Resample one of them.")
    if finite:
        check(bool(np.isfinite(array).all()), argument, "finite", value, _FINITE)
    return array


def as_labels(value: Any, argument: str, like: tuple[str, tuple[int, ...]]) -> np.ndarray:
    """Check a label map and convert it to an array.

    Args:
        value: Whole numbers (H, W) or (X, Y, Z), an array or a tensor on any device.
        argument: Name of the argument for an error.
        like: Name and shape of the image on whose grid the labels must lie.

    Returns:
        Array of the same shape.

    Raises:
        TypeError: If the value has no numbers.
        ValueError: If the shape is another, or a label is not a whole number.

    Example:
        >>> as_labels(np.full((1, 1), 0.5), "labels", ("image", (1, 1)))
        Traceback (most recent call last):
        ...
        ValueError: labels must be whole numbers, but is ndarray of shape (1, 1), float64. Resample label maps by ...
    """
    array = _numbers(value, argument)
    check(array.shape == like[1], argument, f"of the {like[0]}'s shape {like[1]}", value, "Resample one of them.")
    whole = array.dtype.kind != "f" or bool((np.isfinite(array) & (np.rint(array) == array)).all())
    check(whole, argument, "whole numbers", value, "Resample label maps by nearest neighbor.")
    return array


def _in_range(array: np.ndarray, argument: str, unit: bool, remedy: str) -> np.ndarray:
    """Check that pixels are finite and, if requested, between 0 and 1."""
    dtype, pixels = array.dtype, array if array.dtype == np.float64 else array.astype(np.float32)
    if pixels.size == 0:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())  # NaN if any pixel is NaN
    check(bool(np.isfinite(low) and np.isfinite(high)), argument, "finite", f"{dtype} with NaN or infinity", _FINITE)
    if not unit:
        return pixels
    inside = low >= -_ROUNDING and high <= 1 + _ROUNDING
    check(inside, argument, "between 0 and 1", f"{dtype} from {low:g} to {high:g}", remedy)
    return pixels.clip(0, 1)
