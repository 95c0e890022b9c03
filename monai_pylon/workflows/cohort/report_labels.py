"""Label matrices (labels by organs) of scans, from matched reports or from a table of labels."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.label_table import LabelTable, label_cells, table_rows
from monai_pylon.labeler.report_checks import (
    NOT_ENGLISH,
    NOTHING_TO_READ,
    NOTHING_UNDERSTOOD,
    READABLE,
    report_problems,
)
from monai_pylon.labeler.report_text import ReportText
from monai_pylon.utils import check_choice

__all__ = ["LabeledReports", "label_matched_reports", "labels_of_table", "reports_of_table"]

_LOGGER = logging.getLogger(__name__)
_SILENT = ("leave_out", "absent")
_SILENT_PROBLEMS = (NOTHING_TO_READ, NOTHING_UNDERSTOOD)


class LabeledReports(NamedTuple):
    """Labels of each scan's report, and the reports without labels.

    Attributes:
        cells: Label matrix (80, 3), float32, by scan name: 1 if the report places the label in the organ, 0 if not,
            NaN if unknown.
        problems: Reason for missing labels, by scan name.

    Example:
        >>> label_matched_reports({"a": ReportText("a", "Left effusion.", "line 2")}, ReportLabeler()).problems
        {}
    """

    cells: dict[str, np.ndarray]
    problems: dict[str, str]


def label_matched_reports(
    reports: Mapping[str, ReportText],
    labeler: ReportLabeler,
    silent: str = "leave_out",
    step: Callable[[], Any] | None = None,
    not_mentioned: str = "absent",
) -> LabeledReports:
    """Label the report of each scan; a report that the labeler fails on does not stop the others.

    A report in another language, or one that is no readable text, is skipped: its negations would be missed. A report
    without any recognized finding, not even a negated one, is "silent": it may be an empty template.

    Args:
        reports: Reports by scan name.
        labeler: Labeler for the texts.
        silent: Rule for silent reports: "leave_out" skips them, "absent" takes all labels as absent.
        not_mentioned: "absent" takes a label that a report does not mention as absent, "unknown" as unknown (NaN); then
            a hedged label that the labeler drops is unknown too.
        step: Function to call after each report, such as the update of a progress bar.

    Returns:
        Label matrices (80, 3) and problems.

    Raises:
        ValueError: If `silent` has another value.

    Example:
        >>> labeled = label_matched_reports({"a": ReportText("a", "Kein Erguss.", "line 2")}, ReportLabeler())
        >>> labeled.problems
        {'a': 'the report seems not to be in English'}
    """
    check_choice(silent, _SILENT, "silent")
    cells, problems = {}, {}
    for scan, report in reports.items():
        try:
            bad = [one for one in report_problems(report.text, labeler) if one not in (*READABLE, *_SILENT_PROBLEMS)]
            findings = [] if bad else labeler.label(report.text)
            if bad:
                foreign = bad[0].startswith(NOT_ENGLISH)
                problems[scan] = "the report seems not to be in English" if foreign else bad[0]
            elif not findings and silent == "leave_out" and not labeler.trace(report.text):
                problems[scan] = "no finding was recognized; the report may be an empty template, or not in English"
            else:
                cells[scan] = label_cells(findings, labeler.labels)
                if not_mentioned == "unknown":
                    told = (labeler.states([report.text])[0] == 0) | (cells[scan] == 1).any(axis=1, keepdims=True)
                    cells[scan][~told] = np.nan
        except Exception as error:  # the message may quote the report, so only the type is reported
            problems[scan] = f"the labeler failed on this report ({type(error).__name__})"
            _LOGGER.error("The labeler failed on the report of %s (%s).", scan, type(error).__name__)
        if step is not None:
            step()
    return LabeledReports(cells, problems)


def reports_of_table(table: LabelTable, source: str = "table") -> list[ReportText]:
    """Convert a table of labels to reports for :func:`match_reports`; the rows of a report become its text.

    Args:
        table: Table from :func:`~monai_pylon.labeler.read_label_table` or an adapter, with values (N, 80, 3).
        source: Name of the table, for `matches.csv`.

    Returns:
        One report for each report of the table.

    Example:
        >>> reports_of_table(LabelTable(["a"], np.zeros((1, 80, 3), bool), {}), "labels.csv")[0].source
        'labels.csv'
    """
    facts = table.metadata or {}
    reports = []
    for name, cells in zip(table.reports, table.values, strict=True):
        text = "\n".join(",".join(row[1:]) for row in table_rows(name, cells, table.labels))
        reports.append(ReportText(name, text, source, **facts.get(name, {})))
    return reports


def labels_of_table(table: LabelTable, lines: Iterable[Mapping[str, str]]) -> LabeledReports:
    """Return the labels of a table for each scan.

    Args:
        table: Table from :func:`~monai_pylon.labeler.read_label_table` or an adapter, with values (N, 80, 3).
        lines: Lines from :func:`match_reports` for :func:`reports_of_table`.

    Returns:
        Label matrices (80, 3) and problems. If several rows belong to one scan, a label is present if any row has it
        present, else unknown if any row has it unknown.

    Example:
        >>> table = LabelTable(["a"], np.zeros((1, 80, 3), bool), {})
        >>> list(labels_of_table(table, [{"identifier": "a", "scan": "p__a", "state": "matched"}]).cells)
        ['p__a']
    """
    values, row_of = table.values, {name: row for row, name in enumerate(table.reports)}
    parts: dict[str, list[np.ndarray]] = {}
    for line in lines:
        if line["state"] == "matched":
            parts.setdefault(line["scan"], []).append(values[row_of[line["identifier"]]])
    cells, problems = {}, {}
    for scan, matrices in parts.items():
        stack = np.stack(matrices)
        if np.isnan(stack).all():
            problems[scan] = "all labels of this scan are unknown in the table"
        else:
            # max() propagates NaN, so a label that is present nowhere and unknown in one row stays unknown
            cells[scan] = np.where((stack == 1).any(axis=0), 1, stack.max(axis=0)).astype(np.float32)
    return LabeledReports(cells, problems)
