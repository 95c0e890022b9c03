"""Pictures of chest CTs that a person opens: where a network's score of each finding comes from."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.display import DisplaySlice, radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.heatmap import paint_heatmap
from monai_pylon.utils import check, ras_view

__all__ = ["ScanFinding", "finding_on_scan", "scan_findings_figure"]

_PIXEL_MM = 1.0
_INCHES, _CURVE_INCHES = 4.0, 1.5
_PLANES = ("axial", "coronal")
#: The axis of a RAS volume that each plane cuts.
_CUT_AXIS = {"axial": 2, "coronal": 1}
_NOTE = (
    "Slices through the strongest evidence for each finding. Colour: positive evidence relative to its own maximum, so "
    "that even an unlikely finding has a bright spot; read the probability. A cell of the map is several cm wide. "
    "Radiological display: the patient's right is on the left. For research, not for diagnosis."
)


class ScanFinding(NamedTuple):
    """What a network says of one finding in one scan, ready to be drawn.

    Attributes:
        name: of the finding.
        probability: 0 to 1.
        panels: by plane, "axial" and "coronal", the slice (H, W) as gray and its heat (H, W), both 0 to 1.
        heights: (S,) mm, and
        scores: (S,) of the slice groups; both empty where the network scores none.
        peak: the voxel (x, y, z) with the strongest evidence.

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
    """Cut a scan and a map of evidence where the evidence is strongest.

    Args:
        name: of the finding.
        probability: 0 to 1.
        ct: (X, Y, Z) in HU.
        heat: (X, Y, Z), signed evidence on the scan's grid.
        affine: (4, 4), voxel indices to RAS millimetres.
        heights: (S,), where the slice groups lie, mm; None without.
        scores: (S,), their scores.

    Returns:
        the slices, in radiological display, with pixels of 1 mm.

    Raises:
        ValueError: where the map is not on the scan's grid.

    Example:
        >>> heat = np.zeros((8, 8, 8))
        >>> heat[2, 3, 4] = 1
        >>> finding_on_scan("mass", 0.5, np.zeros((8, 8, 8)), heat, np.diag([20.0, 20, 20, 1])).peak
        (2, 3, 4)
    """
    check(ct.ndim == 3 and ct.shape == heat.shape, "heat", f"of the scan's shape {ct.shape}", heat)
    x, y, z = (int(n) for n in np.unravel_index(int(np.argmax(heat)), heat.shape))
    peak = (x, y, z)
    mark = np.zeros(heat.shape, dtype=bool)
    mark[peak] = True
    view = ras_view(mark, affine).array
    turned = np.unravel_index(int(np.argmax(view)), view.shape)
    highest = max(float(heat.max()), 1e-12)
    panels = {}
    for plane in _PLANES:
        axis = _CUT_AXIS[plane]
        position = float(turned[axis]) / max(view.shape[axis] - 1, 1)
        slices = [radiological_slice(volume, affine, plane, position) for volume in (ct, heat)]
        gray = DisplaySlice(window_to_gray(slices[0].image), slices[0].spacing)
        share = DisplaySlice(np.clip(slices[1].image / highest, 0, 1).astype(np.float32), slices[1].spacing)
        drawn = [np.clip(square_pixels(part, _PIXEL_MM, order=1), 0, 1) for part in (gray, share)]
        panels[plane] = (drawn[0], drawn[1])
    along, curve = np.zeros(0), np.zeros(0)
    if scores is not None and heights is not None:
        along, curve = np.asarray(heights), np.asarray(scores)
    return ScanFinding(name, probability, panels, along, curve, peak)


def _draw_panel(axes: Any, panel: tuple[np.ndarray, np.ndarray], words: str) -> None:
    gray, heat = panel
    axes.imshow(paint_heatmap(gray, heat), interpolation="antialiased")
    if heat.min() < 0.5 < heat.max():
        axes.contour(heat, levels=[0.5], colors="#ffd24d", linewidths=0.9)
    axes.set_title(words, color=TEXT, fontsize=11, pad=4)
    axes.set_axis_off()
    for x, letter, side in ((0.02, "R", "left"), (0.98, "L", "right")):
        axes.text(x, 0.5, letter, transform=axes.transAxes, color=TEXT, fontsize=12, fontweight="bold", ha=side)


def _draw_curve(axes: Any, finding: ScanFinding) -> None:
    axes.set_facecolor(BACKGROUND)
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.plot(finding.heights, finding.scores, color="#ffd24d", linewidth=1.6)
    axes.set_xlabel("height in mm (feet to head)", color=FAINT, fontsize=9)
    axes.set_title("slice score", color=TEXT, fontsize=11, pad=4)
    axes.tick_params(colors=FAINT, labelsize=8)
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def scan_findings_figure(findings: Sequence[ScanFinding], title: str = "") -> Any:
    """Show findings beside each other: an axial and a coronal slice each, and the slice scores along the body.

    Args:
        findings: most probable first, as :func:`finding_on_scan` makes them.
        title: the scan's name.

    Returns:
        a `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: for no finding.

    Example:
        >>> cube, affine = np.zeros((8, 8, 8)), np.diag([20.0, 20, 20, 1])
        >>> found = finding_on_scan("mass", 0.5, cube, cube + 1, affine, np.arange(4), np.arange(4))
        >>> len(scan_findings_figure([found, found]).axes)
        6
    """
    check(len(findings) > 0, "findings", "at least one", len(findings))
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
            words = f"{finding.name}  {finding.probability:.2f}" if row == 0 else plane
            _draw_panel(figure.add_subplot(grid[row, column]), finding.panels[plane], words)
        if curves and len(finding.scores):
            _draw_curve(figure.add_subplot(grid[2, column]), finding)
    figure.text(0.1 / width, 1 - head / 2 / total, title, color=TEXT, fontsize=15, fontweight="bold", va="center")
    figure.text(0.5, foot / 2 / total, note, color=FAINT, fontsize=8.5, ha="center", va="center")
    return figure
