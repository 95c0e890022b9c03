"""Figures, NIfTI files and HTML pages for people to open, each written atomically."""

from monai_pylon.reports.chest_ct_figure import ScanFinding, finding_on_scan, scan_findings_figure
from monai_pylon.reports.display import (
    DisplaySlice,
    paint_labels,
    radiological_slice,
    square_pixels,
    window_to_gray,
)
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.heatmap import (
    Peak,
    heatmap_on_image,
    heatmap_peak,
    paint_heatmap,
)
from monai_pylon.reports.html import (
    RawHTML,
    html_bar,
    html_numbers,
    html_pictures,
    html_table,
    save_html,
)
from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti, save_radiograph_nifti
from monai_pylon.reports.organ_figure import (
    ORGAN_COLORS,
    OrganQuality,
    organ_overlay_figure,
    save_organ_overlay,
)
from monai_pylon.reports.radiograph_figure import (
    RadiographFindingMap,
    radiograph_overlay_figure,
    radiograph_page_figure,
)

__all__ = [
    "DisplaySlice",
    "ORGAN_COLORS",
    "OrganQuality",
    "Peak",
    "RadiographFindingMap",
    "RawHTML",
    "ScanFinding",
    "finding_on_scan",
    "heatmap_on_image",
    "heatmap_peak",
    "html_bar",
    "html_numbers",
    "html_pictures",
    "html_table",
    "organ_overlay_figure",
    "paint_heatmap",
    "paint_labels",
    "radiograph_overlay_figure",
    "radiograph_page_figure",
    "radiological_slice",
    "save_figure",
    "save_html",
    "save_label_nifti",
    "save_map_nifti",
    "save_organ_overlay",
    "save_radiograph_nifti",
    "scan_findings_figure",
    "square_pixels",
    "window_to_gray",
]
