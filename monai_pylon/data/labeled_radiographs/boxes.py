"""Boxes on radiographs: a table in pixels of the image files; errors name file and line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.data.labeled_radiographs.tables import cell_number, label_key
from monai_pylon.utils import check, check_choice
from monai_pylon.utils.tables import open_table

__all__ = ["RadiographBox", "box_array", "read_radiograph_boxes"]

_COLUMNS = ("image", "label", "x", "y", "width", "height")


class RadiographBox(NamedTuple):
    """Row of a table of boxes, in pixels of the image file.

    Attributes:
        image: Path of the image, as in the table.
        label: Number of the label.
        corners: x1, y1, x2, y2.
        line: Line in the file.

    Example:
        >>> RadiographBox("a.png", 0, (10.0, 20.0, 40.0, 60.0), 2).corners
        (10.0, 20.0, 40.0, 60.0)
    """

    image: str
    label: int
    corners: tuple[float, float, float, float]
    line: int


def read_radiograph_boxes(file: Path, labels: Sequence[str], others: Sequence[str] = ()) -> list[RadiographBox]:
    """Read a table of boxes.

    Args:
        file: CSV file with the columns `image`, `label`, `x`, `y`, `width`, `height`, in pixels of the image file.
        labels: Names of the labels; boxes refer to them by number.
        others: Names of further labels, whose boxes are left out.

    Returns:
        The boxes, in the order of the table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a label is unknown, a number is none, or a box has no area or begins before
            the first pixel.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "boxes.csv").write_text("image,label,x,y,width,height\\na.png,fracture,10,20,30,40\\n")
        ...     read_radiograph_boxes(Path(folder, "boxes.csv"), ["fracture"])[0].corners
        (10.0, 20.0, 40.0, 60.0)
    """
    number_of = {label_key(label): number for number, label in enumerate(labels)}
    known = {label_key(label) for label in (*labels, *others)}
    boxes = []
    for line, row in open_table(file, required=_COLUMNS)[1]:
        check_choice(label_key(row["label"]), sorted(known), f"{file}, line {line}: label")
        cells = [row[name] for name in _COLUMNS[2:]]
        x, y, width, height = (math.nan if number is None else number for number in map(cell_number, cells))
        sound = all(map(math.isfinite, (x, y, width, height))) and min(x, y) >= 0 and min(width, height) > 0
        check(sound, f"{file}, line {line}: x, y, width, height", "numbers of a box in pixels", cells)
        if label_key(row["label"]) in number_of:
            corners = (x, y, x + width, y + height)
            boxes.append(RadiographBox(row["image"].strip(), number_of[label_key(row["label"])], corners, line))
    return boxes


def box_array(
    boxes: Sequence[RadiographBox], image_size: tuple[int, int], file: Path, tolerance: float = 0.0
) -> np.ndarray:
    """Arrange the boxes of one image, and check that they lie on it.

    Args:
        boxes: K boxes.
        image_size: Rows and columns of the image.
        file: Table of the boxes, for the error.
        tolerance: Share of the image's side by which a box may leave it, beside one pixel; what is outside is cut off.

    Returns:
        (K, 5) float32 [x1, y1, x2, y2, class].

    Raises:
        ValueError: If a box leaves the image by more.

    Example:
        >>> box_array([RadiographBox("a.png", 3, (10.0, 20.0, 40.0, 60.0), 2)], (64, 48), Path("boxes.csv")).tolist()
        [[10.0, 20.0, 40.0, 60.0, 3.0]]
    """
    rows, columns = image_size
    for box in boxes:
        beyond = (-box.corners[0], -box.corners[1], box.corners[2] - columns, box.corners[3] - rows)
        most = 1 + tolerance * np.array([columns, rows, columns, rows])  # a pixel for rounded numbers
        inside = bool((np.array(beyond) <= most).all())
        requirement, remedy = f"on the image of {rows} rows and {columns} columns", "Boxes are in pixels of the file."
        check(inside, f"{file}, line {box.line}: box", requirement, box.corners, remedy)
    table = np.array([(*box.corners, box.label) for box in boxes], dtype=np.float64).reshape(-1, 5)
    return np.clip(table, 0, [columns, rows, columns, rows, np.inf]).astype(np.float32)
