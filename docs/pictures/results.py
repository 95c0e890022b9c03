"""Pictures of the demo's results: what ``make demo`` writes for its phantoms, and its reading page in a browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from monai_pylon.workflows.demo.run import demo
from tests.reports.page.chromium import Chromium

#: Pictures by name, and the file of the demo that each shows.
RESULTS = {
    "demo_radiograph": "radiograph/phantom_radiograph/phantom_radiograph_overlay.png",
    "axialnet_reading": "ct/phantom_ct/phantom_ct_overlay.png",
    "reading_page": "ct/phantom_ct/phantom_ct_page.html",
}


def make_results(names: list[str]) -> dict[str, Image.Image]:
    """Run the demo (about a minute) and return its pictures by name. A page needs Chromium."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        demo(["--output", folder], standalone_mode=False)
        for name in names:
            file = Path(folder) / RESULTS[name]
            found[name] = browsed(file) if file.suffix == ".html" else opened(file)
    return found


def opened(file: Path) -> Image.Image:
    """Read a picture of at most 1,100 pixels width."""
    with Image.open(file) as image:
        image.thumbnail((1100, 4000), Image.Resampling.LANCZOS)
        return image.convert("RGB")


def browsed(page: Path) -> Image.Image:
    """Take a screenshot of a reading page."""
    with Chromium((1280, 860)) as browser:
        browser.open(page, seconds=600)
        browser.frame()
        return Image.fromarray(browser.screenshot().astype(np.uint8)).convert("RGB")
