"""Tables as CSV files: strict reading with errors that name the line, and atomic writing.

:func:`read_cells` gives rows by position, :func:`open_table` by column, :func:`read_rows` a whole table. All accept
comma, semicolon or tab as delimiter, UTF-8 with or without a byte order mark, and UTF-16 with one.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.utils.csv_rows import read_csv_rows
from monai_pylon.utils.files import atomic_write

__all__ = ["cell_text", "csv_writers", "open_table", "read_cells", "read_rows", "update_rows", "write_rows"]


def read_cells(path: str | PathLike[str], comment: str = "") -> Iterator[tuple[int, list[str]]]:
    """Read the rows of a CSV file one by one, and raise at the first unreadable one.

    Args:
        path: The file.
        comment: Lines that start with it are skipped; empty for none.

    Returns:
        An iterator over line number, from 1, and cells, the header first. Rows without content are skipped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a row is not CSV or not UTF-8; the error names the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "t.csv").write_text("scan;mL\\n\\na;1\\n")
        ...     list(read_cells(Path(folder, "t.csv")))
        [(1, ['scan', 'mL']), (3, ['a', '1'])]
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a CSV file that exists.")
    for row in read_csv_rows(path, comment):
        if row.problem:
            raise ValueError(f"{path}, line {row.first}: {row.problem}. Correct the line.")
        try:
            "".join(row.cells).encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"{path}, line {row.first}: the text is not in UTF-8. Save the file as CSV UTF-8."
            ) from None
        yield row.first, row.cells


def open_table(
    path: str | PathLike[str], required: Sequence[str] = (), comment: str = ""
) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Open a CSV file with a header, and read its rows one by one.

    Args:
        path: The file.
        required: Columns that the header must have.
        comment: Lines that start with it are skipped; empty for none.

    Returns:
        The columns, without surrounding spaces; and an iterator over line number and row, as text by column. Missing
        cells at the end of a row are empty.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, or a row is not CSV, not UTF-8 or longer than the header; the error names
            the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "t.csv").write_text("scan,mL\\na,1\\n")
        ...     columns, rows = open_table(Path(folder, "t.csv"), required=["scan"])
        ...     columns, list(rows)
        (['scan', 'mL'], [(2, {'scan': 'a', 'mL': '1'})])
    """
    cells = read_cells(path, comment)
    line, header = next(cells, (1, []))
    columns = [cell.strip() for cell in header]
    for column in required:
        if column not in columns:
            raise ValueError(f"{path}, line {line}: the header must have a column {column!r}.")
    return columns, _by_column(Path(path), columns, cells)


def _by_column(
    path: Path, columns: list[str], cells: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in cells:
        if any(cell.strip() for cell in row[len(columns) :]):
            raise ValueError(
                f"{path}, line {line}: the row has {len(row)} cells for {len(columns)} columns. "
                'Put "quotes" around a cell that holds the delimiter.'
            )
        yield line, dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=False))


def read_rows(path: str | PathLike[str]) -> list[dict[str, str]]:
    """Read a table as a whole.

    Args:
        path: A CSV file with a header.

    Returns:
        Its rows, as text by column; empty if there is no such file.

    Raises:
        ValueError: If a row is not CSV, not UTF-8 or longer than the header; the error names the line.

    Example:
        >>> read_rows("there_is_no_such_table.csv")
        []
    """
    return [row for _, row in open_table(path)[1]] if Path(path).is_file() else []


def cell_text(value: Any) -> str:
    """Return the text of a table's cell for a value.

    Args:
        value: A value. NaN and None become empty, a bool yes or no. Bytes of a file name that are not UTF-8 become
            escapes such as \\udce4.

    Returns:
        The text, which can be written as UTF-8.

    Example:
        >>> cell_text(True), cell_text(1.5), cell_text(float("nan")), cell_text("scan")
        ('yes', '1.5', '', 'scan')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.10g}" if isinstance(value, float) else str(value)
    return text.encode("utf-8", "backslashreplace").decode()


@contextmanager
def csv_writers(*paths: str | PathLike[str]) -> Iterator[list[Any]]:
    """Open CSV files that appear together when the block ends; after an error, none appears.

    Args:
        paths: The files to write, in UTF-8. Missing folders are created. Bytes of file names that are not UTF-8 become
            escapes such as \\udce4.

    Yields:
        A writer of Python's csv module for each file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with csv_writers(Path(folder, "t.csv")) as [writer]:
        ...         writer.writerows([["scan", "mL"], ["a", 1]])
        ...     read_rows(Path(folder, "t.csv"))
        [{'scan': 'a', 'mL': '1'}]
    """
    with ExitStack() as stack:
        parts = [stack.enter_context(atomic_write(path)) for path in paths]  # leaves the stack after all files closed
        files = [
            stack.enter_context(part.open("w", newline="", encoding="utf-8", errors="backslashreplace"))
            for part in parts
        ]
        yield [csv.writer(file, lineterminator="\n") for file in files]


def update_rows(path: str | PathLike[str], row: Mapping[str, Any], key: str) -> None:
    """Replace the row with the same key in a table on disk, or append the row.

    The table is replaced in one step, so that neither a reader nor a crash sees an incomplete table.

    Args:
        path: The CSV file; created if missing.
        row: Values by column. New columns are added on the right. NaN and None become empty cells, a bool yes or no.
        key: Column that identifies a row.

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
    rows[cell_text(row[key])] = row
    write_rows(path, list(rows.values()))


def write_rows(path: str | PathLike[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a table; the file is complete or absent.

    Args:
        path: The CSV file.
        rows: Values by column. The columns are in the order of their first occurrence. NaN and None become empty
            cells, a bool yes or no.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_rows(Path(folder, "t.csv"), [{"class": "Mass", "n": 3}, {"class": "Nodule", "n": None}])
        ...     read_rows(Path(folder, "t.csv"))
        [{'class': 'Mass', 'n': '3'}, {'class': 'Nodule', 'n': ''}]
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with csv_writers(path) as [writer]:
        writer.writerow(columns)
        writer.writerows([cell_text(row.get(name)) for name in columns] for row in rows)
