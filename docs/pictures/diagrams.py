"""Boxes, arrows and tables as SVG files, whose text the browser draws."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

BLUE, ORANGE, GREEN, GRAY = "#dbeaf7", "#fde6cf", "#dff0dd", "#eeeeee"
LINE = "#5b6770"


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of a size in inches, whose axes have this size as coordinates."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.axis("off")
    return figure, axes


def box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str = GRAY, size: float = 9
) -> None:
    """Draw a box with its lower left corner at (x, y)."""
    shape = FancyBboxPatch(
        (x, y), width, height, "round,pad=0,rounding_size=0.06", facecolor=color, edgecolor=LINE, linewidth=0.8
    )
    axes.add_patch(shape)
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, linespacing=1.35)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    """Draw an arrow, with a text above its middle."""
    axes.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=LINE, linewidth=0.9))
    if text:
        axes.text((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.06, text, ha="center", va="bottom", fontsize=8)


def grid(
    axes: Axes,
    x: float,
    y: float,
    values: Sequence[Sequence[float]],
    cell: float = 0.42,
    title: str = "",
    decimals: int = 1,
) -> None:
    """Draw numbers in cells, positive ones on orange, negative ones on blue. The lower left corner is at (x, y)."""
    most = max(1e-9, max(abs(value) for row in values for value in row))
    for i, row in enumerate(reversed(values)):
        for j, value in enumerate(row):
            share = min(1.0, abs(value) / most)
            end = (0.96, 0.60, 0.25) if value > 0 else (0.30, 0.55, 0.85)
            color = tuple(1 - share * 0.8 * (1 - part) for part in end)
            axes.add_patch(Rectangle((x + j * cell, y + i * cell), cell, cell, facecolor=color, edgecolor=LINE, lw=0.6))
            text = f"{value:.{decimals}f}".replace("-", "−")
            axes.text(x + (j + 0.5) * cell, y + (i + 0.5) * cell, text, ha="center", va="center", fontsize=8)
    if title:
        width, height = len(values[0]) * cell, len(values) * cell
        axes.text(x + width / 2, y + height + 0.1, title, ha="center", va="bottom", fontsize=8.5, linespacing=1.3)


def table(
    axes: Axes, x: float, y: float, rows: Sequence[Sequence[str]], widths: Sequence[float], height: float
) -> None:
    """Draw a table with a header, its upper left corner at (x, y). Cells may end in ``#RRGGBB``, their color."""
    for i, row in enumerate(rows):
        left = x
        for cell, width in zip(row, widths, strict=True):
            text, _, color = cell.partition("#")
            face = f"#{color}" if color else (GRAY if i == 0 else "white")
            corner = (left, y - (i + 1) * height)
            axes.add_patch(Rectangle(corner, width, height, facecolor=face, edgecolor=LINE, linewidth=0.6))
            weight = "bold" if i == 0 else "normal"
            axes.text(left + 0.08, corner[1] + height / 2, text.strip(), va="center", fontsize=8.5, fontweight=weight)
            left += width


def save_svg(figure: Figure, file: Path) -> None:
    """Write a figure as SVG, the same bytes each time."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": file.stem, "font.family": "sans-serif"}):
        figure.savefig(file, metadata={"Date": None, "Creator": None})
