"""What a person opens: pictures, NIfTI files, tables. Every file appears whole or not at all."""

from monai_pylon.reports.atomic import written_whole
from monai_pylon.reports.figures import ORGAN_COLORS, OrganQuality, organ_overlay_figure, save_organ_overlay
from monai_pylon.reports.films import FilmFindingMap, film_overlay_figure, film_page_figure
from monai_pylon.reports.html import RawHTML, html_bar, html_numbers, html_pictures, html_table, save_html
from monai_pylon.reports.nifti import save_film_nifti, save_label_nifti, save_map_nifti
from monai_pylon.reports.page import save_figure
from monai_pylon.reports.scans import ScanFinding, finding_on_scan, scan_findings_figure
from monai_pylon.reports.tables import read_rows, update_rows, write_rows

__all__ = [
    "FilmFindingMap",
    "ORGAN_COLORS",
    "OrganQuality",
    "RawHTML",
    "ScanFinding",
    "film_overlay_figure",
    "film_page_figure",
    "finding_on_scan",
    "html_bar",
    "html_numbers",
    "html_pictures",
    "html_table",
    "organ_overlay_figure",
    "read_rows",
    "save_figure",
    "save_film_nifti",
    "save_html",
    "save_label_nifti",
    "save_map_nifti",
    "save_organ_overlay",
    "scan_findings_figure",
    "update_rows",
    "write_rows",
    "written_whole",
]
