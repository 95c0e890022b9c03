"""Characters of a report in one form."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.text.characters import unify_characters


@pytest.mark.parametrize(
    ("text", "unified"),
    [
        ("Left effusion.\nMass", "Left effusion.\nMass"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("left effu\u200bsi\u00adon\ufeff", "left effusion"),
        ("left\u00a0lung\u3000mass", "left lung mass"),
        ("e\ufb00usion", "effusion"),
        ("\uff4dass", "mass"),
        ("l\u0435ft effusi\u043en", "left effusion"),  # Cyrillic letters
        ("3\u20134 mm, 2\u00d73", "3-4 mm, 2x3"),
        ("**Heart**: `normal`", "Heart: normal"),
        ("## Findings", "Findings"),
        ("[**2180-3-4**] mass", "  mass"),
        ("Effusion: [x] right [ ] left", "Effusion: right"),
        ("\u2610 Mass \u2611 Nodule", "Nodule"),
        ("Mass: ( ) yes (x) no", "Mass: no"),
        ("Mass: [x]", "Mass: present"),
        ("Mass: [ ] right [ ] left\nNodule", "\nNodule"),
        ("Mass ( ) in the lung", "Mass ( ) in the lung"),
        ("| Mass | left |\n|---|---|", "Mass: left\n"),
    ],
)
def test_one_form(text: str, unified: str) -> None:
    assert unify_characters(text) == unified


def test_a_text_in_another_script_keeps_its_letters() -> None:
    assert unify_characters("\u043d\u043e\u0440\u043c\u0430") == "\u043d\u043e\u0440\u043c\u0430"
