"""Quality limits of organ masks from the histograms of a cohort (HiResCAM paper, section 12.2)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.data import read_volume
from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.taxonomy.organs import ORGAN_VALUES, are_organ_labels
from monai_pylon.utils import check, ras_view, voxel_spacing

__all__ = ["MASK_MEASURES", "mask_limits", "mask_measures", "measures_figure", "measures_of_folder", "outside_limits"]

_LOGGER = logging.getLogger(__name__)
_ENDING = f"{ORGANS_ENDING}.nii.gz"

#: Measures of the lungs with their meanings.
MASK_MEASURES = {
    "right_lung_ml": "volume of the right lung",
    "left_lung_ml": "volume of the left lung",
    "width_mm": "width of the box around both lungs",
    "depth_mm": "depth of the box around both lungs",
    "height_mm": "height of the box around both lungs",
    "right_mm": "from the middle of the volume to the right edge of the box",
    "left_mm": "from the middle of the volume to the left edge of the box",
}


def mask_measures(labels: np.ndarray, affine: np.ndarray) -> dict[str, float]:
    """Measure the lungs of an organ mask.

    Args:
        labels: Organs (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        affine: Matrix (4, 4) from voxel indices to RAS mm.

    Returns:
        The values of :data:`MASK_MEASURES`: volumes in mL, lengths in mm. Without lungs the lengths are NaN.

    Raises:
        ValueError: If the labels are not 3D, or have other values.

    Example:
        >>> labels = np.zeros((4, 2, 2), np.uint8)
        >>> labels[3] = 1
        >>> found = mask_measures(labels, np.diag([10.0, 10, 10, 1]))
        >>> found["right_lung_ml"], found["width_mm"], found["right_mm"], found["left_mm"]
        (4.0, 10.0, 20.0, -10.0)
    """
    check(np.ndim(labels) == 3, "labels", "of shape (X, Y, Z)", labels)
    sound = are_organ_labels(labels)
    remedy = "Convert masks of other programs by organs_from_label_map."
    check(sound, "labels", "0, 1, 2 or 3", [] if sound else np.unique(labels)[:9].tolist(), remedy)
    view = ras_view(np.asarray(labels), affine)
    spacing, milliliters = voxel_spacing(view.affine), float(np.prod(voxel_spacing(view.affine))) / 1000
    right, left = (view.array == ORGAN_VALUES[organ] for organ in ("right lung", "left lung"))
    found = {
        f"{name}_lung_ml": round(float(mask.sum()) * milliliters, 3)
        for name, mask in (("right", right), ("left", left))
    }
    lungs = right | left
    if not lungs.any():
        return {**found, **dict.fromkeys(list(MASK_MEASURES)[2:], float("nan"))}
    ends = [np.flatnonzero(lungs.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
    sizes = [float(high - low + 1) * mm for (low, high), mm in zip(ends, spacing, strict=True)]
    middle = lungs.shape[0] / 2
    sides = [(ends[0][1] + 1 - middle) * spacing[0], (middle - ends[0][0]) * spacing[0]]
    lengths = [round(float(mm), 3) for mm in (*sizes, *sides)]
    return {**found, **dict(zip(list(MASK_MEASURES)[2:], lengths, strict=True))}


def measures_of_folder(folder: str | PathLike[str]) -> list[dict[str, Any]]:
    """Measure all organ masks of a folder.

    Args:
        folder: Folder with masks `<scan>_organs.nii.gz` anywhere below, as the command `organs` writes them.

    Returns:
        A row for each mask: scan, the measures, and error, the reason if it is unreadable.

    Raises:
        FileNotFoundError: If there is no mask.

    Example:
        >>> measures_of_folder("nothing")
        Traceback (most recent call last):
        ...
        FileNotFoundError: nothing must have masks <scan>_organs.nii.gz. Write them by the command organs.
    """
    place = Path(folder).expanduser()
    files = sorted(place.rglob(f"*{_ENDING}"))
    if not files:
        raise FileNotFoundError(f"{place} must have masks <scan>{_ENDING}. Write them by the command organs.")
    rows: list[dict[str, Any]] = []
    for file in files:
        name = file.name.removesuffix(_ENDING)
        try:
            volume = read_volume(file)
            rows.append({"scan": name, **mask_measures(volume[0].numpy(), volume.affine.numpy()), "error": ""})
        except (OSError, ValueError) as error:
            rows.append({"scan": name, "error": str(error)})
            _LOGGER.error("%s is left out. %s", name, error)
    return rows


def mask_limits(rows: Sequence[Mapping[str, Any]], fence: float = 3.0) -> dict[str, tuple[float, float]]:
    """Choose limits from a cohort's own histograms: the quartiles, and `fence` times their distance beyond them.

    The authors chose theirs by eye from histograms of the lungs' box and from scans at their ends. Limits of a cohort
    find masks that are unlike the others; a fault that most masks have stays unnoticed.

    Args:
        rows: Rows of :func:`measures_of_folder`; those with an error are left out.
        fence: 1.5 names one in 150 values of a normal distribution, 3 one in 400,000.

    Returns:
        Lowest and highest plausible value of each measure.

    Raises:
        ValueError: If there are fewer than eight masks with lungs, most have no right or no left lung, or the fence is
            negative.

    Example:
        >>> rows = [dict.fromkeys(MASK_MEASURES, float(value)) for value in range(9)]
        >>> mask_limits(rows, fence=1.5)["width_mm"]
        (-4.0, 12.0)
    """
    check(fence >= 0, "fence", "0 or more", fence)
    sound = [row for row in rows if not row.get("error") and not np.isnan(row["width_mm"])]
    check(len(sound) >= 8, "rows", "at least eight masks with lungs", len(sound), "Use the limits of another cohort.")
    for side in ("right", "left"):
        middle = float(np.median([row[f"{side}_lung_ml"] for row in sound]))
        remedy = (
            "Masks need the values 1 right lung, 2 mediastinum, 3 left lung: convert them by organs_from_label_map."
        )
        check(middle > 0, "rows", f"masks with a {side} lung", f"a median of {middle:g} mL", remedy)
    limits = {}
    for name in MASK_MEASURES:
        low, high = np.percentile([row[name] for row in sound], [25, 75])
        limits[name] = (round(float(low - fence * (high - low)), 3), round(float(high + fence * (high - low)), 3))
    return limits


def outside_limits(row: Mapping[str, Any], limits: Mapping[str, Sequence[float]]) -> list[str]:
    """Name the measures of a mask that are outside limits; all lengths of a mask without lungs.

    Args:
        row: Measures of a mask.
        limits: Lowest and highest value by measure.

    Returns:
        Names of the measures.

    Example:
        >>> outside_limits({"width_mm": 9.0, "depth_mm": float("nan")}, {"width_mm": (1, 8), "depth_mm": (1, 8)})
        ['width_mm', 'depth_mm']
    """
    return [name for name, (low, high) in limits.items() if name in row and not low <= row[name] <= high]


def measures_figure(rows: Sequence[Mapping[str, Any]], limits: Mapping[str, Sequence[float]]) -> Any:
    """Draw the histogram of each measure with its limits.

    Args:
        rows: Rows of :func:`measures_of_folder`.
        limits: Lowest and highest value by measure.

    Returns:
        A `matplotlib.figure.Figure`; no window is opened.

    Example:
        >>> rows = [dict.fromkeys(MASK_MEASURES, float(value)) for value in range(9)]
        >>> len(measures_figure(rows, mask_limits(rows)).axes)
        7
    """
    figure = optional_import("matplotlib.figure", name="Figure")[0](figsize=(11, 5), facecolor=BACKGROUND, dpi=100)
    for number, (name, meaning) in enumerate(MASK_MEASURES.items()):
        axes = figure.add_subplot(2, 4, number + 1)
        axes.set_facecolor(BACKGROUND)
        values = np.array([row[name] for row in rows if not row.get("error")], dtype=np.float64)
        axes.hist(values[np.isfinite(values)], bins=min(30, max(5, len(values) // 3)), color="#56b4e9")
        for limit in limits[name]:
            axes.axvline(limit, color="#ffb454", linewidth=1.2, linestyle="--")
        axes.set_title(f"{name}\n{meaning}", color=TEXT, fontsize=7)
        axes.tick_params(colors=FAINT, labelsize=7)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
    figure.subplots_adjust(left=0.04, right=0.99, top=0.9, bottom=0.06, hspace=0.4, wspace=0.2)
    return figure
