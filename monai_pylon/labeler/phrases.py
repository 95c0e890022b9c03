"""Phrase classification: which words of a sentence say what is there, and which say what is not.

The first of SARLE's three steps. SARLE drops a whole phrase with its negation; here every negation has a scope with an
end, so that "no pneumothorax but a small left effusion" keeps its second half.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import groupby, pairwise
from typing import NamedTuple

from monai_pylon.labeler.lexicon import PhraseMatch, Word, read_words
from monai_pylon.labeler.rules import CueEntry, LabelerRules, PartEntry, PlaceEntry, TermEntry, default_rules

__all__ = ["STATUSES", "ParsedSentence", "Phrase", "Status", "classify_phrases", "parse_sentence"]

#: What a phrase may be, the stronger later: a word that two cues reach takes the stronger.
STATUSES = ("stated", "probable", "possible", "history", "asked", "normal", "absent")

_BEHIND = {
    **{"negates after": "absent", "probable after": "probable", "possible after": "possible"},
    **{"asked after": "asked", "history after": "history"},
}
_BEFORE = {
    **{"negates before": "absent", "normal before": "normal"},
    **{"probable before": "probable", "possible before": "possible", "asked before": "asked"},
}
_STOPS = {";", "?"}


class Status(NamedTuple):
    """What a word's phrase is, and the rule that made it so.

    Example:
        >>> Status("absent", "cues.csv line 5").name
        'absent'
    """

    name: str
    rule: str


class Phrase(NamedTuple):
    """A run of words with one status.

    Example:
        >>> Phrase("left pneumonia", "stated", "").abnormal
        True
    """

    text: str
    status: str
    rule: str

    @property
    def abnormal(self) -> bool:
        """Whether what the phrase names is there, for certain or perhaps."""
        return self.status in ("stated", "probable", "possible")


class ParsedSentence(NamedTuple):
    """A sentence as the later steps need it: its words, the vocabulary found in it, the status of every word.

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
        """Whether a match is a cue of one of these kinds.

        Args:
            match: its number.
            kinds: as in cues.csv, such as "contrast".

        Returns:
            whether it is.
        """
        return not self.kinds[match].isdisjoint(kinds)

    def first_words(self, *kinds: str) -> set[int]:
        """The words at which the cues of some kinds, named as in cues.csv, begin."""
        return {match.first for number, match in enumerate(self.matches) if self.has(number, *kinds)}


_STATED = Status("stated", "")
_RANK = {name: rank for rank, name in enumerate(STATUSES)}
_NO_KINDS: set[str] = set()


def _any_within(places: list[int], first: int, last: int) -> bool:
    """Whether one of some places, in their order, is among ``first`` to ``last`` - 1."""
    at = bisect_left(places, first)
    return at < len(places) and places[at] < last


class _Scopes:
    """The statuses of one sentence's words, and how far each of its cues reaches.

    A report may contain anything, a thousand cues in one breath too: nothing is looked for twice.
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
        self._listed: list[bool] = []

    def mark(self, first: int, last: int, status: Status) -> None:
        """Give words a status, unless they have a stronger one.

        Args:
            first, last: the words, the last one excluded.
            status: what they get.
        """
        rank = _RANK[status.name]
        for place in range(first, last):
            if rank > _RANK[self.statuses[place].name]:
                self.statuses[place] = status

    def has_term(self, first: int, last: int) -> bool:
        """Whether a finding begins in words ``first`` to ``last`` - 1."""
        return _any_within(self.terms, first, last)

    def stops(self, place: int) -> bool:
        """Whether every scope ends at a word."""
        return self.words[place].text in _STOPS or "contrast" in self.kinds_at[place]

    def listed(self, place: int) -> bool:
        """Whether an "or" follows from a word on, before every scope ends: a list goes on."""
        if not self._listed:
            following = False
            for other in range(len(self.words) - 1, -1, -1):
                joined = "list" in self.kinds_at[other] or self.words[other].text == "/"
                following = not self.stops(other) and (joined or following)
                self._listed.append(following)
            self._listed.reverse()
        return self._listed[place]

    def opens(self, comma: int) -> bool:
        """Whether a new statement begins behind a comma or "and", which the negation before it does not reach.

        A list goes on ("no mass, effusion, or large pneumothorax"): there an "or" follows. A new statement begins with
        a word that opens one and brings a finding, or has a verb of its own before the next comma; so does "and is".
        """
        if comma not in self._opening:
            self._opening[comma] = comma + 1 < len(self.words) and self._opens(comma)
        return self._opening[comma]

    def _opens(self, comma: int) -> bool:
        listed = self.listed(comma + 1)
        if "opens" in self.kinds_at[comma + 1]:
            return not listed
        if "joins" in self.kinds_at[comma] and "predicate" in self.kinds_at[comma + 1]:
            return True
        if listed or self.words[comma].text != ",":
            return False
        for place in range(comma + 1, len(self.words)):
            if self.words[place].text in _STOPS or self.words[place].text == ",":
                return False
            if "predicate" in self.kinds_at[place] and place > comma + 1:
                return place + 1 < len(self.words) and not _any_within(self.whole_terms, comma + 1, place)
        return False

    def end_behind(self, start: int, ending: bool) -> int:
        """Where the scope of a cue ends that reaches to the words behind it: at "but", and most also at "with"."""
        for place in range(start, len(self.words)):
            kinds, text = self.kinds_at[place], self.words[place].text
            if self.stops(place):
                return place
            if ending and ("ends scope" in kinds or ((text == "," or "joins" in kinds) and self.opens(place))):
                return place
        return len(self.words)

    def start_before(self, end: int, over_commas: bool = True) -> int:
        """Where the scope of a cue begins that reaches to the words before it: behind a comma, if a term is between."""
        for place in range(end - 1, -1, -1):
            kinds, text = self.kinds_at[place], self.words[place].text
            if self.stops(place):
                return place + 1
            if (text == "," or "joins" in kinds) and self.elided(place + 1, end):
                return place + 1
            border = text == "," or "ends scope" in kinds or ("joins" in kinds and self.opens(place))
            if border and (not over_commas or self.has_term(place + 1, end)):
                return place + 1
        return 0

    def question(self) -> None:
        """A question mark that touches the word behind it asks ("?pneumonia")."""
        for place, (word, following) in enumerate(pairwise(self.words)):
            if word.text == "?" and word.end == following.start:
                self.mark(place, self.end_behind(place + 1, True), Status("possible", "a question mark"))

    def elided(self, first: int, end: int) -> bool:
        """Whether some words before a cue stand for a finding named earlier: "the one on the left", "the right"."""
        if self.has_term(first, end):
            return False
        if "elided" in self.kinds_at[first]:
            return True
        side = self.match_at.get(first + 1) if "opens" in self.kinds_at[first] else None
        if side is None or side.last != end:
            return False
        return any(isinstance(e, PlaceEntry) and e.side for e in side.entries)

    def spread(self, number: int, cue: CueEntry) -> None:
        """Mark the words that a cue reaches: what it negates, doubts, or tells of as history or as only looked for.

        Args:
            number: the match in which the cue stands.
            cue: what was entered under it.
        """
        match = self.matches[number]
        either = cue.kind == "negates either"
        begin = self.start_before(match.first) if either else match.first
        before_there = either and (self.has_term(begin, match.first) or self.elided(begin, match.first))
        if cue.kind in _BEHIND or (either and not before_there):
            if cue.kind == "negates after" and match.last == len(self.words):
                self.mark(self.start_before(match.first), match.last, Status("absent", cue.rule))
                return
            name = _BEHIND.get(cue.kind, "absent")
            self.mark(match.first, self.end_behind(match.last, name != "asked"), Status(name, cue.rule))
        elif cue.kind in _BEFORE or either:
            first = self.start_before(match.first, cue.kind != "normal before")
            self.mark(first, match.last, Status(_BEFORE.get(cue.kind, "absent"), cue.rule))
        elif cue.kind == "possible both":
            nearest = bisect_left(self.terms, match.first) - 1
            start = self.start_before(match.first)
            first = self.terms[nearest] if nearest >= 0 and self.terms[nearest] >= start else match.first
            self.mark(first, self.end_behind(match.last, True), Status("possible", cue.rule))


def parse_sentence(sentence: str, rules: LabelerRules | None = None, always: bool = True) -> ParsedSentence:
    """Cut a sentence into words, find the vocabulary in it and give every word its status.

    Args:
        sentence: one sentence.
        rules: from :func:`~monai_pylon.labeler.read_rules`; None for those that come with the package.
        always: False leaves out the statuses where there is no finding to have one, as in most sentences.

    Returns:
        the parsed sentence.

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
                    scopes.spread(number, entry)
        scopes.question()
    return ParsedSentence(sentence, words, matches, kinds, scopes.statuses)


def classify_phrases(sentence: str, rules: LabelerRules | None = None) -> list[Phrase]:
    """The phrases of a sentence with what they are: the first step of SARLE.

    Args:
        sentence: one sentence.
        rules: from :func:`~monai_pylon.labeler.read_rules`; None for those that come with the package.

    Returns:
        the phrases in their order; the "stated", "probable" and "possible" are abnormal if they hold a finding.

    Example:
        >>> [phrase.text for phrase in classify_phrases("The heart is enlarged without pericardial effusion")]
        ['The heart is enlarged', 'without pericardial effusion']
    """
    parsed = parse_sentence(sentence, rules)
    phrases = []
    for status, group in groupby(range(len(parsed.words)), key=lambda place: parsed.statuses[place]):
        places = list(group)
        text = sentence[parsed.words[places[0]].start : parsed.words[places[-1]].end]
        phrases.append(Phrase(text, status.name, status.rule))
    return phrases
