"""Sections and sentences of a report: headings are recognized; history, comparison and technique are not read."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from monai_pylon.labeler.rules import LabelerRules, PlaceEntry, default_rules

__all__ = ["ReportSentence", "split_report"]

_NO_PLACE = PlaceEntry("", "")
_LONGEST_SENTENCE = 1000  # characters
_LONGEST_HEADING = 45  # characters
_SPACE = re.compile(r"\s*")
_LIST_MARK = re.compile(r"\s*(?:[-*•·]+|\(?\d{1,2}[.)](?!\d))\s*")
_HEADING = re.compile(r"[A-Za-z][A-Za-z /&,-]{1,44}")
# A sentence ends at ?, at !, at a full stop that belongs to no number and no abbreviation, at a blank line, before a
# list mark, and at a line end before a line that begins like a sentence or a heading (not with a single abbreviation).
# The number of stops in a row is limited to eight: without a limit, the search time is quadratic in their number.
_END = re.compile(
    r"(?<!^\d)(?<!^\d\d)(?<!\b[A-Za-z])(?<!\bDr)(?<!\bvs)(?<!\bapprox)(?<!\bcm)(?<!\bmm)[.!?]{1,8}(?=\s|\Z|[A-Z])"
    r"|(?<=\b[cm]m)\.(?=\s+[A-Z]|\s*\Z)|(?<=\bvs)\.(?=\s*\Z)|(?<=\b[A-Za-z])\.(?=\s+[A-Z][a-z]|\s*\Z)"
    r"|\n\s*\n|\n(?=\s*(?:[-*•·]|\(?\d{1,2}[.)](?!\d)))|\n(?=\s*[A-Z][a-z])"
    r"|\n(?=\s*[A-Z]{2,} [A-Z]{2,})|\n(?=\s*[A-Z][A-Z /&-]+(?::|\n|\Z))",
    re.MULTILINE,
)


class ReportSentence(NamedTuple):
    """Sentence of a report that begins at character ``start``, with its section heading.

    A heading that names an organ stays at the start of its first sentence ("Heart: enlarged"); it is ``skip``
    characters long.

    Example:
        >>> ReportSentence("No mass", 10, "findings", True, PlaceEntry("", "")).read
        True
    """

    text: str
    start: int
    section: str
    read: bool
    place: PlaceEntry
    skip: int = 0


def _after_space(text: str, start: int, end: int) -> int:
    return _SPACE.match(text, start, end).end()  # type: ignore[union-attr]  # it always matches


def _heading(text: str, start: int, rules: LabelerRules) -> tuple[str, int] | None:
    """Return the known heading at a character and the end of it, or None.

    A heading is followed by a colon, or is in capitals on a line of its own.
    """
    match = _HEADING.match(text, start)
    if match is None:
        return None
    name = match.group().strip()
    plain = " ".join(name.lower().split())
    end = match.end()
    if text[end : end + 1] == ":" and plain in rules.sections:
        return plain, end + 1
    alone = text[end : end + 1] in ("\n", "") or text[end : end + 2] == "\r\n"
    if alone and plain in rules.sections and start + len(name) < len(text) and name.isupper():
        return plain, end
    return None


def _sentence_starts(text: str, rules: LabelerRules) -> list[int]:
    """Return where sentences begin: after each end, and at headings in capitals ("HISTORY: ... FINDINGS: ...")."""
    starts = {0}
    starts.update(match.end() for match in _END.finditer(text))
    for colon in re.finditer(r":", text):
        before = re.search(r"[A-Z][A-Z /&-]*$", text[max(0, colon.start() - _LONGEST_HEADING) : colon.start()])
        if before is None:
            continue
        words = before.group().split(" ")
        for first in range(len(words)):  # "MASS FINDINGS:": the longest ending that is a heading
            name = " ".join(words[first:])
            if name.lower() in rules.sections:
                starts.add(colon.start() - len(name))
                break
    for start, end in pairwise(sorted(starts | {len(text)})):
        while end - start > _LONGEST_SENTENCE:  # not a sentence; the time for one grows faster than its length
            start = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE) + 1 or start + _LONGEST_SENTENCE
            starts.add(start)
    return sorted(starts)


def split_report(text: str, rules: LabelerRules | None = None) -> list[ReportSentence]:
    """Split a report into sentences, each with its section.

    A section that is not read (history, comparison, technique, recommendation) ends at the next known heading, or at a
    blank line after its text.

    Args:
        text: The report.
        rules: Rules from :func:`~monai_pylon.labeler.rules.read_rules`; None uses those of the package.

    Returns:
        The sentences, including those of sections that are not read.

    Example:
        >>> [(s.text, s.section, s.read) for s in split_report("HISTORY: Mass. FINDINGS: Lungs: Clear.")]
        [('Mass', 'history', False), ('Lungs: Clear', 'lungs', True)]
    """
    rules = default_rules() if rules is None else rules
    sentences: list[ReportSentence] = []
    section, read, place = "", True, _NO_PLACE
    has_text = False  # whether the section has had a sentence
    for start, end in pairwise([*_sentence_starts(text, rules), len(text)]):
        blank_line = "\n\n" in re.sub(r"[ \t\r]", "", text[max(0, start - 6) : start])
        if blank_line and not read and has_text:
            section, read, place = "", True, _NO_PLACE
        mark = _LIST_MARK.match(text, start, end)
        begin = mark.end() if mark and mark.end() < end else start
        begin = _after_space(text, begin, end)
        heading = begin
        while (found := _heading(text, begin, rules)) is not None and found[1] <= end:
            heading = begin
            section, begin = found
            read, place = rules.sections[section]
            has_text = False
            begin = _after_space(text, begin, end)
        sentence = text[begin:end].rstrip(" \t\r\n.!")
        if sentence:
            has_text = True
            skip = begin - heading if place.organ or place.side else 0
            with_heading = text[heading:begin] + sentence if skip else sentence
            sentences.append(ReportSentence(with_heading, begin - skip, section, read, place, skip))
    return sentences
