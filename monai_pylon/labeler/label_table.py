"""One table for labels from anywhere: a row a report and label, with the organs in which it lies.

The columns are ``report,abnormality,right lung,mediastinum,left lung``; the last three hold 1 or 0. A report without
labels has one row whose abnormality is empty, so that no report is lost.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS, possible_locations
from monai_pylon.utils import check, nearest_name

__all__ = ["LABEL_TABLE_COLUMNS", "LabelTable", "read_label_table", "table_rows", "write_label_table"]

#: The columns of the table, in its order.
LABEL_TABLE_COLUMNS: tuple[str, ...] = ("report", "abnormality", *ORGANS)


class LabelTable(NamedTuple):
    """Labels of N reports: their names, and bool cells (N, 80, 3) in right lung, mediastinum, left lung.

    ``unknown`` counts the names of another source that mean none of the 80 labels.

    Example:
        >>> LabelTable(["a"], np.zeros((1, 80, 3), bool), {}).cells.shape
        (1, 80, 3)
    """

    reports: list[str]
    cells: np.ndarray
    unknown: dict[str, int]


def table_rows(report: str, cells: np.ndarray) -> list[list[str]]:
    """The rows of one report.

    Args:
        report: its name.
        cells: bool (80, 3).

    Returns:
        a row a label, or one row with an empty label.

    Example:
        >>> cells = np.zeros((80, 3), bool)
        >>> cells[CHEST_CT_LABELS.index("pneumonia"), 2] = True
        >>> table_rows("a", cells)
        [['a', 'pneumonia', '0', '0', '1']]
    """
    present = np.flatnonzero(cells.any(axis=1))
    rows = [[report, CHEST_CT_LABELS[m], *(str(int(cell)) for cell in cells[m])] for m in present]
    return rows or [[report, "", "0", "0", "0"]]


def write_label_table(path: str | PathLike[str], reports: Sequence[str], cells: np.ndarray) -> None:
    """Write labels as the table that :func:`read_label_table` reads.

    Args:
        path: a CSV file.
        reports: the names of N reports.
        cells: bool (N, 80, 3).

    Raises:
        ValueError: where the shapes do not agree.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label_table(f"{folder}/a.csv", ["a"], np.zeros((1, 80, 3), bool))
        ...     read_label_table(f"{folder}/a.csv").reports
        ['a']
    """
    check(cells.shape == (len(reports), len(CHEST_CT_LABELS), len(ORGANS)), "cells", "(reports, 80, 3)", cells)
    with Path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LABEL_TABLE_COLUMNS)
        for report, own in zip(reports, cells, strict=True):
            writer.writerows(table_rows(report, own))


def _checked_row(name: str, line: int, row: dict[str, str | None]) -> tuple[str, str, list[bool]]:
    where = f"{name} line {line}"
    label = (row["abnormality"] or "").strip()
    check(bool(row["report"]), where, "a row with a report's name", "none", "Fill the column report.")
    near = nearest_name(label, CHEST_CT_LABELS)
    known = label in CHEST_CT_LABELS or not label
    check(known, where, "a row with one of the 80 labels", label, f"Did you mean {near!r}?" if near else "")
    values = [(row[organ] or "").strip() for organ in ORGANS]
    check(all(value in ("0", "1", "") for value in values), where, "a row with 1 or 0 for each organ", values)
    places = [value == "1" for value in values]
    if label:
        possible = possible_locations()[CHEST_CT_LABELS.index(label)]
        check(not (np.array(places) & ~possible).any(), where, f"a row with a place where {label!r} can lie", values)
    return str(row["report"]), label, places


def read_label_table(path: str | PathLike[str]) -> LabelTable:
    """Read the table of labels, whoever wrote it.

    Args:
        path: a CSV file with the columns ``report,abnormality,right lung,mediastinum,left lung``.

    Returns:
        the reports in their first order, with their cells, as the allowed regions take them.

    Raises:
        ValueError: where a column is missing or a row is wrong; the error names the line.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.csv")
        ...     _ = file.write_text("report,abnormality,right lung,mediastinum,left lung\\na,pneumonia,1,0,0\\n")
        ...     int(read_label_table(file).cells.sum())
        1
    """
    path = Path(path)
    check(path.is_file(), "path", "a CSV file", str(path), "Write one with write_label_table.")
    found: dict[str, np.ndarray] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [column for column in LABEL_TABLE_COLUMNS if column not in (reader.fieldnames or ())]
        check(not missing, path.name, "a table with the columns " + ",".join(LABEL_TABLE_COLUMNS), f"without {missing}")
        for row in reader:
            report, label, places = _checked_row(path.name, reader.line_num, row)
            cells = found.setdefault(report, np.zeros((len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool))
            if label:
                cells[CHEST_CT_LABELS.index(label)] |= places
    return table_of(found, {})


def table_of(found: dict[str, np.ndarray], unknown: dict[str, int]) -> LabelTable:
    """The table out of the cells (80, 3) of each report."""
    empty = np.zeros((0, len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)
    cells: Iterable[np.ndarray] = found.values()
    return LabelTable(list(found), np.stack(list(cells)) if found else empty, unknown)
