"""Figure of the organ masks of a scan on axial and coronal slices, with quality verdict and volumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Protocol

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.display import DisplaySlice, paint_labels, radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT, save_figure
from monai_pylon.reports.pixels import as_labels, as_voxels
from monai_pylon.taxonomy.organs import OK_MEANING, ORGAN_VALUES
from monai_pylon.utils import check, ras_view

__all__ = ["ORGAN_COLORS", "OrganQuality", "organ_overlay_figure", "save_organ_overlay"]

#: Red, green and blue of each organ, readable with color blindness (Okabe and Ito).
ORGAN_COLORS: dict[str, tuple[float, float, float]] = {
    "right lung": (0.34, 0.71, 0.91),
    "mediastinum": (0.80, 0.47, 0.65),
    "left lung": (0.90, 0.62, 0.00),
}

_PIXEL_MM = 0.75
_SOFT_TISSUE_HU = -200
#: Margin around the body as a share of the image's width.
_MARGIN = 0.03
_GOOD, _DOUBTFUL = "#7bd88f", "#ffb454"
_AXIAL_POSITIONS = ((0.75, "upper"), (0.5, "middle"), (0.25, "lower"))
_CORONAL_POSITIONS = ((0.7, "front"), (0.5, "middle"), (0.3, "back"))


class OrganQuality(Protocol):
    """Quality of organ masks as a figure needs it; `MaskQuality` fits.

    Example:
        >>> from types import SimpleNamespace
        >>> quality: OrganQuality = SimpleNamespace(ok=True, reasons=(), volumes_ml={}, heuristic=False)
    """

    @property
    def ok(self) -> bool:
        """Whether the masks passed the quality control."""

    @property
    def reasons(self) -> Sequence[str]:
        """Reasons for the verdict."""

    @property
    def volumes_ml(self) -> Mapping[str, float]:
        """Volume in mL by organ name."""

    @property
    def heuristic(self) -> bool:
        """Whether the masks are heuristic boxes instead of the organs' shapes."""


def _extent(mask: np.ndarray) -> tuple[float, float]:
    """Return the first and last True of (N,) as positions from 0 to 1; without any, return 0 and 1."""
    found = np.flatnonzero(mask)
    last = max(len(mask) - 1, 1)
    return (found[0] / last, found[-1] / last) if len(found) else (0.0, 1.0)


def _verdict(quality: OrganQuality) -> tuple[str, str]:
    """Return the text and the color of the quality verdict."""
    reasons = ", ".join(str(reason).replace("_", " ") for reason in quality.reasons)
    if quality.ok:
        return f"Quality: ok ({OK_MEANING}{'; ' if reasons else ''}{reasons})", _GOOD
    reasons = reasons or "no reason given"
    boxes = "; the organs are heuristic boxes" if quality.heuristic else ""
    return f"Quality: check by eye ({reasons}{boxes})", _DOUBTFUL


class _Page:
    """Slices of one scan at the same scale in mm, cropped to the same width around the body."""

    def __init__(self, ct: np.ndarray, affine: np.ndarray, labels: np.ndarray) -> None:
        self.ct, self.affine, self.labels = ct, affine, labels
        lungs = (labels == ORGAN_VALUES["right lung"]) | (labels == ORGAN_VALUES["left lung"])
        view = ras_view(lungs, affine).array
        self.extents = {
            "axial": _extent(np.asarray(view.any(axis=(0, 1)))),
            "coronal": _extent(np.asarray(view.any(axis=(0, 2)))),
        }
        self.colors = {value: ORGAN_COLORS[organ] for organ, value in ORGAN_VALUES.items()}
        # Soft tissue shows the extent of the body; every fourth voxel suffices and skips the thin table top.
        tissue = (ras_view(ct, affine).array[::4, ::4, ::4] > _SOFT_TISSUE_HU) | (view[::4, ::4, ::4])
        self.crops = [self._crop(tissue.sum(axis=axes)) for axes in ((1, 2), (0, 2))]

    @staticmethod
    def _crop(amount: np.ndarray) -> tuple[float, float]:
        """Return where to crop an axis from its high end, in display order: shares of its length, with a margin."""
        low, high = _extent(amount[::-1] > 0.1 * amount.max())
        return max(low - _MARGIN, 0.0), min(high + _MARGIN, 1.0)

    def panel(self, plane: str, share: float) -> np.ndarray:
        """Return the painted slice (H, W, 3) at a share of the lungs' extent."""
        first, last = self.extents[plane]
        position = first + share * (last - first)
        hu = radiological_slice(self.ct, self.affine, plane, position)
        organs = radiological_slice(self.labels, self.affine, plane, position)
        gray = square_pixels(DisplaySlice(window_to_gray(hu.image), hu.spacing), _PIXEL_MM, order=1)
        painted = paint_labels(gray, square_pixels(organs, _PIXEL_MM, order=0), self.colors)
        columns, rows = self.crops if plane == "axial" else (self.crops[0], (0.0, 1.0))
        crop = [
            slice(*np.rint(np.multiply(ends, n)).astype(int))
            for ends, n in zip((rows, columns), gray.shape, strict=True)
        ]
        return painted[tuple(crop)]


def _draw_panel(axes: Any, image: np.ndarray, title: str) -> None:
    """Draw a slice and the letters of the patient's sides."""
    axes.imshow(image, interpolation="antialiased")
    axes.set_title(title, color=FAINT, fontsize=10, pad=4)
    axes.set_axis_off()
    for x, letter in ((0.02, "R"), (0.98, "L")):
        axes.text(
            *(x, 0.5, letter),
            transform=axes.transAxes,
            color=TEXT,
            fontsize=13,
            fontweight="bold",
            ha="left" if letter == "R" else "right",
            va="center",
        )


def _draw_legend(figure: Any, quality: OrganQuality) -> None:
    """Draw the color and, if known, the volume of each organ."""
    patch = optional_import("matplotlib.patches", name="Patch")[0]
    handles = []
    for organ, color in ORGAN_COLORS.items():
        volume = quality.volumes_ml.get(organ, float("nan"))
        handles.append(patch(color=color, label=f"{organ}  {volume:,.0f} mL" if np.isfinite(volume) else organ))
    figure.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.035),
        ncols=len(handles),
        frameon=False,
        labelcolor=TEXT,
        fontsize=12,
    )


def organ_overlay_figure(
    ct: np.ndarray, affine: np.ndarray, labels: np.ndarray, quality: OrganQuality, title: str = ""
) -> Any:
    """Draw the organs of a scan on three axial and three coronal slices through the lungs, in radiological display.

    Args:
        ct: Voxels (X, Y, Z) in HU.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        labels: Organs (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        quality: Quality of the masks (`MaskQuality`), with the volumes for the legend.
        title: Name of the scan.

    Returns:
        A `matplotlib.figure.Figure`, true to scale; no window is opened.

    Raises:
        TypeError: If scan or labels have no numbers.
        ValueError: If the shapes differ, or a label is no organ.

    Example:
        >>> from types import SimpleNamespace
        >>> ct = np.full((8, 8, 8), -1000.0)
        >>> quality = SimpleNamespace(ok=False, reasons=("no_lungs",), volumes_ml={}, heuristic=False)
        >>> figure = organ_overlay_figure(ct, np.diag([40.0, 40, 40, 1]), np.zeros((8, 8, 8), np.uint8), quality)
        >>> len(figure.axes)
        6
    """
    voxels = as_voxels(ct, "ct", finite=False)  # NaN becomes black
    organs = as_labels(labels, "labels", ("scan", voxels.shape))
    known = bool(np.isin(organs, (0, *ORGAN_VALUES.values())).all())
    check(known, "labels", f"0 or one of the organs {ORGAN_VALUES}", labels, "Convert it with organs_from_label_map.")
    page = _Page(voxels, affine, organs)
    rows = [
        [(page.panel("axial", share), f"axial, {name}") for share, name in _AXIAL_POSITIONS],
        [(page.panel("coronal", share), f"coronal, {name}") for share, name in _CORONAL_POSITIONS],
    ]
    heights = [row[0][0].shape[0] for row in rows]
    width = rows[0][0][0].shape[1]
    inches = 4.4  # width of one panel
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(3 * inches + 0.4, inches * sum(heights) / width + 2.0), facecolor=BACKGROUND, dpi=110
    )
    grid = figure.add_gridspec(
        2, 3, height_ratios=heights, left=0.015, right=0.985, top=0.89, bottom=0.09, wspace=0.03, hspace=0.1
    )
    for i, row in enumerate(rows):
        for j, (image, name) in enumerate(row):
            _draw_panel(figure.add_subplot(grid[i, j]), image, name)
    verdict, color = _verdict(quality)
    figure.text(0.02, 0.965, title, color=TEXT, fontsize=17, fontweight="bold", va="center")
    figure.text(0.02, 0.928, verdict, color=color, fontsize=13, va="center")
    note = "Radiological display: the patient's right is on the left of each image. For research, not for diagnosis."
    figure.text(0.5, 0.018, note, color=FAINT, fontsize=9, ha="center", va="center")
    _draw_legend(figure, quality)
    return figure


def save_organ_overlay(
    path: str | PathLike[str],
    ct: np.ndarray,
    affine: np.ndarray,
    labels: np.ndarray,
    quality: OrganQuality,
    title: str = "",
) -> None:
    """Save the figure of :func:`organ_overlay_figure` as a PNG file atomically.

    Args:
        path: Path of the file, ending in ``.png``.
        ct: Voxels (X, Y, Z) in HU.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        labels: Organs (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        quality: Quality of the masks (`MaskQuality`).
        title: Name of the scan.

    Example:
        >>> import tempfile, pathlib
        >>> from types import SimpleNamespace
        >>> quality = SimpleNamespace(ok=True, reasons=(), volumes_ml={"left lung": 2000.0}, heuristic=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "scan.png")
        ...     affine, labels = np.diag([40.0, 40, 40, 1]), np.ones((8, 8, 8), np.uint8)
        ...     save_organ_overlay(path, np.zeros((8, 8, 8)), affine, labels, quality)
        ...     path.exists()
        True
    """
    save_figure(path, organ_overlay_figure(ct, affine, labels, quality, title))
