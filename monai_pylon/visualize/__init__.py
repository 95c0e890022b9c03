"""Slices in radiological display, and organs painted over them."""

from monai_pylon.visualize.overlay import (
    DisplaySlice,
    paint_labels,
    radiological_slice,
    square_pixels,
    window_to_gray,
)

__all__ = ["DisplaySlice", "paint_labels", "radiological_slice", "square_pixels", "window_to_gray"]
