"""Pages of a phantom with a known lesion, and what they embed."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any, NamedTuple

import nibabel
import numpy as np

from monai_pylon.reports.page.content import PageFinding, PageText
from monai_pylon.reports.page.radiograph_html import radiograph_page
from monai_pylon.reports.page.scan_html import scan_page

NASTY = "<script>alert(1)</script> & \"'"


class Planted(NamedTuple):
    """A scan with one bright ball, and a map whose largest cell lies over it."""

    ct: np.ndarray
    affine: np.ndarray
    organs: np.ndarray
    map: np.ndarray
    map_affine: np.ndarray
    lesion_mm: np.ndarray


def planted_scan(flip: tuple[int, int, int] = (-1, -1, 1), order: tuple[int, int, int] = (0, 1, 2)) -> Planted:
    """Make a body with two lungs and a ball of 16 mm radius in the right lung, in any orientation of the voxels."""
    size, mm = 64, 5.0
    matrix = np.zeros((4, 4))
    for axis, world in enumerate(order):
        matrix[world, axis] = flip[axis] * mm
    matrix[3, 3] = 1
    matrix[:3, 3] = -matrix[:3, :3] @ np.full(3, (size - 1) / 2) + [10, -20, 500]
    index = np.moveaxis(np.indices((size,) * 3), 0, -1).reshape(-1, 3)
    world = (index @ matrix[:3, :3].T + matrix[:3, 3]).reshape(size, size, size, 3) - [10, -20, 500]
    r, a, s = np.moveaxis(world, -1, 0)
    ct = np.where((r / 140) ** 2 + (a / 110) ** 2 < 1, 30.0, -1000.0)
    organs = np.zeros(ct.shape, np.uint8)
    for value, side in ((1, 60), (3, -60)):
        lung = ((r - side) / 45) ** 2 + (a / 70) ** 2 + (s / 120) ** 2 < 1
        ct[lung], organs[lung] = -850, value
    organs[(abs(r) < 14) & (abs(a) < 60) & (abs(s) < 100)] = 2
    lesion = np.array([64.0, -16.0, 48.0])
    ct[np.linalg.norm(world - lesion, axis=-1) < 16] = 40
    cell, cells = 32.0, (7, 7, 12)
    map_affine = np.diag([-cell, -cell, -cell / 2, 1.0])
    map_affine[:3, 3] = [96 + 10, 80 - 20, 88 + 500]  # the cell (1, 3, 5) lies at R 64, A -16, S 8
    values = np.full(cells, -0.01, np.float32)
    values[1, 3, 2:4] = [0.8, 0.6]  # the cell (1, 3, 2) lies at S 56 and (1, 3, 3) at S 40
    values[5, 3, 2] = -0.5
    return Planted(ct.astype(np.float32), matrix, organs, values, map_affine, lesion + np.array([10, -20, 500]))


def planted_scan_page(case: str = "phantom", **options: Any) -> str:
    """Build the page of the planted scan with three findings."""
    made = planted_scan(**options)
    heights = made.map_affine[2, 3] + made.map_affine[2, 2] * np.arange(12)
    findings = [
        PageFinding("improbable", 0.2, -made.map, made.map_affine, -made.map.sum((0, 1))),
        PageFinding("lung nodule", 0.7, made.map, made.map_affine, made.map.sum((0, 1))),
        PageFinding(NASTY, 0.001),
    ]
    text = PageText(case, [("Organ outlines", ["A verdict."])], {"model (SHA-256)": "0123456789ab"})
    return scan_page(text, made.ct, made.affine, findings, made.organs, heights)


def planted_radiograph_page(case: str = "phantom", sides: str = "RL") -> str:
    """Build the page of a radiograph (300, 400) with a bright disk at row 200, column 100 under the map's peak."""
    rows, columns = np.indices((300, 400))
    image = 0.3 + 0.5 * ((rows - 200) ** 2 + (columns - 100) ** 2 < 20**2)
    cells = np.zeros((15, 20), np.float32)
    cells[9:11, 4:6] = [[0.4, 0.5], [0.8, 0.6]]  # cell (10, 4) looks at row 209.5, column 89.5
    position = np.diag([20.0, 20.0, 1.0])
    position[:2, 2] = 9.5
    findings = [
        PageFinding("Mass", 0.8, cells, position, boxes=[[80, 180, 120, 220]]),
        PageFinding(NASTY, 0.1, cells[::-1] / 8, position),
    ]
    return radiograph_page(PageText(case), image, findings, sides)


def page_data(html: str) -> dict[str, Any]:
    """Read the data that a page embeds."""
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, flags=re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))


def volume(text: str) -> nibabel.Nifti1Image:
    """Decode an embedded volume."""
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))
