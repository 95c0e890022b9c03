"""One table for labels from anywhere: a row a report and label, with the organs in which it lies.

The columns are ``report,abnormality,right lung,mediastinum,left lung``; the last three hold 1, 0, or nothing where it
is not known. A report without labels has one row whose abnormality is empty, and one that could not be read has nothing
behind its name, so that no report is lost and none that was not read counts as healthy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.labeler.findings import Finding
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS, possible_locations
from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.tables import csv_writers, open_table

__all__ = ["LABEL_TABLE_COLUMNS", "LabelTable", "label_cells", "read_label_table", "table_rows", "write_label_table"]

#: The columns of the table, in its order.
LABEL_TABLE_COLUMNS: tuple[str, ...] = ("report", "abnormality", *ORGANS)
_FACTS = ("patient", "section")
_SHAPE = (len(CHEST_CT_LABELS), len(ORGANS))
_INDEX = {label: number for number, label in enumerate(CHEST_CT_LABELS)}
_POSSIBLE = possible_locations()


class LabelTable(NamedTuple):
    """Labels of N reports.

    Attributes:
        reports: their names.
        cells: bool (N, 80, 3): label present in right lung, mediastinum, left lung.
        unknown: how often names of another source came that mean none of the 80 labels.
        untold: bool (N, 80, 3): where the source does not tell; None where it tells everything.
        facts: by report, its cells of the columns `patient` and `section`, if there were any.

    Example:
        >>> LabelTable(["a"], np.zeros((1, 80, 3), bool), {}).cells.shape
        (1, 80, 3)
    """

    reports: list[str]
    cells: np.ndarray
    unknown: dict[str, int]
    untold: np.ndarray | None = None
    facts: Mapping[str, Mapping[str, str]] | None = None

    @property
    def values(self) -> np.ndarray:
        """float32 (N, 80, 3): 1 present, 0 absent, NaN where the source does not tell."""
        values = self.cells.astype(np.float32)
        if self.untold is not None:
            values[self.untold & ~self.cells] = np.nan
        return values


def label_cells(findings: Iterable[Finding]) -> np.ndarray:
    """The labels of one report at each organ.

    Args:
        findings: from :meth:`ReportLabeler.label`.

    Returns:
        float32 (80, 3): 1 present, 0 absent, NaN in the organs in which a finding may lie whose side is unknown, so
        that the label counts as unknown.

    Example:
        >>> cells = label_cells(ReportLabeler(side_unknown="unknown").label("There is a pleural effusion."))
        >>> cells[CHEST_CT_LABELS.index("pleural effusion")].tolist()
        [nan, 0.0, nan]
    """
    findings = list(findings)
    cells = ReportLabeler.matrix(findings).astype(np.float32)
    for finding in findings:
        label = _INDEX[finding.abnormality]
        if not finding.locations and not (cells[label] == 1).any():
            cells[label, _POSSIBLE[label]] = np.nan
    return cells


def table_rows(report: str, cells: np.ndarray) -> list[list[str]]:
    """The rows of one report.

    Args:
        report: its name.
        cells: (80, 3), true or 1 where a label lies in the organ, NaN where that is not known.

    Returns:
        a row for each label that is present or not known; else one row with an empty label, and where nothing is known
        at all with nothing behind the name.

    Example:
        >>> cells = np.zeros((80, 3), bool)
        >>> cells[CHEST_CT_LABELS.index("pneumonia"), 2] = True
        >>> table_rows("a", cells), table_rows("b", np.full((80, 3), np.nan))
        ([['a', 'pneumonia', '0', '0', '1']], [['b', '', '', '', '']])
    """
    untold = np.isnan(cells) & _POSSIBLE
    if (untold == _POSSIBLE).all():
        return [[report, "", "", "", ""]]
    told = np.flatnonzero(((cells == 1) | untold).any(axis=1))
    words = np.where(untold, "", np.where(cells == 1, "1", "0"))
    return [[report, CHEST_CT_LABELS[m], *words[m].tolist()] for m in told] or [[report, "", "0", "0", "0"]]


def write_label_table(
    path: str | PathLike[str], reports: Sequence[str], cells: np.ndarray, **facts: Sequence[str]
) -> None:
    """Write labels as the table that :func:`read_label_table` reads.

    Args:
        path: a CSV file.
        reports: the names of N reports.
        cells: (N, 80, 3), true or 1 where a label lies in the organ, NaN where that is not known: a table's `values`.
        facts: further columns, `patient` and `section`, N cells each.

    Raises:
        ValueError: where the shapes do not agree.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label_table(f"{folder}/a.csv", ["a"], np.zeros((1, 80, 3), bool))
        ...     read_label_table(f"{folder}/a.csv").reports
        ['a']
    """
    cells = np.asarray(cells)
    check(cells.shape == (len(reports), *_SHAPE), "cells", "(reports, 80, 3)", cells)
    for name, told in facts.items():
        check(name in _FACTS, "a further column", " or ".join(_FACTS), name)
        check(len(told) == len(reports), name, f"{len(reports)} cells, one for each report", len(told))
    with csv_writers(path) as [writer]:
        writer.writerow((*LABEL_TABLE_COLUMNS, *facts))
        for number, (report, own) in enumerate(zip(reports, cells, strict=True)):
            more = [str(told[number]) for told in facts.values()]
            writer.writerows([*row, *more] for row in table_rows(report, own))


def _checked_row(name: str, line: int, row: dict[str, str]) -> tuple[str, str, list[str]]:
    where = f"{name} line {line}"
    label = row["abnormality"].strip()
    check(bool(row["report"]), where, "a row with a report's name", "none", "Fill the column report.")
    near = nearest_name(label, CHEST_CT_LABELS)
    known = label in _INDEX or not label
    check(known, where, "a row with one of the 80 labels", label, f"Did you mean {near!r}?" if near else "")
    values = [row[organ].strip() for organ in ORGANS]
    check(all(value in ("0", "1", "") for value in values), where, "a row with 1, 0 or nothing for each organ", values)
    places = np.array([value == "1" for value in values])
    if label:
        outside = (places & ~_POSSIBLE[_INDEX[label]]).any()
        check(not outside, where, f"a row with a place where {label!r} can lie", values)
    else:
        check(not places.any(), where, "a row with a label where an organ has 1", values)
    return row["report"], label, values


def read_label_table(path: str | PathLike[str]) -> LabelTable:
    """Read the table of labels, whoever wrote it.

    Args:
        path: a CSV file with the columns ``report,abnormality,right lung,mediastinum,left lung``, and perhaps
            ``patient`` and ``section``.

    Returns:
        the reports in their first order, with their cells, as the allowed regions take them.

    Raises:
        ValueError: where a column is missing or a row is wrong; the error names the line.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.csv")
        ...     header = "report,abnormality,right lung,mediastinum,left lung"
        ...     _ = file.write_text(header + "\\na,pneumonia,1,0,0\\nb,,,,\\n")
        ...     table = read_label_table(file)
        >>> int(table.cells.sum()), int(np.isnan(table.values[1]).sum())
        (1, 240)
    """
    path = Path(path).expanduser()
    check(path.is_file(), "path", "a CSV file", str(path), "Write one with write_label_table.")
    found: dict[str, np.ndarray] = {}
    untold: dict[str, np.ndarray] = {}
    facts: dict[str, dict[str, str]] = {}
    columns, rows = open_table(path, required=LABEL_TABLE_COLUMNS)
    further = [name for name in _FACTS if name in columns]
    for line, row in rows:
        report, label, values = _checked_row(path.name, line, row)
        cells = found.setdefault(report, np.zeros(_SHAPE, dtype=bool))
        blank = untold.setdefault(report, np.zeros(_SHAPE, dtype=bool))
        if label:
            cells[_INDEX[label]] |= [value == "1" for value in values]
            blank[_INDEX[label]] |= [value == "" for value in values] & _POSSIBLE[_INDEX[label]]
        elif not any(values):
            blank[:] = True
        told = {name: row[name].strip() for name in further}
        same = facts.setdefault(report, told) == told
        remedy = f"Its rows differ in {' or '.join(further)}."
        check(same, f"{path.name} line {line}", "of one patient and section as before", report, remedy)
    return table_of(found, {}, untold, facts if further else None)


def table_of(
    found: Mapping[str, np.ndarray],
    unknown: dict[str, int],
    untold: Mapping[str, np.ndarray] | None = None,
    facts: Mapping[str, Mapping[str, str]] | None = None,
) -> LabelTable:
    """The table out of the cells (80, 3) of each report."""
    cells, blank = (
        np.stack(list(parts.values())) if parts else np.zeros((0, *_SHAPE), dtype=bool)
        for parts in (found, untold or {})
    )
    return LabelTable(list(found), cells, unknown, blank if blank.any() else None, facts)
