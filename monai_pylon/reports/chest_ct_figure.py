"""Figures of chest CTs with the evidence for each finding and the slice scores along the body."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.map_figure import draw_color_bar, draw_view, finding_title
from monai_pylon.reports.map_views import ScanBackground, ScanViews, scan_views
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_array

__all__ = ["ScanFinding", "finding_on_scan", "scan_findings_figure"]

_INCHES, _CURVE_INCHES, _BAR_INCHES = 2.8, 2.4, 0.16
_NOTE = (
    "Orange: evidence for the finding, blue: against it; only what is above the threshold on the color bar is colored. "
    "Each plane is the slice with the most evidence for the finding inside the body. Even an unlikely finding has "
    "some, so read the probability.{scales}{cells} The patient's right (R) is on the left. For research, not for "
    "diagnosis."
)
_SCALES = (
    " The mean of a finding's slice scores gives its probability. The map splits this mean among all places, so its "
    "values are much smaller."
)


class ScanFinding(NamedTuple):
    """Result of a network for one finding in one scan, prepared for a figure.

    Attributes:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        found: Views of scan and evidence, with the strongest voxel and the limits of the colors.
        heights: Positions (S,) of the slice groups in mm; empty without slice scores.
        scores: Scores (S,) of the slice groups; empty without slice scores.
        rank: Place among all labels by probability, from 1; None if unknown.

    Example:
        >>> ScanFinding("lung mass", 0.7, ScanViews((), (0, 0, 0), 1.0, 0.5), np.zeros(0), np.zeros(0)).peak
        (0, 0, 0)
    """

    name: str
    probability: float
    found: ScanViews
    heights: np.ndarray
    scores: np.ndarray
    rank: int | None = None

    @property
    def peak(self) -> tuple[int, int, int]:
        """Voxel (x, y, z) with the strongest evidence for the finding."""
        return self.found.peak


def finding_on_scan(
    name: str,
    probability: float,
    ct: np.ndarray,
    heat: np.ndarray,
    affine: np.ndarray,
    heights: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    rank: int | None = None,
    background: ScanBackground | None = None,
) -> ScanFinding:
    """Cut a scan and the evidence for a finding where the evidence is.

    Args:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        ct: Voxels (X, Y, Z) in HU; NaN becomes black.
        heat: Signed evidence (X, Y, Z) on the scan's grid.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        heights: Positions (S,) of the slice groups in mm; None without slice scores.
        scores: Scores (S,) of the slice groups; None without slice scores.
        rank: Place among all labels by probability, from 1; None if unknown.
        background: Result of :func:`~monai_pylon.reports.map_views.scan_background` for the scan, the same for all of
            its findings; None computes it.

    Returns:
        The views in radiological display, with pixels of 1 mm; see :func:`~monai_pylon.reports.map_views.scan_views`.

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
    found = scan_views(ct, heat, affine, background)
    if heights is None or scores is None:
        heights = scores = np.zeros(0)
    places, values = as_array(heights), as_array(scores)
    check(places.shape == values.shape and places.ndim == 1, "scores", "one number for each of the heights", scores)
    return ScanFinding(name, probability, found, places, values, rank)


def _mean_gives_probability(finding: ScanFinding) -> bool:
    """Return whether the probability of a finding is that of the mean of its slice scores, as for AxialNet."""
    if not len(finding.scores):
        return False
    return abs(1 / (1 + math.exp(-float(np.mean(finding.scores)))) - finding.probability) <= 0.001


def _draw_curve(axes: Any, finding: ScanFinding) -> None:
    """Draw the slice scores over the height in the body, which runs upwards as in the pictures."""
    axes.set_facecolor(BACKGROUND)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.plot(finding.scores, finding.heights, color="#ffd24d", linewidth=1.6)
    axes.set_title("slice score (logit) by height in mm", color=FAINT, fontsize=8.5, pad=4)
    axes.tick_params(colors=FAINT, labelsize=7.5)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def scan_findings_figure(
    findings: Sequence[ScanFinding], title: str = "", cell_mm: tuple[float, float, float] | None = None
) -> Any:
    """Draw findings below each other: axial in two windows, coronal, sagittal, a projection, and the slice scores.

    Args:
        findings: Findings from :func:`finding_on_scan`, in the order of the rows.
        title: Name of the scan.
        cell_mm: Distance between the map's cells along x, y and z in mm, for the note; None if unknown.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If there is no finding.

    Example:
        >>> cube, affine = np.zeros((8, 8, 8)), np.diag([20.0, 20, 20, 1])
        >>> found = finding_on_scan("mass", 0.5, cube, cube + 1, affine, np.arange(4), np.arange(4))
        >>> len(scan_findings_figure([found, found]).axes)
        14
    """
    check(len(findings) > 0, "findings", "a sequence with at least one finding", findings)
    curves = any(len(finding.scores) for finding in findings)
    panels = max(len(finding.found.views) for finding in findings)
    aspects = [max(view.gray.shape[0] / view.gray.shape[1] for view in f.found.views) for f in findings]
    rows = [_INCHES * aspect for aspect in aspects]
    columns = [_INCHES] * panels + ([_CURVE_INCHES] if curves else []) + [_BAR_INCHES]
    width, gap = sum(columns) + 2.2, 0.65
    cells = "" if cell_mm is None else " A cell of the map is {:.0f} x {:.0f} x {:.1f} mm.".format(*cell_mm)
    scales = _SCALES if all(map(_mean_gives_probability, findings)) else ""
    note = textwrap.fill(_NOTE.format(scales=scales, cells=cells), int(width * 14))
    head, foot = 0.4, 0.5 + 0.16 * (note.count("\n") + 1)
    total = sum(rows) + gap * len(rows) + head + foot
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(width, total), facecolor=BACKGROUND, dpi=100
    )
    top = head
    for finding, row in zip(findings, rows, strict=True):
        top += gap
        grid = figure.add_gridspec(
            *(1, len(columns)),
            width_ratios=columns,
            **{
                "left": 0.1 / width,
                "right": 1 - 0.75 / width,
                "top": 1 - top / total,
                "bottom": 1 - (top + row) / total,
            },
            wspace=0.12 if not curves else 0.16,
        )
        _draw_row(figure, grid, finding, curves)
        text = finding_title(finding.name, finding.probability, finding.rank)
        at = 1 - (top - 0.42) / total
        figure.text(0.1 / width, at, text, color=TEXT, fontsize=12, fontweight="bold", va="center")
        top += row
    figure.text(0.1 / width, 1 - head / 2 / total, title, color=TEXT, fontsize=15, fontweight="bold", va="center")
    figure.text(0.5, (foot - 0.3) / 2 / total, note, color=FAINT, fontsize=8.5, ha="center", va="center")
    return figure


def _draw_row(figure: Any, grid: Any, finding: ScanFinding, curves: bool) -> None:
    """Draw the views, slice scores and color bar of a finding into the cells of a grid."""
    views, _, limit, threshold = finding.found
    for column, view in enumerate(views):
        draw_view(figure.add_subplot(grid[0, column]), view, threshold, limit)
    if curves and len(finding.scores):
        _draw_curve(figure.add_subplot(grid[0, -2]), finding)
    signed = any(view.evidence.min() < 0 for view in views)
    draw_color_bar(figure.add_subplot(grid[0, -1]), threshold, limit, "logit", signed)
