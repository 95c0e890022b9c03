"""Lexicon: word splitting, plurals and endings, longest matches."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.rule_entries import CueEntry, PlaceEntry
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.text import lexicon as module
from monai_pylon.labeler.text.lexicon import Lexicon, read_words


def lexicon_of(*phrases: str) -> Lexicon:
    """Make a lexicon in which each phrase is its own entry."""
    lexicon = Lexicon()
    for phrase in phrases:
        lexicon.add(phrase, phrase)
    return lexicon


def test_words_know_their_characters() -> None:
    text = "A 1.2 cm Right-sided nodule: new/old?"
    words = read_words(text)
    assert [word.text for word in words] == ["a", "1.2", "cm", "right", "sided", "nodule", ":", "new", "/", "old", "?"]
    assert all(text[word.start : word.end].lower() == word.text for word in words)


def test_two_fused_words_are_split() -> None:
    lexicon = lexicon_of("atelectasis", "infiltrate")
    words = read_words("an atelectasisinfiltrate", lexicon)[1:]
    assert [tuple(word) for word in words] == [
        ("atelectasis", 3, 14),
        ("/", 14, 14),
        ("infiltrate", 14, 24),
    ]


def test_where_fused_words_are_split() -> None:
    cases = [
        ("opacitycalcified", 7),
        ("distribution", 0),
        ("pleuraeffusion", 6),
        ("edemaeffusion", 5),
        ("effusionedema", 8),
        ("effusionabcde", 0),
        ("abcdeeffusion", 0),
        ("cysteffusion", 4),  # each part needs four letters
        ("effusioncyst", 8),
        ("pleuraopacity", 6),
        ("cystcyst", 0),  # eight letters
        ("cystpleura", 4),  # ten
        ("calcifiededema", 0),  # "calcif*" matches the whole word
        ("edema" + "calcif" + "x" * 49, 5),  # sixty letters
        ("edema" + "calcif" + "x" * 50, 0),
    ]
    for word, letters in cases:
        meant = lexicon_of("opacity", "calcif*", "pleura", "effusion", "edema", "cyst").meant(word)
        assert (meant[0][1] if meant else 0) == letters, word


def test_a_known_long_word_is_not_split() -> None:
    lexicon = lexicon_of("pleura", "effusion", "pleuraeffusion")
    assert lexicon.meant("pleuraeffusion") is None


def test_abbreviations_and_misspelled_words_are_read_as_what_they_mean() -> None:
    lexicon = lexicon_of("left", "pleural effusion", "consolidation", "without")
    lexicon.set_spellings({"l": ("left",), "pleff": ("pleural", "effusion"), "w/o": ("without",)}, ["consolidation"])
    text = "L pleff w/o consoldiation"
    words = read_words(text, lexicon)
    assert [(word.text, text[word.start : word.end]) for word in words] == [
        ("left", "L"),
        ("pleural", "pleff"),
        ("effusion", "pleff"),
        ("without", "w/o"),
        ("consolidation", "consoldiation"),
    ]


def test_a_letter_beside_a_number_is_no_side() -> None:
    lexicon = lexicon_of("left", "right")
    lexicon.set_spellings({"l": ("left",), "r": ("right",), "l>r": ("left", "greater")}, [])
    cases = [("L1", "l"), ("2 L of oxygen", "l"), ("the L lung", "left"), ("R. base", "right"), ("L > R", "left")]
    for text, letter in cases:
        words = [word.text for word in read_words(text, lexicon)]
        assert letter in words, text
        assert (letter in ("l", "r")) == ("left" not in words and "right" not in words), text


def test_a_word_that_means_itself_is_not_corrected() -> None:
    lexicon = lexicon_of("resection")
    lexicon.set_spellings({"rejection": ()}, ["resection"])
    assert lexicon.meant("rejection") is None
    assert lexicon.meant("resecton") == (("resection", 0),)


def test_the_longest_whole_phrase_matches() -> None:
    lexicon = lexicon_of("rib", "lung", "lung base", "calcif*", "opacity")
    words = ["distribution", "of", "the", "lung", "bases", "calcifications", "opacities", "lung", "ribs", "calc"]
    found = lexicon.find(words)
    assert [match.entries for match in found] == [["lung base"], ["calcif*"], ["opacity"], ["lung"], ["rib"]]
    assert [(match.first, match.last) for match in found] == [(3, 5), (5, 6), (6, 7), (7, 8), (8, 9)]


def test_a_phrase_that_is_not_completed_leaves_the_shorter_match() -> None:
    lexicon = lexicon_of("lung", "lung base scar")
    assert [match.entries for match in lexicon.find(["lung", "base", "mass", "lung"])] == [["lung"], ["lung"]]
    assert lexicon.find(["base", "scar"]) == []


def test_plurals() -> None:
    lexicon = lexicon_of("mass", "rib", "opacity", "is", "bus")
    assert all(lexicon.knows(word) for word in ("masses", "ribs", "opacities", "is", "bus"))
    assert not any(lexicon.knows(word) for word in ("rib s", "opacitie", "iss", "bu", "mas", "ri"))
    assert not lexicon_of("i").knows("is")  # a word of two letters is no plural
    assert not lexicon_of("ga").knows("gas")
    assert lexicon_of("line").knows("lines")


def test_endings() -> None:
    lexicon = lexicon_of("calcif*")
    assert [lexicon.knows(word) for word in ("calcif", "calcified", "calcium", "decalcified")] == [
        True,
        True,
        False,
        False,
    ]


def test_the_entries_of_the_exact_form_come_first() -> None:
    lexicon = lexicon_of("calcif*", "calcification", "calcifications")
    (match,) = lexicon.find(["calcifications"])
    assert match.entries == ["calcifications", "calcification", "calcif*"]


def test_a_new_phrase_is_found_at_once() -> None:
    lexicon = lexicon_of("rib")
    assert not lexicon.knows("lung")
    lexicon.add("lung", "lung")
    assert lexicon.knows("lung")


def test_the_cache_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CACHED_WORDS", 2)
    lexicon = lexicon_of("rib")
    assert [lexicon.knows(word) for word in ("a", "b", "ribs", "a")] == [False, False, True, False]
    assert set(lexicon._cache) == {"a", "b"}
    for word in ("ribs", "c", "d", "ribs"):
        assert (len(lexicon.find([word])), lexicon.meant(word)) == (word == "ribs", None)
    assert max(len(lexicon._starting), len(lexicon._meant)) == 2


def test_an_adverb_without_a_meaning_may_stand_within_a_phrase() -> None:
    lexicon = lexicon_of("cannot be excluded", "is clear", "nearly")
    assert [match.entries for match in lexicon.find(["cannot", "convincingly", "be", "excluded"])] == [
        ["cannot be excluded"]
    ]
    assert [match.entries for match in lexicon.find(["is", "nearly", "clear"])] == [["nearly"]]
    assert lexicon.find(["convincingly", "be", "excluded", "is"]) == []


def test_contractions_are_two_words() -> None:
    words = read_words("It isn't there and can't be.", default_rules().lexicon)
    assert [word.text for word in words] == ["it", "is", "not", "there", "and", "cannot", "be"]


def test_an_adverb_may_stand_within_a_phrase() -> None:
    lexicon = lexicon_of("not seen", "not", "barely", "no change at all")
    cases = [
        ("not seen", [(0, 2)]),
        ("not convincingly seen", [(0, 3)]),
        ("not convincingly clearly seen", [(0, 4)]),
        ("not barely seen", [(0, 1), (1, 2)]),  # a phrase of its own
        ("not well seen", [(0, 1)]),
        ("not clearly", [(0, 1)]),
        ("no change", []),
        ("no change at all not", [(0, 4), (4, 5)]),
    ]
    for text, spans in cases:
        assert [(match.first, match.last) for match in lexicon.find(text.split())] == spans, text


def test_regular_plurals_and_endings() -> None:
    lexicon = lexicon_of("nodule", "opacity", "mass", "calcif*", "ga", "abc")
    for word, known in {
        "nodules": True,
        "opacities": True,
        "opacitys": True,
        "masses": True,
        "massess": False,
        "calcif": True,
        "calcified": True,
        "calci": False,
        "gas": False,  # three letters
        "abcs": True,
        "nodul": False,
    }.items():
        assert lexicon.knows(word) is known, word


def test_a_connecting_word_may_touch_a_known_one() -> None:
    lexicon = lexicon_of("effusion", "fibrosis", "nodule")
    lexicon.set_spellings({}, (), ("and", "with"))
    cases = {
        "effusionand": (("effusion", 8), ("and", 3)),
        "andeffusion": (("and", 3), ("effusion", 8)),
        "withfibrosis": (("with", 4), ("fibrosis", 8)),
        "noduleand": None,  # six letters
        "effusionor": None,
    }
    assert {word: lexicon.meant(word) for word in cases} == cases
    assert [tuple(word) for word in read_words("An effusionand", lexicon)] == [
        ("an", 0, 2),
        ("effusion", 3, 11),
        ("and", 11, 14),
    ]


def test_a_side_letter_beside_a_digit_is_no_side() -> None:
    lexicon = lexicon_of("left")
    lexicon.set_spellings({"l": ("left",)}, ())
    for text, words in {
        "L lung": ["left", "lung"],
        "L1 lung": ["l", "1", "lung"],
        "2 L lung": ["2", "l", "lung"],
        "2L lung": ["2", "l", "lung"],
        "the L": ["the", "left"],
    }.items():
        assert [word.text for word in read_words(text, lexicon)] == words, text


def test_phrases_by_kind() -> None:
    lexicon = Lexicon()
    for phrase, entry in (
        ("one", PlaceEntry("lung", "")),
        ("two", CueEntry("verb", "", 0)),
        ("three", CueEntry("list", "", 0)),
    ):
        lexicon.add(phrase, entry)
    lexicon.add("four*", CueEntry("verb", "", 0))
    lexicon.add("<be> five", CueEntry("verb", "", 0))
    assert lexicon.phrases(CueEntry) == ["two", "three"]
    assert lexicon.phrases(CueEntry, "verb") == ["two"]
    assert lexicon.phrases(CueEntry, "list", "unit") == ["three"]
    assert lexicon.phrases(PlaceEntry) == ["one"]
