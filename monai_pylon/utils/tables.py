"""A table of results as CSV, one row a scan, kept whole on disk while a long job adds to it."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.utils.files import atomic_write

__all__ = ["read_rows", "update_rows", "write_rows"]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def read_rows(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read a table.

    Args:
        path: a CSV file with a header.

    Returns:
        its rows, as text by column; empty where there is no such file.

    Example:
        >>> read_rows("there_is_no_such_table.csv")
        []
    """
    path = Path(path)
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def update_rows(path: str | PathLike[str], row: Mapping[str, Any], key: str) -> None:
    """Put a row into a table on disk: in the place of the row with the same key, or at the end.

    The whole table is written beside the old one and takes its place in one step, so that no reader and no crash ever
    sees half of it.

    Args:
        path: the CSV file; made where it is missing.
        row: the values by column; new columns go to the right. NaN and None become empty cells, a bool yes or no.
        key: the column that tells rows apart.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "t.csv")
        ...     update_rows(table, {"scan": "a", "ml": 1.5}, key="scan")
        ...     update_rows(table, {"scan": "b", "ml": float("nan")}, key="scan")
        ...     update_rows(table, {"scan": "a", "ml": 2.0}, key="scan")
        ...     read_rows(table)
        [{'scan': 'a', 'ml': '2'}, {'scan': 'b', 'ml': ''}]
    """
    rows: dict[str, Mapping[str, Any]] = {old[key]: old for old in read_rows(path)}
    rows[_cell(row[key])] = row
    write_rows(path, list(rows.values()))


def write_rows(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table; the file appears whole or not at all.

    Args:
        path: the CSV file.
        rows: values by column; columns come in the order in which they first occur. NaN and None become empty cells, a
            bool yes or no.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_rows(Path(folder, "t.csv"), [{"class": "Mass", "n": 3}, {"class": "Nodule", "n": None}])
        ...     read_rows(Path(folder, "t.csv"))
        [{'class': 'Mass', 'n': '3'}, {'class': 'Nodule', 'n': ''}]
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
