"""Pictures of phantoms: computed chests, no patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.reports import ORGAN_COLORS, radiological_slice, square_pixels
from monai_pylon.reports.display import window_to_gray
from monai_pylon.reports.evidence import paint_evidence
from monai_pylon.reports.organ_figure import organ_overlay_figure
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions, partition_organs
from monai_pylon.visualize import MapGeometry, map_on_image

DARK = "#101418"


def panels(count: int, width: float = 3.0, height: float = 3.0) -> tuple[Figure, np.ndarray]:
    """Return a dark figure with panels beside each other."""
    figure = Figure(figsize=(count * width, height), facecolor=DARK, layout="constrained")
    axes = figure.subplots(1, count, squeeze=False)[0]
    for ax in axes:
        ax.axis("off")
    return figure, axes


def picture(ax: Axes, image: np.ndarray, title: str, sides: str = "RL") -> None:
    """Show an image with a title and the letters of its sides."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_title(title, color="white", fontsize=10)
    for at, letter in zip((0.03, 0.92), sides, strict=False):
        ax.text(at, 0.5, letter, color="white", fontsize=12, fontweight="bold", transform=ax.transAxes)


def cut(volume: np.ndarray, affine: np.ndarray, plane: str, at: float, order: int = 1) -> np.ndarray:
    """Cut a slice of square pixels in radiological display."""
    return square_pixels(radiological_slice(volume, affine, plane, at), 1.5, order)


def gray(volume: np.ndarray, affine: np.ndarray, plane: str, at: float) -> np.ndarray:
    """Cut a slice in a wide window."""
    return window_to_gray(cut(volume, affine, plane, at))


def phantom_organs() -> Figure:
    """Draw the organ masks of a phantom."""
    ct = phantom_chest_ct(7, (220, 190, 205), (1.7, 1.7, 1.7), gas="stomach")
    organs = partition_organs(ct.image, ct.affine)
    return organ_overlay_figure(ct.image, ct.affine, organs.labels, organs.quality, "A phantom")


def left_and_right() -> Figure:
    """Draw a radiograph as it should be and mirrored, and two planes of a scan."""
    image = np.asarray(phantom_radiograph(3, size=384, findings=[]).image[0])
    ct = phantom_chest_ct(3, (200, 170, 190), (1.9, 1.9, 1.9), gas="stomach")
    figure, axes = panels(4)
    picture(axes[0], image, "radiological display")
    picture(axes[1], image[:, ::-1], "the same, mirrored", "LR")
    picture(axes[2], gray(ct.image, ct.affine, "axial", 0.42), "axial, seen from the feet")
    picture(axes[3], gray(ct.image, ct.affine, "coronal", 0.6), "coronal, face to face")
    return figure


def when_to_distrust() -> Figure:
    """Draw maps by hand: on the finding, on a marker, at the border, everywhere."""
    radiograph = phantom_radiograph(20, size=320, findings=["Mass"])
    image = np.asarray(radiograph.image[0])
    x1, y1, x2, y2 = radiograph.boxes[0, :4]
    rows, columns = np.mgrid[:320, :320]

    def peak(row: float, column: float, width: float) -> np.ndarray:
        return np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * width**2))

    maps = {
        "on the finding": peak((y1 + y2) / 2, (x1 + x2) / 2, 22),
        "on the letter L": peak(33, 284, 14),
        "at the border": peak(300, 300, 26),
        "all over the image": 0.75 + 0.25 * np.sin(rows / 23) * np.cos(columns / 31),
    }
    figure, axes = panels(4)
    for ax, (title, heat) in zip(axes, maps.items(), strict=True):
        threshold = 0.4 if title != "all over the image" else 0.7
        ax.imshow(paint_evidence(image, heat, threshold, float(heat.max())))
        picture(ax, np.ma.masked_all(image.shape), title, "")
    return figure


def own_scans() -> Figure:
    """Draw a scan, its organs, the allowed cells of a mass, and a map."""
    ct = phantom_chest_ct(8, (180, 160, 156), (2.0, 2.0, 2.1), mass="right")
    found = partition_organs(ct.image, ct.affine).labels
    label = CHEST_CT_LABELS.index("lung mass")
    grid_size = (10, 9, 12)
    region = allowed_regions(found, ct.locations[[label]], grid_size, "area")[0]
    index = np.ix_(*(np.arange(n) * m // n for n, m in zip(ct.image.shape, grid_size, strict=True)))
    center = np.argwhere(ct.lesions["mass"]).mean(axis=0)
    at = 1 - center[1] / ct.image.shape[1]  # the second axis of the phantom runs to the back
    chest = gray(ct.image, ct.affine, "coronal", at)
    figure, axes = panels(4)
    for ax, title in zip(axes, ("scan", "organ masks", "allowed cells of the mass", "map"), strict=True):
        picture(ax, chest, title)
    organs = cut(found, ct.affine, "coronal", at, 0)
    axes[1].contourf(organs, [0.5, 1.5, 2.5, 3.5], colors=list(ORGAN_COLORS.values()), alpha=0.45)
    cells = cut(region[index].astype(np.uint8), ct.affine, "coronal", at, 0)
    axes[2].contourf(cells, [0.5, 1.5], colors=[ORGAN_COLORS["right lung"]], alpha=0.45)
    step = np.array(ct.image.shape) / grid_size
    geometry = MapGeometry(tuple(step / 2 - 0.5), tuple(step))
    nearest = tuple(((center - geometry.origin) / geometry.spacing).round().astype(int))
    evidence = torch.zeros(grid_size)
    evidence[nearest] = 1.0
    heat = cut(map_on_image(evidence, geometry, ct.image.shape).numpy(), ct.affine, "coronal", at)
    axes[3].imshow(paint_evidence(chest, heat, 0.35, float(heat.max())))
    return figure


def heatmap_is_score() -> Figure:
    """Draw a heatmap whose maximum is the score."""
    radiograph = phantom_radiograph(20, size=256, findings=["Mass"])
    x1, y1, x2, y2 = radiograph.boxes[0, :4]
    rows, columns = np.mgrid[:32, :32] * 8 + 3.5
    heat = 6 * np.exp(-((rows - (y1 + y2) / 2) ** 2 + (columns - (x1 + x2) / 2) ** 2) / 900)
    heat += 3 * np.exp(-((rows - 175) ** 2 + (columns - 185) ** 2) / 900) - 4
    figure, axes = panels(2, 3.4, 3.2)
    picture(axes[0], np.asarray(radiograph.image[0]), "radiograph")
    axes[1].imshow(heat, cmap="inferno")
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    axes[1].plot(column, row, "w+", markersize=12)
    note = f"maximum {heat.max():.1f} = the logit\nprobability {1 / (1 + np.exp(-heat.max())):.2f}"
    axes[1].annotate(
        note, (column, row), (2, 28), color="white", fontsize=9, arrowprops={"color": "white", "width": 0.5}
    )
    axes[1].set_title("heatmap", color="white", fontsize=10)
    return figure


def radiograph_findings() -> Figure:
    """Draw radiographs with readers' boxes."""
    figure, axes = panels(4)
    for ax, (seed, name) in zip(
        axes, enumerate(("Cardiomegaly", "Effusion", "Nodule", "Pneumothorax"), 20), strict=True
    ):
        phantom = phantom_radiograph(seed, size=320, findings=[name])
        picture(ax, np.asarray(phantom.image[0]), name)
        for x1, y1, x2, y2, _ in phantom.boxes:
            ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color="gold")
    return figure


PHOTOS: tuple[Callable[[], Figure], ...] = (
    phantom_organs,
    left_and_right,
    when_to_distrust,
    own_scans,
    heatmap_is_score,
    radiograph_findings,
)
