"""Ends of sentences in a report, independent of capitals and of where its lines are wrapped."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from monai_pylon.labeler.rule_entries import CueEntry, PlaceEntry, TermEntry
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.text.lexicon import Lexicon, read_words

__all__ = ["sentence_ends"]

_WORDS_BEFORE_SIZE = 2  # of a sentence that begins with a size
_LONGEST_MARK = 20  # characters of a list mark and the spaces before it
_LONGEST_LOOK = 300  # characters of a sentence that are searched for a finding
#: Kinds of cues of words that cannot end a line's statement, and of words that cannot begin one.
_CONTINUING = {
    *("preposition", "joins", "list", "ends scope", "cause", "contrast", "verb", "predicate", "opens", "definite"),
    *("negates after", "possible after", "probable after", "asked after", "history after", "beside", "overlies"),
}
_CONTINUED = {"preposition", "joins", "list", "ends scope", "cause", "verb", "predicate", "negates before"}
_STOP = re.compile(r"[.!?]{1,8}(?=[\s)\]]|\Z|[A-Za-z]{2})")
_HARD = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*•·–]|\(?\d{1,2}[.)](?!\d)))|\](?=\s*\[)")
_BLANK = re.compile(r"\n[ \t]*\n")
_FIELD = re.compile(r"[A-Za-z][\w /()-]{0,40}(?::| [-\u2013] )")
_WORD_BEFORE = re.compile(r"([^\W\d_]+)\W*\Z")
_LETTERS_BEFORE = re.compile(r"[^\W\d_]+\Z")
_STATEMENT_CUES = {"normal", "normal before"}


def _finds(text: str, rules: LabelerRules, normal: bool = False) -> bool:
    """Return whether a piece of text names a finding, or if wanted a word of a normal report."""
    words = [word.text for word in read_words(text[-_LONGEST_LOOK:], rules.lexicon)]
    return any(
        isinstance(entry, TermEntry) or (normal and isinstance(entry, CueEntry) and entry.kind in _STATEMENT_CUES)
        for match in rules.lexicon.find(words)
        for entry in match.entries
    )


@lru_cache(maxsize=4096)
def _kinds(word: str, lexicon: Lexicon) -> frozenset[str]:
    """Return the kinds of cues of a word; "side" for one that names only a side."""
    entries = [entry for match in lexicon.find([word]) for entry in match.entries]
    kinds = {entry.kind for entry in entries if isinstance(entry, CueEntry)}
    sides = any(isinstance(entry, PlaceEntry) and entry.side and not entry.organ for entry in entries)
    return frozenset(kinds | ({"side"} if sides else set()))


def _crosses(line: str, following: str, rules: LabelerRules) -> bool:
    """Return whether a phrase ("pleural / effusion") or a list ("A, B / or C") continues from a line to the next."""
    left = [word.text for word in read_words(line[-80:], rules.lexicon)]
    right = [word.text for word in read_words(following[:80], rules.lexicon)]
    if any(match.first < len(left) < match.last for match in rules.lexicon.find(left + right)):
        return True
    return "," in left and any(_kinds(word, rules.lexicon) & {"list", "joins"} for word in right)


def _stop_ends(text: str, match: re.Match[str], since: int, rules: LabelerRules) -> bool:
    """Return whether a stop ends the sentence that begins at character ``since``."""
    start, end = match.span()
    if match.group() == "?" and (start == 0 or text[start - 1].isspace()) and text[end : end + 80].strip():
        return False  # "? effusion"
    if match.group() != ".":
        return True
    before = _LETTERS_BEFORE.search(text, max(since, start - 20), start)
    word = before.group().lower() if before else ""
    if not word:  # "1." begins a list item
        line = max(text.rfind("\n", 0, start) + 1, start - _LONGEST_MARK)
        return not text[line:start].strip().isdigit() or end == len(text)
    glued = text[end : end + 1].isalpha()
    if glued and len(word) < 2:
        return False
    rest = text[end : end + 80].lstrip(" \t")
    if not rest.strip() or rest.startswith("\n\n"):
        return True
    kinds = _kinds(word, rules.lexicon)
    if "abbreviation" in kinds:
        return False
    unit = "unit" in kinds
    meant = rules.lexicon.meant(word)
    side = len(word) < 6 and meant is not None and "side" in _kinds(meant[0][0], rules.lexicon)  # "Rt."
    if len(word) > 1 and not unit and not side:
        return True
    earlier = text[max(since, start - _LONGEST_LOOK) : start - len(word)].rstrip()
    if earlier.endswith("."):  # "e.g."
        return False
    last = _WORD_BEFORE.search(earlier[-20:])
    if unit:  # "a 3 mm. nodule"
        return len(earlier.split()) > _WORDS_BEFORE_SIZE or _finds(earlier, rules)
    following = re.match(r"[^\W\d_]+", rest)
    if following and _kinds(following.group().lower(), rules.lexicon) & _CONTINUED:
        return False
    joined = last is not None and _kinds(last.group(1).lower(), rules.lexicon) & {"joins", "list"}
    return not joined and _finds(earlier, rules)


class _Block:
    """Lines between two blank lines, and whether they look like wrapped prose or like a list."""

    def __init__(self, text: str, start: int, end: int, mixed: bool) -> None:
        self.text, self.mixed = text, mixed
        self.breaks = [match.start() for match in re.finditer("\n", text[start:end])]
        self.breaks = [start + offset for offset in self.breaks]
        borders = [start - 1, *self.breaks, end]
        self.lines = [text[low + 1 : high].strip() for low, high in pairwise(borders)]
        width = max(map(len, self.lines))
        self.full = [
            len(line) + 1 + len(re.split(r"[\s]|(?<=-)", following, maxsplit=1)[0]) > width
            for line, following in pairwise(self.lines)
        ]
        self.wrapped = all(self.full)
        self.prose = any(re.search(r"[.!?](?:\s|\Z)", line) for line in self.lines)

    def ends_at(self, number: int, rules: LabelerRules) -> bool:
        """Return whether the line break with an index ends a sentence."""
        line, following = self.lines[number], self.lines[number + 1]
        if _FIELD.match(line) and _FIELD.match(following):  # "Consolidation: no"
            return True
        if not line or not following or line[-1] in ",;:/(-–" or line[-1] in ".!?":
            return False
        last, first = _WORD_BEFORE.search(line[-30:]), re.match(r"[^\W\d_]+", following)
        ending = _kinds(last.group(1).lower(), rules.lexicon) if last else frozenset()
        beginning = _kinds(first.group().lower(), rules.lexicon) if first else frozenset()
        if ending & (_CONTINUING | {"side"}) or beginning & _CONTINUED:
            return False
        capital = following[0].isupper() or following[0].isdigit()
        if self.prose:
            return self.mixed and capital and not self.wrapped and not self.full[number]
        if self.mixed and not capital:
            return False
        if self.mixed and not self.full[number]:
            return True
        if _crosses(line, following, rules):
            return False
        return _finds(line, rules, normal=True) and _finds(following[:_LONGEST_LOOK], rules, normal=True)


def _line_ends(text: str, rules: LabelerRules, is_heading: Callable[[int], bool]) -> set[int]:
    """Return the line breaks at which a sentence ends; the others only wrap a line."""
    lower = sum(map(str.islower, text[:5000]))
    mixed = 5 * lower > sum(map(str.isalpha, text[:5000])) and any(map(str.isupper, text[:5000]))
    ends: set[int] = set()
    blank = list(_BLANK.finditer(text))
    starts, stops = [0, *(match.end() for match in blank)], [*(match.start() for match in blank), len(text)]
    for start, end in zip(starts, stops, strict=True):
        if "\n" not in text[start:end]:
            continue
        block = _Block(text, start, end, mixed)
        for number, position in enumerate(block.breaks):
            if is_heading(position + 1) or block.ends_at(number, rules):
                ends.add(position + 1)
    return ends


def sentence_ends(text: str, rules: LabelerRules, is_heading: Callable[[int], bool]) -> set[int]:
    """Find the characters at which sentences end.

    A sentence ends at a stop that belongs to no number and no abbreviation, at a blank line, before a list mark, and
    between the lines of a list. A line break within wrapped prose ends no sentence. The rule asks neither for capitals
    nor for a certain width of lines.

    Args:
        text: The report, with ``\\n`` as its only line end.
        rules: Rules with the vocabulary.
        is_heading: Function that tells whether a known heading begins at a character.

    Returns:
        The first characters after each end.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> sorted(sentence_ends("NO MASS OR\\nNODULE. HEART NORMAL", default_rules(), lambda start: False))
        [18]
    """
    hard = sorted({match.end() for match in _HARD.finditer(text)} | _line_ends(text, rules, is_heading))
    ends, since = set(hard), 0
    for match in _STOP.finditer(text):
        position = bisect_right(hard, match.start())
        since = max(since, hard[position - 1] if position else 0)
        if _stop_ends(text, match, since, rules):
            since = match.end()
            ends.add(since)
    return ends
