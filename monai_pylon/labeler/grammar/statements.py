"""Statements of a sentence: where one begins, what a list is, and what a phrase takes as known."""

from __future__ import annotations

from bisect import bisect_left

from monai_pylon.labeler.rule_entries import PartEntry, PlaceEntry, TermEntry
from monai_pylon.labeler.text.lexicon import PhraseMatch, Word

__all__ = ["MARKS", "STOPS", "Statements", "any_within"]

#: Marks that end every statement.
STOPS = {";", "?"}
_WORDS_TO_STATE = 4  # from "the" on to an adjective of state, at most: "in the now partly collapsed lobe"
#: Marks that separate phrases.
MARKS = {",", ";", "?", ":", "/", "(", ")"}
_ASKS_FOR_NOUN = {
    *("preposition", "beside", "overlies", "joins", "list", "ends scope", "cause", "negates after", "possible after"),
    *("probable after", "asked after", "contrast", "verb", "predicate", "other after", "history after", "not there"),
    *("narrows", "distance", "earlier size", "definite", "differential", "lists"),
}
_WORDS_OF_SUBJECT = 4  # from "the" to the verb of a clause, at most
_WORDS_TO_KNOWN = 6  # from "the" on to a finding that is taken as known: "within the left upper lobe consolidation"


def any_within(indices: list[int], first: int, last: int) -> bool:
    """Return whether one of some sorted indices lies in ``first`` to ``last`` - 1.

    Args:
        indices: Sorted indices.
        first: First index of the range.
        last: End of the range (exclusive).

    Returns:
        Whether any lies in it.

    Example:
        >>> any_within([2, 9], 3, 9)
        False
    """
    position = bisect_left(indices, first)
    return position < len(indices) and indices[position] < last


_NO_KINDS: set[str] = set()


class Statements:
    """Structure of one sentence. A sentence may hold very many cues, so results that several need are computed once.

    Args:
        words: Words of the sentence.
        matches: Phrases of the vocabulary in it.
        kinds: Kinds of the cues of each match.

    Example:
        >>> Statements([], [], []).has_term(0, 0)
        False
    """

    def __init__(self, words: list[Word], matches: list[PhraseMatch], kinds: list[set[str]]) -> None:
        self.words, self.matches, self.kinds = words, matches, kinds
        self.terms: list[int] = []
        self.whole_terms: list[int] = []
        for match in matches:
            types = {type(entry) for entry in match.entries}
            if TermEntry in types:
                self.whole_terms.append(match.first)
            if TermEntry in types or PartEntry in types:
                self.terms.append(match.first)
        self.match_at = {match.first: match for match in matches}
        self.kinds_at: list[set[str]] = [_NO_KINDS] * len(words)
        for match, own in zip(matches, kinds, strict=True):
            self.kinds_at[match.first] = own
        self._kinds_before = {match.last: own for match, own in zip(matches, kinds, strict=True)}
        self._opening: dict[int, bool] = {}
        self._followed_by_or: list[bool] = []

    def has_term(self, first: int, last: int) -> bool:
        """Return whether a finding begins in words ``first`` to ``last`` - 1."""
        return any_within(self.terms, first, last)

    def ends_all_scopes(self, index: int) -> bool:
        """Return whether no scope extends across a word (";", "?" and "but")."""
        return self.words[index].text in STOPS or "contrast" in self.kinds_at[index]

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
            if self.words[index].text in STOPS or self.words[index].text == ",":
                return False
            if "predicate" in self.kinds_at[index] and index > comma + 1:
                return index + 1 < len(self.words) and not any_within(self.whole_terms, comma + 1, index)
        return False

    def presupposes(self, index: int, since: int) -> bool:
        """Return whether a preposition begins a phrase that takes something as known: "in the collapsed left lobe".

        That is a state or, if a finding lies between word ``since`` and the preposition, another finding ("no cavity
        within the left upper lobe consolidation").
        """
        if self.kinds_at[index].isdisjoint(("preposition", "beside")):
            return False
        start = self.match_at[index].last
        if start >= len(self.words) or "definite" not in self.kinds_at[start]:
            return False
        near = range(start, min(start + _WORDS_TO_STATE, len(self.words)))
        if any("state" in self.kinds_at[other] for other in near):
            return True
        if self.words[index].text == "of" or not any_within(self.whole_terms, since, index):
            return False
        for other in range(start, min(start + _WORDS_TO_KNOWN, len(self.words))):
            if self.words[other].text in MARKS or self.kinds_at[other] & {"preposition", "joins", "verb", "list"}:
                return False
            if any_within(self.whole_terms, other, other + 1):
                return True
        return False

    def begins_clause(self, index: int) -> bool:
        """Return whether a new statement begins at a word without any mark: "no effusion the heart is enlarged".

        It begins with "there is", or with "the" and a verb behind it, if the word before neither asks for a noun nor
        joins two.
        """
        if index == 0 or self.words[index - 1].text in MARKS:
            return False
        if self._kinds_before.get(index, _NO_KINDS) & _ASKS_FOR_NOUN:
            return False
        if "expletive" in self.kinds_at[index]:
            return True
        if "definite" not in self.kinds_at[index] or self.words[index].text != "the":
            return False
        for other in range(index + 1, min(index + 1 + _WORDS_OF_SUBJECT, len(self.words))):
            if self.words[other].text in MARKS or any_within(self.whole_terms, other, other + 1):
                return False
            if self.kinds_at[other] & {"predicate", "normal before"}:
                return other > index + 1
            if self.kinds_at[other] & {"preposition", "ends scope", "joins", "negates after"}:
                return False
        return False

    def refers_back(self, first: int, end: int) -> bool:
        """Return whether words before a cue stand for an earlier finding: "the one on the left", "the right"."""
        if self.has_term(first, end):
            return False
        if "elided" in self.kinds_at[first]:
            return True
        if "preposition" in self.kinds_at[first] and self._names_it(first, end):
            return True
        own = self.match_at.get(first)
        if own is not None and own.last == end and any(isinstance(e, PlaceEntry) and e.side for e in own.entries):
            return True
        side = self.match_at.get(first + 1) if "opens" in self.kinds_at[first] else None
        entries = [] if side is None or side.last != end else side.entries
        return any(isinstance(e, PlaceEntry) and e.side for e in entries)

    def is_list_item(self, comma: int) -> bool:
        """Return whether the words between a comma and the one before it name a finding without any verb."""
        first = comma
        while first > 0 and self.words[first - 1].text not in {",", *STOPS}:
            first -= 1
            if not self.kinds_at[first].isdisjoint(("predicate", "verb", "ends scope", "contrast", "negates after")):
                return False
        return self.has_term(first, comma)

    def _names_it(self, first: int, end: int) -> bool:
        """Return whether words name a side and "it": "on the right it" in "on the right it has resolved"."""
        matches = [self.match_at[n] for n in range(first, end) if n in self.match_at]
        sided = any(isinstance(e, PlaceEntry) and e.side for match in matches for e in match.entries)
        return sided and "refers" in self.kinds_at[end - 1]
