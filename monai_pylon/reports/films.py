"""Pictures of radiographs that a person opens: where a network saw each finding, and where readers boxed it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.page import BACKGROUND, FAINT, TEXT
from monai_pylon.utils import check
from monai_pylon.visualize import heatmap_peak, paint_heatmap

__all__ = ["FilmFindingMap", "film_overlay_figure", "film_page_figure"]

_BOX, _PEAK = "#56b4e9", "#ffffff"
_INCHES = 3.6
#: Larger films are thinned out for the picture: a panel has fewer pixels anyway.
_MOST_PIXELS = 768
_NOTE = (
    "Colour: each map relative to its own maximum, so that even an unlikely finding has a bright spot; read the "
    "probability. Line: half of the maximum. +: the peak. Box: a reader's. For research, not for diagnosis."
)


class FilmFindingMap(NamedTuple):
    """What a network says of one finding on one film.

    Attributes:
        name: of the finding.
        probability: 0 to 1.
        heat: (H, W) on the film's grid, probabilities.
        boxes: (K, 4) of [x1, y1, x2, y2] in pixels of the film, K may be 0.
        film: (H, W), 0 to 1; None where one film stands beside all findings.
        title: more words for the panel.

    Example:
        >>> FilmFindingMap("Mass", 0.7, np.zeros((8, 8)), np.zeros((0, 4))).name
        'Mass'
    """

    name: str
    probability: float
    heat: np.ndarray
    boxes: np.ndarray
    film: np.ndarray | None = None
    title: str = ""


def _draw(axes: Any, film: np.ndarray, finding: FilmFindingMap | None, boxes: np.ndarray) -> None:
    """Draw a film into axes whose data coordinates are the film's pixels; with a finding its map, peak and boxes."""
    rows, columns = film.shape
    step = max(1, math.ceil(max(rows, columns) / _MOST_PIXELS))
    place = {"extent": (-0.5, columns - 0.5, rows - 0.5, -0.5), "interpolation": "antialiased"}
    thin = film[::step, ::step]
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


def film_overlay_figure(film: np.ndarray, findings: Sequence[FilmFindingMap], title: str = "") -> Any:
    """Show a film as it is, and once for each finding with its map in colour, its peak and the readers' boxes.

    Args:
        film: (H, W), 0 to 1.
        findings: most probable first.
        title: the film's name.

    Returns:
        a `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: where a map is not on the film's grid.

    Example:
        >>> found = FilmFindingMap("Mass", 0.7, np.eye(64), np.array([[10, 10, 30, 30]]))
        >>> len(film_overlay_figure(np.zeros((64, 64)), [found], "film").axes)
        2
    """
    check(film.ndim == 2, "film", "of shape (H, W)", film)
    for finding in findings:
        on_grid = finding.heat.shape == film.shape
        check(on_grid, "finding.heat", f"of the film's shape {film.shape}", finding.heat, "See heatmap_on_image.")
    figure, grid = _page(1, len(findings) + 1, film.shape[0] / film.shape[1], title)
    boxes = [finding.boxes for finding in findings if len(finding.boxes)]
    everything = np.concatenate(boxes)[:, :4] if boxes else np.zeros((0, 4))
    panels: list[tuple[FilmFindingMap | None, np.ndarray, str]] = [(None, everything, "the film")]
    panels += [(f, f.boxes, f"{f.name}  {f.probability:.2f}{f.title and '  '}{f.title}") for f in findings]
    for column, (shown, marks, words) in enumerate(panels):
        axes = figure.add_subplot(grid[0, column])
        _draw(axes, film, shown, marks)
        axes.set_title(words, color=TEXT if shown else FAINT, fontsize=11, pad=5)
    return figure


def film_page_figure(findings: Sequence[FilmFindingMap], columns: int = 4, title: str = "") -> Any:
    """Show findings on films of their own, one panel each.

    Args:
        findings: each with its `film` (H, W).
        columns: panels in a row.
        title: of the page.

    Returns:
        a `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: for no finding, or one without its film.

    Example:
        >>> found = FilmFindingMap("Mass", 0.7, np.eye(64), np.zeros((0, 4)), film=np.zeros((64, 64)))
        >>> len(film_page_figure([found] * 5, columns=3).axes)
        5
    """
    check(len(findings) > 0, "findings", "at least one", len(findings))
    films = [finding.film for finding in findings if finding.film is not None]
    check(len(films) == len(findings), "findings", "with a film each", len(films))
    columns = min(columns, len(findings))
    aspect = max(film.shape[0] / film.shape[1] for film in films)
    figure, grid = _page(math.ceil(len(findings) / columns), columns, aspect, title)
    for number, (film, finding) in enumerate(zip(films, findings, strict=True)):
        axes = figure.add_subplot(grid[number // columns, number % columns])
        _draw(axes, film, finding, finding.boxes)
        axes.set_title(f"{finding.name}  {finding.probability:.2f}\n{finding.title}", color=TEXT, fontsize=10, pad=4)
    return figure
