"""Statements without marks between them, things taken as known, and words that stand for a finding."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.grammar.phrases import parse_sentence, pronouns
from monai_pylon.labeler.grammar.statements import any_within
from tests.labeler.grammar.statuses import A, M, Q, S, assert_statuses


def test_status_of_each_finding() -> None:
    cases = [
        # a new statement without any mark
        ("the heart is enlarged the lungs are clear there is no effusion", {"cardiomegaly": S, "pleural effusion": A}),
        ("no effusion there is a mass", {"pleural effusion": A, "mass": S}),
        ("no mass in the lungs or the pleura", {"mass": A}),
        # a finding in a definite phrase is known, unless it is that of the negation
        ("No cavitation within the left upper lobe consolidation", {"cavitation": A, "consolidation": S}),
        ("No sign of the nodule", {"nodule": A}),
        ("Recommend CT to document resolution of the consolidation", {"consolidation": S}),
        ("Recommend CT to look for consolidation", {"consolidation": Q}),
        # the negation or hedge comes first, or follows
        ("It is not observed pleural effusion", {"pleural effusion": A}),
        ("It would be difficult to exclude a mass", {"mass": M}),
        ("Mass would be difficult to exclude", {"mass": M}),
        ("Edema, superimposed infection possible", {"edema": S, "infection": M}),
        ("Atelectasis or less likely pneumonia", {"atelectasis": S, "pneumonia": M}),
        ("More consistent with atelectasis than pneumonia", {"atelectasis": S, "pneumonia": A}),
        ("Larger than the nodule", {"nodule": S}),
        # lists
        ("Mass, effusion are not present", {"mass": A, "pleural effusion": A}),
        ("Mass, effusion is not present", {"mass": S, "pleural effusion": A}),
        ("Effusion: no; mass: yes", {"pleural effusion": A, "mass": S}),
        # question marks
        ("? effusion", {"pleural effusion": M}),
        ("Effusion?", {"pleural effusion": M}),
        ("Mass ? effusion", {"mass": S, "pleural effusion": M}),
        # the name of a field
        ("Effusion/mass: no mass", {"pleural effusion": S, "mass": A}),
    ]
    assert_statuses(cases)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [("a small one is on the left", [2]), ("one nodule", []), ("none on the left", [0]), ("the left has several", [3])],
)
def test_words_that_stand_for_a_finding(sentence: str, expected: list[int]) -> None:
    assert pronouns(parse_sentence(sentence)) == expected


def test_indices_in_a_range() -> None:
    assert [any_within([2, 9], 3, last) for last in (9, 10)] == [False, True]
