"""Report matching: identifiers, duplicates, and one line for every report and scan."""

from __future__ import annotations

from typing import Any

import pytest

from monai_pylon.labeler.report_text import ReportText
from monai_pylon.workflows.cohort.report_matching import known_sections, match_reports, scan_key


def scans(**paths: str) -> list[dict[str, Any]]:
    return [{"scan": name, "image": path} for name, path in paths.items()]


def reports(*pairs: tuple[str, str]) -> list[ReportText]:
    return [ReportText(name, text, f"line {line}") for line, (name, text) in enumerate(pairs, start=2)]


def states(matches: Any) -> list[tuple[str, str, str]]:
    return [(line["identifier"], line["scan"], line["state"]) for line in matches.lines]


@pytest.mark.parametrize("name", ["p1/ct", "p1/ct.nii.gz", "p1__ct", " p1\\ct ", "./p1/ct.nrrd", "ct"])
def test_identifier_is_a_path_or_its_last_part(name: str) -> None:
    matches = match_reports(reports((name, "Mass.")), scans(p1__ct="/in/p1/ct.nii.gz", b="/in/b.nii"))
    assert matches.reports["p1__ct"].text == "Mass."
    assert states(matches) == [(name, "p1__ct", "matched"), ("", "b", "no report")]


def test_last_part_that_two_scans_share_matches_none() -> None:
    both = scans(p1__ct="/in/p1/ct.nii.gz", p2__ct="/in/p2/ct.nii.gz")
    matches = match_reports(reports(("ct", "Mass."), ("p2/ct", "Clear.")), both)
    assert list(matches.reports) == ["p2__ct"]
    assert states(matches) == [("ct", "", "several scans"), ("p2/ct", "p2__ct", "matched")]


def test_full_name_has_priority_over_the_last_part() -> None:
    matches = match_reports(reports(("ct", "Mass.")), scans(ct="/in/ct.nii", p1__ct="/in/p1/ct.nii"))
    assert list(matches.reports) == ["ct"]


def test_lists_reports_without_scan_and_scans_without_report() -> None:
    matches = match_reports(reports(("x", "Mass.")), scans(a="/in/a.nii"))
    assert not matches.reports
    assert states(matches) == [("x", "", "no scan"), ("", "a", "no report")]


def test_uses_identical_reports_once() -> None:
    matches = match_reports(reports(("a", "Mass."), ("a.nii", "Mass. ")), scans(a="/in/a.nii"))
    assert matches.reports["a"].text == "Mass."
    assert states(matches) == [("a", "a", "matched"), ("a.nii", "a", "duplicate")]
    assert [line["remark"] for line in matches.lines] == ["", "identical to another report of this scan; used once"]


def test_leaves_out_or_joins_different_reports_of_a_scan() -> None:
    both = reports(("a", "Mass."), ("a", "Addendum: no mass."))
    left_out = match_reports(both, scans(a="/in/a.nii"))
    assert not left_out.reports
    assert states(left_out) == [("a", "a", "duplicate")] * 2
    joined = match_reports(both, scans(a="/in/a.nii"), duplicates="join")
    assert joined.reports["a"].text == "Mass.\n\nAddendum: no mass."
    assert states(joined) == [("a", "a", "matched")] * 2
    assert joined.reports["a"].source == "line 2"
    assert joined.lines[0]["remark"] == "joined with the other reports of this scan, 2 in total"
    three = match_reports(reports(("a", "Mass."), ("a", "No mass."), ("a", "Mass.")), scans(a="a.nii"))
    assert {line["remark"] for line in three.lines} == {"one of 3 different reports of this scan; none is used"}


def test_scan_with_an_unusable_report_is_not_without_report() -> None:
    broken = ReportText("a", "", "line 2", problem="the report is empty")
    matches = match_reports([broken], scans(a="/in/a.nii"))
    assert not matches.reports
    assert states(matches) == [("a", "a", "unusable")]
    assert matches.lines[0]["remark"] == "the report is empty"


def test_a_report_without_identifier_belongs_to_no_scan() -> None:
    matches = match_reports([ReportText("", "", "line 9", problem="broken")], scans(a="/in/a.nii"))
    assert states(matches) == [("", "", "unusable"), ("", "a", "no report")]


def test_every_report_and_every_scan_has_a_line() -> None:
    given = reports(*((name, name) for name in "aabcxyz"))
    matches = match_reports(given, scans(a="a.nii", b="b.nii", d="d.nii"))
    assert sorted(line["source"] for line in matches.lines if line["source"]) == sorted(r.source for r in given)
    assert {line["scan"] for line in matches.lines if line["scan"]} == {"a", "b", "d"}


def test_lines_contain_no_report_text() -> None:
    matches = match_reports(reports(("a", "secret one"), ("a", "secret two"), ("b", "secret")), scans(a="a.nii"))
    assert "secret" not in str(matches.lines)


def test_rejects_unknown_choices() -> None:
    with pytest.raises(ValueError, match="Did you mean 'join'"):
        match_reports([], [], duplicates="joined")


def test_scan_key() -> None:
    assert scan_key("") == scan_key(" / ") == ""
    assert scan_key("/in/./ward 7/ct.nii.gz") == "in__ward_7__ct"


def test_sections_get_standard_names_or_a_problem() -> None:
    given = [
        report._replace(section=section)
        for report, section in zip(
            reports(("a", "Mass."), ("b", "Mass."), ("c", "Mass."), ("d", "Mass.")),
            ("train", "", "Test", "other"),
            strict=True,
        )
    ]
    a, b, c, d = known_sections([*given[:3], given[3]._replace(problem="the report is empty")])
    assert (a.section, a.problem) == ("training", "")
    assert (c.section, c.problem) == ("test", "")
    assert b.problem == "the section is missing, but other rows have one"
    assert (d.section, d.problem) == ("", "the report is empty")
    assert known_sections([given[3]])[0].problem == "the section is not one of training, validation, test"
    assert known_sections(reports(("a", "Mass.")))[0].problem == ""
    for name in ("valid", "val", "Validation"):
        assert known_sections([given[0]._replace(section=name)])[0].section == "validation"
