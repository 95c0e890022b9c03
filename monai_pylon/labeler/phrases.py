"""Phrase classification: the status of each word of a sentence (stated, hedged, negated, history).

This is the first of SARLE's three steps. SARLE drops the whole phrase that holds a negation. Here each negation has a
scope with an end, so "no pneumothorax but a small left effusion" keeps its second half.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby, pairwise
from typing import NamedTuple

from monai_pylon.labeler.lexicon import PhraseMatch, Word, read_words
from monai_pylon.labeler.rules import CueEntry, LabelerRules, PartEntry, PlaceEntry, TermEntry, default_rules

__all__ = ["STATUSES", "ParsedSentence", "Phrase", "Status", "classify_phrases", "parse_sentence"]

#: Statuses in increasing priority. If a word lies in the scopes of two cues, the higher status wins.
STATUSES = ("stated", "probable", "possible", "history", "asked", "normal", "absent")

#: Statuses from cues whose scope follows the cue, and from cues whose scope precedes it.
_SCOPE_AFTER = {
    **{"negates after": "absent", "probable after": "probable", "possible after": "possible"},
    **{"asked after": "asked", "history after": "history"},
}
_SCOPE_BEFORE = {
    **{"negates before": "absent", "normal before": "normal"},
    **{"probable before": "probable", "possible before": "possible", "asked before": "asked"},
}
_STOPS = {";", "?"}


class Status(NamedTuple):
    """Status of a word, with the rule that gave it.

    Example:
        >>> Status("absent", "cues.csv line 5").name
        'absent'
    """

    name: str
    rule: str


class Phrase(NamedTuple):
    """Run of words with the same status.

    Example:
        >>> Phrase("left pneumonia", "stated", "").abnormal
        True
    """

    text: str
    status: str
    rule: str

    @property
    def abnormal(self) -> bool:
        """Return whether the phrase asserts its findings, with or without a hedge."""
        return self.status in ("stated", "probable", "possible")


class ParsedSentence(NamedTuple):
    """Words of a sentence, the vocabulary matched in it, and the status of each word.

    ``kinds`` holds for each match the kinds of its cues.

    Example:
        >>> [status.name for status in parse_sentence("no mass").statuses]
        ['absent', 'absent']
    """

    text: str
    words: list[Word]
    matches: list[PhraseMatch]
    kinds: list[set[str]]
    statuses: list[Status]

    def has(self, match: int, *kinds: str) -> bool:
        """Return whether a match is a cue of one of some kinds.

        Args:
            match: Index of the match.
            kinds: Kinds as in cues.csv, such as "contrast".
        """
        return not self.kinds[match].isdisjoint(kinds)

    def first_words(self, *kinds: str) -> set[int]:
        """Return the indices of the words at which cues of some kinds begin.

        Args:
            kinds: Kinds as in cues.csv.
        """
        return {match.first for number, match in enumerate(self.matches) if self.has(number, *kinds)}


_STATED = Status("stated", "")
_RANK = {name: rank for rank, name in enumerate(STATUSES)}
_NO_KINDS: set[str] = set()


def _any_within(indices: list[int], first: int, last: int) -> bool:
    """Return whether one of some sorted indices lies in ``first`` to ``last`` - 1."""
    position = bisect_left(indices, first)
    return position < len(indices) and indices[position] < last


class _Scopes:
    """Word statuses of one sentence, and the scope of each of its cues.

    A sentence may hold very many cues, so results that several cues need are computed once.
    """

    def __init__(self, words: list[Word], matches: list[PhraseMatch], kinds: list[set[str]]) -> None:
        self.words, self.matches, self.kinds = words, matches, kinds
        self.terms = [m.first for m in matches if any(isinstance(e, TermEntry | PartEntry) for e in m.entries)]
        self.whole_terms = [m.first for m in matches if any(isinstance(e, TermEntry) for e in m.entries)]
        self.match_at = {match.first: match for match in matches}
        self.statuses = [_STATED] * len(words)
        self.kinds_at = [_NO_KINDS] * len(words)
        for match, own in zip(matches, kinds, strict=True):
            self.kinds_at[match.first] = own
        self._opening: dict[int, bool] = {}
        self._followed_by_or: list[bool] = []

    def set_status(self, first: int, last: int, status: Status) -> None:
        """Give words ``first`` to ``last`` - 1 a status, except where they have a higher one."""
        rank = _RANK[status.name]
        for index in range(first, last):
            if rank > _RANK[self.statuses[index].name]:
                self.statuses[index] = status

    def has_term(self, first: int, last: int) -> bool:
        """Return whether a finding begins in words ``first`` to ``last`` - 1."""
        return _any_within(self.terms, first, last)

    def ends_all_scopes(self, index: int) -> bool:
        """Return whether no scope extends across a word (";", "?" and "but")."""
        return self.words[index].text in _STOPS or "contrast" in self.kinds_at[index]

    def list_continues(self, index: int) -> bool:
        """Return whether an "or" follows from a word on, before a word that ends all scopes."""
        if not self._followed_by_or:
            following = False
            for other in range(len(self.words) - 1, -1, -1):
                joined = "list" in self.kinds_at[other] or self.words[other].text == "/"
                following = not self.ends_all_scopes(other) and (joined or following)
                self._followed_by_or.append(following)
            self._followed_by_or.reverse()
        return self._followed_by_or[index]

    def opens_statement(self, comma: int) -> bool:
        """Return whether a new statement begins after a comma or "and", outside the preceding negation scope.

        No statement begins within a list ("no mass, effusion, or large pneumothorax"), which an "or" continues.
        Otherwise one begins with a word of kind "opens" ("no effusion, small mass"), with "and is", or with a clause
        whose verb comes before the next comma and before any finding ("no effusion, left lung has a mass").
        """
        if comma not in self._opening:
            self._opening[comma] = comma + 1 < len(self.words) and self._opens_statement(comma)
        return self._opening[comma]

    def _opens_statement(self, comma: int) -> bool:
        in_list = self.list_continues(comma + 1)
        if "opens" in self.kinds_at[comma + 1]:
            return not in_list
        if "joins" in self.kinds_at[comma] and "predicate" in self.kinds_at[comma + 1]:
            return True
        if in_list or self.words[comma].text != ",":
            return False
        for index in range(comma + 1, len(self.words)):
            if self.words[index].text in _STOPS or self.words[index].text == ",":
                return False
            if "predicate" in self.kinds_at[index] and index > comma + 1:
                return index + 1 < len(self.words) and not _any_within(self.whole_terms, comma + 1, index)
        return False

    def scope_end(self, start: int, limited: bool) -> int:
        """Return the end (exclusive) of a scope that begins at a word and extends to the right.

        Each scope ends at ";", "?" and "but". A limited one also ends at "with" and at a new statement.
        """
        for index in range(start, len(self.words)):
            kinds, text = self.kinds_at[index], self.words[index].text
            if self.ends_all_scopes(index):
                return index
            new_statement = (text == "," or "joins" in kinds) and self.opens_statement(index)
            if limited and ("ends scope" in kinds or new_statement):
                return index
        return len(self.words)

    def scope_start(self, end: int, across_commas: bool = True) -> int:
        """Return the first word of a scope that extends to the left and ends before word ``end``.

        The scope extends to the left until it holds a finding; then a comma, "with" or a new statement limits it. If
        ``across_commas`` is false, they always do.
        """
        for index in range(end - 1, -1, -1):
            kinds, text = self.kinds_at[index], self.words[index].text
            if self.ends_all_scopes(index):
                return index + 1
            if (text == "," or "joins" in kinds) and self.refers_back(index + 1, end):
                return index + 1
            border = text == "," or "ends scope" in kinds or ("joins" in kinds and self.opens_statement(index))
            if border and (not across_commas or self.has_term(index + 1, end)):
                return index + 1
        return 0

    def apply_question_marks(self) -> None:
        """Hedge the words after a question mark that touches the next word ("?pneumonia")."""
        for index, (word, following) in enumerate(pairwise(self.words)):
            if word.text == "?" and word.end == following.start:
                self.set_status(index, self.scope_end(index + 1, True), Status("possible", "a question mark"))

    def refers_back(self, first: int, end: int) -> bool:
        """Return whether words before a cue stand for an earlier finding: "the one on the left", "the right"."""
        if self.has_term(first, end):
            return False
        if "elided" in self.kinds_at[first]:
            return True
        side = self.match_at.get(first + 1) if "opens" in self.kinds_at[first] else None
        if side is None or side.last != end:
            return False
        return any(isinstance(e, PlaceEntry) and e.side for e in side.entries)

    def apply_cue(self, number: int, cue: CueEntry) -> None:
        """Give the words in the scope of a cue, which the match with index ``number`` holds, its status."""
        match = self.matches[number]
        either = cue.kind == "negates either"
        begin = self.scope_start(match.first) if either else match.first
        finding_before = either and (self.has_term(begin, match.first) or self.refers_back(begin, match.first))
        if cue.kind in _SCOPE_AFTER or (either and not finding_before):
            if cue.kind == "negates after" and match.last == len(self.words):  # "Mass: no"
                self.set_status(self.scope_start(match.first), match.last, Status("absent", cue.rule))
                return
            name = _SCOPE_AFTER.get(cue.kind, "absent")
            self.set_status(match.first, self.scope_end(match.last, name != "asked"), Status(name, cue.rule))
        elif cue.kind in _SCOPE_BEFORE or either:
            first = self.scope_start(match.first, cue.kind != "normal before")
            self.set_status(first, match.last, Status(_SCOPE_BEFORE.get(cue.kind, "absent"), cue.rule))
        elif cue.kind == "possible both":
            nearest = bisect_left(self.terms, match.first) - 1
            start = self.scope_start(match.first)
            first = self.terms[nearest] if nearest >= 0 and self.terms[nearest] >= start else match.first
            self.set_status(first, self.scope_end(match.last, True), Status("possible", cue.rule))


def parse_sentence(sentence: str, rules: LabelerRules | None = None, always: bool = True) -> ParsedSentence:
    """Split a sentence into words, match the vocabulary, and give each word its status.

    Args:
        sentence: One sentence.
        rules: Rules from :func:`~monai_pylon.labeler.rules.read_rules`; None uses those of the package.
        always: If false, all words stay "stated" in a sentence without a finding. This saves time on most sentences.

    Returns:
        The parsed sentence.

    Example:
        >>> parsed = parse_sentence("The effusion has resolved, but a nodule is new.")
        >>> [word.text for word, status in zip(parsed.words, parsed.statuses) if status.name == "absent"]
        ['the', 'effusion', 'has', 'resolved']
    """
    rules = default_rules() if rules is None else rules
    words = read_words(sentence, rules.lexicon)
    matches = rules.lexicon.find([word.text for word in words])
    kinds = [{entry.kind for entry in match.entries if isinstance(entry, CueEntry)} for match in matches]
    scopes = _Scopes(words, matches, kinds)
    if always or scopes.terms:
        for number, match in enumerate(matches):
            for entry in match.entries:
                if isinstance(entry, CueEntry):
                    scopes.apply_cue(number, entry)
        scopes.apply_question_marks()
    return ParsedSentence(sentence, words, matches, kinds, scopes.statuses)


def classify_phrases(sentence: str, rules: LabelerRules | None = None) -> list[Phrase]:
    """Split a sentence into phrases with their statuses: the first step of SARLE.

    Args:
        sentence: One sentence.
        rules: Rules from :func:`~monai_pylon.labeler.rules.read_rules`; None uses those of the package.

    Returns:
        The phrases in their order. A "stated", "probable" or "possible" phrase is abnormal if it holds a finding.

    Example:
        >>> [phrase.text for phrase in classify_phrases("The heart is enlarged without pericardial effusion")]
        ['The heart is enlarged', 'without pericardial effusion']
    """
    parsed = parse_sentence(sentence, rules)
    phrases = []
    for status, group in groupby(range(len(parsed.words)), key=lambda index: parsed.statuses[index]):
        indices = list(group)
        text = sentence[parsed.words[indices[0]].start : parsed.words[indices[-1]].end]
        phrases.append(Phrase(text, status.name, status.rule))
    return phrases
