"""Candidates of a report."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("words", "found"), [("One", 2), ("A very very very small one", 2), ("A very very very very small one", 1)]
)
def test_a_pronoun_stands_for_a_finding_after_five_words_at_most(words: str, found: int) -> None:
    assert len(find_candidates(f"No effusion on the right. {words} is on the left", default_rules())) == found


def test_a_diffuse_finding_does_not_take_the_side_of_a_later_one() -> None:
    cases = {
        "Diffuse opacities are seen and left mass": ["", "left"],
        "Opacities are seen and left mass": ["left", "left"],
        "Diffuse emphysema with left mass": ["", "left"],
    }
    for text, sides in cases.items():
        assert ["".join(one.placed.sides) for one in find_candidates(text, default_rules())] == sides, text


def test_an_earlier_finding_is_meant_only_with_a_size_or_side() -> None:
    rules = default_rules()
    assert len(find_candidates("Left nodule. It measures 14 mm.", rules)) == 3
    assert len(find_candidates("A nodule. It is in the left lung.", rules)) == 2
    assert len(find_candidates("Left nodule. It is unchanged.", rules)) == 1
    assert len(find_candidates("No nodule. It measures 14 mm.", rules)) == 1
