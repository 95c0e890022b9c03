"""Phrase classification."""

from __future__ import annotations

from monai_pylon.labeler.grammar.phrases import classify_phrases, parse_sentence, pronouns, refers_back
from monai_pylon.labeler.grammar.statements import any_within
from tests.labeler.grammar.statuses import A, M, S, statuses


def test_phrases_cover_the_sentence_in_order() -> None:
    sentence = "No mass, but possible effusion."
    phrases = classify_phrases(sentence)
    assert [(phrase.text, phrase.status) for phrase in phrases] == [
        ("No mass,", "absent"),
        ("but", "stated"),
        ("possible effusion", "possible"),
    ]
    assert [phrase.abnormal for phrase in phrases] == [False, True, True]
    assert phrases[0].rule.startswith("cues.csv line ")
    assert classify_phrases("") == []


def test_a_range_of_words_excludes_its_end() -> None:
    assert [any_within([2, 4], first, last) for first, last in ((2, 3), (3, 4), (3, 5), (5, 9))] == [
        *(True, False, True, False),
    ]


def test_the_higher_status_wins() -> None:
    first, second = (parse_sentence(text).statuses[1].rule for text in ("no mass", "xx mass absent"))
    assert parse_sentence("no mass absent").statuses[1].rule == first != second
    assert statuses("No possible mass") == statuses("Possibly no mass") == {"mass": A}
    assert statuses("Likely possible mass") == statuses("Possibly likely mass") == {"mass": M}


def test_statuses_are_left_out_without_a_finding() -> None:
    assert {status.name for status in parse_sentence("no xx", always=False).statuses} == {S}
    assert {status.name for status in parse_sentence("no xx").statuses} == {A}
    assert {status.name for status in parse_sentence("no mass", always=False).statuses} == {A}
    assert {status.name for status in parse_sentence("no heart", always=False).statuses} == {A}  # "heart ... enlarged"


def test_the_kinds_of_a_match() -> None:
    parsed = parse_sentence("no mass but effusion")
    assert [parsed.has(number, "contrast", "exception") for number in range(4)] == [False, False, True, False]
    assert parsed.first_words("negates after", "contrast") == {0, 2}


def test_a_pronoun_stands_before_a_verb_a_mark_or_the_end() -> None:
    texts = ("mass and one", "one, on the left", "one is new", "one nodule", "one large mass")
    assert [pronouns(parse_sentence(text)) for text in texts] == [[2], [0], [0], [], []]


def test_there_refers_back_at_the_end_of_a_clause_only() -> None:
    texts = (("mass there", 1), ("mass there, new", 1), ("mass there large", 1), ("there, a mass", 0), ("there", 0))
    assert [refers_back(parse_sentence(text), first) for text, first in texts] == [True, True, False, False, False]
    assert refers_back(parse_sentence("it is a mass"), 0)
