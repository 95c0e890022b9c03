"""Figures of radiographs with the heatmap, peak and readers' boxes of each finding."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.evidence import FOR, evidence_threshold, paint_evidence
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.heatmap import heatmap_peak
from monai_pylon.reports.map_figure import finding_title
from monai_pylon.reports.pixels import as_pixels
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_array

__all__ = ["RadiographFindingMap", "radiograph_overlay_figure", "radiograph_page_figure"]

_BOX, _PEAK = "#56b4e9", "#ffffff"
_INCHES = 3.6
#: Most pixels along an edge of a panel; larger radiographs are subsampled.
_MAX_PIXELS = 768
_NOTE = (
    "Orange: where the map is above half of its own maximum, at most a tenth of the image. Even an unlikely finding "
    "has such a place, so read the probability. +: the peak. Box: given in the data. R, L: the patient's sides, as the "
    "file says. For research, not for diagnosis."
)


class RadiographFindingMap(NamedTuple):
    """Result of a network for one finding on one radiograph.

    Attributes:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        heat: Probabilities (H, W) on the radiograph's grid.
        boxes: Readers' boxes (K, 4) as [x1, y1, x2, y2] in pixels of the radiograph; K may be 0.
        radiograph: Image (H, W), 0 to 1; None if all findings share one radiograph.
        title: Further text for the panel's title.
        rank: Place of the finding among all by probability, from 1; None if unknown.
        sides: Letters of the patient's sides at the left and the right edge of the radiograph, such as "RL". Empty if
            unknown.

    Example:
        >>> RadiographFindingMap("Mass", 0.7, np.zeros((8, 8)), np.zeros((0, 4))).name
        'Mass'
    """

    name: str
    probability: float
    heat: np.ndarray
    boxes: np.ndarray
    radiograph: np.ndarray | None = None
    title: str = ""
    sides: str = ""
    rank: int | None = None


def _draw_sides(axes: Any, sides: str) -> None:
    """Draw the letters of the patient's sides at the edges, or that they are unknown."""
    box = {"facecolor": BACKGROUND, "alpha": 0.6, "edgecolor": "none", "pad": 1.5}
    style = {"transform": axes.transAxes, "color": TEXT, "va": "top", "bbox": box}
    if not sides:
        axes.text(0.02, 0.98, "side unknown", fontsize=8, **style)
        return
    for x, letter, edge in ((0.02, sides[0], "left"), (0.98, sides[1], "right")):
        axes.text(x, 0.98, letter, fontsize=12, fontweight="bold", ha=edge, **style)


def _draw(
    axes: Any, radiograph: np.ndarray, finding: RadiographFindingMap | None, boxes: np.ndarray, sides: str
) -> None:
    """Draw a radiograph with boxes into axes in pixel coordinates, with a finding also its heatmap and peak."""
    rows, columns = radiograph.shape
    step = max(1, math.ceil(max(rows, columns) / _MAX_PIXELS))
    options = {"extent": (-0.5, columns - 0.5, rows - 0.5, -0.5), "interpolation": "antialiased"}
    gray = radiograph[::step, ::step]
    if finding is None:
        axes.imshow(gray, cmap="gray", vmin=0, vmax=1, **options)
    else:
        heat, threshold = finding.heat[::step, ::step], evidence_threshold(finding.heat)
        axes.imshow(paint_evidence(gray, heat, threshold), **options)
        if heat.min() < threshold < heat.max():
            x, y = np.arange(0, columns, step), np.arange(0, rows, step)
            axes.contour(x, y, heat, levels=[threshold], colors=[FOR], linewidths=0.9)
        peak = heatmap_peak(finding.heat)
        axes.plot(peak.column, peak.row, "+", color="black", markersize=13, markeredgewidth=3.5)
        axes.plot(peak.column, peak.row, "+", color=_PEAK, markersize=12, markeredgewidth=1.6)
    rectangle = optional_import("matplotlib.patches", name="Rectangle")[0]
    for x1, y1, x2, y2 in boxes[:, :4]:
        corner = (x1 - 0.5, y1 - 0.5)  # box coordinates are pixel borders, axes coordinates are pixel centers
        axes.add_patch(rectangle(corner, x2 - x1, y2 - y1, fill=False, edgecolor=_BOX, linewidth=1.8))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_axis_off()
    _draw_sides(axes, sides)


def _check_sides(sides: str) -> None:
    """Raise an error unless sides are two letters or none."""
    check(sides == "" or (len(sides) == 2 and sides.isupper()), "sides", 'two letters such as "RL", or empty', sides)


def _checked(finding: RadiographFindingMap, radiograph: np.ndarray) -> RadiographFindingMap:
    """Check a finding, and convert its map and boxes to arrays."""
    remedy = "Resize it with heatmap_on_image, which turns logits into probabilities, too."
    heat = as_pixels(finding.heat, f"the map of {finding.name}", like=("radiograph", radiograph.shape), remedy=remedy)
    boxes = as_array(finding.boxes)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    fits = boxes.ndim == 2 and boxes.shape[1] >= 4 and bool(np.isfinite(boxes).all())
    check(fits, f"the boxes of {finding.name}", "of shape (K, 4), finite", finding.boxes)
    likely = 0 <= finding.probability <= 1
    check(likely, f"the probability of {finding.name}", "between 0 and 1", finding.probability, "Apply the sigmoid.")
    return finding._replace(heat=heat, boxes=boxes)


def _caption(finding: RadiographFindingMap, separator: str) -> str:
    """Write name, probability and rank of a finding, and its further text."""
    text = finding_title(finding.name, finding.probability, finding.rank)
    return f"{text}{separator}{finding.title}" if finding.title else text


def _page(rows: int, columns: int, aspect: float, title: str) -> tuple[Any, Any]:
    """Create a dark figure with a title, a grid of panels with an aspect (height / width), and the note below."""
    width = columns * _INCHES + 0.3
    note = textwrap.fill(_NOTE, int(width * 15.5))
    head, foot = 0.55, 0.2 + 0.17 * (note.count("\n") + 1)
    height = rows * _INCHES * aspect + (rows - 1) * 0.5 + head + 0.4 + foot
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(width, height), facecolor=BACKGROUND, dpi=100
    )
    grid = figure.add_gridspec(
        rows,
        columns,
        **{"left": 0.01, "right": 0.99, "top": 1 - (head + 0.4) / height, "bottom": foot / height},
        **{"wspace": 0.04, "hspace": 0.5 / (_INCHES * aspect)},
    )
    figure.text(0.012, 1 - head / 2 / height, title, color=TEXT, fontsize=15, fontweight="bold", va="center")
    figure.text(0.5, foot / 2 / height, note, color=FAINT, fontsize=8.5, ha="center", va="center")
    return figure, grid


def radiograph_overlay_figure(
    radiograph: np.ndarray, findings: Sequence[RadiographFindingMap], title: str = "", sides: str = ""
) -> Any:
    """Draw a radiograph with all boxes, and beside it each finding with heatmap, peak and boxes.

    Args:
        radiograph: Image (H, W), 0 to 1.
        findings: Findings in the order of the panels, each with a map (H, W).
        title: Name of the radiograph.
        sides: Letters of the patient's sides at the left and the right edge, such as "RL". Without them the picture
            says "side unknown".

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If the radiograph is not 2D or not between 0 and 1, a map is not on its grid or no probability, or
            the sides are not two letters.

    Example:
        >>> found = RadiographFindingMap("Mass", 0.7, np.eye(64), np.array([[10, 10, 30, 30]]))
        >>> len(radiograph_overlay_figure(np.zeros((64, 64)), [found], "radiograph").axes)
        2
    """
    radiograph = as_pixels(radiograph, "radiograph")
    _check_sides(sides)
    findings = [_checked(finding, radiograph) for finding in findings]
    figure, grid = _page(1, len(findings) + 1, radiograph.shape[0] / radiograph.shape[1], title)
    boxes = [finding.boxes for finding in findings if len(finding.boxes)]
    all_boxes = np.concatenate(boxes)[:, :4] if boxes else np.zeros((0, 4))
    panels: list[tuple[RadiographFindingMap | None, np.ndarray, str]] = [(None, all_boxes, "radiograph")]
    panels += [(f, f.boxes, _caption(f, "  ")) for f in findings]
    for column, (shown, panel_boxes, caption) in enumerate(panels):
        axes = figure.add_subplot(grid[0, column])
        _draw(axes, radiograph, shown, panel_boxes, sides)
        axes.set_title(caption, color=TEXT if shown else FAINT, fontsize=11, pad=5)
    return figure


def radiograph_page_figure(findings: Sequence[RadiographFindingMap], columns: int = 4, title: str = "") -> Any:
    """Draw one panel for each finding, each on its own radiograph.

    Args:
        findings: Findings in the order of the panels, each with its `radiograph` (H, W).
        columns: Number of panels in a row.
        title: Title of the figure.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If there is no finding, a finding has no radiograph, an image or map is not between 0 and 1, or the
            sides are not two letters.

    Example:
        >>> found = RadiographFindingMap("Mass", 0.7, np.eye(64), np.zeros((0, 4)), radiograph=np.zeros((64, 64)))
        >>> len(radiograph_page_figure([found] * 5, columns=3).axes)
        5
    """
    check(len(findings) > 0, "findings", "a sequence with at least one finding", findings)
    for finding in findings:
        _check_sides(finding.sides)
        if finding.radiograph is None:
            raise ValueError(f"The finding {finding.name!r} has no radiograph. Give each finding its own radiograph.")
    radiographs = [as_pixels(f.radiograph, f"the radiograph of {f.name}") for f in findings]
    findings = [_checked(finding, own) for finding, own in zip(findings, radiographs, strict=True)]
    columns = min(columns, len(findings))
    aspect = max(radiograph.shape[0] / radiograph.shape[1] for radiograph in radiographs)
    figure, grid = _page(math.ceil(len(findings) / columns), columns, aspect, title)
    for number, (radiograph, finding) in enumerate(zip(radiographs, findings, strict=True)):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        _draw(axes, radiograph, finding, finding.boxes, finding.sides)
        axes.set_title(_caption(finding, "\n"), color=TEXT, fontsize=10, pad=4)
    return figure
