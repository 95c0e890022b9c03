"""Report matching: assigns each report to its scan and records the outcome for every report and every scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from monai_pylon.data.volume_reader import volume_name
from monai_pylon.labeler.report_text import ReportText
from monai_pylon.utils import check_choice
from monai_pylon.workflows.bundle.sections import SECTIONS
from monai_pylon.workflows.cohort.scan_names import safe_name

__all__ = ["ReportMatches", "known_sections", "match_reports", "scan_key"]

_DUPLICATES = ("leave_out", "join")
_SECTIONS = {
    "": "",
    **{name: name for name in SECTIONS},
    "train": SECTIONS[0],
    "valid": SECTIONS[1],
    "val": SECTIONS[1],
}


class ReportMatches(NamedTuple):
    """Reports by scan, and one line for every report and for every scan without a report.

    Attributes:
        reports: The report of each matched scan, by scan name.
        lines: Dictionaries with "identifier", "source", "scan", "state" and "remark". The states are "matched",
            "no scan", "several scans", "duplicate", "unusable" and "no report".

    Example:
        >>> match_reports([ReportText("b", "Normal.", "line 2")], [{"scan": "a", "image": "a.nii"}]).lines[1]["state"]
        'no report'
    """

    reports: dict[str, ReportText]
    lines: list[dict[str, str]]


def scan_key(name: str) -> str:
    """Normalize a scan's name for comparison: without file ending, folders joined by two underscores.

    Args:
        name: Identifier in a table, or a path.

    Returns:
        The key, in the form of the names from :func:`list_scans`.

    Example:
        >>> scan_key("ward 7/scan.nii.gz"), scan_key(" scan ")
        ('ward_7__scan', 'scan')
    """
    path = PurePosixPath(name.strip().replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", ".")]
    stem = volume_name(path.name) if path.name else ""
    return safe_name("__".join((*parts[:-1], stem)))


def _scans_by_key(scans: Sequence[Mapping[str, Any]]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the scans by their full name, and by the last part of their path."""
    by_name: dict[str, set[str]] = {}
    by_last_part: dict[str, set[str]] = {}
    for scan in scans:
        by_name.setdefault(str(scan["scan"]), set()).add(str(scan["scan"]))
        by_last_part.setdefault(scan_key(volume_name(str(scan["image"]))), set()).add(str(scan["scan"]))
    return by_name, by_last_part


def _line(report: ReportText, scan: str, state: str, remark: str = "") -> dict[str, str]:
    remarks = "; ".join(part for part in (report.problem, remark, report.remark) if part)
    return {"identifier": report.identifier, "source": report.source, "scan": scan, "state": state, "remark": remarks}


def _select_report(
    scan: str, reports: list[ReportText], duplicates: str
) -> tuple[ReportText | None, list[dict[str, str]]]:
    """Return the report to use of those for one scan, or None, and a line for each of them."""
    texts = list(dict.fromkeys(report.text.strip() for report in reports))
    if len(texts) == 1:
        remark = "identical to another report of this scan; used once"
        repeated = [_line(report, scan, "duplicate", remark) for report in reports[1:]]
        return reports[0], [_line(reports[0], scan, "matched"), *repeated]
    if duplicates == "join":
        joined = reports[0]._replace(text="\n\n".join(texts))
        remark = f"joined with the other reports of this scan, {len(reports)} in total"
        return joined, [_line(report, scan, "matched", remark) for report in reports]
    remark = f"one of {len(reports)} different reports of this scan; none is used"
    return None, [_line(report, scan, "duplicate", remark) for report in reports]


def known_sections(reports: Sequence[ReportText]) -> list[ReportText]:
    """Replace each report's section by its standard name, and add a problem if it has none.

    Args:
        reports: Reports from :func:`~monai_pylon.labeler.report_files.read_reports`.

    Returns:
        The reports. If any report has a section, a report without section has a problem too.

    Example:
        >>> [r.section or r.problem for r in known_sections([ReportText("a", "Normal.", "line 2", section="Train")])]
        ['training']
    """
    required = any(report.section for report in reports)
    checked = []
    for report in reports:
        section = _SECTIONS.get(report.section.lower())
        problem = ""
        if section is None:
            problem = f"the section is not one of {', '.join(SECTIONS)}"
        elif required and not section:
            problem = "the section is missing, but other rows have one"
        checked.append(report._replace(section=section or "", problem=report.problem or problem))
    return checked


def match_reports(
    reports: Sequence[ReportText], scans: Sequence[Mapping[str, Any]], duplicates: str = "leave_out"
) -> ReportMatches:
    """Assign reports to scans by the reports' identifiers.

    An identifier is the name or path of a scan, with or without file ending. The last part of the path is enough if no
    other scan has the same.

    Args:
        reports: Reports from :func:`~monai_pylon.labeler.report_files.read_reports` with sections from
            :func:`known_sections`.
        scans: Items with "scan" and "image" from :func:`list_scans`.
        duplicates: Rule for several different reports of one scan. "leave_out" uses none of them; "join" joins them,
            for example a report and its addendum.

    Returns:
        The reports by scan, and a line for each report and each scan without a report.

    Raises:
        ValueError: If `duplicates` has another value.

    Example:
        >>> scans = [{"scan": "p1__ct", "image": "/in/p1/ct.nii.gz"}]
        >>> match_reports([ReportText("p1/ct", "Normal.", "line 2")], scans).reports
        {'p1__ct': ReportText('p1/ct', 7 characters, 'line 2')}
    """
    check_choice(duplicates, _DUPLICATES, "duplicates")
    by_name, by_last_part = _scans_by_key(scans)
    candidates: dict[str, list[ReportText]] = {}
    lines = []
    mentioned = set()
    for report in reports:
        key = scan_key(report.identifier)
        found = by_name.get(key) or by_last_part.get(key) or set()
        mentioned |= found
        scan = next(iter(found)) if len(found) == 1 else ""
        if report.problem:
            lines.append(_line(report, scan, "unusable"))
        elif not found:
            lines.append(_line(report, "", "no scan"))
        elif not scan:
            lines.append(_line(report, "", "several scans", f"matches {len(found)} scans; add the folder"))
        else:
            candidates.setdefault(scan, []).append(report)
    matched = {}
    for scan, scan_reports in candidates.items():
        selected, scan_lines = _select_report(scan, scan_reports, duplicates)
        lines += scan_lines
        if selected is not None:
            matched[scan] = selected
    for item in scans:
        if item["scan"] not in mentioned:
            lines.append(_line(ReportText("", "", ""), str(item["scan"]), "no report"))
    return ReportMatches(matched, lines)
