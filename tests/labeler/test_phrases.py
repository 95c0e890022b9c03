"""Phrase classification: where each scope begins and ends."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import classify_phrases, find_mentions, find_places, find_sizes, parse_sentence, split_report
from monai_pylon.labeler.rules import default_rules


def statuses(sentence: str) -> dict[str, str]:
    """The status of every finding of a sentence."""
    parsed = parse_sentence(sentence)
    return {mention.finding: mention.status.name for mention in find_mentions(parsed, default_rules())}


A, S, P, M = "absent", "stated", "probable", "possible"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
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
        ("Consolidation? Pneumonia", {"consolidation": S, "pneumonia": S}),
        ("The mass could not be identified", {"mass": A}),
        ("No effusion, left lung has a mass", {"pleural effusion": A, "mass": S}),
        ("Evaluate for mass", {"mass": "asked"}),
        ("History of pneumonia with new effusion", {"pneumonia": "history", "pleural effusion": S}),
    ],
)
def test_scopes(sentence: str, expected: dict[str, str]) -> None:
    assert statuses(sentence) == expected


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


@pytest.mark.parametrize(
    ("text", "diameters"),
    [
        ("12 mm", [(12.0,)]),
        ("1.2 x 0.8 cm", [(12.0, 8.0)]),
        ("1,2 cm", [(12.0,)]),
        ("12mm x 8mm", [(12.0, 8.0)]),
        ("4-6 mm", [(4.0, 6.0)]),
        ("3 by 2 by 1 cm, then 5 mm", [(30.0, 20.0, 10.0), (5.0,)]),
        ("series 3, image 12", []),
        ("from 14 mm to 7 mm", [(7.0,)]),
        ("9 mm (previously 14 mm)", [(9.0,)]),
        ("14 mm from 9 mm", [(14.0,)]),
        ("previously 14 mm", [(14.0,)]),
        ("2 cm from the pleura", []),
        ("x cm", []),
        ("3 x", []),
    ],
)
def test_sizes(text: str, diameters: list[tuple[float, ...]]) -> None:
    assert [size.diameters_mm for size in find_sizes(parse_sentence(text))] == diameters


def test_places() -> None:
    def told(text: str) -> list[tuple[str, str]]:
        return [(place.organ, place.side) for place in find_places(parse_sentence(text))]

    assert told("left lower lobe") == [("lung", "left")]
    assert told("lower lobes") == [("lung", "both")]
    assert told("LEFT-SIDED, right atrium") == [("", "left"), ("heart", "")]
    assert told("projecting over the left fifth rib") == [("", "left")]
    assert told("distribution") == []


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("One. Two.", [("One", True), ("Two", True)]),
        ("A 1.2 cm nodule. End", [("A 1.2 cm nodule", True), ("End", True)]),
        ("Up to 3 mm. Next one", [("Up to 3 mm", True), ("Next one", True)]),
        ("A line\nthat goes on.", [("A line\nthat goes on", True)]),
        ("History: Old.\n\nNew text.", [("Old", False), ("New text", True)]),
        ("HISTORY:\n\nOld. FINDINGS: New", [("Old", False), ("New", True)]),
        ("PMHx: Old. Previous imaging: Old too.\nReport: New", [("Old", False), ("Old too", False), ("New", True)]),
        ("TECHNIQUE: Axial.\nIMPRESSION: New", [("Axial", False), ("New", True)]),
        ("FINDINGS\nNew", [("New", True)]),
        ("1. One\n2) Two\n- Three", [("One", True), ("Two", True), ("Three", True)]),
        ("Effusion: none", [("Effusion: none", True)]),
        ("", []),
    ],
)
def test_sentences_and_sections(report: str, expected: list[tuple[str, bool]]) -> None:
    sentences = split_report(report)
    assert [(sentence.text, sentence.read) for sentence in sentences] == expected
    for sentence in sentences:
        assert report[sentence.start :].startswith(sentence.text)


def test_the_heading_of_an_organ_places_what_follows() -> None:
    first, second = split_report("RIGHT LUNG: One. Two.")
    assert (first.text, first.skip, second.text, second.skip) == ("RIGHT LUNG: One", 12, "Two", 0)
    assert [(s.place.organ, s.place.side) for s in (first, second)] == [("lung", "right")] * 2


def test_what_is_too_long_for_a_sentence_is_cut_between_words() -> None:
    for text in ("nodule and " * 1000, "x" * 9000, " " * 9000 + "nodule"):
        sentences = split_report(text)
        assert max(len(sentence.text) for sentence in sentences) <= 1000
        assert sum(sentence.text.count("nodule") for sentence in sentences) == text.count("nodule")
        assert sum(sentence.text.count("x") for sentence in sentences) == text.count("x")
