"""Tables and folders of radiology reports, read to the end whatever is wrong with a row: nothing is lost in silence."""

from __future__ import annotations

import codecs
import csv
import json
import sys
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.utils import check, check_type, nearest_name

__all__ = ["ReportText", "read_report_rows"]

#: A report has some thousand characters. What is longer than this is a mistake, such as a quote that was never closed.
_LONGEST = 200_000
_LONGEST_IDENTIFIER = 200
_SECTIONS = {name: name for name in ("training", "validation", "test")}
_SECTIONS |= {"train": "training", "valid": "validation", "val": "validation"}
_JSON_SUFFIXES = (".jsonl", ".ndjson")


class ReportText(NamedTuple):
    """A report as it was read. Its text is left out of what it prints as, so that no log can show it.

    Attributes:
        identifier: which scan it is of; empty where that could not be read.
        text: what the radiologist wrote.
        source: where it stands: "line 3", or the file's name in a folder.
        patient, section: what the table says of the scan; empty where it says nothing.
        problem: why it cannot be used; empty where it can.
        remark: what was mended.

    Example:
        >>> ReportText("scan 1", "Normal chest.", "line 2")
        ReportText('scan 1', 13 characters, 'line 2')
    """

    identifier: str
    text: str
    source: str
    patient: str = ""
    section: str = ""
    problem: str = ""
    remark: str = ""

    def __repr__(self) -> str:
        return f"ReportText({self.identifier!r}, {len(self.text)} characters, {self.source!r})"


def _decode(raw: bytes) -> str:
    """A text whatever its encoding; bytes that are no UTF-8 are kept as lone surrogates, for :func:`_mend`."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    return raw.decode("utf-8-sig", errors="surrogateescape")


def _mend(text: str) -> tuple[str, str]:
    """A text without broken characters, and a remark where there were any: most such bytes are Windows-1252."""
    remark = ""
    if any("\udc80" <= letter <= "\udcff" for letter in text):
        stray = {code: bytes([code - 0xDC00]).decode("cp1252", "replace") for code in range(0xDC80, 0xDD00)}
        text, remark = text.translate(stray), "not UTF-8: read as Windows-1252"
    if "\ufffd" in text:
        remark = "characters that cannot be read"
    return text.replace("\0", " "), remark


def _report(identifier: str, text: str, source: str, patient: str = "", section: str = "") -> ReportText:
    """A report with its problem, if it has one."""
    (name, bad_name), (text, remark) = _mend(identifier.strip()), _mend(text)
    problem = ""
    if not name:
        problem = "no identifier"
    elif len(name) > _LONGEST_IDENTIFIER or "\n" in name:
        name, problem = "", "the identifier is no name but a text"
    elif not text.strip():
        problem = "the report is empty"
    elif len(text) > _LONGEST:
        problem = f"the report has {len(text)} characters, more than {_LONGEST}"
    elif section.strip() and section.strip().lower() not in _SECTIONS:
        problem = "the section is none of training, validation, test"
    known = _SECTIONS.get(section.strip().lower(), "")
    return ReportText(name, text, source, _mend(patient.strip())[0], known, problem, remark or bad_name)


def _csv_rows(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """The rows of a CSV with the number of their first line; None for one whose quotes do not fit.

    Where a quote is never closed all that follows would be one cell: the line it stands on is given up alone.
    """
    start, limit = 0, csv.field_size_limit(sys.maxsize)
    try:
        while start < len(lines):
            reader = csv.reader(lines[start:], delimiter=delimiter, strict=True)
            done = 0
            try:
                for row in reader:
                    yield start + done + 1, row
                    done = reader.line_num
                return
            except csv.Error:
                yield start + done + 1, None
                start += done + 1
    finally:
        csv.field_size_limit(limit)


def _column(name: str, header: list[str], file: Path, setting: str) -> int:
    near = nearest_name(name, header)  # the cells are not shown: without a header they are a report
    remedy = f"Perhaps --{setting} {near!r}." if near else f"Name it: --{setting} NAME"
    check(name in header, str(file), f"a table with a column {name!r}", "one without", remedy)
    return header.index(name)


def _read_csv(file: Path, id_column: str, report_column: str) -> Iterator[ReportText]:
    text = _decode(file.read_bytes())
    lines = [line + "\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    delimiter = max(",;\t", key=lines[0].count)
    rows = _csv_rows(lines, delimiter)
    header = [_mend(cell.strip())[0] for cell in next(rows, (1, []))[1] or []]
    name, report = _column(id_column, header, file, "id_column"), _column(report_column, header, file, "report_column")
    others = {key: header.index(key) for key in ("patient", "section") if key in header}
    for line, row in rows:
        source = f"line {line}"
        if row is None:
            yield ReportText("", "", source, problem="the quotes of this row do not fit")
        elif len(row) != len(header):
            if any(cell.strip() for cell in row):
                yield ReportText("", "", source, problem=f"the row has {len(row)} cells instead of {len(header)}")
        else:
            told = _report(row[name], row[report], source, **{key: row[index] for key, index in others.items()})
            lost = "section" in others and not (told.section or told.problem)
            yield told._replace(problem="no section, where other rows have one") if lost else told


def _read_json_lines(file: Path, id_column: str, report_column: str) -> Iterator[ReportText]:
    for number, line in enumerate(_decode(file.read_bytes()).split("\n"), start=1):
        source = f"line {number}"
        if not line.strip():
            continue
        try:
            item: Any = json.loads(line)
        except json.JSONDecodeError:
            yield ReportText("", "", source, problem="the line is no JSON")
            continue
        if not isinstance(item, dict) or id_column not in item:
            yield ReportText("", "", source, problem=f"the line has no {id_column!r}")
            continue
        cells = {key: item.get(key) for key in (id_column, report_column, "patient", "section")}
        words = {key: "" if value is None else str(value) for key, value in cells.items()}
        yield _report(words[id_column], words[report_column], source, words["patient"], words["section"])


def _read_folder(folder: Path) -> Iterator[ReportText]:
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() == ".txt" and file.is_file())
    for file in files:
        relative = file.relative_to(folder)
        if not any(part.startswith(".") for part in relative.parts):
            source = str(relative)
            try:
                yield _report(relative.with_suffix("").as_posix(), _decode(file.read_bytes()), source)
            except OSError as error:
                yield ReportText(relative.with_suffix("").as_posix(), "", source, problem=type(error).__name__)


def read_report_rows(
    source: str | PathLike[str] | None, id_column: str = "id", report_column: str = "report"
) -> list[ReportText]:
    """Read reports from a table or a folder.

    A table may have the columns `patient` and `section` (training, validation, test) too. UTF-8 is expected, UTF-16 is
    known by its mark; other bytes are read as Windows-1252, with a remark.

    Args:
        source: a CSV (comma, semicolon or tab), a file of JSON Lines (``.jsonl``, ``.ndjson``), or a folder with a
            ``.txt`` file for each scan, named like it.
        id_column: the column that names the scan.
        report_column: the column with the text.

    Returns:
        every report in the order of the source, those that cannot be used with their problem.

    Raises:
        FileNotFoundError: where the source does not exist.
        ValueError: where a table has no such column, or where there is no report at all.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "r.csv")
        ...     _ = table.write_text('id,report\\na,"Left, small effusion."\\nb,\\nc,d,e\\n')
        ...     [(report.identifier, report.problem) for report in read_report_rows(table)]
        [('a', ''), ('b', 'the report is empty'), ('', 'the row has 3 cells instead of 2')]
    """
    check_type(source, (str, PathLike), "reports", "Name the table or folder: --reports PATH")
    place = Path(source).expanduser()  # type: ignore[arg-type]
    if not place.exists():
        raise FileNotFoundError(f"reports must be a file or folder that exists, but is {str(source)!r}.")
    if place.is_dir():
        reports = list(_read_folder(place))
    elif place.name.lower().endswith(_JSON_SUFFIXES):
        reports = list(_read_json_lines(place, id_column, report_column))
    else:
        reports = list(_read_csv(place, id_column, report_column))
    check(bool(reports), "reports", "a table or folder with at least one report", str(place))
    return reports
