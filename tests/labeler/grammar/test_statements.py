"""Statements without marks between them, things taken as known, and words that stand for a finding."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.grammar.phrases import parse_sentence, pronouns
from monai_pylon.labeler.grammar.statements import Statements, any_within
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


def statements(text: str) -> Statements:
    """Return the statements of a sentence."""
    parsed = parse_sentence(text)
    return Statements(parsed.words, parsed.matches, parsed.kinds)


def test_words_from_which_a_list_continues() -> None:
    cases = [
        ("no xx , yy or zz", [0, 1, 2, 3, 4]),
        ("no xx , yy ; zz or ww", [5, 6]),
        ("xx / yy", [0, 1]),
        ("no mass , small cyst", []),
    ]
    for text, expected in cases:
        found = statements(text)
        assert [word for word in range(len(found.words)) if found.list_continues(word)] == expected, text


def test_marks_that_open_a_statement() -> None:
    cases = [
        ("no mass , small cyst or scar", []),
        ("no mass , small cyst", [2]),
        ("no mass and is cyst", [2]),
        ("no mass and lung is xx", []),
        ("no mass , lung is xx", [2]),
        ("no mass , lung is", []),
        ("no mass , mass is yy", []),
        ("no mass , is yy", []),
        ("no mass , xx , yy is zz", [4]),
        ("no mass , lung ; xx is zz", []),
        ("no mass , small", [2]),
        ("no mass or , small cyst", [3]),  # no list goes on behind the comma
        ("no mass , , lung is xx", [3]),
    ]
    for text, expected in cases:
        found = statements(text)
        assert [word for word in range(len(found.words)) if found.opens_statement(word)] == expected, text


def test_prepositions_of_things_taken_as_known() -> None:
    cases = [
        ("no cavity in the collapsed lobe", True),
        ("no cavity in the xx yy collapsed lobe", True),  # a state is at most three words away
        ("no xx in the xx yy collapsed lobe", True),  # whether or not another finding is named
        ("xx xx in the xx yy zz collapsed lobe", False),
        ("no cavity in a collapsed lobe", False),
        ("no cavity in the", False),
        ("no cavity in", False),
        ("no cavity within the left upper lobe consolidation", True),
        ("xx xx within the left upper lobe consolidation", False),  # no other finding
        ("no cavity of the left consolidation", False),
        ("no cavity within the xx yy zz ww consolidation", True),  # a finding is at most five words away
        ("no cavity within the xx yy zz ww vv consolidation", False),
        ("no cavity in the xx , consolidation", False),
        ("no cavity in the xx and consolidation", False),
    ]
    for text, expected in cases:
        assert statements(text).presupposes(2, since=0) is expected, text
    assert not statements("cavity xx within the left consolidation").presupposes(2, since=1)


def test_words_that_begin_a_clause_without_a_mark() -> None:
    cases = [
        ("no effusion the heart is enlarged", [2]),
        ("no effusion there is a mass", [2]),
        ("no there is", []),
        ("no effusion , the heart is large", []),
        ("the heart is large", []),
        ("no evidence of the heart is", []),
        ("mass the is xx", []),
        ("mass the lung is", [1]),
        ("mass the xx yy lung is xx", [1]),  # the verb is at most four words away
        ("mass the xx yy zz lung is xx", []),
        ("mass the cyst is xx", []),
        ("mass the xx , is xx", []),
        ("mass the lung in xx is", []),
        ("xx a heart is large", []),
        ("is the lung clear", []),
        ("mass or the lung is clear", []),
        ("no effusion the left lung is collapsed", [2]),
        ("mass its wall is xx", []),
        ("mass in close contact with the lung is new", []),
    ]
    for text, expected in cases:
        found = statements(text)
        assert [word for word in range(len(found.words)) if found.begins_clause(word)] == expected, text


def test_items_of_a_list() -> None:
    cases = [
        ("mass , cyst , effusion: none", [1, 3]),
        ("mass , a large cyst here , effusion: none", [1, 6]),
        ("mass , the liver , effusion: none", [1]),
        ("the mass is xx , cyst , effusion: none", [6]),
        ("mass is , cyst not seen", []),
        ("mass , cyst is seen", [1]),
        ("xx ; mass , cyst : none", [3]),
    ]
    for text, expected in cases:
        found = statements(text)
        commas = [number for number, word in enumerate(found.words) if word.text == ","]
        assert [comma for comma in commas if found.is_list_item(comma)] == expected, text


def test_words_that_stand_for_an_earlier_finding() -> None:
    cases = [
        ("the one resolved", (0, 2), True),
        ("the one mass", (0, 3), False),
        ("the right resolved", (0, 2), True),
        ("right resolved", (0, 1), True),
        ("the right resolved", (0, 3), False),
        ("the liver resolved", (0, 2), False),
        ("one resolved", (0, 1), False),
        ("on the right it resolved", (0, 4), True),
        ("the right it resolved", (0, 3), False),  # no preposition
        ("in the liver it resolved", (0, 4), False),  # no side
        ("on the right resolved", (0, 3), False),  # no "it"
    ]
    for text, (first, end), expected in cases:
        assert statements(text).refers_back(first, end) is expected, text
