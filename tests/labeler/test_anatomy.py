"""Anatomical terms of a sentence."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.anatomy import Place, find_places
from monai_pylon.labeler.grammar.phrases import parse_sentence


def places(text: str, *skip: int) -> list[tuple[str, str]]:
    """Return organ and side of each place of a sentence."""
    return [(place.organ, place.side) for place in find_places(parse_sentence(text), *skip)]


def test_places() -> None:
    cases = [
        ("left lower lobe", [("lung", "left")]),
        ("lower lobes", [("lung", "both")]),
        ("LEFT-SIDED, right atrium", [("", "left"), ("heart", "")]),
        ("distribution", []),
        # a place elsewhere within eight words after "projecting over" is ignored, and a verb ends this
        ("projecting over the left fifth rib", [("", "left")]),
        ("projecting over one two three four five six seven eight rib", []),
        ("projecting over one two three four five six seven eight nine rib", [("elsewhere", "")]),
        ("projecting over the aorta", [("great vessel", "")]),
        ("projecting over the heart is a rib", [("heart", ""), ("elsewhere", "")]),
        # beside a hilum is in the lung of its side
        ("left hilum", [("mediastinum", "left")]),
        ("abutting the left hilum", [("", "left")]),
        ("projecting over the left hilum", [("", "left")]),
        ("abutting the hilum", [("mediastinum", "")]),
        ("abutting the left lung", [("lung", "left")]),
        # a place within four words after "sparing" is ignored, and "but" ends this
        ("sparing one two three four left lung", []),
        ("sparing one two three four five left lung", [("lung", "left")]),
        ("sparing but left lung", [("lung", "left")]),
        ("right lung and left lung spared", [("lung", "right")]),
        ("left lung is spared", []),
        ("left lung one spared", []),
        ("left lung one two spared", [("lung", "left")]),
        ("spared", []),
    ]
    for text, expected in cases:
        assert places(text) == expected, text


@pytest.mark.parametrize(("words", "beside"), [(6, True), (7, False)])
def test_a_place_within_six_words_after_a_beside_cue_is_touched(words: int, beside: bool) -> None:
    (place,) = find_places(parse_sentence("abutting " + "one " * words + "aorta"))
    assert place.beside is beside


@pytest.mark.parametrize(("words", "partial"), [(0, True), (4, True), (5, False)])
def test_a_place_within_four_words_after_worst_in_is_not_the_only_one(words: int, partial: bool) -> None:
    (place,) = find_places(parse_sentence("worst in " + "one " * words + "aorta"))
    assert place.partial is partial


def test_in_names_the_place_of_a_finding_that_touches_another() -> None:
    cases = [
        ("left mass abuts the aorta and the heart", [False, True, True]),
        ("left mass abuts the aorta in the lingula", [False, True, False]),
        ("mass abuts the aorta in the lingula", [True, False]),
        ("mass in the lingula abuts the aorta", [False, True]),
    ]
    for text, beside in cases:
        assert [place.beside for place in find_places(parse_sentence(text))] == beside, text


def test_the_contralateral_side_is_the_other_one_than_before() -> None:
    cases = [
        ("left mass and contralateral effusion", ["left", "right"]),
        ("right mass, heart enlarged, effusion on the opposite side", ["right", "", "left"]),
        ("contralateral effusion", []),
        ("bilateral masses and contralateral effusion", ["both"]),
    ]
    for text, sides in cases:
        assert [side for _, side in places(text)] == sides, text


@pytest.mark.parametrize("cue", ["is", "but", "with"])
def test_a_verb_ends_a_beside_cue(cue: str) -> None:
    (place,) = find_places(parse_sentence(f"abutting {cue} aorta"))
    assert not place.beside


def test_a_place_is_not_touched_by_default() -> None:
    assert Place("lung", "left", 0, 1) == ("lung", "left", 0, 1, False, "", False)


def test_a_place_knows_its_words() -> None:
    lobe, aorta = find_places(parse_sentence("in the right upper lobe and aorta"))
    assert (lobe.first, lobe.last, aorta.first, aorta.last) == (2, 5, 6, 7)
    assert not lobe.beside
    assert not aorta.beside


def test_the_heading_is_skipped() -> None:
    assert places("Heart: left lung", 7) == [("lung", "left")]
    assert places("Heart: left lung", 8) == []
    assert places("Heart: left lung") == [("heart", ""), ("lung", "left")]


def test_a_place_at_a_distance_is_none() -> None:
    assert places("left nodule 2 cm from the aorta") == [("", "left")]
    assert places("left nodule extends from the aorta") == [("", "left"), ("great vessel", "")]
