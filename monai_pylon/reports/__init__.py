"""Figures, NIfTI files and HTML pages for people to open, each written atomically."""

from monai_pylon.reports.display import radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.heatmap import Peak
from monai_pylon.reports.map_figure import show_map
from monai_pylon.reports.nifti import save_radiograph_nifti
from monai_pylon.reports.organ_figure import ORGAN_COLORS
from monai_pylon.reports.radiograph_figure import (
    RadiographFindingMap,
    radiograph_overlay_figure,
    radiograph_page_figure,
)

__all__ = [
    "ORGAN_COLORS",
    "Peak",
    "RadiographFindingMap",
    "radiograph_overlay_figure",
    "radiograph_page_figure",
    "radiological_slice",
    "save_radiograph_nifti",
    "show_map",
    "square_pixels",
    "window_to_gray",
]
