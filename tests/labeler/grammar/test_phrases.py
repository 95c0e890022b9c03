"""Phrase classification: the first and last word of each scope."""

from __future__ import annotations

from monai_pylon.labeler.grammar.phrases import classify_phrases, parse_sentence
from monai_pylon.labeler.grammar.statements import any_within
from tests.labeler.grammar.statuses import A, M, P, S, assert_statuses, statuses


def test_statuses_of_findings() -> None:
    cases = [
        ("No effusion or pneumothorax", {"pleural effusion": A, "pneumothorax": A}),
        ("No effusion, pneumothorax, or large mass", {"pleural effusion": A, "pneumothorax": A, "mass": A}),
        ("No effusion, small mass", {"pleural effusion": A, "mass": S}),
        ("No effusion, there is a mass", {"pleural effusion": A, "mass": S}),
        ("No effusion but a mass", {"pleural effusion": A, "mass": S}),
        ("No effusion; mass", {"pleural effusion": A, "mass": S}),
        ("No effusion, however the mass is large", {"pleural effusion": A, "mass": S}),
        ("No effusion with a stable mass", {"pleural effusion": A, "mass": S}),
        ("No effusion and the mass is stable", {"pleural effusion": A, "mass": S}),
        ("No effusion and no mass", {"pleural effusion": A, "mass": A}),
        ("Mass without effusion", {"mass": S, "pleural effusion": A}),
        ("The mass is stable and the effusion has resolved", {"mass": S, "pleural effusion": A}),
        ("Mass, effusion resolved", {"mass": S, "pleural effusion": A}),
        ("The mass, seen before, has resolved", {"mass": A}),
        ("Resolved effusion", {"pleural effusion": A}),
        ("The effusion has not resolved", {"pleural effusion": S}),
        ("No change in the effusion", {"pleural effusion": S}),
        ("Mass: none", {"mass": A}),
        ("Mass: no", {"mass": A}),
        ("Likely pneumonia", {"pneumonia": P}),
        ("Possible pneumonia with effusion", {"pneumonia": M, "pleural effusion": S}),
        ("Opacity, which may represent pneumonia or mass", {"opacity": S, "pneumonia": M, "mass": M}),
        ("Opacity, pneumonia versus mass", {"opacity": S, "pneumonia": M, "mass": M}),
        ("Pneumonia cannot be excluded", {"pneumonia": M}),
        ("Probable pneumonia but no effusion", {"pneumonia": P, "pleural effusion": A}),
        ("No possible mass", {"mass": A}),
        ("Mass is unlikely to be infectious and is probably scarring", {"mass": S, "infection": A, "scarring": P}),
        ("Consolidation ?pneumonia", {"consolidation": S, "pneumonia": M}),
        ("Consolidation? Pneumonia", {"consolidation": M, "pneumonia": S}),
        ("The mass could not be identified", {"mass": A}),
        ("No effusion, left lung has a mass", {"pleural effusion": A, "mass": S}),
        ("Evaluate for mass", {"mass": "asked"}),
        ("History of pneumonia with new effusion", {"pneumonia": "history", "pleural effusion": S}),
    ]
    assert_statuses(cases)


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


def scope(text: str) -> str:
    """Return the words of a sentence that are not stated."""
    parsed = parse_sentence(text)
    return " ".join(word.text for word, one in zip(parsed.words, parsed.statuses, strict=True) if one.name != "stated")


def test_words_in_a_scope() -> None:
    cases = [
        # a scope to the right ends at "but", ";", "?", "with" and at a new statement
        ("xx no yy zz", "no yy zz"),
        ("no xx but yy", "no xx"),
        ("no xx ; yy", "no xx"),
        ("no xx with yy", "no xx"),
        ("no xx , yy", "no xx , yy"),
        ("no xx , small yy", "no xx"),
        ("no xx and small yy", "no xx"),
        ("no xx and yy", "no xx and yy"),
        ("no xx and is yy", "no xx"),
        ("no xx , yy is zz", "no xx"),
        ("no xx , yy is", "no xx , yy is"),
        ("no xx , is yy", "no xx , is yy"),
        ("no xx , mass is yy", "no xx , mass is yy"),
        ("no xx , yy , is zz", "no xx , yy , is zz"),
        ("no xx , yy ; is zz", "no xx , yy"),
        ("no xx , small yy or zz", "no xx , small yy or zz"),
        ("no xx / yy , small / zz", "no xx / yy , small / zz"),
        ("no xx , small yy ; zz or ww", "no xx"),
        ("no xx , small yy but zz or ww", "no xx"),
        ("no xx and", "no xx and"),
        ("no xx ,", "no xx ,"),
        ("no xx , small", "no xx"),
        ("no xx or , small yy", "no xx or"),
        ("no xx and yy is zz", "no xx and yy is zz"),
        ("no xx , yy is zz or ww", "no xx , yy is zz or ww"),
        ("no xx , , yy is zz", "no xx ,"),
        # a scope to the left begins after "but" and ";", and after a comma or "with" if a finding is between
        ("xx but mass absent", "mass absent"),
        ("xx ; mass absent", "mass absent"),
        ("mass but absent", "absent"),
        ("xx , mass absent", "mass absent"),
        ("mass , xx absent", "mass , xx absent"),
        ("xx with mass absent", "mass absent"),
        ("xx and mass absent", "xx and mass absent"),
        ("xx and the mass absent", "the mass absent"),
        ("mass and the right resolved", "the right resolved"),
        ("mass and the one resolved", "the one resolved"),
        ("mass , the right resolved", "the right resolved"),
        ("mass and the right xx resolved", "mass and the right xx resolved"),
        ("mass and the liver resolved", "mass and the liver resolved"),
        ("mass xx clear , lungs are clear", "lungs are clear"),
        ("mass , xx are clear", "xx are clear"),
        # either side
        ("mass resolved xx", "mass resolved"),
        ("xx resolved mass", "resolved mass"),
        ("mass ; resolved xx", "resolved xx"),
        # a negation at the end
        ("xx , mass : no", "mass : no"),
        # both sides
        ("xx mass yy versus cyst zz", "mass yy versus cyst zz"),
        ("mass xx cyst versus yy", "cyst versus yy"),
        ("mass ; xx versus yy", "versus yy"),
        ("mass but versus yy", "versus yy"),
        ("versus mass", "versus mass"),
        ("cyst xx versus mass with yy", "cyst xx versus mass"),
        # a question
        ("xx ?mass with yy", "? mass"),
        ("xx ? mass", "? mass"),
        ("xx ?; mass", "xx"),
        ("evaluate for xx with yy", "evaluate for xx with yy"),
        ("evaluate for xx but yy", "evaluate for xx"),
    ]
    for text, expected in cases:
        assert scope(text) == expected, text


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
    assert {status.name for status in parse_sentence("no mass", always=False).statuses} == {A}
    assert {status.name for status in parse_sentence("no heart", always=False).statuses} == {A}  # "heart ... enlarged"


def test_the_kinds_of_a_match() -> None:
    parsed = parse_sentence("no mass but effusion")
    assert [parsed.has(number, "contrast", "exception") for number in range(4)] == [False, False, True, False]
    assert parsed.first_words("negates after", "contrast") == {0, 2}
