"""Official tables of NIH ChestX-ray14, read row by row; errors name file and line.

Particularities of the tables: the header of the boxes has other columns than its rows and spells `Infiltration` as
`Infiltrate`, ages are plain numbers or such as `058Y`, and the column of the sex has another name in each edition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import describe, nearest_name
from monai_pylon.utils.tables import read_cells

__all__ = ["BoxRow", "EntryRow", "read_boxes", "read_entries", "read_names"]

_ALIASES = {"Infiltrate": "Infiltration", "Pleural Thickening": "Pleural_Thickening"}
_INDEX = {label: number for number, label in enumerate(CHEST_XRAY14_LABELS)}
_COLUMNS = {
    "name": ("Image Index",),
    "findings": ("Finding Labels",),
    "follow_up": ("Follow-up #",),
    "patient": ("Patient ID",),
    "age": ("Patient Age",),
    "sex": ("Patient Gender", "Patient Sex"),
    "view": ("View Position",),
}
_AGE = re.compile(r"(\d+)([YMWD]?)")
_PER_YEAR = {"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}


class EntryRow(NamedTuple):
    """Row of the table of images.

    Attributes:
        name: File name, as in the table.
        label: (14,) uint8, 1 if a finding is present.
        patient_id: Number of the patient.
        follow_up: Number of the examination of this patient, from 0.
        age: Years; NaN if unknown.
        sex: "M" or "F"; empty if unknown.
        view: "PA" or "AP".
        line: Line in the file.

    Example:
        >>> EntryRow("00000001_000.png", np.zeros(14, np.uint8), 1, 0, 58.0, "M", "PA", 2).patient_id
        1
    """

    name: str
    label: np.ndarray
    patient_id: int
    follow_up: int
    age: float
    sex: str
    view: str
    line: int


class BoxRow(NamedTuple):
    """Row of the table of boxes, on a grid of 1024 x 1024 pixels.

    Attributes:
        name: File name of the image.
        label: Number of the class, 0 to 13.
        x: Left edge.
        y: Upper edge.
        width: Width of the box.
        height: Height of the box.
        line: Line in the file.

    Example:
        >>> BoxRow("00000001_000.png", 0, 10.0, 20.0, 5.0, 5.0, 2).label
        0
    """

    name: str
    label: int
    x: float
    y: float
    width: float
    height: float
    line: int


def _fail(file: Path, line: int, requirement: str, value: object, remedy: str = "") -> NoReturn:
    raise ValueError(f"{file}, line {line}: must have {requirement}, but has {describe(value)}. {remedy}".rstrip())


def _rows(file: Path, least: int) -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file with their line numbers, the header first; each has a least number of columns."""
    if not file.is_file():
        raise FileNotFoundError(f"{file} must exist. Download it with the images of ChestX-ray14 from the NIH.")
    for line, row in read_cells(file):
        if len(row) < least:
            _fail(file, line, f"{least} columns or more", row)
        yield line, row


def _finding(file: Path, line: int, name: str) -> int:
    name = _ALIASES.get(name.strip(), name.strip())
    if name not in _INDEX:
        near = nearest_name(name, _INDEX)
        _fail(file, line, "one of the 14 findings", name, f"Did you mean {near!r}?" if near else "")
    return _INDEX[name]


def _findings(file: Path, line: int, text: str) -> np.ndarray:
    label = np.zeros(len(CHEST_XRAY14_LABELS), dtype=np.uint8)
    if text.strip() != "No Finding":
        label[[_finding(file, line, name) for name in text.split("|")]] = 1
    return label


def _whole(file: Path, line: int, column: str, text: str) -> int:
    if not text.strip().isdecimal():
        _fail(file, line, f"a whole number as {column}", text)
    return int(text)


def _age(file: Path, line: int, text: str) -> float:
    """Return an age in years; NaN if it is missing or, as in some rows of the first edition, above 120."""
    if not text.strip():
        return float("nan")
    found = _AGE.fullmatch(text.strip())
    if not found:
        _fail(file, line, "an age such as 58 or 058Y", text)
    years = int(found[1]) / _PER_YEAR[found[2]]
    return years if years <= 120 else float("nan")


def read_entries(file: Path) -> dict[str, EntryRow]:
    """Read `Data_Entry_2017_v2020.csv`, or the older `Data_Entry_2017.csv`.

    Args:
        file: The table.

    Returns:
        The images by name, in the order of the table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a finding unknown, a row malformed or repeated, or the table empty.

    Example:
        >>> read_entries(Path("Data_Entry_2017.csv"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: Data_Entry_2017.csv must exist. Download it with the images of ChestX-ray14 from the NIH.
    """
    rows = _rows(file, len(_COLUMNS))
    line, header = next(rows, (1, []))
    columns = []
    for names in _COLUMNS.values():
        column = next((header.index(name) for name in names if name in header), None)
        if column is None:
            _fail(file, line, f"a column {names[0]!r}", header)
        columns.append(column)
    entries: dict[str, EntryRow] = {}
    known: dict[str, np.ndarray] = {}  # 112,120 rows have about 800 combinations
    for line, row in rows:
        if len(row) <= max(columns):
            _fail(file, line, f"{max(columns) + 1} columns or more", row)
        name, findings, follow_up, patient, age, sex, view = (row[column] for column in columns)
        if Path(name).name != name:
            _fail(file, line, "a file name without folders as Image Index", name)
        if name in entries:
            _fail(file, line, "an image that no other row has", name, f"Line {entries[name].line} has it.")
        if findings not in known:
            known[findings] = _findings(file, line, findings)
        numbers = (_whole(file, line, "Patient ID", patient), _whole(file, line, "Follow-up #", follow_up))
        entries[name] = EntryRow(name, known[findings].copy(), *numbers, _age(file, line, age), sex, view, line)
    if not entries:
        raise ValueError(f"{file} must have a row for each image, but has none. Download it again.")
    return entries


def read_boxes(file: Path) -> list[BoxRow]:
    """Read `BBox_List_2017.csv`.

    Args:
        file: The table.

    Returns:
        The boxes, on a grid of 1024 x 1024 pixels, in the order of the table.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a finding is unknown, a row malformed, or a box is empty or off the grid.

    Example:
        >>> read_boxes(Path("BBox_List_2017.csv"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: BBox_List_2017.csv must exist. Download it with the images of ChestX-ray14 from the NIH.
    """
    rows = _rows(file, 6)
    line, header = next(rows, (1, [""]))
    if header[0] != "Image Index":
        _fail(file, line, "the header 'Image Index,Finding Label,Bbox [x,y,w,h],,,'", header)
    boxes = []
    for line, row in rows:
        try:
            x, y, width, height = (float(cell) for cell in row[2:6])
        except ValueError:
            _fail(file, line, "four numbers x, y, width, height", row[2:6])
        if not (width > 0 and height > 0 and x < 1024 and y < 1024 and x + width > 0 and y + height > 0):
            _fail(file, line, "a box with an area on the grid of 1024 x 1024", row[2:6])
        boxes.append(BoxRow(row[0], _finding(file, line, row[1]), x, y, width, height, line))
    return boxes


def read_names(file: Path) -> dict[str, int]:
    """Read `train_val_list.txt` or `test_list.txt`.

    Args:
        file: List with one file name per line.

    Returns:
        The line number of each name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the list is empty or no text.

    Example:
        >>> read_names(Path("test_list.txt"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: test_list.txt must exist: it lists the images of the section. Download it ...
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} must exist: it lists the images of the section. Download it from the NIH, or ask for "
            'section "all" and split by patient yourself.'
        )
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} must be a text with one file name per line, but is unreadable: {error}.") from error
    names = {name.strip(): number for number, name in enumerate(lines, start=1) if name.strip()}
    if not names:
        raise ValueError(f"{file} must have one file name per line, but is empty. Download it again.")
    return names
