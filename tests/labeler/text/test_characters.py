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
        ("a\u2028b\u2029c\u0085d\u000be\u000cf", "a\nb\nc\nd\ne\nf"),
        ("1\u20102\u20113\u20124\u20135\u20146\u20157\u22128\ufe639\uff0d0", "1-2-3-4-5-6-7-8-9-0"),
        ("a\u2018b\u2019c\u201bd\u2032e\u02bcf\u00b4g", "a'b'c'd'e'f'g"),
        ("a\u201cb\u201dc\u2033d\u00abe\u00bbf", 'a"b"c"d"e"f'),
        ("a\u2022b\u25cfc\u25aad\u2023e\u2043f\u00b7g", "a\u2022b\u2022c\u2022d\u2022e\u2022f\u2022g"),
        ("\u2264 5, \u2265 6, a\u2192b, 1\u20442, 1\u22152", "< 5, > 6, a b, 1/2, 1/2"),
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
        ("| Mass | left | 3 cm |\n|:- | - : |-- |", "Mass, left, 3 cm\n"),
        ("| Mass | |", "Mass"),
        # each kind of emphasis, title and leader alone
        ("**Heart** normal", "Heart normal"),
        ("__Heart__ normal", "Heart normal"),
        ("`Heart` normal", "Heart normal"),
        ("# Heart", "Heart"),
        ("> Heart", "Heart"),
        ("----\nHeart", "\nHeart"),
        ("====\nHeart", "\nHeart"),
        ("____\nHeart", "\nHeart"),
        ("****\nHeart", "\nHeart"),
        ("~~~~\nHeart", "\nHeart"),
        ("Pneumonia? No", "Pneumonia: No"),
        ("Pneumonia .... negative", "Pneumonia: negative"),
        ("Pneumonia ____ negative", "Pneumonia: negative"),
        ("Pneumonia . . . . negative", "Pneumonia: negative"),
        # boxes: several chosen options, and what stands between them
        ("Effusion: [x] right, [x] left [ ] none", "Effusion: right, left"),
        ("Heart\nEffusion: \u2610 right\n  Mass", "Heart\n\n  Mass"),
        ("a\tb\x01c\x7f", "a bc"),
        # letters of another script in less than half of a text
        ("m\u0430\u0455es", "mases"),
        ("ma\u0430\u0455", "ma\u0430\u0455"),
        ("\u024f\u0430m", "\u024fam"),
    ],
)
def test_one_form(text: str, unified: str) -> None:
    assert unify_characters(text) == unified


def test_a_text_in_another_script_keeps_its_letters() -> None:
    assert unify_characters("\u043d\u043e\u0440\u043c\u0430") == "\u043d\u043e\u0440\u043c\u0430"
