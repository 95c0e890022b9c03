"""Figures of chest CTs with the heatmap of each finding and the slice scores along the body."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.display import DisplaySlice, radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.heatmap import paint_heatmap
from monai_pylon.reports.pixels import as_voxels
from monai_pylon.utils import check, ras_view
from monai_pylon.utils.arrays import as_array

__all__ = ["ScanFinding", "finding_on_scan", "scan_findings_figure"]

_PIXEL_MM = 1.0
_INCHES, _CURVE_INCHES = 4.0, 1.5
_PLANES = ("axial", "coronal")
#: The axis of a RAS volume that each plane cuts.
_CUT_AXIS = {"axial": 2, "coronal": 1}
_NOTE = (
    "Each slice passes through the strongest evidence for its finding. Color: positive evidence divided by its own "
    "maximum. Even an unlikely finding has a bright spot, so read the probability. A grid cell of the map is several "
    "cm wide. Radiological display: the patient's right is on the left. For research, not for diagnosis."
)


class ScanFinding(NamedTuple):
    """Result of a network for one finding in one scan, prepared for a figure.

    Attributes:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        panels: For the planes "axial" and "coronal", a gray slice (H, W) and its heatmap (H, W), both 0 to 1.
        heights: Positions (S,) of the slice groups in mm; empty without slice scores.
        scores: Scores (S,) of the slice groups; empty without slice scores.
        peak: Voxel (x, y, z) with the strongest evidence.

    Example:
        >>> ScanFinding("lung mass", 0.7, {}, np.zeros(0), np.zeros(0), (0, 0, 0)).name
        'lung mass'
    """

    name: str
    probability: float
    panels: dict[str, tuple[np.ndarray, np.ndarray]]
    heights: np.ndarray
    scores: np.ndarray
    peak: tuple[int, int, int]


def finding_on_scan(
    name: str,
    probability: float,
    ct: np.ndarray,
    heat: np.ndarray,
    affine: np.ndarray,
    heights: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> ScanFinding:
    """Cut a scan and a heatmap at the voxel with the strongest evidence.

    Args:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        ct: Voxels (X, Y, Z) in HU; NaN becomes black.
        heat: Signed evidence (X, Y, Z) on the scan's grid.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        heights: Positions (S,) of the slice groups in mm; None without slice scores.
        scores: Scores (S,) of the slice groups; None without slice scores.

    Returns:
        The slices in radiological display, with pixels of 1 mm.

    Raises:
        TypeError: If scan or heatmap has no numbers.
        ValueError: If the heatmap is not on the scan's grid or not finite, the probability is outside 0 to 1, or there
            is not one score for each height.

    Example:
        >>> heat = np.zeros((8, 8, 8))
        >>> heat[2, 3, 4] = 1
        >>> finding_on_scan("mass", 0.5, np.zeros((8, 8, 8)), heat, np.diag([20.0, 20, 20, 1])).peak
        (2, 3, 4)
    """
    check(0 <= probability <= 1, "probability", "between 0 and 1", probability, "Apply the sigmoid to the score.")
    ct = as_voxels(ct, "ct", finite=False)  # NaN becomes black
    heat = as_voxels(heat, "heat", like=("scan", ct.shape))
    x, y, z = (int(n) for n in np.unravel_index(int(np.argmax(heat)), heat.shape))
    peak = (x, y, z)
    at_peak = np.zeros(heat.shape, dtype=bool)
    at_peak[peak] = True
    view = ras_view(at_peak, affine).array
    ras_peak = np.unravel_index(int(np.argmax(view)), view.shape)
    highest = max(float(heat.max()), 1e-12)
    panels = {}
    for plane in _PLANES:
        axis = _CUT_AXIS[plane]
        position = float(ras_peak[axis]) / max(view.shape[axis] - 1, 1)
        hu, evidence = (radiological_slice(volume, affine, plane, position) for volume in (ct, heat))
        gray = DisplaySlice(window_to_gray(hu.image), hu.spacing)
        relative = DisplaySlice(np.clip(evidence.image / highest, 0, 1).astype(np.float32), evidence.spacing)
        gray_pixels, heat_pixels = (np.clip(square_pixels(s, _PIXEL_MM, order=1), 0, 1) for s in (gray, relative))
        panels[plane] = (gray_pixels, heat_pixels)
    if heights is None or scores is None:
        heights = scores = np.zeros(0)
    places, values = as_array(heights), as_array(scores)
    check(places.shape == values.shape and places.ndim == 1, "scores", "one number for each of the heights", scores)
    return ScanFinding(name, probability, panels, places, values, peak)


def _draw_panel(axes: Any, panel: tuple[np.ndarray, np.ndarray], title: str) -> None:
    """Draw a slice with its heatmap, a contour at half of the maximum, and the letters of the patient's sides."""
    gray, heat = panel
    axes.imshow(paint_heatmap(gray, heat), interpolation="antialiased")
    if heat.min() < 0.5 < heat.max():
        axes.contour(heat, levels=[0.5], colors="#ffd24d", linewidths=0.9)
    axes.set_title(title, color=TEXT, fontsize=11, pad=4)
    axes.set_axis_off()
    for x, letter, side in ((0.02, "R", "left"), (0.98, "L", "right")):
        axes.text(x, 0.5, letter, transform=axes.transAxes, color=TEXT, fontsize=12, fontweight="bold", ha=side)


def _draw_curve(axes: Any, finding: ScanFinding) -> None:
    """Draw the slice scores over the height in the body."""
    axes.set_facecolor(BACKGROUND)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.plot(finding.heights, finding.scores, color="#ffd24d", linewidth=1.6)
    axes.set_xlabel("height in mm (feet to head)", color=FAINT, fontsize=9)
    axes.set_title("slice score", color=TEXT, fontsize=11, pad=4)
    axes.tick_params(colors=FAINT, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def scan_findings_figure(findings: Sequence[ScanFinding], title: str = "") -> Any:
    """Draw findings side by side, each with an axial slice, a coronal slice and its slice scores.

    Args:
        findings: Findings from :func:`finding_on_scan`, in the order of the columns.
        title: Name of the scan.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If there is no finding.

    Example:
        >>> cube, affine = np.zeros((8, 8, 8)), np.diag([20.0, 20, 20, 1])
        >>> found = finding_on_scan("mass", 0.5, cube, cube + 1, affine, np.arange(4), np.arange(4))
        >>> len(scan_findings_figure([found, found]).axes)
        6
    """
    check(len(findings) > 0, "findings", "a sequence with at least one finding", findings)
    curves = any(len(finding.scores) for finding in findings)
    aspects = [max(f.panels[p][0].shape[0] / f.panels[p][0].shape[1] for f in findings) for p in _PLANES]
    heights = [_INCHES * aspect + 0.4 for aspect in aspects] + ([_CURVE_INCHES + 0.3] if curves else [])
    width = len(findings) * _INCHES + 0.6
    note = textwrap.fill(_NOTE, int(width * 14))
    head, foot = 0.6, 0.35 + 0.16 * (note.count("\n") + 1)
    total = sum(heights) + head + foot
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(width, total), facecolor=BACKGROUND, dpi=100
    )
    grid = figure.add_gridspec(
        len(heights),
        len(findings),
        height_ratios=heights,
        **{
            "left": 0.65 / width,
            "right": 1 - 0.1 / width,
            "top": 1 - (head + 0.3) / total,
            "bottom": (foot + 0.3) / total,
        },
        **{"wspace": 0.14, "hspace": 0.16},
    )
    for column, finding in enumerate(findings):
        for row, plane in enumerate(_PLANES):
            caption = f"{finding.name}  {finding.probability:.2f}" if row == 0 else plane
            _draw_panel(figure.add_subplot(grid[row, column]), finding.panels[plane], caption)
        if curves and len(finding.scores):
            _draw_curve(figure.add_subplot(grid[2, column]), finding)
    figure.text(0.1 / width, 1 - head / 2 / total, title, color=TEXT, fontsize=15, fontweight="bold", va="center")
    figure.text(0.5, foot / 2 / total, note, color=FAINT, fontsize=8.5, ha="center", va="center")
    return figure
