"""Reader for text lines and CSV rows, one at a time: a broken row is reported and the rows around it stay readable."""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

__all__ = ["LONGEST_ROW", "TOO_LONG_LINE", "CSVRow", "open_text", "read_csv_rows", "read_lines"]

#: Characters kept in memory of one line or row, at most.
LONGEST_ROW = 1_000_000
#: Problem of a longer line.
TOO_LONG_LINE = f"the line has more than {LONGEST_ROW:,} characters"
_BAD_QUOTES = "the quotes of this row do not fit"


class CSVRow(NamedTuple):
    """Row of a CSV file.

    Attributes:
        first: Number of its first line, from 1.
        last: Number of its last line.
        cells: Its cells; empty if the row is unreadable.
        problem: The reason why it is unreadable, else empty.

    Example:
        >>> CSVRow(2, 2, ["a", "Left mass."]).cells
        ['a', 'Left mass.']
    """

    first: int
    last: int
    cells: list[str]
    problem: str = ""


def open_text(path: Path) -> TextIO:
    """Open a text file: as UTF-16 if it starts with a UTF-16 byte order mark, else as UTF-8.

    Bytes that are not UTF-8 become lone surrogates (Python's "surrogateescape").

    Args:
        path: The file.

    Returns:
        The open file. A UTF-8 byte order mark is removed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_text("mass", encoding="utf-16")
        ...     with open_text(Path(folder, "a.txt")) as file:
        ...         file.read()
        'mass'
    """
    with path.open("rb") as file:
        mark = file.read(2)
    if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return path.open(encoding="utf-16", errors="replace")
    return path.open(encoding="utf-8-sig", errors="surrogateescape")


def read_lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """Read the lines of a text file.

    Args:
        path: The file.

    Returns:
        An iterator over line number, from 1, and line; None instead of a line that is too long to be kept. NUL
        characters become spaces.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.txt")
        ...     _ = file.write_bytes(b"a\\r\\nb")
        ...     list(read_lines(file))
        [(1, 'a\\n'), (2, 'b')]
    """
    number = 0
    with open_text(path) as file:
        while line := file.readline(LONGEST_ROW + 1):
            number += 1
            if len(line) <= LONGEST_ROW or line.endswith("\n"):
                yield number, line.replace("\0", " ")
                continue
            while (rest := file.readline(LONGEST_ROW)) and not rest.endswith("\n"):
                pass
            yield number, None


class _RowTooLongError(Exception):
    pass


class _Lines:
    """Lines for a CSV reader that can go back: the lines of a row are kept until the row is complete.

    Args:
        path: The file.
        comment: Lines that start with it are skipped between rows; empty for none.
    """

    def __init__(self, path: Path, comment: str) -> None:
        self.remaining = read_lines(path)
        self.returned: deque[tuple[int, str | None]] = deque()
        self.row: list[tuple[int, str | None]] = []
        self.size = 0
        self.comment = comment

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line = self.returned.popleft() if self.returned else next(self.remaining)
        while not self.row and self._is_comment(line):
            number, line = self.returned.popleft() if self.returned else next(self.remaining)
        self.row.append((number, line))
        self.size += 0 if line is None else len(line)
        if line is None or self.size > LONGEST_ROW + 1:
            raise _RowTooLongError
        return line

    def _is_comment(self, line: str | None) -> bool:
        return bool(self.comment) and line is not None and line.startswith(self.comment)

    def delimiter(self) -> str:
        """Return the delimiter that is most frequent in the first line with content."""
        for number, line in self.remaining:
            if line is None or (line.strip() and not self._is_comment(line)):
                self.returned.append((number, line))
                return max(",;\t", key=(line or "").count)
        return ","

    def start_row(self) -> None:
        self.row, self.size = [], 0

    def give_up_first(self) -> int:
        """Go back to the second line of the row, and return the number of the first."""
        self.returned.extendleft(reversed(self.row[1:]))
        return self.row[0][0]


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """Return the next row, or None if it is unreadable; the field limit of the csv module stays unchanged."""
    limit = csv.field_size_limit(2 * LONGEST_ROW)
    try:
        return next(reader)
    except (csv.Error, _RowTooLongError):
        return None
    finally:
        csv.field_size_limit(limit)


def read_csv_rows(path: Path, comment: str = "") -> Iterator[CSVRow]:
    """Read the rows of a CSV file, and continue after unreadable ones.

    The delimiter is a comma, semicolon or tab, whichever is most frequent in the first line. If a quote is never
    closed, only the line that holds it is unreadable, not the rest of the file.

    Args:
        path: The file: UTF-8, or UTF-16 with a byte order mark.
        comment: Lines that start with it are skipped between rows; empty for none.

    Returns:
        An iterator over the rows, the header first. Rows without content are skipped.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.csv")
        ...     _ = file.write_text('id,report\\na,"Left\\nb,Right\\n')
        ...     [row.cells or row.problem for row in read_csv_rows(file)]
        [['id', 'report'], 'the quotes of this row do not fit', ['b', 'Right']]
    """
    lines = _Lines(path, comment)
    delimiter = lines.delimiter()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        try:
            cells = _next_row(reader)
        except StopIteration:
            return
        if cells is None:
            too_long = lines.row[0][1] is None
            number = lines.give_up_first()
            yield CSVRow(number, number, [], TOO_LONG_LINE if too_long else _BAD_QUOTES)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        elif any(cell.strip() for cell in cells):
            yield CSVRow(lines.row[0][0], lines.row[-1][0], cells)
