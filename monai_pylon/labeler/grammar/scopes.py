"""Scopes of negations and hedges: the words of a sentence that each cue reaches, and their status."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from monai_pylon.labeler.grammar.statements import MARKS, STOPS, Statements
from monai_pylon.labeler.rule_entries import CueEntry
from monai_pylon.labeler.text.lexicon import PhraseMatch, Word

__all__ = ["STATUSES", "Scopes", "Status"]

#: Statuses in increasing priority. If a word lies in the scopes of two cues, the higher status wins.
STATUSES = ("stated", "probable", "possible", "history", "asked", "other", "normal", "absent")

#: Statuses from cues whose scope follows the cue, and from cues whose scope precedes it.
_SCOPE_AFTER = {
    **{"negates after": "absent", "probable after": "probable", "possible after": "possible"},
    **{"asked after": "asked", "history after": "history", "other after": "other", "negates predicate": "absent"},
}
_SCOPE_BEFORE = {
    **{"negates before": "absent", "normal before": "normal", "probable before": "probable"},
    **{"possible before": "possible", "asked before": "asked", "other before": "other"},
}
#: Cues whose scope precedes them if a finding is there, and follows them otherwise.
_SCOPE_EITHER = {"negates either": "absent", "possible either": "possible"}
#: Cues whose scope follows them if a cue of another kind precedes them.
_SCOPE_PAIRS = {"lists": ("differential", "possible"), "than": ("prefers", "absent")}
_PLURAL_VERBS = ("are", "were", "have")
_WORDS_TO_CHANGE = 5  # from the end of a negation to a noun of change, at most: "no convincing interval increase"
_WORDS_TO_INVERTED = 4  # from "it is not seen" to the finding, at most
_NOT_INVERTED = ("preposition", "ends scope", "cause", "contrast", "verb", "joins", "negates after", "opens")
_WORDS_TO_PARTLY = 2  # from "almost" to "resolved", at most: "almost entirely resolved"


class Status(NamedTuple):
    """Status of a word, with the rule and the words ``first`` to ``last`` - 1 of the cue that gave it.

    Example:
        >>> Status("absent", "cues.csv line 5").name
        'absent'
    """

    name: str
    rule: str
    first: int = 0
    last: int = 0


_STATED = Status("stated", "")
_RANK = {name: rank for rank, name in enumerate(STATUSES)}


class Scopes(Statements):
    """Word statuses of one sentence, and the scope of each of its cues.

    A sentence may hold very many cues, so results that several cues need are computed once.

    Args:
        words: Words of the sentence.
        matches: Phrases of the vocabulary in it.
        kinds: Kinds of the cues of each match.

    Example:
        >>> Scopes([], [], []).statuses
        []
    """

    def __init__(self, words: list[Word], matches: list[PhraseMatch], kinds: list[set[str]]) -> None:
        super().__init__(words, matches, kinds)
        self.statuses = [_STATED] * len(words)
        self._cancelled: set[int] = set()  # first words of cues without effect

    def set_status(self, first: int, last: int, status: Status) -> None:
        """Give words ``first`` to ``last`` - 1 a status, except where they have a higher one."""
        rank = _RANK[status.name]
        for index in range(first, last):
            if rank > _RANK[self.statuses[index].name]:
                self.statuses[index] = status

    def scope_end(self, start: int, ends: tuple[str, ...]) -> int:
        """Return the end (exclusive) of a scope that begins at a word and extends to the right.

        Each scope ends at ";", "?", "but", and a place whose state is presupposed. If ``ends`` has kinds of cues, the
        scope also ends at those and at a new statement.
        """
        for index in range(start, len(self.words)):
            kinds, text = self.kinds_at[index], self.words[index].text
            if self.ends_all_scopes(index) or self.presupposes(index, start):
                return index
            if index > start and self.begins_clause(index):
                return index
            new_statement = (text == "," or "joins" in kinds) and self.opens_statement(index)
            if ends and (new_statement or not kinds.isdisjoint(ends)):
                return index
        return len(self.words)

    def scope_start(self, end: int, across_commas: bool = True, plural: bool = False) -> int:
        """Return the first word of a scope that extends to the left and ends before word ``end``.

        The scope extends to the left until it holds a finding; then a comma, "with" or a new statement limits it,
        except for a comma of a list ("mass, cyst and nodule: none"). If ``across_commas`` is false, they always do.
        ``plural`` says that several findings are meant ("mass, cyst are not seen").
        """
        joined = plural  # whether "and" or "or" lies between the scope's first finding and the cue
        for index in reversed(range(end)):
            kinds, text = self.kinds_at[index], self.words[index].text
            if self.ends_all_scopes(index):
                return index + 1
            if (text == "," or "joins" in kinds) and self.refers_back(index + 1, end):
                return index + 1
            if self.begins_clause(index):
                return index
            opened = "joins" in kinds and self.opens_statement(index)
            border = text == "," or "ends scope" in kinds or "cause" in kinds or opened
            in_list = joined and text == "," and across_commas and self.is_list_item(index)
            if border and not in_list and (not across_commas or self.has_term(index + 1, end)):
                return index + 1
            joined = joined or "joins" in kinds or "list" in kinds
        return 0

    def apply_question_marks(self) -> None:
        """Hedge the words after a question mark that touches or precedes them ("?pneumonia"), else those before it."""
        for index, word in enumerate(self.words):
            if word.text != "?":
                continue
            status = Status("possible", "a question mark", index, index + 1)
            touches = index > 0 and self.words[index - 1].end == word.start
            follows = index + 1 < len(self.words) and self.words[index + 1].text not in MARKS
            if follows and (not touches or self.words[index + 1].start == word.end):
                self.set_status(index, self.scope_end(index + 1, ("ends scope",)), status)
            else:
                self.set_status(self.scope_start(index), index, status)

    def _is_inverted(self, match: PhraseMatch) -> bool:
        """Return whether a statement begins with its negation: "absent are signs of edema", "it is not seen edema"."""
        if self.has_term(self.scope_start(match.first), match.first) or match.last == len(self.words):
            return False
        if "predicate" in self.kinds_at[match.last] or (match.first == 0 and self.words[match.last].text == ":"):
            return True
        for index in range(match.last, min(match.last + _WORDS_TO_INVERTED, len(self.words))):
            if self.has_term(index, index + 1):
                return True
            if self.words[index].text in MARKS or not self.kinds_at[index].isdisjoint(_NOT_INVERTED):
                return False
        return False

    def _leads(self, match: PhraseMatch, begin: int) -> bool:
        """Return whether a cue that usually follows its finding precedes it: none before it, one soon behind it."""
        end = min(match.last + _WORDS_TO_INVERTED, len(self.words))
        return not self.has_term(begin, match.first) and self.has_term(match.last, end)

    def _after_mark(self, match: PhraseMatch) -> bool:
        return self.words[match.first - 1].text in MARKS

    def _is_none_there(self, match: PhraseMatch) -> bool:
        """Return whether a negation makes a statement about another side: "right effusion, none on the left"."""
        if "pronoun" not in self.kinds_at[match.first] or match.first == 0 or match.last == len(self.words):
            return False
        joined = self._after_mark(match) or "joins" in self.kinds_at[match.first - 1]
        return joined and self.words[match.first - 1].text != ":" and "preposition" in self.kinds_at[match.last]

    def _leaves_out_subject(self, match: PhraseMatch) -> bool:
        """Return whether a clause behind "but" consists of a negation only."""
        return (
            match.last - match.first > 1
            and match.first > 1
            and "contrast" in self.kinds_at[match.first - 1]
            and not self.has_term(match.last, len(self.words))
        )

    def _change_end(self, start: int) -> int:
        """Return the end of a noun of change that a negation before ``start`` denies, or 0.

        In "no interval increase in the effusion" only the change is denied, and the effusion is present. Between
        negation and noun stand only words of no other meaning.
        """
        index, end = start, 0
        while index < min(len(self.words), start + _WORDS_TO_CHANGE):
            match = self.match_at.get(index)
            if match is not None and not self.kinds_at[index].isdisjoint(("change", "resolves")):
                if "resolves" in self.kinds_at[index]:
                    self._cancelled.add(index)
                end = index = match.last
                start = index
            elif self.words[index].text in STOPS or (match is not None and not self._may_precede_change(index, end)):
                return end
            else:
                index = match.last if match is not None else index + 1
        return end

    def _known_from(self, start: int, end: int) -> int:
        """Return where a finding that changes begins in "to document resolution of the mass": it is known already."""
        for index in range(start, end):
            if self.kinds_at[index].isdisjoint(("change", "resolves")):
                continue
            match = self.match_at[index]
            following = self.words[match.last].text if match.last < len(self.words) else ""
            if self.words[match.last - 1].text == "of" or following in ("of", "in"):
                self._cancelled.add(index)
                return index
        return end

    def _may_precede_change(self, index: int, end: int) -> bool:
        """Return whether a match may stand between a negation and a noun of change."""
        between = {"opens", "partly", "neutral", "normal"} | ({"list", "probable after"} if end else set())
        return not self.kinds_at[index].isdisjoint(between) and index not in self.whole_terms

    def is_cancelled(self, number: int) -> bool:
        """Return whether "almost", "not" or a noun of change takes the effect of a negation ("almost resolved")."""
        match = self.matches[number]
        if match.first in self._cancelled:
            return True
        for index in range(match.first - 1, max(-1, match.first - 2 - _WORDS_TO_PARTLY), -1):
            kinds = self.kinds_at[index]
            if "partly" in kinds:
                return self.match_at[index].last <= match.first
            if kinds or self.words[index].text in (",", ":", "/") or self.has_term(index, index + 1):
                return False
        return False

    def _apply_after(self, match: PhraseMatch, name: str, cue: CueEntry) -> None:
        status = Status(name, cue.rule, match.first, match.last)
        ending = match.last == len(self.words) or self.words[match.last].text in (",", ";", ")")
        if name == "absent" and ending:  # "Mass: no"
            start = self.scope_start(match.first)
            if match.last == len(self.words) or self.has_term(start, match.first):
                self.set_status(start, match.last, status)
                return
        if name == "absent" and (change := self._change_end(match.last)):
            self.set_status(match.first, change, status)
            return
        if name in ("possible", "probable") and match.last == len(self.words):  # "superimposed infection possible"
            self.set_status(self.scope_start(match.first, False), match.last, status)
            return
        start = match.last
        if cue.kind == "negates predicate":  # "none of the nodules is calcified": the nodules are present
            verbs = (n for n in range(start, len(self.words)) if "verb" in self.kinds_at[n])
            start = next(verbs, len(self.words))
            self.set_status(match.first, match.last, status)
            self.set_status(start, self.scope_end(start, ("ends scope", "cause")), status)
            return
        ends = {"absent": ("ends scope", "cause"), "asked": (), "other": ()}.get(name, ("ends scope",))
        end = self.scope_end(start, ends)
        if name == "asked":
            end = self._known_from(start, end)
        self.set_status(match.first, end, status)

    def apply_cue(self, number: int, cue: CueEntry) -> None:
        """Give the words in the scope of a cue, which the match with index ``number`` holds, its status."""
        match, kind = self.matches[number], cue.kind
        if kind.startswith("negates") and self.is_cancelled(number):
            return
        if kind in _SCOPE_EITHER:
            status = Status(_SCOPE_EITHER[kind], cue.rule, match.first, match.last)
            begin = self.scope_start(match.first, kind == "negates either")
            joined = match.first > 0 and (self.kinds_at[match.first - 1] & {"list", "joins"} or self._after_mark(match))
            if joined and kind == "possible either" and self.has_term(match.last, len(self.words)):
                self._apply_after(match, "possible", cue)  # "atelectasis or less likely pneumonia"
            elif self.has_term(begin, match.first) or self.refers_back(begin, match.first):
                self.set_status(begin, match.last, status)
            elif kind == "possible either" and not self.has_term(match.last, len(self.words)):
                self.set_status(self.scope_start(match.first), match.last, status)
            else:
                self._apply_after(match, _SCOPE_EITHER[kind], cue)
        elif kind in _SCOPE_AFTER:
            self._apply_after(match, _SCOPE_AFTER[kind], cue)
        elif kind == "negates before" and (self._is_inverted(match) or self._is_none_there(match)):
            self._apply_after(match, "absent", cue)
        elif kind in _SCOPE_PAIRS:  # "considerations include cancer", "more consistent with edema than pneumonia"
            needed, name = _SCOPE_PAIRS[kind]
            if any(needed in self.kinds_at[index] for index in range(match.first)):
                self._apply_after(match, name, cue)
        elif kind in _SCOPE_BEFORE:
            name = _SCOPE_BEFORE[kind]
            plural = self.words[match.first].text in _PLURAL_VERBS
            begin = self.scope_start(match.first, kind != "normal before", plural)
            if name == "absent" and begin == match.first and self._leaves_out_subject(match):
                begin = self.scope_start(match.first - 1)  # "a mass had been suspected but is not confirmed"
            if name in ("possible", "probable") and self._leads(match, begin):
                self._apply_after(match, name, cue)  # "it would be difficult to exclude a mass"
            else:
                self.set_status(begin, match.last, Status(name, cue.rule, match.first, match.last))
        elif kind == "possible both":
            nearest = bisect_left(self.terms, match.first) - 1
            start = self.scope_start(match.first)
            first = self.terms[nearest] if nearest >= 0 and self.terms[nearest] >= start else match.first
            status = Status("possible", cue.rule, match.first, match.last)
            self.set_status(first, self.scope_end(match.last, ("ends scope",)), status)
