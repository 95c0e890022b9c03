"""Sections and sentences of a report: headings are recognized; history, comparison and technique are not read."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from monai_pylon.labeler.rule_entries import CueEntry, PlaceEntry
from monai_pylon.labeler.rules import LabelerRules, default_rules
from monai_pylon.labeler.text.lexicon import read_words
from monai_pylon.labeler.text.sentence_ends import sentence_ends

__all__ = ["ReportSentence", "split_report"]

_NO_PLACE = PlaceEntry("", "")
_LONGEST_SENTENCE = 1000  # characters
_LONGEST_HEADING = 80  # characters
_SPACE = re.compile(r"\s*")
_LIST_MARK = re.compile(r"\s*(?:[-*•·–\[]+|\(?\d{1,2}[.)](?!\d))\s*")
_HEADING = re.compile(r"[A-Za-z][A-Za-z0-9 /&,()+\t-]{1,79}")
#: Words of the headings within a line after which nothing is read; "prior:" after other words is no heading.
_UNREAD_WITHIN = {"history", "indication", "indications", "reason", "clinical", "technique", "recommendation"}
_WORDS_TO_PLACE = 3  # words of "the heart is", in which a sentence of the findings names its organ
_FEWEST_OF_BODY = 3  # sentences
_PARTS = re.compile(r"\s*(?:[/&,()+]|\band\b|\bwith\b)\s*")


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


def _section_of(name: str, rules: LabelerRules) -> tuple[bool, PlaceEntry] | None:
    """Return whether the section with a heading is read and the place of its findings; None if it is no heading.

    A heading may have several known parts ("findings and impression"), or consist of the words of an examination's
    title ("CT chest without contrast").
    """
    known = rules.sections.get(name)
    if known is not None:
        return known
    if _is_title(name, rules):
        return True, _NO_PLACE
    parts = [" ".join(part.split()) for part in _PARTS.split(name) if part.strip()]
    sections = [rules.sections[part] for part in parts if part in rules.sections]
    if len(parts) < 2 or len(sections) < len(parts):
        return None
    places = {place for _, place in sections}
    return any(read for read, _ in sections), places.pop() if len(places) == 1 else _NO_PLACE


def _is_title(text: str, rules: LabelerRules) -> bool:
    """Return whether a text consists of the words of an examination's title, with or without a date."""
    words = re.findall(r"[a-z]+", text.lower())
    return bool(words) and all(word in rules.title_words for word in words)


def _heading(text: str, start: int, rules: LabelerRules) -> tuple[str, int] | None:
    """Return the known heading at a character and the end of it, or None.

    A heading is followed by a colon or a dash, or stands on a line of its own.
    """
    start = _after_space(text, start, min(len(text), start + _LONGEST_HEADING))
    match = _HEADING.match(text, start)
    if match is None:
        return None
    end = match.end()
    name, mark = match.group(), text[end : end + 1]
    if mark != ":" and " - " in name:  # "FINDINGS - Left effusion"
        name, mark = name[: name.index(" - ")], "-"
        end = start + len(name) + 2
    plain = " ".join(name.lower().split())
    if mark in (":", "-"):
        return (plain, end + 1) if _section_of(plain, rules) is not None else None
    if plain not in rules.sections or mark not in ("\n", "") or start + len(name) >= len(text):
        return None
    lines = text[max(0, start - _LONGEST_HEADING) : start].rstrip(" \t").split("\n")
    if start and lines[-1]:
        return None
    before = lines[-2].strip().lower() if len(lines) > 1 else ""
    return (plain, end) if not before or before[-1] in ".:!?" or before in rules.sections else None


def _heading_within(text: str, colon: int, rules: LabelerRules) -> int:
    """Return where a heading before a colon begins within a line ("HISTORY: cough FINDINGS: clear"), or -1.

    The longest name counts, but none that continues the words before it ("nodule in the right lung: stable").
    """
    line = re.search(r"[A-Za-z][A-Za-z /&,()-]*$", text[max(0, colon - _LONGEST_HEADING) : colon])
    if line is None:
        return -1
    words = line.group().split(" ")
    for first in range(len(words)):
        name = " ".join(words[first:])
        plain = " ".join(name.lower().split())
        known = rules.sections.get(plain) or (_section_of(plain, rules) if first == 0 else None)
        if known is not None:
            if not known[0] and _UNREAD_WITHIN.isdisjoint(plain.split()):
                return -1
            before = words[first - 1].lower() if first else ""
            continues = before and any(isinstance(e, CueEntry) for m in rules.lexicon.find([before]) for e in m.entries)
            return -1 if continues else colon - len(name)
    return -1


def _sentence_starts(text: str, rules: LabelerRules) -> list[int]:
    """Return where sentences begin: after each end, and at headings within a line ("HISTORY: ... FINDINGS: ...")."""
    starts = {0} | sentence_ends(text, rules, lambda start: _heading(text, start, rules) is not None)
    for colon in re.finditer(r":", text):
        begin = _heading_within(text, colon.start(), rules)
        if begin >= 0:
            starts.add(begin)
    for start, end in pairwise(sorted(starts | {len(text)})):
        while end - start > _LONGEST_SENTENCE:  # not a sentence; the time for one grows faster than its length
            start = text.rfind(" ", start + 1, start + _LONGEST_SENTENCE) + 1 or start + _LONGEST_SENTENCE
            starts.add(start)
    return sorted(starts)


def _begins_body(sentence: str, rules: LabelerRules) -> bool:
    """Return whether a sentence begins as findings do, with an anatomical term or "there is"."""
    words = [word.text for word in read_words(sentence[:_LONGEST_HEADING], rules.lexicon)][:_WORDS_TO_PLACE]
    matches = rules.lexicon.find(words)
    place = any(isinstance(e, PlaceEntry) and e.organ for match in matches[:2] for e in match.entries)
    return place or words[:2] in (["there", "is"], ["there", "are"])


def _body_start(text: str, starts: list[int], number: int, rules: LabelerRules) -> int | None:
    """Return where the findings begin behind a section that is not read; None if a heading says so or they are absent.

    Without a heading for them before the impression, they begin in the line behind the section's first one, or
    without lines at the first sentence that begins as findings do.

    Args:
        text: The report.
        starts: Where its sentences begin, and its end.
        number: Index of the first sentence of the section.
        rules: The vocabulary.
    """
    end = number + 1
    while end < len(starts) - 1 and (found := _heading(text, starts[end], rules)) is None:
        end += 1
    if end < len(starts) - 1 and found is not None and found[0] not in rules.summaries:
        return None
    sentences = {start: text[start:following] for start, following in pairwise(starts[number + 1 : end + 1])}
    body = [start for start in sentences if _begins_body(sentences[start], rules)]
    breaks = [start for start in sentences if "\n" in text[start - 1 : _after_space(text, start, len(text))]]
    if breaks:
        after = [start for start in sentences if start >= breaks[0]]
        return breaks[0] if len(after) >= _FEWEST_OF_BODY or any(start >= breaks[0] for start in body) else None
    return body[0] if len(sentences) >= _FEWEST_OF_BODY and body else None


def split_report(text: str, rules: LabelerRules | None = None) -> list[ReportSentence]:
    """Split a report into sentences, each with its section.

    A section that is not read (history, comparison, technique, recommendation) ends at the next known heading, at a
    blank line after its text, or, if no heading of findings follows, at the end of its first line.

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
    body: int | None = None  # where findings without a heading begin
    was_read = False  # whether any section was read
    starts = [*_sentence_starts(text, rules), len(text)]
    for number, (start, end) in enumerate(pairwise(starts)):
        before = starts[number - 1] if number else 0
        blank_line = "\n\n" in re.sub(r"[ \t\r]", "", text[before:start])
        if (blank_line and not read and has_text) or start == body:
            section, read, place = "", True, _NO_PLACE
        mark = _LIST_MARK.match(text, start, end)
        begin = mark.end() if mark and mark.end() < end else start
        begin = _after_space(text, begin, end)
        heading = begin
        while (found := _heading(text, begin, rules)) is not None and found[1] <= end:
            heading = begin
            section, begin = found
            read, place = _section_of(section, rules) or (True, _NO_PLACE)
            has_text = False
            begin = _after_space(text, begin, end)
            body = None if read or was_read else _body_start(text, starts, number, rules)
        sentence = text[begin:end].rstrip(" \t\r\n.!]")
        title = not read and section in rules.exams and _is_title(sentence, rules)
        if sentence:
            has_text, was_read = True, was_read or (read and not _is_title(sentence, rules))
            skip = begin - heading if place.organ or place.side else 0
            with_heading = text[heading:begin] + sentence if skip else sentence
            sentences.append(ReportSentence(with_heading, begin - skip, section, read, place, skip))
        if title:  # behind it stands the report
            section, read, place = "", True, _NO_PLACE
    return sentences
