"""Candidates of a report."""

from __future__ import annotations

from monai_pylon.labeler.candidates import find_candidates
from monai_pylon.labeler.rules import default_rules


def test_hints_and_parents() -> None:
    found = find_candidates("Diffuse nodules. It is a 12 mm nodule at the resection site.", default_rules())
    assert [(one.label, sorted(one.hints), one.parent, one.number) for one in found] == [
        ("lung nodule", ["extent"], -1, 0),
        ("lung nodule", ["refers", "site"], -1, 1),
        ("lung nodulegr1cm", ["refers", "site"], 1, 1),
    ]


def test_a_finding_that_lies_elsewhere_has_no_organ() -> None:
    (one,) = find_candidates("Renal cyst.", default_rules())
    assert (one.label, one.organ, one.placed.reason) == ("cyst", "", "elsewhere")


def test_an_earlier_finding_is_meant_only_with_a_size_or_side() -> None:
    rules = default_rules()
    assert len(find_candidates("Left nodule. It measures 14 mm.", rules)) == 3
    assert len(find_candidates("A nodule. It is in the left lung.", rules)) == 2
    assert len(find_candidates("Left nodule. It is unchanged.", rules)) == 1
    assert len(find_candidates("No nodule. It measures 14 mm.", rules)) == 1
