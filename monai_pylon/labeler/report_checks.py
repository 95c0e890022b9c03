"""Checks of a report's text before it is labeled: HTML, language, and whether it has anything to read."""

from __future__ import annotations

import html
import re

from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.text.lexicon import read_words
from monai_pylon.labeler.report_text import EMPTY, LONGEST_REPORT, TOO_LONG
from monai_pylon.labeler.text.sections import split_report

__all__ = ["report_problems", "without_markup"]

#: Problem of a report in which most words are unknown.
NOT_ENGLISH = "not English, it seems"
#: Problem of a report that has only headings, or only sections that are not read.
NOTHING_TO_READ = "nothing to read"
#: Problem of a report with U+FFFD, the replacement character.
BROKEN_CHARACTERS = "broken characters"
#: A report with one of these problems is left unlabeled. Otherwise a report in another language would look normal.
UNREADABLE = {EMPTY, TOO_LONG, NOT_ENGLISH, NOTHING_TO_READ}

_LANGUAGE_SAMPLE = 5000  # characters
_FEWEST_WORDS = 8  # to judge the language by words
_KNOWN_WORDS = 0.2  # lowest fraction of known words in English
_LAST_LATIN = 0x24F  # last code point of Latin Extended-B
_TAG = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,500})?/?|!--.{0,500}?--)>", re.DOTALL)


def has_markup(text: str) -> bool:
    """Return whether a text has HTML tags."""
    return _TAG.search(text) is not None


def without_markup(text: str) -> str:
    """Remove HTML from a report: block tags become line ends, other tags vanish, and entities become characters.

    Args:
        text: The report. "<" and "&" as radiologists write them ("nodules < 5 mm") stay.

    Returns:
        The plain text.

    Example:
        >>> without_markup("<b>Nodule</b> &lt; 5 mm")
        'Nodule < 5 mm'
    """
    text = re.sub(r"<(?:br|/?p|/?div|/?li|/?tr|/?h\d)\b[^<>]{0,500}>", "\n", text, flags=re.IGNORECASE)
    return html.unescape(_TAG.sub("", text))


def _is_foreign(text: str, labeler: ReportLabeler) -> bool:
    """Return whether the start of a text has few known words, or mostly letters of other scripts than Latin."""
    sample = text[:_LANGUAGE_SAMPLE]
    words = [word.text for word in read_words(sample) if word.text.isalpha()]
    known = sum(map(labeler.rules.lexicon.knows, words))
    letters = sum(map(str.isalpha, sample))
    other_scripts = 0 if sample.isascii() else sum(c.isalpha() and ord(c) > _LAST_LATIN for c in sample)
    return (len(words) >= _FEWEST_WORDS and known < _KNOWN_WORDS * len(words)) or other_scripts > 0.5 * letters


def report_problems(text: str, labeler: ReportLabeler) -> list[str]:
    """Name the problems of a report, in words that reveal nothing of its content.

    Args:
        text: The report without markup.
        labeler: Labeler with the vocabulary of known words.

    Returns:
        Any of "the report is empty", "the report has more than 200,000 characters", "broken characters", "not English,
        it seems" and "nothing to read"; the last means only headings, or only sections that are not read.

    Example:
        >>> report_problems("HISTORY: Cough.", ReportLabeler())
        ['nothing to read']
    """
    if not text.strip():
        return [EMPTY]
    if len(text) > LONGEST_REPORT:
        return [TOO_LONG]
    problems = [BROKEN_CHARACTERS] if "\ufffd" in text else []
    if _is_foreign(text, labeler):
        problems.append(NOT_ENGLISH)
    read = [s for s in split_report(text, labeler.rules) if s.read and any(c.isalpha() for c in s.text[s.skip :])]
    return problems + ([] if read else [NOTHING_TO_READ])
