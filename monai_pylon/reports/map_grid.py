"""Maps of several methods, networks and labels side by side (HiResCAM paper, Figures 1, 5, 6, 12 and 14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.utils import optional_import
from torch.nn import functional

from monai_pylon.reports.evidence import FOR
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.utils import check

__all__ = ["MapPanel", "map_grid_figure"]

#: Opacity of the maximum, and the share of the maximum from which a map is colored.
_OPACITY, _FROM = 0.75, 0.15


class MapPanel(NamedTuple):
    """An image with a map over it.

    Attributes:
        image: Gray (H, W) or red, green and blue (H, W, 3), 0 to 1.
        map: Signed map (h, w) that covers the whole image; None shows the image alone.
        title: Text above the panel.

    Example:
        >>> MapPanel(np.zeros((4, 4)), None).title
        ''
    """

    image: np.ndarray
    map: np.ndarray | torch.Tensor | None
    title: str = ""


def _painted(panel: MapPanel) -> np.ndarray:
    """Return the panel in color (H, W, 3): the positive part of the map, relative to its maximum."""
    image = np.asarray(panel.image, dtype=np.float32)
    check(image.ndim == 2 or image.shape[2:] == (3,), "image", "of shape (H, W) or (H, W, 3)", image)
    image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    if panel.map is None:
        return image.clip(0, 1)
    values = torch.as_tensor(panel.map).detach().cpu().float()
    check(values.ndim == 2, "map", "of shape (h, w)", values)
    large = functional.interpolate(values[None, None].clamp(min=0), image.shape[:2], mode="bilinear")[0, 0].numpy()
    share = large / large.max() if large.max() > 0 else large
    alpha = (_OPACITY * np.clip((share - _FROM) / (1 - _FROM), 0, 1))[..., None]
    return ((1 - alpha) * image + alpha * np.asarray(FOR, np.float32)).clip(0, 1)


def map_grid_figure(
    rows: Sequence[Sequence[MapPanel]],
    columns: Sequence[str] = (),
    title: str = "",
    note: str = "Orange: evidence for the label, relative to the maximum of each map.",
    inches: float = 1.8,
) -> Any:
    """Draw rows of images with maps.

    Each map is drawn relative to its own maximum, as in the paper: the panels compare places, not strengths.

    Args:
        rows: Panels by row; all rows have the same number.
        columns: Text above each column; empty for none.
        title: Title of the figure.
        note: Text below the figure.
        inches: Edge of a panel.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If there is no panel, the rows differ in length, or a panel has another shape.

    Example:
        >>> panel = MapPanel(np.zeros((8, 8)), np.eye(2), "nodule")
        >>> [axes.get_title() for axes in map_grid_figure([[panel, panel]], ["HiResCAM", "Grad-CAM"]).axes]
        ['HiResCAM\\nnodule', 'Grad-CAM\\nnodule']
    """
    check(len(rows) > 0 and len(rows[0]) > 0, "rows", "with at least one panel", rows)
    width = len(rows[0])
    check(all(len(row) == width for row in rows), "rows", f"of {width} panels each", [len(row) for row in rows])
    check(not columns or len(columns) == width, "columns", f"{width} texts, one for each column", columns)
    head, foot = 0.35 if title else 0.1, 0.3 if note else 0.05
    total = len(rows) * (inches + 0.36) + head + foot + (0.15 if columns else 0)
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(width * inches + 0.2, total), facecolor=BACKGROUND, dpi=100
    )
    grid = figure.add_gridspec(
        *(len(rows), width),
        left=0.005,
        right=0.995,
        top=1 - (head + (0.45 if columns else 0.25)) / total,
        bottom=foot / total,
        wspace=0.04,
        hspace=0.36 / inches,
    )
    for k, row in enumerate(rows):
        for j, panel in enumerate(row):
            axes = figure.add_subplot(grid[k, j])
            axes.imshow(_painted(panel))
            text = "\n".join(part for part in (columns[j] if columns and k == 0 else "", panel.title) if part)
            axes.set_title(text, color=TEXT, fontsize=8, pad=3)
            axes.set_axis_off()
    figure.text(0.01, 1 - head / 2 / total, title, color=TEXT, fontsize=12, fontweight="bold", va="center")
    figure.text(0.5, foot / 2 / total, note, color=FAINT, fontsize=7.5, ha="center", va="center")
    return figure
