"""Reading pages: a scan or radiograph with its explanation as one HTML file that needs no network."""

from monai_pylon.reports.page.compare import compare_pages
from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.radiograph_html import radiograph_page
from monai_pylon.reports.page.scan_html import scan_page

__all__ = ["PageFinding", "PageText", "compare_pages", "radiograph_page", "scan_page"]
