"""Lines and CSV rows of a file, one by one: whatever is broken in it, the rows around stay whole and memory small."""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

__all__ = ["CsvRow", "read_csv_rows", "read_lines"]

#: More characters than this are never kept of a line or a row.
LONGEST_ROW = 1_000_000
TOO_LONG_LINE = f"the line has more than {LONGEST_ROW:,} characters"
_BAD_QUOTES = "the quotes of this row do not fit"


class CsvRow(NamedTuple):
    """A row of a CSV: its first and last line, and its cells or what is wrong with it.

    Example:
        >>> CsvRow(2, 2, ["a", "Left mass."]).cells
        ['a', 'Left mass.']
    """

    first: int
    last: int
    cells: list[str]
    problem: str = ""


def open_text(path: Path) -> TextIO:
    """Open a text: UTF-16 by its mark, else UTF-8; bytes that are none come as lone surrogates."""
    with path.open("rb") as file:
        mark = file.read(2)
    if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return path.open(encoding="utf-16", errors="replace")
    return path.open(encoding="utf-8-sig", errors="surrogateescape")


def read_lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """The lines of a text file.

    Args:
        path: the file.

    Returns:
        an iterator over the lines with their numbers, from 1; None for one that is too long to be kept.

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
    """Lines for a CSV reader, with a way back: those of a row are kept until it is known to be whole."""

    def __init__(self, path: Path) -> None:
        self.behind = read_lines(path)
        self.ahead: deque[tuple[int, str | None]] = deque()
        self.row: list[tuple[int, str | None]] = []
        self.size = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line = self.ahead.popleft() if self.ahead else next(self.behind)
        self.row.append((number, line))
        self.size += 0 if line is None else len(line)
        if line is None or self.size > LONGEST_ROW + 1:
            raise _RowTooLongError
        return line

    def delimiter(self) -> str:
        """What parts the cells of the first line that is not empty."""
        for number, line in self.behind:
            if line is None or line.strip():
                self.ahead.append((number, line))
                return max(",;\t", key=(line or "").count)
        return ","

    def start_row(self) -> None:
        self.row, self.size = [], 0

    def give_up_first(self) -> int:
        """Go back to the line behind the first one of the row; gives the number of that one."""
        self.ahead.extendleft(reversed(self.row[1:]))
        return self.row[0][0]


def _next_row(reader: Iterator[list[str]]) -> list[str] | None:
    """The next row, or None where it cannot be read; the limit of the csv module is left as it was."""
    limit = csv.field_size_limit(2 * LONGEST_ROW)
    try:
        return next(reader)
    except (csv.Error, _RowTooLongError):
        return None
    finally:
        csv.field_size_limit(limit)


def read_csv_rows(path: Path) -> Iterator[CsvRow]:
    """The rows of a CSV whose cells are parted by comma, semicolon or tab, as the first line has it.

    Where a quote is never closed all that follows would be one cell: the line on which it stands is given up alone.

    Args:
        path: the file.

    Returns:
        an iterator over the rows that are not blank, the header first; one that cannot be read with its problem.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "a.csv")
        ...     _ = file.write_text('id,report\\na,"Left\\nb,Right\\n')
        ...     [row.cells or row.problem for row in read_csv_rows(file)]
        [['id', 'report'], 'the quotes of this row do not fit', ['b', 'Right']]
    """
    lines = _Lines(path)
    delimiter = lines.delimiter()
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.start_row()
        try:
            cells = _next_row(reader)
        except StopIteration:
            return
        if cells is None:
            alone = lines.row[0][1] is None
            number = lines.give_up_first()
            yield CsvRow(number, number, [], TOO_LONG_LINE if alone else _BAD_QUOTES)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        elif any(cell.strip() for cell in cells):
            yield CsvRow(lines.row[0][0], lines.row[-1][0], cells)
