"""Tables of radiographs with labels of any name; errors name file and line.

A table has one row for each image: a column with its path, one column for each label, and optionally patient, section
and view. CheXpert's tables have this form too. A cell of a label is 1 (present), 0 (absent), -1 (uncertain) or empty.
"""

from __future__ import annotations

import difflib
import functools
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.utils import check, check_type
from monai_pylon.utils.tables import open_table

__all__ = ["RadiographLabels", "cell_number", "label_key", "read_label_rows"]

_LOGGER = logging.getLogger(__name__)
#: Columns with facts, and their other names. All are written without case and with spaces for underscores.
_FACTS = {
    "image": ("image", "path", "file", "filename", "file name", "image path"),
    "patient": ("patient", "patient id", "subject", "subject id"),
    "section": ("section", "split"),
    "view": ("view", "view position", "ap/pa"),
    "projection": ("frontal/lateral",),
}
#: Columns that are never labels, even if all their cells are 0 or 1.
_NO_LABELS = {"", "unnamed: 0", "index", "id", "row", "fold", "study", "study id", "date", "study date", "follow up"}
_NO_LABELS |= {"follow-up #", "age", "patient age", "sex", "patient sex", "gender", "patient gender"}
#: Names with a meaning of their own in the tables of results.
_TAKEN = {"macro", "weighted", "scan", "top", "peaks", "seconds", "peak memory mb", "error", "files", "source"}
_TAKEN |= {"settings hash", "sides"}
_WORDS = {"": math.nan, "nan": math.nan, "true": 1.0, "false": 0.0}


class RadiographLabels(NamedTuple):
    """Labels of N radiographs and M labels in a table.

    Attributes:
        labels: Names of the labels, as in the table.
        values: float32 (N, M): 1 present, 0 absent, -1 uncertain, NaN empty.
        facts: For each radiograph "image" and, if the table has them, "patient", "section", "view", "projection".
        lines: Line of each radiograph in the file.

    Example:
        >>> RadiographLabels(("fracture",), np.zeros((1, 1), np.float32), [{"image": "a.png"}], [2]).labels
        ('fracture',)
    """

    labels: tuple[str, ...]
    values: np.ndarray
    facts: list[dict[str, str]]
    lines: list[int]


def label_key(name: str) -> str:
    """Return a name in the form in which columns and labels are compared.

    Args:
        name: Name of a label or column.

    Returns:
        The name in lower case, with single spaces for underscores.

    Example:
        >>> label_key(" Pleural_Effusion")
        'pleural effusion'
    """
    return " ".join(name.strip().lower().replace("_", " ").split())


@functools.lru_cache(maxsize=4096)
def cell_number(cell: str) -> float | None:
    """Return the number of a cell.

    Args:
        cell: Text of the cell; its decimal sign may be a comma.

    Returns:
        The number; NaN if the cell is empty, None if it holds something else.

    Example:
        >>> cell_number("-1,0"), cell_number(""), cell_number("yes")
        (-1.0, nan, None)
    """
    text = cell.strip().lower()
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text.replace(",", "."))  # spreadsheets of many countries write 1,0
    except ValueError:
        return None


def _label_columns(file: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the columns in which some cell is 1, 0 or -1, apart from those of facts; raise if there is none."""
    known = {name for names in _FACTS.values() for name in names} | _NO_LABELS
    candidates = [name for name in header if label_key(name) not in known]
    cells = {name: header.index(name) for name in candidates}
    valued = {name for name, cell in cells.items() if any(cell_number(row[cell]) in (0, 1, -1) for row in rows)}
    others = [name for name in candidates if name not in valued]
    if others:
        _LOGGER.info("%s: the columns %s hold no labels and are not used.", file, ", ".join(map(repr, others)))
    remedy = "Write one column for each label, with 1 (present), 0 (absent), -1 (uncertain) or nothing (unknown)."
    check(bool(valued), f"{file}: columns", "with at least one label", ", ".join(map(repr, header)), remedy)
    return [name for name in candidates if name in valued]


def _check_names(labels: Sequence[str]) -> None:
    """Raise unless labels are a list of different names."""
    remedy = "Write --labels \"['first', 'second']\"."
    check_type(labels, (list, tuple), "labels", remedy)
    for name in labels:
        check_type(name, str, "labels: name", remedy)
        check(bool(name.strip()), "labels: name", "not empty", name)
    keys = [label_key(name) for name in labels]
    twice = [name for name, key in zip(labels, keys, strict=True) if keys.count(key) > 1]
    check(not twice, "labels", "different names (case, spaces and underscores do not count)", twice)


def _chosen_columns(file: Path, found: Sequence[str], labels: Sequence[str]) -> list[str | None]:
    """Return the column of each label, or None if the table has none."""
    _check_names(labels)
    columns = {label_key(name): name for name in found}
    chosen = []
    for label in labels:
        near = difflib.get_close_matches(label_key(label), columns, n=1, cutoff=0.85)
        missing = label_key(label) not in columns
        remedy = f"Did you mean {columns[near[0]]!r}?" if near else ""
        check(not (missing and near), "labels", f"columns of {file}", label, remedy)
        chosen.append(columns.get(label_key(label)))
    known = f"It has {', '.join(map(repr, list(found)[:6]))}." if found else ""
    check(any(chosen), "labels", f"columns of {file}", list(labels), known)
    absent = [label for label, column in zip(labels, chosen, strict=True) if column is None]
    if absent:
        _LOGGER.warning("%s has no column %s: unknown in all its radiographs.", file, ", ".join(map(repr, absent)))
    return chosen


def _check_header(file: Path, header: Sequence[str]) -> dict[str, str]:
    """Return the column of each fact, and raise if a name occurs twice or no column names the images."""
    plain = [label_key(name) for name in header]
    twice = next((name for name in plain if name and plain.count(name) > 1), None)
    check(twice is None, f"{file}: columns", "of different names", twice, "Rename one of them.")
    columns = {
        fact: next((name for name in header if label_key(name) in names), None) for fact, names in _FACTS.items()
    }
    content = ", ".join(map(repr, header[:6]))
    check(columns["image"] is not None, f"{file}: columns", "with one named 'image' (paths of images)", content)
    return {fact: name for fact, name in columns.items() if name is not None}


def read_label_rows(file: Path, labels: Sequence[str] | None = None) -> RadiographLabels:
    """Read a table of radiographs with their labels.

    Args:
        file: CSV file with comma, semicolon or tab. Its header has a column `image` (or `path`, `file`): a path; one
            column for each label; and optionally `patient`, `section` and `view`.
        labels: Names of the M labels, regardless of case and underscores. None takes every column with values 1, 0 and
            -1 that is not one of age, sex, view and the like.

    Returns:
        The labels, in the order of the table. A label without a column is NaN everywhere, which is logged.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no column has paths or labels, a label is misspelt, a cell is not 1, 0, -1 or empty, or an image
            occurs twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "labels.csv").write_text("image;patient;fracture;device\\na.png;p1;1;-1\\n")
        ...     table = read_label_rows(Path(folder, "labels.csv"))
        >>> table.labels, table.values.tolist()
        (('fracture', 'device'), [[1.0, -1.0]])
    """
    header, entries = open_table(file)
    columns = _check_header(file, header)
    lines, rows = [], []
    for line, row in entries:
        lines.append(line)
        rows.append(tuple(sys.intern(row[name]) for name in header))  # equal cells share their memory
    if not rows:
        raise ValueError(f"{file} has no rows. Write one row for each radiograph.")
    chosen: Sequence[str | None]
    if labels is None:
        chosen = _label_columns(file, header, rows)
    else:
        chosen = _chosen_columns(file, [name for name in header if name not in columns.values()], labels)
    names = tuple(name for name in chosen if name is not None) if labels is None else tuple(labels)
    for name in names:
        check(label_key(name) not in _TAKEN, f"{file}: label", "another name than the results' own columns", name)
    values = np.full((len(rows), len(names)), np.nan, dtype=np.float32)
    for k, column in enumerate(chosen):
        if column is not None:
            cell = header.index(column)
            values[:, k] = _numbers([row[cell] for row in rows], lines, f"{file}, line {{}}: {column}")
    cells = {fact: header.index(name) for fact, name in columns.items()}
    facts = [{fact: row[cell].strip() for fact, cell in cells.items()} for row in rows]
    _check_images(file, facts, lines)
    return RadiographLabels(names, values, facts, lines)


def _numbers(cells: Sequence[str], lines: Sequence[int], where: str) -> list[float]:
    """Return the values of a label's column, and raise if one is not 1, 0, -1 or empty."""
    numbers = []
    for line, cell in zip(lines, cells, strict=True):
        value = cell_number(cell)
        if value is None or not (math.isnan(value) or value in (0, 1, -1)):
            remedy = (
                "Correct the cell. If the column is no label, name those that are: --labels \"['first', 'second']\"."
            )
            check(False, where.format(line), "1, 0, -1 or empty", cell, remedy)
        numbers.append(math.nan if value is None else value)
    return numbers


def _check_images(file: Path, facts: Sequence[dict[str, str]], lines: Sequence[int]) -> None:
    """Raise if a row names no image, or two rows name the same one."""
    first: dict[str, int] = {}
    for fact, line in zip(facts, lines, strict=True):
        check(bool(fact["image"]), f"{file}, line {line}: image", "the path of an image", fact["image"])
        earlier = first.setdefault(fact["image"], line)
        if earlier != line:
            raise ValueError(
                f"{file}: {fact['image']!r} is in lines {earlier} and {line}. Keep one row for each image."
            )
