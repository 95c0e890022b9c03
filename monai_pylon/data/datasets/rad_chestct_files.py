"""Remaining files of RAD-ChestCT: the authors' lung boxes (Extrema), the list of scans (Summary), and indications."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows
from monai_pylon.data.volume_reader import volume_name
from monai_pylon.utils import check

__all__ = ["LungBox", "lung_box_of_mask", "read_indications", "read_lung_boxes", "read_summary"]

_NAME, _ID = "RAD-ChestCT", "NoteAcc_DEID"
#: First and last edge along slices, rows and columns, and the size of the array; the last edge is behind the lung.
_EDGES = ("sup_axis0min", "inf_axis0max", "ant_axis1min", "pos_axis1max", "rig_axis2min", "lef_axis2max")
_SHAPE = ("shape0", "shape1", "shape2")


class LungBox(NamedTuple):
    """Box around both lungs in voxels.

    Attributes:
        box: (6,) float64 [x1, y1, z1, x2, y2, z2] in voxel borders, with the axes that `read_volume` gives a scan of
            RAD-ChestCT: left, posterior, inferior. NaN where the authors' program found no lung.
        shape: Voxels along x, y and z; None if the table does not tell.

    Example:
        >>> LungBox(np.arange(6.0), (420, 420, 405)).shape
        (420, 420, 405)
    """

    box: np.ndarray
    shape: tuple[int, int, int] | None


def _edge(row: DatasetRow, column: str) -> float:
    """Return an edge; NaN for the empty, nan and inf that the authors' program writes if it finds no lung."""
    text = row.cells[column].strip().lower()
    if text in ("", "nan", "inf", "-inf"):
        return math.nan
    found = row.number(column)
    row.check(found >= 0 and found == round(found), column, "a whole number, 0 or more")
    return found


def _table(root: str | PathLike[str], pattern: str) -> Path:
    """Return a table of the release in a folder or one below it; the path of a file is taken as it is."""
    folder = Path(root).expanduser()
    if folder.is_file():
        return folder
    return next(iter(sorted(folder.glob(pattern)) or sorted(folder.glob(f"*/{pattern}"))), folder / pattern)


def read_lung_boxes(root: str | PathLike[str]) -> dict[str, LungBox]:
    """Read the authors' lung boxes, `Extrema_5747.csv`.

    Args:
        root: Folder of the release, or the table.

    Returns:
        The box of each scan, by its name (NoteAcc_DEID).

    Raises:
        FileNotFoundError: If there is no such table.
        ValueError: If a column is missing, a number is none, a box is empty or outside of its scan, or a scan is
            repeated; the error names the line.

    Example:
        >>> read_lung_boxes("RAD-ChestCT")
        Traceback (most recent call last):
        ...
        FileNotFoundError: RAD-ChestCT/Extrema*.csv must exist. Download it with RAD-ChestCT.
    """
    found = {}
    for row in dataset_rows(_table(root, "Extrema*.csv"), (_ID, *_EDGES), _NAME, key=_ID):
        edges = [_edge(row, column) for column in _EDGES]
        shape = None
        if all(column in row.cells for column in _SHAPE):
            shape = tuple(int(row.number(column)) for column in _SHAPE)
        for axis, (low, high) in enumerate(zip(edges[::2], edges[1::2], strict=True)):
            if math.isnan(low) or math.isnan(high):
                continue
            column = _EDGES[2 * axis + 1]
            row.check(high > low, column, f"above {low:g}, the other edge")
            row.check(shape is None or high <= shape[axis], column, f"at most {shape and shape[axis]}, the scan's size")
        box = np.array([edges[k] for k in (4, 2, 0, 5, 3, 1)])
        found[volume_name(row.text(_ID))] = LungBox(box, None if shape is None else (shape[2], shape[1], shape[0]))
    return found


def read_summary(root: str | PathLike[str]) -> list[str]:
    """Read the list of published scans, `Summary_3630.csv`.

    Args:
        root: Folder of the release, or the table.

    Returns:
        Their names, in the order of the table.

    Raises:
        FileNotFoundError: If there is no such table.
        ValueError: If the column NoteAcc_DEID is missing, or a scan is repeated; the error names the line.

    Example:
        >>> read_summary("RAD-ChestCT")
        Traceback (most recent call last):
        ...
        FileNotFoundError: RAD-ChestCT/Summary*.csv must exist. Download it with RAD-ChestCT.
    """
    rows = dataset_rows(_table(root, "Summary*.csv"), (_ID,), _NAME, key=_ID)
    return [volume_name(row.text(_ID)) for row in rows]


def read_indications(root: str | PathLike[str]) -> dict[str, str]:
    """Read the indications of the examinations, `Indications_35747.csv`.

    Args:
        root: Folder of the release, or the table.

    Returns:
        The text of each scan, by its name; empty if none is given. The text is that of the column whose name contains
        "indication".

    Raises:
        FileNotFoundError: If there is no such table.
        ValueError: If not exactly one column holds the indications, or a scan is repeated; the error names the line.

    Example:
        >>> read_indications("RAD-ChestCT")
        Traceback (most recent call last):
        ...
        FileNotFoundError: RAD-ChestCT/Indications*.csv must exist. Download it with RAD-ChestCT.
    """
    found = {}
    for row in dataset_rows(_table(root, "Indications*.csv"), (_ID,), _NAME, key=_ID):
        columns = [column for column in row.cells if "indication" in column.lower()]
        remedy = "Rename the column with the text to 'indication'."
        where, requirement = f"{row.file}, line 1", "a header with one column 'indication'"
        check(len(columns) == 1, where, requirement, list(row.cells), remedy)
        found[volume_name(row.text(_ID))] = row.cells[columns[0]].strip()
    return found


def lung_box_of_mask(labels: np.ndarray, lungs: tuple[int, ...] = (1, 3)) -> np.ndarray:
    """Compute the box around both lungs of an organ mask.

    Args:
        labels: (X, Y, Z) of 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        lungs: Values of the lungs.

    Returns:
        (6,) float64 [x1, y1, z1, x2, y2, z2] in voxel borders; NaN without lungs.

    Example:
        >>> mask = np.zeros((4, 4, 4), np.uint8)
        >>> mask[1:3, 2, 0:2] = 3
        >>> lung_box_of_mask(mask).tolist()
        [1.0, 2.0, 0.0, 3.0, 3.0, 2.0]
    """
    filled = np.isin(labels, lungs)
    if not filled.any():
        return np.full(6, np.nan)
    seen = [np.flatnonzero(filled.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return np.array([*(float(along[0]) for along in seen), *(float(along[-1]) + 1 for along in seen)])
