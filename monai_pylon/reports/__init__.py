"""Figures, NIfTI files and HTML pages for people to open, each written atomically."""

from monai_pylon.reports.display import radiological_slice, square_pixels
from monai_pylon.reports.map_figure import show_map
from monai_pylon.reports.organ_figure import ORGAN_COLORS

__all__ = ["ORGAN_COLORS", "radiological_slice", "show_map", "square_pixels"]
