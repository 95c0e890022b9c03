"""Checks of a report's text before it is labeled: format, language, and whether it has anything to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from monai_pylon.labeler.findings import NOT_MENTIONED
from monai_pylon.labeler.report_text import EMPTY, LONGEST_REPORT, TOO_LONG, mend
from monai_pylon.labeler.rule_entries import CueEntry, PlaceEntry, TermEntry
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.text.characters import unify_characters
from monai_pylon.labeler.text.language import foreign_language
from monai_pylon.labeler.text.lexicon import read_words
from monai_pylon.labeler.text.sections import split_report
from monai_pylon.labeler.text.transport import unwrap

if TYPE_CHECKING:
    from monai_pylon.labeler.labeler import ReportLabeler

__all__ = ["PlainReport", "plain_report", "report_problems"]

#: Problem of a report whose words are those of another language.
NOT_ENGLISH = "not English, it seems"
#: Problem of a text that consists of other characters than words.
NOT_TEXT = "not a readable text"
#: Problem of a report that has only headings, or only sections that are not read.
NOTHING_TO_READ = "nothing to read"
#: Problem of a report of which no finding, place or word such as "normal" is known.
NOTHING_UNDERSTOOD = "nothing understood"
#: Problem of a report with U+FFFD, the replacement character.
BROKEN_CHARACTERS = "broken characters"
#: A report with other problems than these is left unlabeled. Otherwise it would look normal.
READABLE = {BROKEN_CHARACTERS}

_FEWEST_WRITTEN = 0.7  # lowest fraction of letters, digits, spaces and common punctuation
_MOST_BROKEN = 0.05  # highest fraction of broken characters
_PUNCTUATION = frozenset(" \n.,;:-/()'\"[]%?!+<>=*&#|_~^\\{}")


class PlainReport(NamedTuple):
    """Report as the labeler reads it.

    Attributes:
        text: The text without transport format, in one form of characters; positions of findings refer to it.
        remark: Format that was removed; empty if none was.
        problem: Reason why it cannot be labeled; empty if it can.

    Example:
        >>> PlainReport("Normal chest.", "", "").problem
        ''
    """

    text: str
    remark: str
    problem: str


def _is_junk(text: str) -> bool:
    """Return whether a text consists of other characters than words, or of words that are far too long."""
    sample = text[:20_000]
    written = sum(c.isalnum() or c in _PUNCTUATION for c in sample)
    broken = sample.count("\ufffd") + sum(0xD800 <= ord(c) <= 0xDFFF for c in sample if not c.isascii())
    return written < _FEWEST_WRITTEN * len(sample) or broken > max(1, _MOST_BROKEN * len(sample))


def plain_report(text: str, rules: LabelerRules) -> PlainReport:
    """Bring a report into the form that the labeler reads.

    Args:
        text: The report, in any of the formats of :func:`~monai_pylon.labeler.text.transport.unwrap`.
        rules: Rules with the vocabulary and the words of other languages.

    Returns:
        The plain report. A report that is binary, in an unknown form of a known format, or in another language has a
        problem.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> plain_report("<p>Left<br>effusion</p>", default_rules()).remark
        'markup removed'
    """
    if not text.strip():
        return PlainReport(text, "", EMPTY)
    plain, remark, problem = unwrap(text)
    if problem:
        return PlainReport("", remark, f"{NOT_TEXT}: {problem}")
    plain = unify_characters(plain if plain.isascii() else mend(plain)[0])
    if not plain.strip():
        return PlainReport(plain, remark, EMPTY)
    if not plain.isascii() and _is_junk(plain):
        return PlainReport(plain, remark, NOT_TEXT)
    language = foreign_language(plain, rules.languages, rules.lexicon)
    return PlainReport(plain, remark, f"{NOT_ENGLISH}: {language}" if language else "")


def _understands(text: str, rules: LabelerRules) -> bool:
    """Return whether a sentence has a known finding, place, or word such as "normal"."""
    words = [word.text for word in read_words(text, rules.lexicon)]
    return any(
        isinstance(entry, TermEntry | PlaceEntry) or (isinstance(entry, CueEntry) and entry.kind.startswith("normal"))
        for match in rules.lexicon.find(words)
        for entry in match.entries
    )


def report_problems(text: str, labeler: ReportLabeler) -> list[str]:
    """Name the problems of a report, in words that reveal nothing of its content.

    Args:
        text: The report.
        labeler: Labeler with the vocabulary of known words.

    Returns:
        Any of "the report is empty", "the report has more than 200,000 characters", "broken characters", "not a
        readable text", "not English, it seems" with the language, "nothing to read" (only headings, or only sections
        that are not read) and "nothing understood" (no known word). A report with any of them but "broken characters"
        has no labels: it is unknown, not normal.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> report_problems("HISTORY: Cough.", ReportLabeler()), report_problems("Keine Stauung.", ReportLabeler())
        (['nothing to read'], ['not English, it seems: German'])
    """
    if not text.strip():
        return [EMPTY]
    if len(text) > LONGEST_REPORT:
        return [TOO_LONG]
    plain, evidence = labeler.read_report(text)
    problems = [BROKEN_CHARACTERS] if "\ufffd" in text and not plain.problem.startswith(NOT_TEXT) else []
    if plain.problem:
        return [*problems, plain.problem]
    if any(one.state != NOT_MENTIONED for one in evidence):
        return problems
    sentences = [s for s in split_report(plain.text, labeler.rules) if s.read]
    if not any(c.isalpha() for s in sentences for c in s.text[s.skip :]):
        return [*problems, NOTHING_TO_READ]
    return problems if any(_understands(s.text, labeler.rules) for s in sentences) else [*problems, NOTHING_UNDERSTOOD]
