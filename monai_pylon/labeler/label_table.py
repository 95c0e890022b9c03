"""Label table, the common CSV format for labels from all sources: one row for each report and label.

The columns are ``report,abnormality,right lung,mediastinum,left lung``. The last three hold 1, 0, or nothing if the
value is unknown. A report without labels has one row with an empty abnormality and zeros. A report that could not be
read has one row with only its name. Thus each report is in the table, and an unread report does not look normal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.labeler.findings import Finding
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.label_sets import organs_of_labels
from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.tables import csv_writers, open_table

__all__ = ["LABEL_TABLE_COLUMNS", "LabelTable", "label_cells", "read_label_table", "table_rows", "write_label_table"]

#: Columns of the table, in their order.
LABEL_TABLE_COLUMNS: tuple[str, ...] = ("report", "abnormality", *ORGANS)
_FACTS = ("patient", "section")


@cache
def _possible(labels: tuple[str, ...]) -> np.ndarray:
    """Return the organs that each label may occupy, bool (M, 3); all three for a label of the user."""
    organs = organs_of_labels()
    return np.array([organs.get(label, np.ones(len(ORGANS), dtype=bool)) for label in labels], dtype=bool)


class LabelTable(NamedTuple):
    """Labels of N reports.

    Attributes:
        reports: Names of the reports.
        present: Bool array (N, M, 3): label present in right lung, mediastinum, left lung.
        unmatched: Number of occurrences of each name in the source that matches none of the labels.
        unknown: Bool array (N, M, 3): value unknown; None if all values are known.
        metadata: Values of the columns ``patient`` and ``section`` of each report; None if there are no such columns.
        labels: Names of the M labels.

    Example:
        >>> LabelTable(["a"], np.zeros((1, 80, 3), bool), {}).present.shape
        (1, 80, 3)
    """

    reports: list[str]
    present: np.ndarray
    unmatched: dict[str, int]
    unknown: np.ndarray | None = None
    metadata: Mapping[str, Mapping[str, str]] | None = None
    labels: tuple[str, ...] = CHEST_CT_LABELS

    @property
    def values(self) -> np.ndarray:
        """Return a float32 array (N, M, 3): 1 present, 0 absent, NaN unknown."""
        values = self.present.astype(np.float32)
        if self.unknown is not None:
            values[self.unknown & ~self.present] = np.nan
        return values


def label_cells(findings: Iterable[Finding], labels: tuple[str, ...] = CHEST_CT_LABELS) -> np.ndarray:
    """Convert the findings of one report to label values for each organ.

    Args:
        findings: Findings from :meth:`ReportLabeler.label`.
        labels: The M labels, :attr:`ReportLabeler.labels`.

    Returns:
        Float32 array (M, 3): 1 present, 0 absent. If the side of a finding is unknown, its label has NaN in all organs
        in which it may lie.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> cells = label_cells(ReportLabeler(side_unknown="unknown").label("There is a pleural effusion."))
        >>> cells[CHEST_CT_LABELS.index("pleural effusion")].tolist()
        [nan, 0.0, nan]
    """
    findings = list(findings)
    index = {label: number for number, label in enumerate(labels)}
    cells = np.zeros((len(labels), len(ORGANS)), dtype=np.float32)
    for finding in findings:
        for organ in finding.locations:
            cells[index[finding.abnormality], ORGANS.index(organ)] = 1
    for finding in findings:
        label = index[finding.abnormality]
        if not finding.locations and not (cells[label] == 1).any():
            cells[label, _possible(labels)[label]] = np.nan
    return cells


def table_rows(report: str, cells: np.ndarray, labels: tuple[str, ...] = CHEST_CT_LABELS) -> list[list[str]]:
    """Make the table rows of one report.

    Args:
        report: Name of the report.
        cells: Array (M, 3): true or 1 if a label lies in the organ, NaN if unknown.
        labels: The M labels.

    Returns:
        One row for each label that is present or unknown. If there is none, one row with an empty label and zeros. If
        all values are unknown, one row with only the name.

    Example:
        >>> cells = np.zeros((80, 3), bool)
        >>> cells[CHEST_CT_LABELS.index("pneumonia"), 2] = True
        >>> table_rows("a", cells), table_rows("b", np.full((80, 3), np.nan))
        ([['a', 'pneumonia', '0', '0', '1']], [['b', '', '', '', '']])
    """
    possible = _possible(labels)
    unknown = np.isnan(cells) & possible
    if (unknown == possible).all():
        return [[report, "", "", "", ""]]
    listed = np.flatnonzero(((cells == 1) | unknown).any(axis=1))
    words = np.where(unknown, "", np.where(cells == 1, "1", "0"))
    rows = [[report, labels[label], *words[label].tolist()] for label in listed]
    return rows or [[report, "", "0", "0", "0"]]


def write_label_table(
    path: str | PathLike[str],
    reports: Sequence[str],
    cells: np.ndarray,
    labels: tuple[str, ...] = CHEST_CT_LABELS,
    **facts: Sequence[str],
) -> None:
    """Write a label table, which :func:`read_label_table` reads.

    Args:
        path: CSV file to write.
        reports: Names of N reports.
        cells: Array (N, M, 3), such as :attr:`LabelTable.values`: true or 1 if a label lies in the organ, NaN if
            unknown.
        labels: The M labels.
        facts: Further columns ``patient`` and ``section``, N values each.

    Raises:
        ValueError: If the shapes do not agree or a further column is neither ``patient`` nor ``section``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label_table(f"{folder}/a.csv", ["a"], np.zeros((1, 80, 3), bool))
        ...     read_label_table(f"{folder}/a.csv").reports
        ['a']
    """
    cells = np.asarray(cells)
    check(cells.shape == (len(reports), len(labels), 3), "cells", f"(reports, {len(labels)}, 3)", cells)
    for name, column in facts.items():
        check(name in _FACTS, "a further column", " or ".join(_FACTS), name)
        if len(column) != len(reports):
            raise ValueError(f"{name} has {len(column)} values for {len(reports)} reports. Pass one for each report.")
    with csv_writers(path) as [writer]:
        writer.writerow((*LABEL_TABLE_COLUMNS, *facts))
        for number, (report, own) in enumerate(zip(reports, cells, strict=True)):
            more = [str(column[number]) for column in facts.values()]
            writer.writerows([*row, *more] for row in table_rows(report, own, labels))


def _checked_row(name: str, line: int, row: dict[str, str], index: dict[str, int]) -> tuple[str, str, list[str]]:
    """Return report, label and the values of the organs of a row, or raise a ValueError that names the line."""
    line_name = f"{name} line {line}"
    label = row["abnormality"].strip()
    if not row["report"]:
        raise ValueError(f"{line_name} has no report name. Fill in the column report.")
    if label and label not in index:
        near = nearest_name(label, list(index))
        hint = f" Did you mean {near!r}?" if near else ""
        raise ValueError(f"{line_name} has {label!r}, which is none of the {len(index)} labels.{hint}")
    values = [row[organ].strip() for organ in ORGANS]
    if not all(value in ("0", "1", "") for value in values):
        raise ValueError(f"{line_name} has {values} for the organs. Write 1, 0 or nothing for each organ.")
    organs = np.array([value == "1" for value in values])
    if not label and organs.any():
        raise ValueError(f"{line_name} has 1 for an organ but no label. Fill in the column abnormality.")
    allowed = _possible(tuple(index))[index[label]] if label else organs
    if label and (organs & ~allowed).any():
        possible = " and ".join(np.array(ORGANS)[allowed])
        raise ValueError(f"{line_name} has {values} for {label!r}, which can lie only in {possible}.")
    return row["report"], label, values


def read_label_table(path: str | PathLike[str], labels: tuple[str, ...] = CHEST_CT_LABELS) -> LabelTable:
    """Read a label table.

    Args:
        path: CSV file with the columns ``report,abnormality,right lung,mediastinum,left lung``, and optionally
            ``patient`` and ``section``.
        labels: The M labels.

    Returns:
        The table, with the reports in the order of their first rows.

    Raises:
        ValueError: If a column is missing or a row is wrong; the error names the line.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.csv")
        ...     header = "report,abnormality,right lung,mediastinum,left lung"
        ...     _ = file.write_text(header + "\\na,pneumonia,1,0,0\\nb,,,,\\n")
        ...     table = read_label_table(file)
        >>> int(table.present.sum()), int(np.isnan(table.values[1]).sum())
        (1, 240)
    """
    path = Path(path).expanduser()
    check(path.is_file(), "path", "a CSV file", str(path), "Write one with write_label_table.")
    found: dict[str, np.ndarray] = {}
    unknown: dict[str, np.ndarray] = {}
    metadata: dict[str, dict[str, str]] = {}
    index = {label: number for number, label in enumerate(labels)}
    columns, rows = open_table(path, required=LABEL_TABLE_COLUMNS)
    further = [name for name in _FACTS if name in columns]
    for line, row in rows:
        report, label, values = _checked_row(path.name, line, row, index)
        cells = found.setdefault(report, np.zeros((len(labels), len(ORGANS)), dtype=bool))
        blank = unknown.setdefault(report, np.zeros_like(cells))
        if label:
            cells[index[label]] |= [value == "1" for value in values]
            blank[index[label]] |= [value == "" for value in values] & _possible(labels)[index[label]]
        elif not any(values):
            blank[:] = True
        told = {name: row[name].strip() for name in further}
        same = metadata.setdefault(report, told) == told
        remedy = f"Its rows differ in {' or '.join(further)}."
        check(same, f"{path.name} line {line}", "of one patient and section as before", report, remedy)
    return table_of(found, {}, unknown, metadata if further else None, labels)


def table_of(
    found: Mapping[str, np.ndarray],
    unmatched: dict[str, int],
    unknown: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, Mapping[str, str]] | None = None,
    labels: tuple[str, ...] = CHEST_CT_LABELS,
) -> LabelTable:
    """Make a table from the label arrays (M, 3) of each report."""
    present, blank = (
        np.stack(list(parts.values())) if parts else np.zeros((0, len(labels), len(ORGANS)), dtype=bool)
        for parts in (found, unknown or {})
    )
    return LabelTable(list(found), present, unmatched, blank if blank.any() else None, metadata, labels)
