"""Which report belongs to which scan, and that every one of either gets its line."""

from __future__ import annotations

from typing import Any

import pytest

from monai_pylon.labeler import ReportText
from monai_pylon.workflows.cohort import known_sections, match_reports, scan_key


def scans(**paths: str) -> list[dict[str, Any]]:
    return [{"scan": name, "image": path} for name, path in paths.items()]


def reports(*pairs: tuple[str, str]) -> list[ReportText]:
    return [ReportText(name, text, f"line {line}") for line, (name, text) in enumerate(pairs, start=2)]


def states(matches: Any) -> list[tuple[str, str, str]]:
    return [(line["identifier"], line["scan"], line["state"]) for line in matches.lines]


@pytest.mark.parametrize("name", ["p1/ct", "p1/ct.nii.gz", "p1__ct", " p1\\ct ", "./p1/ct.nrrd", "ct"])
def test_a_scan_is_named_by_its_path_or_by_its_end(name: str) -> None:
    matches = match_reports(reports((name, "Mass.")), scans(p1__ct="/in/p1/ct.nii.gz", b="/in/b.nii"))
    assert matches.reports["p1__ct"].text == "Mass."
    assert states(matches) == [(name, "p1__ct", "matched"), ("", "b", "no report")]


def test_the_end_of_a_path_that_two_scans_share_names_none() -> None:
    both = scans(p1__ct="/in/p1/ct.nii.gz", p2__ct="/in/p2/ct.nii.gz")
    matches = match_reports(reports(("ct", "Mass."), ("p2/ct", "Clear.")), both)
    assert list(matches.reports) == ["p2__ct"]
    assert states(matches) == [("ct", "", "several scans"), ("p2/ct", "p2__ct", "matched")]


def test_a_whole_name_goes_before_the_end_of_another_path() -> None:
    matches = match_reports(reports(("ct", "Mass.")), scans(ct="/in/ct.nii", p1__ct="/in/p1/ct.nii"))
    assert list(matches.reports) == ["ct"]


def test_reports_without_a_scan_and_scans_without_a_report_are_named() -> None:
    matches = match_reports(reports(("x", "Mass.")), scans(a="/in/a.nii"))
    assert not matches.reports
    assert states(matches) == [("x", "", "no scan"), ("", "a", "no report")]


def test_the_same_report_twice_counts_once() -> None:
    matches = match_reports(reports(("a", "Mass."), ("a.nii", "Mass. ")), scans(a="/in/a.nii"))
    assert matches.reports["a"].text == "Mass."
    assert states(matches) == [("a", "a", "matched"), ("a.nii", "a", "duplicate")]


def test_different_reports_of_one_scan_are_left_out_or_joined() -> None:
    told = reports(("a", "Mass."), ("a", "Addendum: no mass."))
    left_out = match_reports(told, scans(a="/in/a.nii"))
    assert not left_out.reports
    assert states(left_out) == [("a", "a", "duplicate")] * 2
    joined = match_reports(told, scans(a="/in/a.nii"), duplicates="join")
    assert joined.reports["a"].text == "Mass.\n\nAddendum: no mass."
    assert states(joined) == [("a", "a", "matched")] * 2


def test_a_broken_report_keeps_its_scan_from_being_called_without_one() -> None:
    broken = ReportText("a", "", "line 2", problem="the report is empty")
    matches = match_reports([broken], scans(a="/in/a.nii"))
    assert not matches.reports
    assert states(matches) == [("a", "a", "unusable")]
    assert matches.lines[0]["remark"] == "the report is empty"


def test_a_report_without_identifier_belongs_to_no_scan() -> None:
    matches = match_reports([ReportText("", "", "line 9", problem="broken")], scans(a="/in/a.nii"))
    assert states(matches) == [("", "", "unusable"), ("", "a", "no report")]


def test_every_report_and_every_scan_has_its_line() -> None:
    told = reports(*((name, name) for name in "aabcxyz"))
    matches = match_reports(told, scans(a="a.nii", b="b.nii", d="d.nii"))
    assert sorted(line["source"] for line in matches.lines if line["source"]) == sorted(r.source for r in told)
    assert {line["scan"] for line in matches.lines if line["scan"]} == {"a", "b", "d"}


def test_no_line_has_the_text_of_a_report() -> None:
    matches = match_reports(reports(("a", "secret one"), ("a", "secret two"), ("b", "secret")), scans(a="a.nii"))
    assert "secret" not in str(matches.lines)


def test_a_choice_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="Did you mean 'join'"):
        match_reports([], [], duplicates="joined")


def test_the_key_of_nothing() -> None:
    assert scan_key("") == scan_key(" / ") == ""


def test_sections_are_named_alike_and_what_is_none_is_a_problem() -> None:
    told = [
        report._replace(section=section)
        for report, section in zip(
            reports(("a", "Mass."), ("b", "Mass."), ("c", "Mass."), ("d", "Mass.")),
            ("train", "", "Test", "other"),
            strict=True,
        )
    ]
    a, b, c, d = known_sections([*told[:3], told[3]._replace(problem="the report is empty")])
    assert (a.section, a.problem) == ("training", "")
    assert (c.section, c.problem) == ("test", "")
    assert b.problem == "no section, where other rows have one"
    assert (d.section, d.problem) == ("", "the report is empty")
    assert known_sections([told[3]])[0].problem == "the section is none of training, validation, test"
    assert known_sections(reports(("a", "Mass.")))[0].problem == ""
