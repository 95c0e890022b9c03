"""Classes of words in phrases."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.text.lexicon import Lexicon
from monai_pylon.labeler.text.word_classes import expand_phrase, members

CLASSES = {"be": ("is", "has been"), "seen": ("seen", "visible")}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("no mass", ["no mass"]),
        ("<seen>", ["<seen>"]),
        ("<be> <seen>", ["<be> <seen>", "has been <seen>"]),
        ("<be?> not <seen>", ["not <seen>", "<be> not <seen>", "has been not <seen>"]),
    ],
)
def test_phrases_of_classes(phrase: str, expected: list[str]) -> None:
    assert expand_phrase(phrase, CLASSES) == expected


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(KeyError, match="sean"):
        expand_phrase("<sean>", CLASSES)


def test_a_phrase_that_is_written_out_is_preferred() -> None:
    lexicon = Lexicon()
    lexicon.set_classes(members(CLASSES))
    for phrase in expand_phrase("<be?> not <seen>", CLASSES):
        lexicon.add(phrase, "class")
    lexicon.add("not visible", "own")
    found = [lexicon.find(text.split())[0].entries for text in ("not seen", "has been not visible", "not visible")]
    assert found == [["class"], ["class"], ["own"]]
