"""Reports cut into sections and sentences: headings are understood, history and comparison are left out."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from monai_pylon.labeler.rules import LabelerRules, PlaceEntry, default_rules

__all__ = ["ReportSentence", "split_report"]

_NOWHERE = PlaceEntry("", "")
_LONGEST_SENTENCE = 1000  # characters
_SPACE = re.compile(r"\s*")
_LIST_MARK = re.compile(r"\s*(?:[-*•·]+|\(?\d{1,2}[.)](?!\d))\s*")
_HEADING = re.compile(r"[A-Za-z][A-Za-z /&,-]{1,44}")
# A sentence ends at a full stop that parts no number and no abbreviation, at ?, !, at a blank line, before a list mark,
# and at a line's end where the next line begins like a sentence or a heading (not with an abbreviation alone). Of a row
# of stops the last few are enough: one without end would be looked through from each of them.
_END = re.compile(
    r"(?<!^\d)(?<!^\d\d)(?<!\b[A-Za-z])(?<!\bDr)(?<!\bvs)(?<!\bapprox)(?<!\bcm)(?<!\bmm)[.!?]{1,8}(?=\s|\Z|[A-Z])"
    r"|(?<=\b[cm]m)\.(?=\s+[A-Z]|\s*\Z)|(?<=\bvs)\.(?=\s*\Z)|(?<=\b[A-Za-z])\.(?=\s+[A-Z][a-z]|\s*\Z)"
    r"|\n\s*\n|\n(?=\s*(?:[-*•·]|\(?\d{1,2}[.)](?!\d)))|\n(?=\s*[A-Z][a-z])"
    r"|\n(?=\s*[A-Z]{2,} [A-Z]{2,})|\n(?=\s*[A-Z][A-Z /&-]+(?::|\n|\Z))",
    re.MULTILINE,
)


class ReportSentence(NamedTuple):
    """A sentence of a report, from character ``start`` on, under its heading.

    The heading of an organ stays in front of its first sentence ("Heart: enlarged"), ``skip`` characters long.

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


def _behind_space(text: str, start: int, end: int) -> int:
    return _SPACE.match(text, start, end).end()  # type: ignore[union-attr]  # it always matches


def _heading(text: str, start: int, rules: LabelerRules) -> tuple[str, int] | None:
    """The heading at a place of the text, if a known one stands there, and where its text begins."""
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


def _cuts(text: str, rules: LabelerRules) -> list[int]:
    """Where sentences begin: behind each end, and at capital headings within a line ("HISTORY: ... FINDINGS: ...")."""
    cuts = {0}
    cuts.update(match.end() for match in _END.finditer(text))
    for colon in re.finditer(r":", text):
        before = re.search(r"[A-Z][A-Z /&-]*$", text[max(0, colon.start() - 45) : colon.start()])
        if before is None:
            continue
        words = before.group().split(" ")
        for skip in range(len(words)):  # "MASS FINDINGS:": the longest ending that is a heading
            name = " ".join(words[skip:])
            if name.lower() in rules.sections:
                cuts.add(colon.start() - len(name))
                break
    for start, end in pairwise(sorted(cuts | {len(text)})):
        while end - start > _LONGEST_SENTENCE:  # no sentence, and the work on one grows faster than its length
            start = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE) + 1 or start + _LONGEST_SENTENCE
            cuts.add(start)
    return sorted(cuts)


def split_report(text: str, rules: LabelerRules | None = None) -> list[ReportSentence]:
    """Cut a report into sentences with the section of each.

    A section that is not read (history, comparison, technique, recommendation) ends at the next known heading or at a
    blank line behind its text.

    Args:
        text: the report.
        rules: from :func:`~monai_pylon.labeler.read_rules`; None for those that come with the package.

    Returns:
        the sentences, those of sections that are not read too.

    Example:
        >>> [(s.text, s.section, s.read) for s in split_report("HISTORY: Mass. FINDINGS: Lungs: Clear.")]
        [('Mass', 'history', False), ('Lungs: Clear', 'lungs', True)]
    """
    rules = default_rules() if rules is None else rules
    sentences: list[ReportSentence] = []
    section, read, place = "", True, _NOWHERE
    cuts = [*_cuts(text, rules), len(text)]
    spoken = False  # whether the section has had text
    for start, end in pairwise(cuts):
        blank = "\n\n" in re.sub(r"[ \t\r]", "", text[max(0, start - 6) : start])
        if blank and not read and spoken:
            section, read, place = "", True, _NOWHERE
        mark = _LIST_MARK.match(text, start, end)
        begin = mark.end() if mark and mark.end() < end else start
        begin = _behind_space(text, begin, end)
        heading = begin
        while (found := _heading(text, begin, rules)) is not None and found[1] <= end:
            heading = begin
            section, begin = found
            read, place = rules.sections[section]
            spoken = False
            begin = _behind_space(text, begin, end)
        sentence = text[begin:end].rstrip(" \t\r\n.!")
        if sentence:
            spoken = True
            skip = begin - heading if place.organ or place.side else 0
            sentences.append(
                ReportSentence(text[heading:begin] * bool(skip) + sentence, begin - skip, section, read, place, skip)
            )
    return sentences
