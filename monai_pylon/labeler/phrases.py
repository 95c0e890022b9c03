"""Phrase classification: which words of a sentence say what is there, and which say what is not.

The first of SARLE's three steps. SARLE drops a whole phrase with its negation; here every negation has a scope with an
end, so that "no pneumothorax but a small left effusion" keeps its second half.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from monai_pylon.labeler.lexicon import PhraseMatch, Word, read_words
from monai_pylon.labeler.rules import CueEntry, LabelerRules, PartEntry, TermEntry, default_rules

__all__ = ["STATUSES", "ParsedSentence", "Phrase", "Status", "classify_phrases", "parse_sentence"]

#: What a phrase may be, the stronger later: a word that two cues reach takes the stronger.
STATUSES = ("stated", "probable", "possible", "history", "asked", "absent")

_BEHIND = {
    **{"negates after": "absent", "probable after": "probable", "possible after": "possible"},
    **{"asked after": "asked", "history after": "history"},
}
_BEFORE = {
    **{"negates before": "absent", "normal before": "absent"},
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
        """Whether a match is a cue of one of these kinds."""
        return not self.kinds[match].isdisjoint(kinds)


_STATED = Status("stated", "")


class _Scopes:
    """The spread of the cues of one sentence over its words."""

    def __init__(self, words: list[Word], matches: list[PhraseMatch], kinds: list[set[str]]) -> None:
        self.words, self.matches, self.kinds = words, matches, kinds
        self.match_at = {match.first: number for number, match in enumerate(matches)}
        self.match_end = {match.last - 1: number for number, match in enumerate(matches)}
        self.terms = [m.first for m in matches if any(isinstance(e, TermEntry | PartEntry) for e in m.entries)]
        self.statuses = [_STATED] * len(words)

    def mark(self, first: int, last: int, status: Status) -> None:
        rank = STATUSES.index(status.name)
        for place in range(first, last):
            if rank > STATUSES.index(self.statuses[place].name):
                self.statuses[place] = status

    def kind_at(self, place: int) -> set[str]:
        number = self.match_at.get(place)
        return set() if number is None else self.kinds[number]

    def opens(self, comma: int) -> bool:
        """Whether a new statement begins behind a comma or "and", which the negation before it does not reach.

        A list goes on ("no mass, effusion, or large pneumothorax"): there an "or" follows. A new statement begins with
        a word that opens one and brings a finding, or has a verb of its own before the next comma; so does "and is".
        """
        if comma + 1 >= len(self.words):
            return False
        rest = range(comma + 1, len(self.words))
        listed = False
        for place in rest:
            if self.words[place].text in _STOPS or "contrast" in self.kind_at(place):
                break
            listed = listed or "list" in self.kind_at(place) or self.words[place].text == "/"
        if "opens" in self.kind_at(comma + 1):
            return not listed
        if "joins" in self.kind_at(comma) and "predicate" in self.kind_at(comma + 1):
            return True
        if listed or self.words[comma].text != ",":
            return False
        for place in rest:
            if self.words[place].text in _STOPS or self.words[place].text == ",":
                return False
            if "predicate" in self.kind_at(place) and place > comma + 1:
                return place + 1 < len(self.words) and not any(comma < term < place for term in self.terms)
        return False

    def end_behind(self, start: int, ending: bool) -> int:
        """Where the scope of a cue ends that reaches to the words behind it: at "but", and most also at "with"."""
        for place in range(start, len(self.words)):
            kinds, text = self.kind_at(place), self.words[place].text
            if text in _STOPS or "contrast" in kinds:
                return place
            if ending and ("ends scope" in kinds or ((text == "," or "joins" in kinds) and self.opens(place))):
                return place
        return len(self.words)

    def start_before(self, end: int, over_commas: bool = True) -> int:
        """Where the scope of a cue begins that reaches to the words before it: behind a comma, if a term is between."""
        for place in range(end - 1, -1, -1):
            kinds, text = self.kind_at(place), self.words[place].text
            if text in _STOPS or "contrast" in kinds:
                return place + 1
            border = text == "," or "ends scope" in kinds or ("joins" in kinds and self.opens(place))
            if border and (not over_commas or any(place < term < end for term in self.terms)):
                return place + 1
        return 0

    def spread(self, number: int, cue: CueEntry) -> None:
        match = self.matches[number]
        before_there = any(self.start_before(match.first) <= term < match.first for term in self.terms)
        behind_there = any(term >= match.last for term in self.terms)
        either = cue.kind == "negates either"
        if cue.kind in _BEHIND or (either and not before_there):
            if cue.kind == "negates after" and not behind_there and match.last == len(self.words):
                self.mark(self.start_before(match.first), match.last, Status("absent", cue.rule))
                return
            name = _BEHIND.get(cue.kind, "absent")
            self.mark(match.first, self.end_behind(match.last, name != "asked"), Status(name, cue.rule))
        elif cue.kind in _BEFORE or either:
            first = self.start_before(match.first, cue.kind != "normal before")
            self.mark(first, match.last, Status(_BEFORE.get(cue.kind, "absent"), cue.rule))
        elif cue.kind == "possible both":
            nearest = [term for term in self.terms if self.start_before(match.first) <= term < match.first]
            first = nearest[-1] if nearest else match.first
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
