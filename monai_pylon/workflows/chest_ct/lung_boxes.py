"""Comparison of lung masks with the lung boxes that the authors of RAD-ChestCT publish."""

from __future__ import annotations

import logging
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.transforms import Orientation

from monai_pylon.data import read_volume
from monai_pylon.data.datasets.rad_chestct_files import LungBox, lung_box_of_mask, read_lung_boxes
from monai_pylon.data.npz_reader import RAD_CHESTCT_SPACING
from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.utils import check

__all__ = ["box_overlap", "compare_lung_boxes", "lung_box_row"]

_LOGGER = logging.getLogger(__name__)
#: Edges of a box [x1, y1, z1, x2, y2, z2] with axes to the left, back and feet.
_EDGES = ("right", "front", "top", "left", "back", "bottom")
_ENDING = f"{ORGANS_ENDING}.nii.gz"


def box_overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of two boxes.

    Args:
        first: (6,) [x1, y1, z1, x2, y2, z2].
        second: (6,).

    Returns:
        0 to 1; NaN if an edge is NaN.

    Example:
        >>> box_overlap(np.array([0, 0, 0, 2, 2, 2]), np.array([0, 0, 0, 2, 2, 4]))
        0.5
    """
    both = np.minimum(first[3:], second[3:]) - np.maximum(first[:3], second[:3])
    shared = np.prod(np.maximum(both, 0))
    sizes = [np.prod(box[3:] - box[:3]) for box in (first, second)]
    return float(shared / (sum(sizes) - shared))


def lung_box_row(labels: np.ndarray, authors: LungBox, spacing: float = RAD_CHESTCT_SPACING) -> dict[str, float]:
    """Compare the lungs of an organ mask with the authors' box.

    Args:
        labels: (X, Y, Z) of 0 background, 1 right lung, 2 mediastinum, 3 left lung, with axes to the left, back and
            feet.
        authors: The authors' box.
        spacing: Edge of a voxel in mm.

    Returns:
        "iou" of both boxes; "iou_of_whole_scan", that of the whole scan and the authors' box, which a comparison must
        exceed; and for each edge by how much the mask's box is larger, in mm (negative if it is smaller). NaN where
        the authors or the mask have no lung.

    Raises:
        ValueError: If the table says another shape than that of the mask.

    Example:
        >>> mask = np.zeros((10, 10, 10), np.uint8)
        >>> mask[2:8, 2:8, 2:8] = 1
        >>> row = lung_box_row(mask, LungBox(np.array([2.0, 2, 2, 8, 8, 7]), (10, 10, 10)))
        >>> round(row["iou"], 3), row["bottom_mm"], row["iou_of_whole_scan"]
        (0.833, 0.8, 0.18)
    """
    fits = authors.shape is None or authors.shape == labels.shape
    remedy = "Compute the masks from the .npz files of the release."
    check(fits, "labels", f"of the shape {authors.shape} that the table says", labels, remedy)
    own = lung_box_of_mask(labels)
    outward = np.array([-1, -1, -1, 1, 1, 1]) * (own - authors.box) * spacing
    whole = np.array([0, 0, 0, *labels.shape], dtype=np.float64)
    shares = {"iou": box_overlap(own, authors.box), "iou_of_whole_scan": box_overlap(whole, authors.box)}
    return {**shares, **{f"{edge}_mm": float(mm) for edge, mm in zip(_EDGES, outward, strict=True)}}


def compare_lung_boxes(root: str | PathLike[str], organs: str | PathLike[str]) -> list[dict[str, Any]]:
    """Compare organ masks with the authors' lung boxes of RAD-ChestCT.

    Args:
        root: Folder of the release, or the table `Extrema_5747.csv`.
        organs: Folder with masks `<scan>_organs.nii.gz` of scans of the release, as the command `organs` writes them,
            anywhere below.

    Returns:
        A row for each mask: scan, the values of :func:`lung_box_row`, and error, the reason if a mask is unreadable.

    Raises:
        FileNotFoundError: If the table or every mask is missing.
        ValueError: If the table is malformed; the error names the line.

    Example:
        >>> compare_lung_boxes("RAD-ChestCT", "results")
        Traceback (most recent call last):
        ...
        FileNotFoundError: RAD-ChestCT/Extrema*.csv must exist. Download it with RAD-ChestCT.
    """
    boxes, folder = read_lung_boxes(root), Path(organs).expanduser()
    files = sorted(folder.rglob(f"*{_ENDING}"))
    known = [file for file in files if file.name.removesuffix(_ENDING) in boxes]
    if not known:
        raise FileNotFoundError(
            f"{folder} must have masks {'<scan>' + _ENDING} of scans in the table, such as {next(iter(boxes))}. "
            "Write them by the command organs."
        )
    if len(known) < len(files):
        _LOGGER.warning("%d of %d masks are of scans that are not in the table.", len(files) - len(known), len(files))
    rows = []
    for file in known:
        name = file.name.removesuffix(_ENDING)
        try:
            labels = np.asarray(Orientation("LPI", labels=None)(read_volume(file))[0])
            rows.append({"scan": name, **lung_box_row(labels, boxes[name]), "error": ""})
        except (OSError, ValueError) as error:
            rows.append({"scan": name, "error": str(error)})
    return rows
