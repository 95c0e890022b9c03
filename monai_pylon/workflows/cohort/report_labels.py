"""From matched reports, or a table of labels, to labels at places in the form that the bundles which train read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.labeler import (
    LabelTable,
    ReportLabeler,
    ReportText,
    label_cells,
    report_problems,
    table_rows,
    without_markup,
)
from monai_pylon.labeler.report_checks import NOT_ENGLISH
from monai_pylon.utils import check_choice

__all__ = ["LabeledReports", "label_matched_reports", "labels_of_table", "reports_of_table"]

_LOGGER = logging.getLogger(__name__)
_SILENT = ("leave_out", "absent")


class LabeledReports(NamedTuple):
    """The labels of each scan's report, and the reports that gave none.

    Attributes:
        cells: by scan, float32 (80, 3): 1 where the report places the label in the organ, 0 where not, NaN where it
            does not tell.
        problems: by scan, why its report gave no labels.

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
) -> LabeledReports:
    """Label the report of each scan; one that the labeler cannot read does not stop the others.

    HTML is taken out. A report whose words are mostly unknown is in another language, in which a negation would be
    missed. One in which nothing of the vocabulary is found, not even a negated finding, is an empty template perhaps.

    Args:
        reports: by scan.
        labeler: for the texts.
        silent: what becomes of such a report: "leave_out", or "absent" for all labels absent.
        step: called after each report, as by a progress bar.

    Returns:
        labels and problems.

    Raises:
        ValueError: where `silent` is no choice.

    Example:
        >>> labeled = label_matched_reports({"a": ReportText("a", "Kein Erguss.", "line 2")}, ReportLabeler())
        >>> labeled.problems
        {'a': 'nothing was recognised in the report: is it in English, and more than a template?'}
    """
    check_choice(silent, _SILENT, "silent")
    cells, problems = {}, {}
    for scan, report in reports.items():
        try:
            text = without_markup(report.text)
            foreign = NOT_ENGLISH in report_problems(text, labeler)
            findings = [] if foreign else labeler.label(text)
            if foreign:
                problems[scan] = "the report is not in English, it seems"
            elif not findings and silent == "leave_out" and not labeler.trace(text):
                problems[scan] = "nothing was recognised in the report: is it in English, and more than a template?"
            else:
                cells[scan] = label_cells(findings)
        except Exception as error:  # its text may quote the report: the type alone is told
            problems[scan] = f"the labeler failed on this report ({type(error).__name__})"
            _LOGGER.error("The labeler failed on the report of %s (%s).", scan, type(error).__name__)
        if step is not None:
            step()
    return LabeledReports(cells, problems)


def reports_of_table(table: LabelTable, source: str = "table") -> list[ReportText]:
    """The reports of a table of labels, so that they are matched to scans as texts are: what they say are their rows.

    Args:
        table: from :func:`~monai_pylon.labeler.read_label_table` or an adapter.
        source: what it is called.

    Returns:
        a report for each of the table's.

    Example:
        >>> reports_of_table(LabelTable(["a"], np.zeros((1, 80, 3), bool), {}), "labels.csv")[0].source
        'labels.csv'
    """
    facts = table.facts or {}
    told = []
    for name, cells in zip(table.reports, table.values, strict=True):
        text = "\n".join(",".join(row[1:]) for row in table_rows(name, cells))
        told.append(ReportText(name, text, source, **facts.get(name, {})))
    return told


def labels_of_table(table: LabelTable, lines: Iterable[Mapping[str, str]]) -> LabeledReports:
    """The labels that a table has for each scan.

    Args:
        table: from :func:`~monai_pylon.labeler.read_label_table` or an adapter.
        lines: of :func:`match_reports` for :func:`reports_of_table`.

    Returns:
        labels and problems. Where several rows are joined, a label is present if it is in one of them, and unknown if
        it is so in one and present in none.

    Example:
        >>> table = LabelTable(["a"], np.zeros((1, 80, 3), bool), {})
        >>> list(labels_of_table(table, [{"identifier": "a", "scan": "p__a", "state": "matched"}]).cells)
        ['p__a']
    """
    values, number = table.values, {name: k for k, name in enumerate(table.reports)}
    parts: dict[str, list[np.ndarray]] = {}
    for line in lines:
        if line["state"] == "matched":
            parts.setdefault(line["scan"], []).append(values[number[line["identifier"]]])
    cells, problems = {}, {}
    for scan, mine in parts.items():
        stack = np.stack(mine)
        if np.isnan(stack).all():
            problems[scan] = "the table of labels tells nothing of it"
        else:
            cells[scan] = np.where((stack == 1).any(axis=0), 1, stack.max(axis=0)).astype(np.float32)
    return LabeledReports(cells, problems)
