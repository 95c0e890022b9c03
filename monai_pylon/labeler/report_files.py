"""Readers of report archives: CSV, JSON Lines, Parquet, or a folder of text files.

They stream the reports one by one. A report that cannot be used is not skipped but returned with its problem.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from monai.utils import optional_import

from monai_pylon.labeler.report_text import LONGEST_REPORT, ReportText, mend, report_of
from monai_pylon.utils import check, check_type, nearest_name
from monai_pylon.utils.csv_rows import TOO_LONG_LINE, open_text, read_csv_rows, read_lines

__all__ = ["count_reports", "read_reports"]

_FACTS = ("patient", "section")
_KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".parquet": "parquet",
}


def _path_and_kind(source: str | PathLike[str]) -> tuple[Path, str]:
    """Return the path of a source and its kind: "folder", "csv", "jsonl" or "parquet"."""
    check_type(source, (str, PathLike), "source", "Pass the path of a table or a folder of reports.")
    path = Path(source).expanduser()
    if path.is_dir():
        return path, "folder"
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Pass the path of a table or a folder of reports.")
    remedy = "Pass a .csv, .tsv, .jsonl or .parquet file, or a folder of .txt files."
    check(path.suffix.lower() in _KINDS, "source", "a file or folder of reports", str(path), remedy)
    return path, _KINDS[path.suffix.lower()]


def _check_columns(path: Path, names: Iterable[str], columns: dict[str, str]) -> None:
    """Raise a ValueError if a column is missing, without the names of a table, whose first row may be a report."""
    existing = list(names)
    for setting, column in columns.items():
        if column not in existing:
            near = nearest_name(column, existing)
            remedy = f"Perhaps {setting} is {near!r}." if near else f"Set {setting} to its name."
            raise ValueError(f"{path} has no column {column!r}. {remedy}")


def _word(value: Any) -> str | None:
    """Convert a table value to text; None if it is neither text nor number."""
    if value is None or value != value:  # NaN
        return ""
    return None if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value)


def _of_values(values: dict[str, Any], columns: dict[str, str], source: str) -> ReportText:
    """Make a report from table values of any type."""
    words = {name: _word(value) for name, value in values.items()}
    facts = {name: words.get(name) or "" for name in _FACTS}
    report = report_of(words[columns["id_column"]] or "", words[columns["report_column"]] or "", source, **facts)
    bad = next((name for name in columns.values() if words[name] is None), None)
    return report if bad is None else report._replace(problem=f"the value of {bad!r} is no text")


def _read_csv(path: Path, columns: dict[str, str]) -> Iterator[ReportText]:
    rows = read_csv_rows(path)
    first = next(rows, None)
    header = [mend(cell.strip())[0] for cell in first.cells] if first else []
    _check_columns(path, header, columns)
    name, report = (header.index(column) for column in columns.values())
    others = {key: header.index(key) for key in _FACTS if key in header}
    for row in rows:
        source = f"line {row.first}"
        if row.problem:
            yield ReportText("", "", source, problem=row.problem)
        elif len(row.cells) != len(header):
            source = source if row.first == row.last else f"lines {row.first} to {row.last}"
            problem = f"the row has {len(row.cells)} cells instead of {len(header)}"
            yield ReportText("", "", source, problem=problem)
        else:
            told = {key: row.cells[index] for key, index in others.items()}
            yield report_of(row.cells[name], row.cells[report], source, **told)


def _read_json_lines(path: Path, columns: dict[str, str]) -> Iterator[ReportText]:
    keys: list[str] | None = None  # of the first object, as long as none has had the columns
    found = False
    for number, line in read_lines(path):
        source = f"line {number}"
        if line is None:
            yield ReportText("", "", source, problem=TOO_LONG_LINE)
            continue
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        if not isinstance(item, dict):
            yield ReportText("", "", source, problem="the line is no JSON object")
            continue
        keys, found = keys or list(item), found or all(column in item for column in columns.values())
        if columns["id_column"] not in item:
            yield ReportText("", "", source, problem=f"the line has no {columns['id_column']!r}")
        else:
            yield _of_values({key: item.get(key) for key in (*columns.values(), *_FACTS)}, columns, source)
    if not found:
        _check_columns(path, keys or (), columns)


def _parquet(path: Path) -> Any:
    """Open a Parquet file, which pyarrow reads in pieces."""
    parquet, _ = optional_import("pyarrow.parquet")
    try:
        return parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False)
    except ValueError:
        raise ValueError(f"{path} is not a Parquet file, or is broken. Write it again.") from None


def _read_parquet(path: Path, columns: dict[str, str]) -> Iterator[ReportText]:
    with _parquet(path) as file:
        _check_columns(path, file.schema_arrow.names, columns)
        wanted = [name for name in (*columns.values(), *_FACTS) if name in file.schema_arrow.names]
        end = 0
        for group in range(file.num_row_groups):
            number, end = end, end + file.metadata.row_group(group).num_rows
            try:
                for batch in file.iter_batches(batch_size=64, row_groups=[group], columns=wanted, use_threads=False):
                    for values in batch.to_pylist():
                        number += 1
                        yield _of_values(values, columns, f"row {number}")
            except (OSError, ValueError) as error:
                problem = f"rows that cannot be read: {type(error).__name__}"
                yield ReportText("", "", f"rows {number + 1} to {end}", problem=problem)


def _text_files(folder: Path) -> Iterator[Path]:
    """Yield the text files in a folder and its subfolders, sorted by name, without hidden ones."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent, name)
            if name.lower().endswith(".txt") and not name.startswith(".") and file.is_file():
                yield file


def _read_folder(folder: Path) -> Iterator[ReportText]:
    for file in _text_files(folder):
        relative = file.relative_to(folder)
        name = mend(relative.with_suffix("").as_posix())[0]
        source = mend(str(relative))[0]
        try:
            with open_text(file) as text:  # one character more than allowed marks it as too long
                yield report_of(name, text.read(LONGEST_REPORT + 1), source)
        except OSError as error:
            yield ReportText(name, "", source, problem=f"the file cannot be read: {type(error).__name__}")


def read_reports(
    source: str | PathLike[str], id_column: str = "id", report_column: str = "report"
) -> Iterator[ReportText]:
    """Read reports one by one, with at most one row (Parquet: 64 rows) of limited length in memory.

    A broken row does not affect the rows around it. The encoding is UTF-8, or UTF-16 with a byte order mark. Other
    bytes are read as Windows-1252, with a remark.

    Args:
        source: CSV (``.csv``, ``.tsv``; comma, semicolon or tab), JSON Lines (``.jsonl``, ``.ndjson``), ``.parquet``,
            or a folder with one ``.txt`` file per report, named like its scan; subfolders are read too.
        id_column: Column (key) with the name of the scan; unused for a folder.
        report_column: Column (key) with the text; unused for a folder. A table may also have the columns ``patient``
            and ``section``.

    Returns:
        Iterator over all reports in the order of the source. A report that cannot be used has a problem: broken row, no
        identifier, empty text, more than 200,000 characters. Neither problems nor errors contain text of a report.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If the source is of another kind or lacks a column (JSON Lines: in all lines).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "r.csv")
        ...     _ = table.write_text('id,report\\na,"Left, small effusion."\\nb,\\nc,d,e\\n')
        ...     [(report.identifier, report.problem) for report in read_reports(table)]
        [('a', ''), ('b', 'the report is empty'), ('', 'the row has 3 cells instead of 2')]
    """
    path, kind = _path_and_kind(source)
    columns = {"id_column": id_column, "report_column": report_column}
    if kind == "folder":
        return _read_folder(path)
    readers: dict[str, Callable[[Path, dict[str, str]], Iterator[ReportText]]] = {
        "csv": _read_csv,
        "jsonl": _read_json_lines,
        "parquet": _read_parquet,
    }
    return readers[kind](path, columns)


def count_reports(source: str | PathLike[str]) -> int:
    """Count the reports of a source, for a progress bar.

    Args:
        source: Source as for :func:`read_reports`.

    Returns:
        The number of reports, including broken ones.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     count_reports(folder)
        0
    """
    path, kind = _path_and_kind(source)
    if kind == "folder":
        return sum(1 for _ in _text_files(path))
    if kind == "parquet":
        with _parquet(path) as file:
            return int(file.metadata.num_rows)
    if kind == "csv":
        return max(0, sum(1 for _ in read_csv_rows(path)) - 1)
    return sum(1 for _, line in read_lines(path) if line is None or line.strip())
