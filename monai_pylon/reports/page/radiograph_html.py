"""Reading page of a radiograph: the image with the map, peak and boxes of the chosen finding."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from monai_pylon.reports.evidence import evidence_threshold, paint_evidence, share_against
from monai_pylon.reports.page.content import (
    PageFinding,
    PageText,
    check_findings,
    headlines,
    listed,
    most_probable,
    percent,
)
from monai_pylon.reports.page.embedding import embedded_jpeg, embedded_png
from monai_pylon.reports.page.template import render_page
from monai_pylon.reports.pixels import as_pixels
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_array

__all__ = ["radiograph_page"]

#: Most pixels along an edge of the embedded radiograph.
MOST_PIXELS = 1600
_HOW_TO_READ = (
    "Orange: places where the network sees the chosen finding; stronger orange means more probable. "
    "Gray: places below the threshold.",
    "The finding's probability is that of its strongest grid cell (near +). No other cell counts against it. "
    "Values between grid cells are interpolated.",
    "Even an improbable finding has a strongest place: read the probability first.",
    "The probability is the network's own estimate. It is not calibrated for your patients.",
)
_SIGNED = "Orange raised the score of the chosen finding, blue lowered it. Gray: evidence weaker than the threshold."
_KEYS = (
    ("N P", "next or previous finding"),
    ("1 2 3", "gray values: as read, darker, brighter"),
    ("I", "invert the gray values"),
    ("M B", "map or boxes on and off"),
    ("+ -", "opacity of the map"),
    ("[ ]", "threshold of the map"),
)
#: Half the width of the middle, as a share of the radiograph's width.
_MIDDLE = 0.05
#: Gray windows by name: the gray values that become black and white.
_WINDOWS = {"as read": (0.0, 1.0), "dense areas": (0.35, 1.0), "lungs": (0.0, 0.65)}


def _reduced(image: np.ndarray, most_pixels: int) -> np.ndarray:
    """Average blocks of pixels until the longest edge is small enough."""
    factor = -(-max(image.shape) // most_pixels)
    if factor == 1:
        return image
    for axis in (0, 1):
        starts = np.arange(0, image.shape[axis], factor)
        counts = np.diff(np.append(starts, image.shape[axis]))
        image = np.add.reduceat(image, starts, axis=axis) / (counts[:, None] if axis == 0 else counts)
    return image


def _on_image(finding: PageFinding, shape: tuple[int, int]) -> np.ndarray:
    """Interpolate a map at the radiograph's pixels; beyond the outermost cells it continues them."""
    to_map = np.linalg.inv(as_array(finding.map_affine).astype(np.float64))
    cells = as_array(finding.map).astype(np.float32)
    options: dict[str, Any] = {"output_shape": shape, "order": 1, "mode": "nearest"}
    return ndimage.affine_transform(cells, to_map[:2, :2], to_map[:2, 2], **options)


def _place(peak: Sequence[int], shape: Sequence[int], sides: str) -> str:
    """Name the third of the radiograph's height, and its half or middle, in which a pixel (row, column) lies."""
    down, across = min(3 * peak[0] // shape[0], 2), (peak[1] + 0.5) / shape[1]
    half = int(across > 0.5)
    if abs(across - 0.5) < _MIDDLE:
        side = "in the middle"
    elif sides in ("RL", "LR"):
        side = f"on the patient's {'right' if sides[half] == 'R' else 'left'}"
    else:
        side = f"on the {('left', 'right')[half]} of the picture"
    return f"{('upper', 'middle', 'lower')[down]} third, {side}"


def _map_entry(finding: PageFinding, image: np.ndarray) -> tuple[dict[str, Any], str]:
    """Embed a map on its own grid, and draw its picture."""
    cells = np.ascontiguousarray(finding.map, dtype="<f4")
    position = as_array(finding.map_affine).astype(np.float64)
    straight = position.shape == (3, 3) and position[0, 1] == position[1, 0] == 0
    check(straight, "map_affine", "a matrix (3, 3) from rows and columns of the map to those of the image", position)
    on_image = _on_image(finding, image.shape)
    limit, threshold = float(np.abs(on_image).max()), evidence_threshold(on_image)
    row, column = np.unravel_index(int(np.argmax(on_image)), on_image.shape)
    entry = {
        "values": base64.b64encode(cells.tobytes()).decode("ascii"),
        "shape": cells.shape,
        "origin": position[:2, 2].tolist(),
        "spacing": [position[0, 0], position[1, 1]],
        "limit": limit,
        "against": share_against(cells, limit),
        "for": share_against(-cells, limit),
        "strongest": "for" if on_image.max() >= limit else "against",
        "threshold": min(threshold, 0.99 * limit),
        "signed": bool(cells.min() < 0),
        "peak": [int(row), int(column)],
    }
    step = -(-max(image.shape) // 512)
    small = paint_evidence(image[::step, ::step], on_image[::step, ::step], entry["threshold"], limit or None)
    return entry, embedded_jpeg(small)


def radiograph_page(
    text: PageText,
    image: np.ndarray,
    findings: Sequence[PageFinding],
    sides: str = "",
    unit: str = "probability",
    most_pixels: int = MOST_PIXELS,
) -> str:
    """Build the reading page of a radiograph, a single HTML file.

    Args:
        text: Name of the case, notes and provenance.
        image: Radiograph (H, W), 0 to 1.
        findings: Findings with their maps, which are embedded on their own grids, and boxes of a reader.
        sides: Letters of the patient's sides at the left and right edge; empty if unknown.
        unit: Unit of the maps.
        most_pixels: Most pixels along an edge of the embedded image. A larger one is averaged over blocks of pixels.

    Returns:
        The page. It names the case only as `text` does.

    Raises:
        TypeError: If the radiograph has no numbers.
        ValueError: If the radiograph is not 2D or not between 0 and 1, a probability is outside 0 to 1, a map is not
            finite, or the sides are not two letters.

    Example:
        >>> found = PageFinding("Mass", 0.7, np.eye(4), np.diag([4.0, 4, 1]))
        >>> "Mass, 70 %" in radiograph_page(PageText("a"), np.zeros((16, 16)), [found])
        True
    """
    pixels = as_pixels(image, "image")
    check(sides == "" or (len(sides) == 2 and sides.isupper()), "sides", 'two letters such as "RL", or empty', sides)
    found = check_findings(findings, axes=2)
    entries: list[dict[str, Any]] = []
    pictures: list[str] = []
    for finding in found:
        boxes = as_array(finding.boxes).astype(np.float64).reshape(-1, 4)
        entry: dict[str, Any] = {"name": finding.name, "map": None, "scores": None, "boxes": boxes.tolist()}
        entry |= {"probability": finding.probability, "percent": percent(finding.probability), "place": ""}
        if finding.map is not None:
            entry["map"], picture = _map_entry(finding, pixels)
            entry["map"]["picture"] = len(pictures)
            entry["place"] = _place(entry["map"]["peak"], pixels.shape, sides)
            pictures.append(picture)
        entries.append(entry)
    signed = any(entry["map"] and entry["map"]["signed"] for entry in entries)
    how = [_SIGNED, *_HOW_TO_READ[2:]] if signed else list(_HOW_TO_READ)
    if not sides:
        how.append("The file does not say which side is the patient's right: look for a marker in the picture.")
    data = {
        "image": embedded_png(np.clip(_reduced(pixels, most_pixels), 0, 1)),
        "size": pixels.shape,
        "sides": sides,
        "findings": entries,
        "pictures": pictures,
        "windows": [{"name": name, "low": low, "high": high} for name, (low, high) in _WINDOWS.items()],
        "unit": unit,
    }
    summary = []
    if found:
        where = f"Its strongest place: {entries[0]['place']}." if entries[0]["place"] else ""
        summary.append({"text": most_probable(found, where), "warn": False})
    if marked := [finding.name for finding in found if len(finding.boxes)]:
        summary.append({"text": f"A reader marked, in dashed boxes: {', '.join(marked)}.", "warn": False})
    notes = [("How to read this page", how), *text.notes]
    return render_page(
        "radiograph.html",
        title=text.case,
        text=text._replace(notes=notes),
        findings=listed(found),
        summary=[*summary, *headlines(text)],
        keys=_KEYS,
        data=data,
    )
