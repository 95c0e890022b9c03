"""Reports read one by one, whatever they lie in: CSV, JSON Lines, Parquet, or a folder of text files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from monai.utils import optional_import

from monai_pylon.utils import check, nearest_name

__all__ = ["count_reports", "read_reports"]

_LONGEST_FIELD = 2**30


def _kind(path: Path) -> str:
    kinds = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet"}
    if path.is_dir():
        return "folder"
    remedy = "Give a .csv, .jsonl or .parquet file, or a folder of .txt files."
    check(path.is_file() and path.suffix.lower() in kinds, "source", "a file or folder of reports", str(path), remedy)
    return kinds[path.suffix.lower()]


def _check_columns(path: Path, columns: list[str], wanted: tuple[str, str]) -> None:
    for column in wanted:
        near = nearest_name(column, columns)
        remedy = f"Say which columns they are; did you mean {near!r}?" if near else "Say which columns they are."
        check(column in columns, path.name, f"a table with the column {column!r}", columns, remedy)


def _decoded(raw: bytes) -> str:
    """Text out of bytes: UTF-8 or, where it is none, Windows' Latin; what is neither becomes U+FFFD."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _csv_rows(path: Path) -> Iterator[dict[str, str]]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    with path.open("rb") as file:
        lines = (_decoded(line).replace("\x00", "") for line in file)
        yield from csv.DictReader(lines)


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if not raw.strip():
                continue
            try:
                row = json.loads(_decoded(raw))
            except json.JSONDecodeError:
                row = None
            # the line's text is not repeated: it is a report
            check(isinstance(row, dict), f"{path.name} line {number}", "a JSON object", type(row))
            yield dict(row or {})


def _parquet(path: Path) -> Any:
    """The open Parquet file; without pyarrow an error that says so."""
    parquet, _ = optional_import("pyarrow.parquet")
    return parquet.ParquetFile(path)


def _parquet_rows(path: Path, columns: tuple[str, str]) -> Iterator[dict[str, Any]]:
    for batch in _parquet(path).iter_batches(batch_size=256, columns=list(columns)):
        yield from batch.to_pylist()


def read_reports(
    source: str | PathLike[str], report_column: str = "report", text_column: str = "text"
) -> Iterator[tuple[str, str]]:
    """Read reports one by one; never more than one (a Parquet batch: 256) is in memory.

    Args:
        source: a .csv, .jsonl (one object a line) or .parquet file, or a folder of .txt files, each a report whose name
            is the file's.
        report_column: the column (key) with the report's name; unused for a folder.
        text_column: the column (key) with its text.

    Returns:
        an iterator over (name, text); a missing text is empty, a missing name the row's number with "row " before it.

    Raises:
        ValueError: where there is no such file, or a column is missing. No error repeats a report's text.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_text("No effusion.")
        ...     list(read_reports(folder))
        [('a', 'No effusion.')]
    """
    path = Path(source)
    kind = _kind(path)
    if kind == "folder":
        for file in sorted(path.glob("*.txt")):
            yield file.stem, _decoded(file.read_bytes())
        return
    columns = (report_column, text_column)
    if kind == "parquet":
        _check_columns(path, _parquet(path).schema_arrow.names, columns)
    rows: Iterator[dict[str, Any]]
    if kind == "csv":
        rows = _csv_rows(path)
    elif kind == "jsonl":
        rows = _json_rows(path)
    else:
        rows = _parquet_rows(path, columns)
    for number, row in enumerate(rows):
        if number == 0:
            _check_columns(path, [str(column) for column in row], columns)
        name, text = row.get(report_column), row.get(text_column)
        yield str(name) if name not in (None, "") else f"row {number}", "" if text is None else str(text)


def count_reports(source: str | PathLike[str]) -> int:
    """How many reports a source has, for a progress bar.

    Args:
        source: as for :func:`read_reports`.

    Returns:
        their number.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     count_reports(folder)
        0
    """
    path = Path(source)
    kind = _kind(path)
    if kind == "folder":
        return sum(1 for _ in path.glob("*.txt"))
    if kind == "parquet":
        return int(_parquet(path).metadata.num_rows)
    return sum(1 for _ in (_csv_rows(path) if kind == "csv" else _json_rows(path)))
