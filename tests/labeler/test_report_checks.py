"""Checks of reports: markup, language, and whether there is anything to read."""

from __future__ import annotations

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.report_checks import _is_junk, report_problems

LABELER = ReportLabeler()


def test_problems() -> None:
    cases = [
        ("FINDINGS: Heart size is normal. No effusion.", []),
        (" \n", ["the report is empty"]),
        ("a" * 200_000, ["nothing understood"]),
        ("a" * 200_001, ["the report has more than 200,000 characters"]),
        ("No mass\ufffd.", ["broken characters"]),
        ("5 x.", ["nothing understood"]),
        ("HISTORY: Cough.", ["nothing to read"]),
        ("HISTORY: Pneumonia.", ["nothing to read"]),  # known words of a section that is not read do not count
        ("Evaluate for pneumonia.", []),
        ("The left lung.", []),  # a place, or a word such as "normal", is understood
        ("Unremarkable study.", []),
        ("\ufffd\ufffd\ufffd\ufffd\ufffd ab", ["not a readable text"]),
        ("FINDINGS:", ["nothing to read"]),
        ("RIGHT LUNG:\n12.", ["nothing to read"]),
        ("HISTORY: \ufffd", ["broken characters", "nothing to read"]),
        # at least eight words, of which fewer than a fifth are known
        ("aa bb cc dd ee ff gg", ["nothing understood"]),
        ("aa bb cc dd ee ff gg hh", ["not English, it seems: another language"]),
        ("aa bb cc dd ee ff gg hh jj kk 12 mass", ["not English, it seems: another language"]),
        ("aa bb cc dd ee ff gg hh mass effusion", []),
        ("aa bb cc dd ee ff gg hh jj mass", ["not English, it seems: another language"]),
        # more than half of the letters are of other scripts; U+024F is the last Latin letter that is accepted
        ("a small mass \u0431\u0431", []),
        ("mass \u0430\u0430\u0430\u0430\u0430", ["not English, it seems: another language"]),
        ("\u024f\u024f mass in the lung", []),
        ("\u0250\u0250", ["not English, it seems: another language"]),
        ("\u0660\u0661 mass", []),  # digits are no letters
        ("mass " * 1000 + "aa " * 9000, []),  # only the first 5000 characters are checked
    ]
    for text, problems in cases:
        assert report_problems(text, LABELER) == problems, text


def test_texts_of_other_characters_than_words() -> None:
    """At least 70 % must be letters, digits, spaces or punctuation; of 60 characters, 3 may be broken, but always 1."""
    cases = [
        ("a" * 7 + "@" * 3, False),
        ("a" * 6 + "@" * 4, True),
        ("", False),
        ("mass\ufffd", False),
        ("mass.\ufffd\ufffd", True),
        ("a" * 57 + "\ufffd" * 3, False),
        ("a" * 56 + "\ufffd" * 4, True),
        ("a" * 57 + "\ud800\udfff\ufffd", False),
        ("a" * 56 + "\ud800\udfff" * 2, True),
        ("a" * 20_000 + "@" * 99_999, False),  # only the first 20,000 characters are checked
        ("@" * 6_001 + "a" * 20_000, True),
    ]
    for text, junk in cases:
        assert _is_junk(text) == junk, text[-10:]
