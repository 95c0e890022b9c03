"""Figure of the slice scores of a cohort along the body (HiResCAM paper, Figure 13)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.metrics.slice_curves import SliceCurves
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.utils import check

__all__ = ["slice_curves_figure"]

_PRESENT, _ABSENT = (1.0, 0.62, 0.05), (0.34, 0.71, 0.99)
_NOTE = (
    "Mean slice score in logits by group of slices, from head (0) to feet; bands: 95 % intervals by patient. "
    "Orange: scans with the finding, blue: without it."
)


def slice_curves_figure(curves: SliceCurves, labels: Sequence[str], most: int = 9, columns: int = 3) -> Any:
    """Draw the mean slice scores of the scans with and without each label.

    Args:
        curves: Curves (M, S) of :func:`~monai_pylon.metrics.slice_curves.slice_score_curves`, from head to feet.
        labels: Names of the M labels.
        most: Number of labels, those that most scans have, in the order of the labels.
        columns: Panels in a row.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If the number of names differs from the labels', or no label is present in any scan.

    Example:
        >>> import torch
        >>> from monai_pylon.metrics.slice_curves import slice_score_curves
        >>> curves = slice_score_curves(torch.rand(3, 1, 5), torch.tensor([[1.0], [0.0], [1.0]]), num_resamples=5)
        >>> slice_curves_figure(curves, ["nodule"]).axes[0].get_title()
        'nodule: 2 with, 1 without'
    """
    counts = np.asarray(curves.counts)
    check(len(labels) == len(counts), "labels", f"{len(counts)} names, one for each curve", len(labels))
    order = [label for label in np.argsort(-counts[:, 0], kind="stable").tolist() if counts[label, 0] > 0]
    check(len(order) > 0, "curves", "of a cohort in which a label is present", counts)
    shown = sorted(order[:most])
    columns = min(columns, len(shown))
    rows = -(-len(shown) // columns)
    height = 2.1 * rows + 0.5
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(3.4 * columns + 0.4, height), facecolor=BACKGROUND, dpi=110
    )
    for number, label in enumerate(shown):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.set_facecolor(BACKGROUND)
        for color, part in ((_ABSENT, curves.absent), (_PRESENT, curves.present)):
            estimate, low, high = (np.asarray(values)[label] for values in part)
            groups = np.arange(len(estimate))
            axes.plot(groups, estimate, color=color, linewidth=1.5)
            axes.fill_between(groups, low, high, color=color, alpha=0.3, linewidth=0)
        title = f"{labels[label]}: {counts[label, 0]} with, {counts[label, 1]} without"
        axes.set_title(title, color=TEXT, fontsize=8.5, pad=4)
        axes.tick_params(colors=FAINT, labelsize=7)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
    figure.text(0.5, 0.16 / height, _NOTE, color=FAINT, fontsize=7.5, ha="center", va="center")
    figure.subplots_adjust(
        left=0.06 if columns > 1 else 0.12, right=0.99, top=1 - 0.3 / height, bottom=0.55 / height, hspace=0.35
    )
    return figure
