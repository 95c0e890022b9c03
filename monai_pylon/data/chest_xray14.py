"""Data list of NIH ChestX-ray14: 112,120 frontal chest radiographs, 14 findings, boxes for some."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.chest_xray14_tables import BoxRow, EntryRow, read_boxes, read_entries, read_names
from monai_pylon.data.labeled_radiographs.images import readable_size
from monai_pylon.data.patient_sections import patients_of_section
from monai_pylon.utils import check_choice, check_type

__all__ = ["chest_xray14_datalist"]

_SECTIONS = ("training", "validation", "test", "all")
_ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
_SUFFIXES = (".png", ".jpg", ".jpeg")
_GRID = 1024

#: The paper uses 8,040 of the 86,524 images of the official train_val_list.txt for validation.
_VALIDATION_SHARE = 8040 / 86524


def _find_images(root: Path) -> dict[str, str]:
    """Find all images in the folders `images*` and below: their paths, by name without ending."""
    found: dict[str, str] = {}
    for folder in sorted(root.glob("images*")):
        for path, _, names in os.walk(folder):
            for name in sorted(names):
                stem, suffix = os.path.splitext(name)
                if suffix.lower() in _SUFFIXES:
                    found.setdefault(stem, os.path.join(path, name))
    return found


def _select(root: Path, section: str, entries: dict[str, EntryRow]) -> list[EntryRow]:
    """Return the images of a section, in the order of the table."""
    if section == "all":
        return list(entries.values())
    file = root / ("test_list.txt" if section == "test" else "train_val_list.txt")
    names = read_names(file)
    for name, line in names.items():
        if name not in entries:
            raise ValueError(f"{file}, line {line}: must name an image of the table of images, but has {name!r}.")
    rows = [row for row in entries.values() if row.name in names]
    chosen = patients_of_section((row.patient_id for row in rows), section, _VALIDATION_SHARE)
    return [row for row in rows if row.patient_id in chosen]


def _scale(boxes: list[BoxRow], path: str) -> np.ndarray:
    """Return boxes as (K, 5) float32 [x1, y1, x2, y2, class] in pixels of an image file, clipped at its border."""
    size = readable_size(path)
    if size is None:
        return np.zeros((0, 5), dtype=np.float32)
    rows, columns = size
    corners = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes]) / _GRID
    scaled = np.clip(corners, 0, 1) * [columns, rows, columns, rows]
    return np.column_stack([scaled, [b.label for b in boxes]]).astype(np.float32)


def chest_xray14_datalist(root: str | PathLike[str], section: str) -> list[dict[str, Any]]:
    """List the images of NIH ChestX-ray14 with their labels and boxes, for MONAI's datasets.

    Reads the official files in `root`: `Data_Entry_2017_v2020.csv` (or `Data_Entry_2017.csv`), `BBox_List_2017.csv`,
    `train_val_list.txt`, `test_list.txt`, and images in `images*`, png or jpg, of any size. The official training part
    is split by patient into training and validation (9.3 % of its images, as in the paper), with the same patients
    every time.

    Args:
        root: The folder with the official files.
        section: "training", "validation", "test", or "all" (which needs no lists).

    Returns:
        One dictionary for each image, in the order of the table: image, its path; label (14,) uint8 in the order of
        CHEST_XRAY14_LABELS; boxes (K, 5) float32 [x1, y1, x2, y2, class] in pixels of the image file, (0, 5) if it has
        none; patient_id; follow_up; age in years, NaN if unknown; sex "M", "F" or ""; view "PA" or "AP".

    Raises:
        FileNotFoundError: If a table, a list or an image is missing.
        ValueError: If the section or a finding is unknown, or a row is malformed; the error names file and line.

    Example:
        >>> chest_xray14_datalist("ChestX-ray14", "train")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'test', 'all', but is 'train'. Did you mean ...
    """
    check_choice(section, _SECTIONS, "section")
    check_type(root, (str, PathLike), "root")
    folder = Path(root).expanduser()
    table = next((folder / name for name in _ENTRIES if (folder / name).is_file()), folder / _ENTRIES[0])
    entries = read_entries(table)
    rows = _select(folder, section, entries)
    paths = _find_images(folder)
    missing = [row for row in rows if os.path.splitext(row.name)[0] not in paths]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"{missing[0].name} ({table}, line {missing[0].line}){more} must lie in a folder {folder / 'images*'} as "
            "png or jpg. Unpack all archives of images there."
        )
    boxes: dict[str, list[BoxRow]] = {}
    file = folder / "BBox_List_2017.csv"
    for box in read_boxes(file):
        if box.name not in entries:
            raise ValueError(f"{file}, line {box.line}: must name an image of {table.name}, but has {box.name!r}.")
        boxes.setdefault(box.name, []).append(box)
    items = []
    for row in rows:
        path = paths[os.path.splitext(row.name)[0]]
        scaled = _scale(boxes[row.name], path) if row.name in boxes else np.zeros((0, 5), dtype=np.float32)
        facts = {"follow_up": row.follow_up, "age": row.age, "sex": row.sex, "view": row.view}
        items.append({"image": path, "label": row.label, "boxes": scaled, "patient_id": row.patient_id, **facts})
    return items
