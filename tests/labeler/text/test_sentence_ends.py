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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left effusion,\nno mass", []),
        ("Left effusion;\nno mass", []),
        ("Left effusion-\nno mass", []),
        ("left effusion\nno pneumothorax", [14]),
        ("Left effusion\nand mass", []),
        ("Left effusion of\nmass", []),
        ("Left\neffusion", []),
        ("pleural\neffusion left\nno mass", []),
        ("Mass, node\neffusion or cyst", []),
        ("Left mass. No node\nRight effusion is seen today in the upper lobe", [10, 19]),
        ("x (left): no\ny (right): yes", [13]),
        ("x: no\ny: yes", [6]),
        ("left effusion\nno pneumothorax or mass", [14]),
        ("lungs clear\nno effusion", [12]),
        ("no effusion\nlungs clear", [12]),
        ("Left mass\nSee CT\nAlso wide now", [10, 17]),  # the next word would just have had room
    ],
)
def test_line_breaks_that_end_a_sentence(text: str, expected: list[int]) -> None:
    assert sorted(sentence_ends(text, default_rules(), lambda start: False)) == expected


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
        # a sentence that begins with a size has up to two words before the unit
        ("a 3 mm. nodule", []),
        ("in a 3 mm. nodule", [10]),
        ("mass 3 mm. nodule", [10]),
        ("mass on right. nodule", [14]),
        ("seen by me. left nodule", [11]),
        ("mass Rt. nodule", [8]),
        ("mass\n   12. nodule", [5]),
        ("Effusion on the l. The mass", [18]),
        ("Effusion on the l. and mass", []),
        ("e.g. l. lung mass. node", [18]),
        ("mass...  node", [7]),
        ("mass.)", [5]),
        ("mass. \n\nnode", [5, 8]),
    ],
)
def test_stops_that_end_a_sentence(text: str, expected: list[int]) -> None:
    assert sorted(sentence_ends(text, default_rules(), lambda start: False)) == expected
