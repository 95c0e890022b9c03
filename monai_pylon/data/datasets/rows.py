"""Rows of the tables of public datasets, with checks of cells; errors name file, line, column and remedy."""

from __future__ import annotations

import ast
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.tables import open_table

__all__ = ["DatasetRow", "dataset_rows", "find_table", "warn_of_repeated_rows"]

_LOGGER = logging.getLogger(__name__)


class DatasetRow(NamedTuple):
    """Row of a table.

    Attributes:
        file: The table.
        line: Line in the file.
        cells: Text by column.

    Example:
        >>> row = DatasetRow(Path("boxes.csv"), 7, {"x": "12.5", "y": "left"})
        >>> row.number("x")
        12.5
        >>> row.number("y")
        Traceback (most recent call last):
        ...
        ValueError: boxes.csv, line 7: y must be a number, but is 'left'. Download the table again.
    """

    file: Path
    line: int
    cells: dict[str, str]

    def check(self, condition: bool, column: str, requirement: str, remedy: str = "Download the table again.") -> None:
        """Raise a ValueError that names file, line and column unless a condition holds."""
        check(condition, f"{self.file}, line {self.line}: {column}", requirement, self.cells.get(column, ""), remedy)

    def text(self, column: str) -> str:
        """Return a cell that must not be empty."""
        found = self.cells[column].strip()
        self.check(bool(found), column, "filled")
        return found

    def number(self, column: str) -> float:
        """Return a finite number."""
        try:
            found = float(self.cells[column])
        except ValueError:
            found = math.nan
        self.check(math.isfinite(found), column, "a number")
        return found

    def numbers(self, column: str, count: int) -> list[float]:
        """Return the numbers of a list that is written as text, such as "[0.7, 0.7]"."""
        try:
            found: Any = [float(value) for value in ast.literal_eval(self.cells[column].strip())]
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            found = []
        sound = len(found) == count and all(map(math.isfinite, found))
        self.check(sound, column, f"a list of {count} numbers, such as {[0.5] * count}")
        return found

    def binary(self, column: str) -> float:
        """Return 1 or 0; NaN for an empty cell."""
        text = self.cells[column].strip()
        if not text:
            return math.nan
        found = self.number(column)
        self.check(found in (0, 1), column, "0, 1 or empty")
        return found

    def choice(self, column: str, names: Sequence[str]) -> str:
        """Return the one of the names that a cell holds, regardless of case."""
        text = self.cells[column].strip()
        found = {name.lower(): name for name in names}.get(text.lower())
        near = nearest_name(text, names)
        remedy = f"Did you mean {near!r}?" if near else "This version of the dataset is not known."
        self.check(found is not None, column, f"one of {', '.join(names)}", remedy)
        return str(found)


def find_table(root: Path, folders: Sequence[str], pattern: str) -> Path | None:
    """Return the first table in one of several folders.

    Args:
        root: Folder of the dataset.
        folders: Folders below it in which the table may lie, "." for itself.
        pattern: File name, or pattern of names; of several, the last one by name, the newest version.

    Returns:
        The path, or None if there is none.

    Example:
        >>> find_table(Path("VinDr-CXR"), (".", "annotations"), "annotations_test.csv") is None
        True
    """
    found = (sorted((root / folder).glob(pattern)) for folder in folders)
    return next((files[-1] for files in found if files), None)


def dataset_rows(file: Path, columns: Sequence[str], source: str, key: str | None = None) -> Iterator[DatasetRow]:
    """Read the rows of a table, and check its columns.

    Args:
        file: The CSV file.
        columns: Columns that it must have.
        source: Dataset or folder with which the table comes, for the error if it is missing.
        key: Column whose cells must differ; None for a table without such a column.

    Returns:
        An iterator over the rows.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a row is not CSV, a cell of the key is empty or repeated, or there is no
            row.

    Example:
        >>> next(dataset_rows(Path("annotations.csv"), ["seriesuid"], "LUNA16"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: annotations.csv must exist. Download it with LUNA16.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file} must exist. Download it with {source}.")
    header, entries = open_table(file)
    for column in columns:
        near = nearest_name(column, header)
        remedy = f"{f'Rename the column {near!r}, or download' if near else 'Download'} {source} again."
        check(column in header, f"{file}, line 1", f"a header with a column {column!r}", header, remedy)
    first: dict[str, int] = {}
    empty = True
    for line, cells in entries:
        row = DatasetRow(file, line, cells)
        if key is not None:
            name = row.text(key)
            earlier = first.setdefault(name, line)
            row.check(earlier == line, key, f"different from that of line {earlier}", "Keep one of the two rows.")
        empty = False
        yield row
    if empty:
        raise ValueError(f"{file} must have rows, but has none. Download {source} again.")


def warn_of_repeated_rows(rows: Sequence[DatasetRow], columns: Sequence[str]) -> None:
    """Log boxes that a table holds twice; a second copy changes no figure, because boxes of a class are joined.

    Args:
        rows: The rows of boxes.
        columns: Columns that tell two boxes apart.

    Example:
        >>> warn_of_repeated_rows([], ["image_id", "x_min"])
    """
    first: dict[tuple[str, ...], int] = {}
    for row in rows:
        earlier = first.setdefault(tuple(row.cells[column] for column in columns), row.line)
        if earlier != row.line:
            _LOGGER.warning(
                "%s, line %d: the box is that of line %d too. It counts once; delete the line.",
                row.file,
                row.line,
                earlier,
            )
