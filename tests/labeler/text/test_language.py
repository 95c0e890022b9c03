"""Language of a report."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.text.language import foreign_language

LABELER = ReportLabeler()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Geen pneumothorax.", "Dutch"),
        ("Klein infiltraat in de linker onderkwab, verder geen afwijkingen.", "Dutch"),
        ("Ingen pleuravätska. Hjärtat normalstort.", "Swedish"),
        ("Pas de pneumothorax.", "French"),
        ("Épanchement pleural gauche.", "French"),
        ("Versamento pleurico sinistro.", "Italian"),
        ("Kein Erguss.", "German"),
        ("Derrame pleural izquierdo.", "Spanish"),
        ("Sem derrame.", "Portuguese"),
        ("Безпатологии.", "another language"),
        ("The left lung: Безпатологических изменений.", "another language"),  # more than half of the letters
        ("Úplavice.", "another language"),
    ],
)
def test_other_languages_are_not_labeled(text: str, language: str) -> None:
    rules = default_rules()
    assert foreign_language(text, rules.languages, rules.lexicon) == language
    assert LABELER.problems(text) == [f"not English, it seems: {language}"]
    assert LABELER.label(text) == []
    assert (LABELER.states([text]) == -2).all()


@pytest.mark.parametrize(
    "text",
    [
        "No PTX.",
        "Cardiomegaly.",
        "RLL PNA.",
        "Normal chest.",
        "Left effusion, 5 µm.",
        "Emphysema. Fibrosis.",
        "LUL nod 6mm.",
        "Left mass. Иванович",  # half of the letters
        "Left lung mass. Иванов",
        "Left ɏɏɏɏɏ",  # Latin letters
    ],
)
def test_short_english(text: str) -> None:
    rules = default_rules()
    assert foreign_language(text, rules.languages, rules.lexicon) == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("z z q q z z q q z", ""),  # letters are no words
        ("aa bb cc dd ee ff gg", ""),  # too few words to judge
        ("aa bb cc dd ee ff gg hh", "another language"),
        ("aa bb cc dd ee ff gg hh mass effusion", ""),  # a fifth is known
        ("aa bb cc dd ee ff gg hh jj mass", "another language"),
        ("There is a small nodule in the right upper lobe, and no effusion.", ""),
    ],
)
def test_the_share_of_known_words_in_eight_words_or_more(text: str, language: str) -> None:
    rules = default_rules()
    assert foreign_language(text, rules.languages, rules.lexicon) == language


def test_the_beginning_of_a_long_report_tells_its_language() -> None:
    rules = default_rules()
    text = "nodule " * 720 + "geen " * 900
    assert foreign_language(text, rules.languages, rules.lexicon) == ""
    assert foreign_language(text[5000:], rules.languages, rules.lexicon) == "Dutch"
