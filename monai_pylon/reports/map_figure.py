"""Figures of a map over its image, the same for radiographs and scans: two colors, color bar, sides and scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.utils import optional_import

from monai_pylon.reports.evidence import AGAINST, FOR, evidence_threshold, paint_evidence
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.map_views import MapView, scan_views
from monai_pylon.utils import check, check_affine
from monai_pylon.utils.arrays import as_array
from monai_pylon.visualize import MapGeometry, map_on_image

__all__ = ["draw_color_bar", "draw_view", "finding_title", "show_map"]

_INCHES, _BAR_INCHES = 3.4, 0.75
#: Most pixels along an edge of a panel; larger images are subsampled.
_MAX_PIXELS = 768


def _without_certainty(probability: float) -> str:
    """Write a probability with two digits; neither 0.00 nor 1.00, which would claim certainty."""
    return "under 0.01" if probability < 0.01 else "over 0.99" if probability > 0.99 else f"{probability:.2f}"


def finding_title(name: str, probability: float | None, rank: int | None = None, labels: int | None = None) -> str:
    """Write the title of a finding: name, probability and rank.

    Args:
        name: Name of the finding.
        probability: Probability, 0 to 1; None if unknown.
        rank: Place among the labels by probability, from 1; None if unknown.
        labels: Number of labels; None if unknown.

    Returns:
        The title.

    Example:
        >>> finding_title("lung mass", 0.7312, rank=2, labels=80)
        'lung mass, probability 0.73, rank 2 of 80'
    """
    parts = [name] if name else []
    if probability is not None:
        parts.append(f"probability {_without_certainty(probability)}")
    if rank is not None:
        parts.append(f"rank {rank}" + (f" of {labels}" if labels else ""))
    return ", ".join(parts)


def draw_view(axes: Any, view: MapView, threshold: float, limit: float) -> None:
    """Draw a view into axes: the colored image, outlines of the colored evidence, sides, and a scale bar.

    Args:
        axes: Axes of Matplotlib.
        view: Picture and evidence (H, W).
        threshold: Strength above which evidence is colored.
        limit: Strength of the full color.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().add_subplot()
        >>> draw_view(axes, MapView(np.zeros((9, 9)), np.eye(9), sides=("R", "L"), pixel_mm=20.0), 0.5, 1.0)
        >>> [text.get_text() for text in axes.texts]
        ['R', 'L', '5 cm']
    """
    rows, columns = view.gray.shape
    step = max(1, math.ceil(max(rows, columns) / _MAX_PIXELS))
    evidence = view.evidence[::step, ::step]
    painted = paint_evidence(view.gray[::step, ::step], evidence, threshold, max(limit, threshold))
    axes.imshow(painted, extent=(-0.5, columns - 0.5, rows - 0.5, -0.5), interpolation="antialiased")
    x, y = np.arange(0, columns, step), np.arange(0, rows, step)
    for color, signed in ((FOR, evidence), (AGAINST, -evidence)):
        if threshold > 0 and signed.min(initial=0) < threshold < signed.max(initial=0) and min(signed.shape) > 1:
            axes.contour(x, y, signed, levels=[threshold], colors=[color], linewidths=1.0)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_title(view.title, color=FAINT, fontsize=8.5, pad=4)
    axes.set_axis_off()
    outline = optional_import("matplotlib.patheffects", name="withStroke")[0](linewidth=2.5, foreground="black")
    style: dict[str, Any] = {"color": TEXT, "path_effects": [outline]}
    for at, letter, side in ((0.02, view.sides[0], "left"), (0.98, view.sides[1], "right")):
        if letter:
            axes.text(at, 0.5, letter, transform=axes.transAxes, fontsize=12, fontweight="bold", ha=side, **style)
    if view.pixel_mm is not None and columns * view.pixel_mm > 100:
        start, length = 0.04 * columns, 50 / view.pixel_mm
        axes.plot([start, start + length], [0.96 * rows] * 2, linewidth=2, **style)
        axes.text(start + length / 2, 0.945 * rows, "5 cm", fontsize=8, ha="center", va="bottom", **style)


def draw_color_bar(axes: Any, threshold: float, limit: float, unit: str, signed: bool = True) -> None:
    """Draw the color bar of evidence into axes: full colors at the limits, nothing below the threshold.

    Args:
        axes: Axes of Matplotlib.
        threshold: Strength above which evidence is colored.
        limit: Strength of the full color.
        unit: Unit of the evidence.
        signed: Whether there can be evidence against the finding.

    Example:
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().add_subplot()
        >>> draw_color_bar(axes, 0.5, 2.0, "logit")
        >>> axes.get_ylabel()
        'logit'
    """
    top = max(limit, threshold, 1e-12)
    values = np.linspace(top, -top if signed else 0, 256)[:, None]
    bar = paint_evidence(np.full(values.shape, 0.25), values, min(threshold, top), top)
    axes.imshow(bar, extent=(0, 1, values[-1, 0], values[0, 0]), aspect="auto")
    ticks = [top, threshold] + ([-threshold, -top] if signed else [0])
    axes.set_yticks(ticks, [f"{value:.2g}" for value in ticks])
    axes.set_xticks([])
    axes.tick_params(colors=FAINT, labelsize=7.5)
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_ylabel(unit, color=FAINT, fontsize=8.5)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
    if signed:
        axes.set_title("for", color=FOR, fontsize=9, pad=4)
        axes.set_xlabel("against", color=AGAINST, fontsize=9)


def show_map(
    image: np.ndarray | torch.Tensor,
    map: np.ndarray | torch.Tensor,
    geometry: MapGeometry | None = None,
    affine: np.ndarray | None = None,
    name: str = "",
    probability: float | None = None,
    rank: int | None = None,
    unit: str = "logit",
    threshold: float | None = None,
    sides: tuple[str, str] = ("", ""),
    pixel_mm: float | None = None,
) -> Any:
    """Show a map over its image: a radiograph, or the slices of a scan in which the evidence is.

    Evidence for the finding is orange and evidence against it blue. What is weaker than the threshold is not colored,
    at most a tenth of the image is, and a flat map colors nothing.

    Args:
        image: Radiograph (H, W) from 0 to 1, or scan (X, Y, Z) in HU; a leading axis of size 1 is dropped.
        map: Signed map on the network's grid (h, w) or (x, y, groups), or on the image's own grid.
        geometry: Where the map's cells look, from :func:`~monai_pylon.visualize.map_geometry`. None: the map is on the
            image's grid.
        affine: Matrix (4, 4) of the scan from voxels to RAS mm; None for the affine of a MetaTensor. Radiographs need
            none.
        name: Name of the finding.
        probability: Probability of the finding, for the title.
        rank: Place of the finding among all by probability, from 1, for the title.
        unit: Unit of the evidence, for the color bar.
        threshold: Strength above which evidence is colored; None for :func:`evidence_threshold`.
        sides: Letters of the patient's sides on the left and right of a radiograph, usually ("R", "L"); empty if
            unknown. The sides of a scan follow from its affine.
        pixel_mm: Edge of a radiograph's pixels in mm, for the scale bar; None if unknown.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Raises:
        ValueError: If the image is neither 2D nor 3D, the map does not fit or is not finite, or a scan has no affine.

    Example:
        >>> from monai_pylon.visualize import MapGeometry
        >>> geometry = MapGeometry(origin=(0.0, 0.0), spacing=(4.0, 4.0))
        >>> figure = show_map(np.zeros((64, 64)), np.eye(16), geometry, name="Mass", probability=0.7, rank=1)
        >>> figure.texts[0].get_text()
        'Mass, probability 0.70, rank 1'
    """
    if affine is None and hasattr(image, "affine"):
        affine = image.affine
    pixels = _squeezed(image)
    check(pixels.ndim in (2, 3), "image", "a radiograph (H, W) or a scan (X, Y, Z)", pixels)
    values = torch.as_tensor(as_array(map)).float()
    values = values[0] if values.ndim == pixels.ndim + 1 and len(values) == 1 else values
    check(values.ndim == pixels.ndim, "map", f"of {pixels.ndim} axes, as the image", values, "Choose one label.")
    if geometry is not None:
        values = map_on_image(values, geometry, pixels.shape)
    evidence = values.numpy()
    remedy = "Pass the geometry of a map on the network's grid."
    check(evidence.shape == pixels.shape, "map", f"of the image's shape {pixels.shape}", evidence, remedy)
    if pixels.ndim == 2:
        limit, own = float(np.abs(evidence).max()), evidence_threshold(evidence)
        views: Sequence[MapView] = [MapView(pixels, evidence, "", sides, pixel_mm)]
    else:
        requirement = "a matrix (4, 4), or the image a MetaTensor with an affine"
        check(affine is not None, "affine", requirement, affine)
        found = scan_views(pixels, evidence, check_affine(as_array(affine)))
        views, limit, own = found.views, found.limit, found.threshold
    signed = bool((evidence < 0).any())
    title = finding_title(name, probability, rank)
    return _figure(views, own if threshold is None else threshold, limit, unit, signed, title)


def _squeezed(image: np.ndarray | torch.Tensor) -> np.ndarray:
    """Return an image as an array without its channel axis."""
    pixels = as_array(image)
    return pixels[0] if pixels.ndim in (3, 4) and pixels.shape[0] == 1 else pixels


def _figure(views: Sequence[MapView], threshold: float, limit: float, unit: str, signed: bool, title: str) -> Any:
    """Draw views side by side with a color bar."""
    aspect = max(view.gray.shape[0] / view.gray.shape[1] for view in views)
    width, height = len(views) * _INCHES + _BAR_INCHES + 0.3, _INCHES * aspect + 1.0
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(width, height), facecolor=BACKGROUND, dpi=100
    )
    ratios = [_INCHES] * len(views) + [0.16]
    edges = {"left": 0.1 / width, "right": 1 - _BAR_INCHES / width, "top": 1 - 0.7 / height, "bottom": 0.3 / height}
    grid = figure.add_gridspec(1, len(ratios), width_ratios=ratios, wspace=0.05, **edges)
    for column, view in enumerate(views):
        draw_view(figure.add_subplot(grid[0, column]), view, threshold, limit)
    draw_color_bar(figure.add_subplot(grid[0, -1]), threshold, limit, unit, signed)
    figure.text(0.12 / width, 1 - 0.25 / height, title, color=TEXT, fontsize=13, fontweight="bold", va="center")
    return figure
