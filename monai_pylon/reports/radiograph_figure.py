"""Pictures of radiographs that a person opens: where a network saw each finding, and where readers boxed it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.heatmap import heatmap_peak, paint_heatmap
from monai_pylon.utils import check

__all__ = ["RadiographFindingMap", "radiograph_overlay_figure", "radiograph_page_figure"]

_BOX, _PEAK = "#56b4e9", "#ffffff"
_INCHES = 3.6
#: Larger radiographs are thinned out for the picture: a panel has fewer pixels anyway.
_MOST_PIXELS = 768
_NOTE = (
    "Colour: each map relative to its own maximum, so that even an unlikely finding has a bright spot; read the "
    "probability. Line: half of the maximum. +: the peak. Box: a reader's. For research, not for diagnosis."
)


class RadiographFindingMap(NamedTuple):
    """What a network says of one finding on one radiograph.

    Attributes:
        name: of the finding.
        probability: 0 to 1.
        heat: (H, W) on the radiograph's grid, probabilities.
        boxes: (K, 4) of [x1, y1, x2, y2] in pixels of the radiograph, K may be 0.
        radiograph: (H, W), 0 to 1; None where one radiograph stands beside all findings.
        title: more words for the panel.

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


def _draw(axes: Any, radiograph: np.ndarray, finding: RadiographFindingMap | None, boxes: np.ndarray) -> None:
    """Draw a radiograph into axes in pixel coordinates; with a finding also its map, peak and boxes."""
    rows, columns = radiograph.shape
    step = max(1, math.ceil(max(rows, columns) / _MOST_PIXELS))
    place = {"extent": (-0.5, columns - 0.5, rows - 0.5, -0.5), "interpolation": "antialiased"}
    thin = radiograph[::step, ::step]
    if finding is None:
        axes.imshow(thin, cmap="gray", vmin=0, vmax=1, **place)
    else:
        relative = finding.heat / max(float(finding.heat.max()), 1e-12)
        small = relative[::step, ::step]
        axes.imshow(paint_heatmap(thin, np.clip(small, 0, 1)), **place)
        if small.min() < 0.5:
            x, y = np.arange(0, columns, step), np.arange(0, rows, step)
            axes.contour(x, y, small, levels=[0.5], colors="#ffd24d", linewidths=0.9)
        peak = heatmap_peak(finding.heat)
        axes.plot(peak.column, peak.row, "+", color="black", markersize=13, markeredgewidth=3.5)
        axes.plot(peak.column, peak.row, "+", color=_PEAK, markersize=12, markeredgewidth=1.6)
    rectangle = optional_import("matplotlib.patches", name="Rectangle")[0]
    for x1, y1, x2, y2 in boxes[:, :4]:
        at = (x1 - 0.5, y1 - 0.5)  # boxes count borders of pixels, axes their centres
        axes.add_patch(rectangle(at, x2 - x1, y2 - y1, fill=False, edgecolor=_BOX, linewidth=1.8))
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_axis_off()


def _page(rows: int, columns: int, aspect: float, title: str) -> tuple[Any, Any]:
    """A dark page with a grid for panels of an aspect (height / width), a title above and the note below."""
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


def radiograph_overlay_figure(radiograph: np.ndarray, findings: Sequence[RadiographFindingMap], title: str = "") -> Any:
    """Show a radiograph as it is, and once for each finding with its map in colour, its peak and the readers' boxes.

    Args:
        radiograph: (H, W), 0 to 1.
        findings: most probable first.
        title: the radiograph's name.

    Returns:
        a `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: where a map is not on the radiograph's grid.

    Example:
        >>> found = RadiographFindingMap("Mass", 0.7, np.eye(64), np.array([[10, 10, 30, 30]]))
        >>> len(radiograph_overlay_figure(np.zeros((64, 64)), [found], "radiograph").axes)
        2
    """
    check(radiograph.ndim == 2, "radiograph", "of shape (H, W)", radiograph)
    for finding in findings:
        on_grid = finding.heat.shape == radiograph.shape
        check(
            on_grid,
            "finding.heat",
            f"of the radiograph's shape {radiograph.shape}",
            finding.heat,
            "See heatmap_on_image.",
        )
    figure, grid = _page(1, len(findings) + 1, radiograph.shape[0] / radiograph.shape[1], title)
    boxes = [finding.boxes for finding in findings if len(finding.boxes)]
    everything = np.concatenate(boxes)[:, :4] if boxes else np.zeros((0, 4))
    panels: list[tuple[RadiographFindingMap | None, np.ndarray, str]] = [(None, everything, "the radiograph")]
    panels += [(f, f.boxes, f"{f.name}  {f.probability:.2f}{f.title and '  '}{f.title}") for f in findings]
    for column, (shown, marks, words) in enumerate(panels):
        axes = figure.add_subplot(grid[0, column])
        _draw(axes, radiograph, shown, marks)
        axes.set_title(words, color=TEXT if shown else FAINT, fontsize=11, pad=5)
    return figure


def radiograph_page_figure(findings: Sequence[RadiographFindingMap], columns: int = 4, title: str = "") -> Any:
    """Show findings on radiographs of their own, one panel each.

    Args:
        findings: each with its `radiograph` (H, W).
        columns: panels in a row.
        title: of the page.

    Returns:
        a `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: for no finding, or one without its radiograph.

    Example:
        >>> found = RadiographFindingMap("Mass", 0.7, np.eye(64), np.zeros((0, 4)), radiograph=np.zeros((64, 64)))
        >>> len(radiograph_page_figure([found] * 5, columns=3).axes)
        5
    """
    check(len(findings) > 0, "findings", "at least one", len(findings))
    radiographs = [finding.radiograph for finding in findings if finding.radiograph is not None]
    check(len(radiographs) == len(findings), "findings", "with a radiograph each", len(radiographs))
    columns = min(columns, len(findings))
    aspect = max(radiograph.shape[0] / radiograph.shape[1] for radiograph in radiographs)
    figure, grid = _page(math.ceil(len(findings) / columns), columns, aspect, title)
    for number, (radiograph, finding) in enumerate(zip(radiographs, findings, strict=True)):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        _draw(axes, radiograph, finding, finding.boxes)
        axes.set_title(f"{finding.name}  {finding.probability:.2f}\n{finding.title}", color=TEXT, fontsize=10, pad=4)
    return figure
