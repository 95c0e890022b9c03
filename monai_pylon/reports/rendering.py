"""Renderings of masks from the front (HiResCAM paper, Figures 8 and 9), without a renderer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.reports.organ_figure import ORGAN_COLORS
from monai_pylon.reports.pixels import as_labels
from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.utils import check, check_affine, ras_view, voxel_spacing

__all__ = ["LungRendering", "lung_rendering", "lungs_figure", "render_mask"]

_LUNGS = ("right lung", "left lung")
_INCHES, _COLUMNS = 1.7, 6


class LungRendering(NamedTuple):
    """Lungs of a scan from the front.

    Attributes:
        name: Name of the scan.
        image: Red, green and blue (Z, X, 3), 0 to 1, in radiological display; the background is NaN.
        aspect: Height of a pixel by its width.
        volumes_ml: Volume in mL by organ name.

    Example:
        >>> LungRendering("scan", np.zeros((4, 6, 3)), 1.0, {}).aspect
        1.0
    """

    name: str
    image: np.ndarray
    aspect: float
    volumes_ml: dict[str, float]


def render_mask(mask: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Render the surface of a mask from the front: the steeper it is, the darker.

    Args:
        mask: Mask (X, Y, Z), bool.
        affine: Matrix (4, 4) from voxel indices to RAS mm.

    Returns:
        Gray values (Z, X), 0 to 1, in radiological display; NaN where no ray meets the mask.

    Raises:
        ValueError: If the mask is not 3D.

    Example:
        >>> render_mask(np.ones((2, 3, 2), bool), np.eye(4)).tolist()
        [[1.0, 1.0], [1.0, 1.0]]
    """
    voxels = np.asarray(mask, dtype=bool)
    check(voxels.ndim == 3, "mask", "of shape (X, Y, Z)", mask)
    view = ras_view(voxels, check_affine(affine))
    across, deep, along = voxel_spacing(view.affine)
    solid = view.array[:, ::-1]  # from the front to the back
    depth = np.where(solid.any(axis=1), solid.argmax(axis=1), np.nan) * deep
    slopes = [
        np.gradient(depth, mm, axis=axis) if depth.shape[axis] > 1 else np.zeros_like(depth)
        for axis, mm in ((0, across), (1, along))
    ]
    # At the outline a neighbor is missing: there the surface turns away.
    steep = np.nan_to_num(slopes[0], nan=2.0) ** 2 + np.nan_to_num(slopes[1], nan=2.0) ** 2
    return np.where(np.isnan(depth), np.nan, 1 / np.sqrt(1 + steep))[::-1, ::-1].T


def lung_rendering(name: str, labels: np.ndarray, affine: np.ndarray) -> LungRendering:
    """Render both lungs of a scan in the colors of the organs.

    Args:
        name: Name of the scan.
        labels: Organs (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        affine: Matrix (4, 4) from voxel indices to RAS mm.

    Returns:
        The rendering, and the volumes of both lungs.

    Raises:
        ValueError: If the labels are not 3D whole numbers.

    Example:
        >>> found = lung_rendering("scan", np.ones((2, 2, 2), np.uint8), np.diag([10.0, 10, 10, 1]))
        >>> found.image.shape, found.volumes_ml
        ((2, 2, 3), {'right lung': 8.0, 'left lung': 0.0})
    """
    organs, matrix = as_labels(labels, "labels", ("labels", np.shape(labels))), check_affine(affine)
    check(organs.ndim == 3, "labels", "of shape (X, Y, Z)", labels)
    milliliters = abs(float(np.linalg.det(matrix[:3, :3]))) / 1000
    masks = {organ: organs == ORGAN_VALUES[organ] for organ in _LUNGS}
    view = ras_view(organs, matrix)
    spacing, shape = voxel_spacing(view.affine), view.array.shape
    image = np.full((shape[2], shape[0], 3), np.nan)
    for organ, mask in masks.items():
        gray = render_mask(mask, matrix)
        image = np.where(np.isnan(gray)[..., None], image, gray[..., None] * np.array(ORGAN_COLORS[organ]))
    volumes = {organ: round(float(mask.sum()) * milliliters, 3) for organ, mask in masks.items()}
    return LungRendering(name, image, spacing[2] / spacing[0], volumes)


def lungs_figure(renderings: Sequence[LungRendering], columns: int = _COLUMNS) -> Any:
    """Draw the lungs of many scans side by side, to find the odd one.

    Args:
        renderings: Results of :func:`lung_rendering`.
        columns: Scans in a row.

    Returns:
        A `matplotlib.figure.Figure`. The title of a scan is its name and the volumes of right and left lung; a lung
        without a voxel is called missing.

    Raises:
        ValueError: If there is no rendering.

    Example:
        >>> one = lung_rendering("scan", np.ones((2, 2, 2), np.uint8), np.diag([50.0, 50, 50, 1]))
        >>> lungs_figure([one]).axes[0].get_title()
        'scan\\n1.0 L, left missing'
    """
    check(len(renderings) > 0, "renderings", "a sequence with at least one scan", renderings)
    columns = min(columns, len(renderings))
    rows = -(-len(renderings) // columns)
    height = rows * (_INCHES * 1.25) + 0.3
    figure = optional_import("matplotlib.figure", name="Figure")[0](
        figsize=(columns * _INCHES, height), facecolor=BACKGROUND, dpi=110
    )
    for number, one in enumerate(renderings):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(np.nan_to_num(one.image, nan=0.07), aspect=one.aspect)
        volumes = [
            f"{one.volumes_ml[organ] / 1000:.1f} L" if one.volumes_ml[organ] else f"{organ.split()[0]} missing"
            for organ in _LUNGS
        ]
        color = TEXT if all(one.volumes_ml.values()) else "#ffb454"
        axes.set_title(f"{one.name}\n{', '.join(volumes)}", color=color, fontsize=7, pad=3)
        axes.set_axis_off()
    note = "From the front; the patient's right is on the left. Volumes of right and left lung."
    figure.text(0.5, 0.12 / height, note, color=FAINT, fontsize=7, ha="center", va="center")
    figure.subplots_adjust(left=0.01, right=0.99, top=1 - 0.34 / height, bottom=0.25 / height, wspace=0.04, hspace=0.3)
    return figure
