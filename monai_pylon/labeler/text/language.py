"""Language of a report, by frequent words: a report in another language would look normal to English rules."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from monai_pylon.labeler.text.lexicon import Lexicon

__all__ = ["foreign_language"]

_SAMPLE = 5000  # characters
_WORD = re.compile(r"[^\W\d_]+")
_FEWEST_WORDS = 8  # to judge the language by the fraction of known words
_KNOWN_WORDS = 0.2  # lowest fraction of known words in English
_LAST_LATIN = 0x24F  # last code point of Latin Extended-B


def foreign_language(text: str, languages: Mapping[str, tuple[str, ...]], lexicon: Lexicon) -> str:
    """Return the language of a text if it is not English.

    Args:
        text: The report.
        languages: Languages, "English" included, for which each word is typical.
        lexicon: The English vocabulary.

    Returns:
        Its name ("Dutch"), "another language" if that is unknown, or an empty text for English. A text of a few words
        is foreign if more of them are typical of another language than of English.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> rules = default_rules()
        >>> foreign_language("Geen pneumothorax en geen pleuravocht.", rules.languages, rules.lexicon)
        'Dutch'
        >>> foreign_language("No pneumothorax.", rules.languages, rules.lexicon)
        ''
    """
    sample = text[:_SAMPLE].lower()
    words = [word for word in _WORD.findall(sample) if len(word) > 1]
    if not sample.isascii():
        letters = sum(map(str.isalpha, sample))
        if 2 * sum(c.isalpha() and ord(c) > _LAST_LATIN for c in sample) > letters:
            return "another language"
    counts = Counter(name for word in words for name in languages.get(word, ()))
    accented = 0 if sample.isascii() else sum(not word.isascii() for word in words)
    native = counts.pop("English", 0)
    ((best, found),) = counts.most_common(1) or [("", 0)]
    if found + accented > native:
        return best if found else "another language"
    if len(words) >= _FEWEST_WORDS and sum(map(lexicon.knows, words)) < _KNOWN_WORDS * len(words):
        return "another language"
    return ""
