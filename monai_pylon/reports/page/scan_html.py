"""Reading page of a chest CT: three planes, maps, organ outlines, slice scores and what to know about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monai_pylon.reports.display import DisplaySlice, paint_labels, radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.evidence import paint_evidence, share_against
from monai_pylon.reports.map_views import WINDOWS, ScanBackground, ScanViews, scan_background, scan_views
from monai_pylon.reports.organ_figure import ORGAN_COLORS
from monai_pylon.reports.page.content import (
    PageFinding,
    PageText,
    check_findings,
    headlines,
    listed,
    most_probable,
    percent,
)
from monai_pylon.reports.page.embedding import embedded_jpeg, embedded_nifti
from monai_pylon.reports.page.small_scan import (
    HU_INTERCEPT,
    HU_SLOPE,
    MOST_VOXELS,
    SmallScan,
    evidence_on_grid,
    reduce_labels,
    reduce_scan,
)
from monai_pylon.reports.page.template import render_page
from monai_pylon.reports.pixels import as_labels, as_voxels
from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.windows import finding_window
from monai_pylon.utils import check, check_affine, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = ["scan_page"]

_HOW_TO_READ = (
    "Orange raised the score of the chosen finding, blue lowered it. Gray: evidence weaker than the threshold.",
    "Even an improbable finding has a strongest place: read the probability first.",
    "The probability is the network's own estimate. It is not calibrated for your patients.",
    "A finding opens in the gray window in which it shows best; the buttons choose another.",
    "The patient's right (R) is on the left. Click into a slice to move the others there; scroll to page.",
)
_KEYS = (
    ("↑ ↓", "one slice towards head or feet"),
    ("← →", "towards the patient's right or left"),
    ("Page ↑ ↓", "towards front or back"),
    ("1 2 3", "lung, mediastinal, bone window"),
    ("A C S V", "axial, coronal, sagittal, all planes"),
    ("N P", "next or previous finding"),
    ("M O", "map or organ outlines on and off"),
    ("+ -", "opacity of the map"),
    ("[ ]", "threshold of the map"),
)
_OUTSIDE = "outside of the lungs and the mediastinum"
_PICTURE_MM = 1.5
#: Most characters of the embedded scan, so that the page with its viewer (2.3 MB) stays below 12 MB.
_MOST_TEXT = 8_500_000
#: Outlines beside the evidence: bluish green, purple and yellow of Okabe and Ito.
_OUTLINES = {"right lung": (0.0, 0.76, 0.56), "mediastinum": (0.87, 0.56, 0.74), "left lung": (0.94, 0.89, 0.26)}


def _picture(found: ScanViews) -> str:
    """Draw the views of a finding beside each other, for browsers without WebGL."""
    painted = [paint_evidence(v.gray, v.evidence, found.threshold, found.limit or None) for v in found.views[:4]]
    return _beside(painted)


def _beside(pictures: Sequence[np.ndarray]) -> str:
    """Put pictures (H, W, 3) beside each other, centered, as a JPEG."""
    height = max(picture.shape[0] for picture in pictures)
    rows = [(height - picture.shape[0]) // 2 for picture in pictures]
    padded = [
        np.pad(picture, ((top, height - picture.shape[0] - top), (0, 6), (0, 0)))
        for picture, top in zip(pictures, rows, strict=True)
    ]
    return embedded_jpeg(np.concatenate(padded, axis=1))


def _organ_picture(scan: SmallScan, organs: np.ndarray | None) -> str:
    """Draw the middle slices of a scan with its organs."""
    colors = {value: ORGAN_COLORS[organ] for value, organ in enumerate(ORGANS, start=1)}
    painted = []
    for plane in ("axial", "coronal", "sagittal"):
        hu = radiological_slice(scan.hu, scan.affine, plane, 0.5)
        gray = square_pixels(DisplaySlice(window_to_gray(hu.image), hu.spacing), _PICTURE_MM, order=1)
        labels = np.zeros(gray.shape, np.uint8)
        if organs is not None:
            labels = square_pixels(radiological_slice(organs, scan.affine, plane, 0.5), _PICTURE_MM, order=0)
        painted.append(paint_labels(np.clip(gray, 0, 1), labels, colors, contour=1))
    return _beside(painted)


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in color)


def _organ_colors(beside_evidence: bool) -> list[dict[str, str]]:
    """Return the outlines' colors: those of the organ pictures, or beside orange and blue evidence others."""
    colors = _OUTLINES if beside_evidence else ORGAN_COLORS
    return [{"name": organ, "color": _hex(colors[organ])} for organ in ORGANS]


def _slicing(shape: tuple[int, ...], affine: np.ndarray) -> dict[str, Any]:
    """Return the scan's slice, counted from below, as a function of RAS mm: weights of x, y, z and 1."""
    axis = int(np.argmax(np.abs(affine[2, :3])))
    weights = np.linalg.inv(affine)[axis]
    if affine[2, axis] < 0:
        weights = -weights
        weights[3] += shape[axis] - 1
    return {"weights": weights.tolist(), "count": shape[axis]}


def _embedded_scan(hu: np.ndarray, affine: np.ndarray, most_voxels: int) -> tuple[SmallScan, str]:
    """Embed a scan; one that is noisy and compresses badly is reduced further."""
    while True:
        small = reduce_scan(hu, affine, most_voxels)
        volume = embedded_nifti(small.stored, small.affine, HU_SLOPE, HU_INTERCEPT)
        if len(volume) <= _MOST_TEXT:
            return small, volume
        most_voxels = round(0.8 * min(most_voxels, small.stored.size))


def _place(organs: np.ndarray | None, peak: Sequence[int]) -> str:
    """Name the organ outline in which a voxel lies; an empty text without organs."""
    if organs is None:
        return ""
    value = int(organs[tuple(peak)])
    return f"inside the outline of the {ORGANS[value - 1]}" if value else _OUTSIDE


def _speaks_for(finding: PageFinding) -> bool:
    """Return whether any place of the map speaks for the finding."""
    return finding.map is not None and float(np.max(finding.map)) > 0


def _summary(findings: Sequence[PageFinding], place: str) -> list[dict[str, Any]]:
    """Say in one sentence what the network found, and warn if the evidence is outside of the organs."""
    if not findings:
        return []
    where = f"The strongest evidence for it lies {place}"
    if place == _OUTSIDE:
        warning = {"text": f"{where}: distrust this map.", "warn": True}
        return [{"text": most_probable(findings), "warn": False}, warning]
    sentence = f"{where}." if place else ""
    if findings[0].map is not None and not _speaks_for(findings[0]):
        sentence = "No place speaks for it."
    return [{"text": most_probable(findings, sentence), "warn": False}]


def scan_page(
    text: PageText,
    ct: np.ndarray,
    affine: np.ndarray,
    findings: Sequence[PageFinding] = (),
    organs: np.ndarray | None = None,
    heights: np.ndarray | None = None,
    most_voxels: int = MOST_VOXELS,
    unit: str = "logit",
) -> str:
    """Build the reading page of a chest CT, a single HTML file.

    Args:
        text: Name of the case, notes and provenance.
        ct: Voxels (X, Y, Z) in HU; NaN becomes air.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        findings: Findings with their maps, which are embedded on their own grids, and slice scores.
        organs: Organ labels (X, Y, Z) as in `OrganPartition`; None without.
        heights: Heights (S,) of the slice groups in mm, along the superior direction; None without slice scores.
        most_voxels: Most voxels of the embedded scan. A larger scan is averaged over blocks of voxels.
        unit: Unit of maps and slice scores.

    Returns:
        The page. It contains the scan in 8 bits and names the case only as `text` does.

    Raises:
        TypeError: If scan or organs have no numbers.
        ValueError: If shapes do not fit each other, a probability is outside 0 to 1, or a map is not finite.

    Example:
        >>> html = scan_page(PageText("a"), np.zeros((8, 8, 8)), np.diag([40.0, 40, 40, 1]))
        >>> "<h1>a</h1>" in html and "http://" not in html.split("page-data")[1][:2000]
        True
    """
    hu, matrix = as_voxels(ct, "ct", finite=False), check_affine(affine)
    found = check_findings(findings, axes=3)
    small, volume = _embedded_scan(hu, matrix, most_voxels)
    masks = None if organs is None else reduce_labels(as_labels(organs, "organs", ("scan", hu.shape)), small.factors)
    scored = heights is not None and any(finding.scores is not None for finding in found)
    levels = as_array(heights).astype(float).tolist() if scored else None
    entries: list[dict[str, Any]] = []
    pictures: list[str] = []
    windows = [window["name"] for window in _windows()]
    small_hu = small.hu
    shared = scan_background(small_hu, small.affine) if any(finding.map is not None for finding in found) else None
    for finding in found:
        entry: dict[str, Any] = {"name": finding.name, "map": None, "scores": None, "place": ""}
        entry |= {"probability": finding.probability, "percent": percent(finding.probability)}
        entry["window"] = windows.index(finding_window(finding.name))
        if levels is not None and finding.scores is not None:
            scores = as_array(finding.scores).astype(float)
            check(scores.shape == (len(levels),), "scores", "one number for each of the heights", finding.scores)
            entry["scores"] = [float(f"{score:.5g}") for score in scores]
        if finding.map is not None:
            entry["map"], views = _map_entry(finding, small, small_hu, shared)
            entry["map"]["picture"] = len(pictures)
            pictures.append(_picture(views))
            entry["place"] = _place(masks, views.peak) if _speaks_for(finding) else ""
        entries.append(entry)
    how_to_read = _HOW_TO_READ if found else _HOW_TO_READ[-1:]
    middle = small.affine @ [*(np.array(small.stored.shape) - 1) / 2, 1]
    data = {
        "ct": volume,
        "organs": None if masks is None or not masks.any() else embedded_nifti(masks, small.affine),
        "organ_colors": _organ_colors(bool(found)),
        "findings": entries,
        "heights": levels,
        "windows": _windows(),
        "pictures": pictures or [_organ_picture(small, masks)],
        "slicing": _slicing(hu.shape, matrix),
        "step": _steps(matrix),
        "center": middle[:3].tolist(),
        "unit": unit,
    }
    return render_page(
        "scan.html",
        title=text.case,
        text=text._replace(notes=[("How to read this page", how_to_read), *text.notes]),
        findings=listed(found),
        summary=[*_summary(found, entries[0]["place"] if entries else ""), *headlines(text)],
        keys=_KEYS,
        data=data,
    )


def _map_entry(
    finding: PageFinding, small: SmallScan, hu: np.ndarray, shared: ScanBackground | None
) -> tuple[dict[str, Any], ScanViews]:
    """Embed a map on its own grid, and cut its views in the small scan."""
    native = as_voxels(finding.map, "map").astype(np.float32)
    position = check_affine(finding.map_affine, "map_affine")  # type: ignore[arg-type]
    evidence = evidence_on_grid(native, position, small.stored.shape, small.affine)
    views = scan_views(hu, evidence, small.affine, shared)
    entry = {
        "volume": embedded_nifti(native, position),
        "limit": views.limit,
        "against": share_against(native, views.limit),
        "for": share_against(-native, views.limit),
        "strongest": "for" if (evidence == views.limit).any() else "against",
        "threshold": min(views.threshold, 0.99 * views.limit),
        "peak": (small.affine @ [*views.peak, 1])[:3].tolist(),
    }
    return entry, views


def _windows() -> list[dict[str, Any]]:
    """Return the gray windows as names and limits in HU."""
    windows = {**WINDOWS, "bone window": (300.0, 1480.0)}
    return [
        {"name": name.replace(" window", ""), "low": level - width / 2, "high": level + width / 2}
        for name, (level, width) in windows.items()
    ]


def _steps(affine: np.ndarray) -> list[float]:
    """Return the scan's voxel edge along R, A and S in mm."""
    spacing = voxel_spacing(affine)
    return [spacing[int(np.argmax(np.abs(affine[axis, :3])))] for axis in range(3)]
