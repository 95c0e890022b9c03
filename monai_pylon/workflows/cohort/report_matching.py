"""Which report belongs to which scan: every report and every scan gets a line that says what became of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from monai_pylon.data import volume_name
from monai_pylon.labeler import ReportText
from monai_pylon.utils import check_choice
from monai_pylon.workflows.bundle.sections import SECTIONS

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
    """What belongs together, and one line for every report and for every scan without one.

    Attributes:
        reports: by scan, its report.
        lines: dictionaries of "identifier", "source", "scan", "state" and "remark". The states: "matched", "no scan",
            "several scans", "duplicate", "unusable", "no report".

    Example:
        >>> match_reports([ReportText("b", "Normal.", "line 2")], [{"scan": "a", "image": "a.nii"}]).lines[1]["state"]
        'no report'
    """

    reports: dict[str, ReportText]
    lines: list[dict[str, str]]


def scan_key(name: str) -> str:
    """A scan's name in the form in which names are compared: no ending of a file, folders joined by two underscores.

    Args:
        name: an identifier in a table, or a path.

    Returns:
        the key; :func:`list_scans` names its scans so.

    Example:
        >>> scan_key("ward 7/scan.nii.gz"), scan_key(" scan ")
        ('ward_7__scan', 'scan')
    """
    path = PurePosixPath(name.strip().replace("\\", "/"))
    parts = [part for part in path.parts if part not in ("/", ".")]
    stem = volume_name(path.name) if path.name else ""
    return re.sub(r"[^\w.+-]+", "_", "__".join((*parts[:-1], stem))).strip("_")


def _scans_by_key(scans: Sequence[Mapping[str, Any]]) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Scans by their whole name, and by the last part of their path."""
    whole: dict[str, set[str]] = {}
    last: dict[str, set[str]] = {}
    for scan in scans:
        whole.setdefault(str(scan["scan"]), set()).add(str(scan["scan"]))
        last.setdefault(scan_key(volume_name(str(scan["image"]))), set()).add(str(scan["scan"]))
    return whole, last


def _line(report: ReportText, scan: str, state: str, remark: str = "") -> dict[str, str]:
    remarks = "; ".join(part for part in (report.problem, remark, report.remark) if part)
    named = {"identifier": report.identifier, "source": report.source, "scan": scan}
    return {**named, "state": state, "remark": remarks}


def _of_one_scan(scan: str, told: list[ReportText], duplicates: str) -> tuple[ReportText | None, list[dict[str, str]]]:
    """The report to take of those for one scan, and their lines."""
    texts = list(dict.fromkeys(report.text.strip() for report in told))
    if len(texts) == 1:
        again = [_line(report, scan, "duplicate", "the same report again: counted once") for report in told[1:]]
        return told[0], [_line(told[0], scan, "matched"), *again]
    if duplicates == "join":
        joined = told[0]._replace(text="\n\n".join(texts))
        remark = f"joined: one of {len(told)} reports of this scan"
        return joined, [_line(report, scan, "matched", remark) for report in told]
    remark = f"one of {len(told)} different reports of this scan: none is taken"
    return None, [_line(report, scan, "duplicate", remark) for report in told]


def known_sections(reports: Sequence[ReportText]) -> list[ReportText]:
    """Give every report's section its own name, and a problem to those whose section is none.

    Args:
        reports: from :func:`~monai_pylon.labeler.read_reports`.

    Returns:
        the reports; where some have a section, those without one have a problem too.

    Example:
        >>> [r.section or r.problem for r in known_sections([ReportText("a", "Normal.", "line 2", section="Train")])]
        ['training']
    """
    told = any(report.section for report in reports)
    checked = []
    for report in reports:
        section = _SECTIONS.get(report.section.lower())
        problem = ""
        if section is None:
            problem = f"the section is none of {', '.join(SECTIONS)}"
        elif told and not section:
            problem = "no section, where other rows have one"
        checked.append(report._replace(section=section or "", problem=report.problem or problem))
    return checked


def match_reports(
    reports: Sequence[ReportText], scans: Sequence[Mapping[str, Any]], duplicates: str = "leave_out"
) -> ReportMatches:
    """Find the report of each scan.

    A report's identifier is its scan's name or path, with or without ending; or the last part of the path alone, where
    no other scan has the same.

    Args:
        reports: from :func:`~monai_pylon.labeler.read_reports`, with checked sections.
        scans: items with "scan" and "image", from :func:`list_scans`.
        duplicates: where a scan has several different reports: "leave_out" takes none of them, "join" takes them as one
            (as of a report and its addendum).

    Returns:
        the reports by scan, and a line for each report and each scan without one.

    Raises:
        ValueError: where `duplicates` is no choice.

    Example:
        >>> scans = [{"scan": "p1__ct", "image": "/in/p1/ct.nii.gz"}]
        >>> match_reports([ReportText("p1/ct", "Normal.", "line 2")], scans).reports
        {'p1__ct': ReportText('p1/ct', 7 characters, 'line 2')}
    """
    check_choice(duplicates, _DUPLICATES, "duplicates")
    whole, last = _scans_by_key(scans)
    told: dict[str, list[ReportText]] = {}
    lines = []
    named = set()
    for report in reports:
        key = scan_key(report.identifier)
        found = whole.get(key) or last.get(key) or set()
        named |= found
        scan = next(iter(found)) if len(found) == 1 else ""
        if report.problem:
            lines.append(_line(report, scan, "unusable"))
        elif not found:
            lines.append(_line(report, "", "no scan"))
        elif not scan:
            remark = f"fits {len(found)} scans: name the folder too"
            lines.append(_line(report, "", "several scans", remark))
        else:
            told.setdefault(scan, []).append(report)
    matched = {}
    for scan, mine in told.items():
        taken, more = _of_one_scan(scan, mine, duplicates)
        lines += more
        if taken is not None:
            matched[scan] = taken
    for item in scans:
        if item["scan"] not in named:
            lines.append(_line(ReportText("", "", ""), str(item["scan"]), "no report"))
    return ReportMatches(matched, lines)
