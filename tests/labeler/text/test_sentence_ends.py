"""Ends of sentences, independent of capitals and line wrapping."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.text.sections import split_report
from monai_pylon.labeler.text.sentence_ends import sentence_ends


def sentences(text: str) -> list[str]:
    return [" ".join(sentence.text.split()) for sentence in split_report(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No mass.No nodule.", ["No mass", "No nodule"]),
        ("Nodule of 3.5 mm. Mass.", ["Nodule of 3.5 mm", "Mass"]),
        ("A 3 mm. nodule.", ["A 3 mm. nodule"]),
        ("Rt. upper lobe nodule.", ["Rt. upper lobe nodule"]),
        ("Effusion on the L. No mass.", ["Effusion on the L", "No mass"]),
        ("Nodule vs. mass.", ["Nodule vs. mass"]),
        ("Approx. 3 nodules", ["Approx. 3 nodules"]),
        ("[Nodule: none] [Mass: left]", ["Nodule: none", "Mass: left"]),
        # wrapped prose
        (
            "No focal\nconsolidation or\neffusion. A mass is\nseen.",
            ["No focal consolidation or effusion", "A mass is seen"],
        ),
        ("No pneumonia,\npleural effusion\nor mass", ["No pneumonia, pleural effusion or mass"]),
        ("Small pleural\neffusion", ["Small pleural effusion"]),
        # lists of lines
        ("Left effusion\nNo pneumothorax\nRight nodule", ["Left effusion", "No pneumothorax", "Right nodule"]),
        ("Effusion: no\nMass: left", ["Effusion: no", "Mass: left"]),
        ("Edema - mild\nMass - none", ["Edema - mild", "Mass - none"]),
        ("1) No mass\n2) Nodule", ["No mass", "Nodule"]),
    ],
)
def test_sentences_in_any_case(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected
    assert sentences(text.lower()) == [one.lower() for one in expected]
    assert sentences(text.upper()) == [one.upper() for one in expected]


def test_a_heading_begins_a_sentence() -> None:
    text = "the lungs\nare clear\nheart normal"
    assert sentence_ends(text, default_rules(), lambda start: start == 10) == {10, 20}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mass ? effusion", []),  # the mark asks for what follows it
        ("? effusion", []),
        ("mass? effusion", [5]),
        ("mass ?", [6]),
        ("mass . effusion", [6]),
        ("mass ! effusion", [6]),
        ("1. mass", []),
        ("mass 1. nodule", [7]),
        ("mass\n1. nodule", [5]),
        ("nodule on the l.mass", []),  # no space after a single letter
        ("nodule.mass", [7]),
        ("no mass e.g. nodule", []),
        ("effusion on the r. lung", [18]),
        ("effusion on the r. and l. lung", []),
        ("on the r. lung", []),
        ("a nodule of the lung 3 mm. mass", [26]),
    ],
)
def test_stops_that_end_a_sentence(text: str, expected: list[int]) -> None:
    assert sorted(sentence_ends(text, default_rules(), lambda start: False)) == expected
