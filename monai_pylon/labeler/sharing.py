"""Sharing of places: which places a finding without one takes from other findings of its sentence."""

from __future__ import annotations

from monai_pylon.labeler.anatomy import Place
from monai_pylon.labeler.grammar.phrases import ParsedSentence, refers_back
from monai_pylon.labeler.rule_entries import FindingRule
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.terms import Mention

__all__ = ["Sharing"]

_SEPARATORS = (
    *("joins", "list", "verb", "ends scope", "cause", "contrast"),
    *("possible both", "possible after", "probable after", "negates after"),
)
_WORDS_TO_FEATURE = 3  # from a finding to its missing feature, at most
_PUNCTUATION = (",", ";", ":", "/", "(", ")")


class Sharing:
    """Places and findings of one sentence, and the relations by which one finding takes the places of another.

    The attributes are sets of word indices: ``separators`` divide noun phrases, ``barriers`` (";", "?", "but") divide
    statements.

    Args:
        parsed: The sentence.
        mentions: Its findings.
        places: Its places.
        rules: The vocabulary.

    Example:
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> from monai_pylon.labeler.rules import default_rules
        >>> sorted(Sharing(parse_sentence("no mass; heart large"), [], [], default_rules()).barriers)
        [2]
    """

    def __init__(
        self, parsed: ParsedSentence, mentions: list[Mention], places: list[Place], rules: LabelerRules
    ) -> None:
        self._marks: dict[str, set[int]] = {}
        for index, word in enumerate(parsed.words):
            if word.text in _PUNCTUATION or word.text == "?":
                self._marks.setdefault(word.text, set()).add(index)
        self.knows = rules.lexicon.knows
        self.parsed, self.mentions, self.places = parsed, mentions, places
        self.stops = self._punctuation(";", "?")
        self.barriers = self.stops | parsed.first_words("contrast")
        self.separators = parsed.first_words(*_SEPARATORS) | self._punctuation(*_PUNCTUATION)
        self.conjunctions = parsed.first_words("joins", "list", "ends scope", "cause") | self._punctuation(",")
        self.prepositions = parsed.first_words("preposition", "overlies", "beside", "narrows")
        self.commas, self.lists = self._punctuation(","), parsed.first_words("joins", "list") | self._punctuation("/")
        self.colons = self._punctuation(":")
        self.negations = parsed.first_words("negates after")
        self.withs = parsed.first_words("ends scope", "cause")
        self.predicates = parsed.first_words("predicate")
        self.articles = parsed.first_words("indefinite")
        self.verbs = parsed.first_words("verb")
        self.exceptions = parsed.first_words("exception")
        self.hedges = parsed.first_words("probable after", "possible after")
        self.normals = parsed.first_words("normal")
        self.equals = parsed.first_words("equals")
        self.openings = parsed.first_words("expletive")
        self.same_place = {n for n in parsed.first_words("same place") if refers_back(parsed, n)}

    def _punctuation(self, *marks: str) -> set[int]:
        return {index for mark in marks if mark in self._marks for index in self._marks[mark]}

    def is_negated(self, number: int) -> bool:
        """Return whether a mention is negated or normal."""
        return self.mentions[number].status.name in ("absent", "normal")

    def in_negation_scope(self, place: Place) -> bool:
        """Return whether a place is negated ("the one in the right lung has resolved")."""
        return self.parsed.statuses[place.first].name in ("absent", "normal")

    def may_share(self, number: int, other: int) -> bool:
        """Return whether a mention may take the places of another: both negated or neither, and no barrier between."""
        mention, neighbor = self.mentions[number], self.mentions[other]
        following = self.mentions[number + 1].first if number + 1 < len(self.mentions) else len(self.parsed.words)
        if other < number and self.same_place & set(range(mention.first - 3, following)):
            return True
        if self.is_negated(number) != self.is_negated(other):
            return self.is_without(number, other)
        if other < number:
            return not self.stops & set(range(neighbor.first, mention.first))
        # "nodules, left effusion" is no list, "nodules and left ..." is
        between = set(range(mention.last, neighbor.first))
        commas = between & self.commas if not self.is_field(number) else set()
        if len(commas) == 1 and between & self.hedges:  # "consolidation, presumably pneumonia, right middle lobe"
            return not self.barriers & between
        return not self.barriers & between and (not commas or bool(between & self.lists))

    def is_field(self, number: int) -> bool:
        """Return whether a mention is the name of a field: "Nodule 2: 4 mm, calcified, left upper lobe"."""
        last = self.mentions[number].last
        return last in self.colons or (last + 1 in self.colons and self.parsed.words[last].text.isdigit())

    def is_without(self, number: int, other: int) -> bool:
        """Return whether the next finding is only a missing feature: "nodule without calcification in the lingula"."""
        between = set(range(self.mentions[number].last, self.mentions[other].first))
        if other != number + 1 or self.is_negated(number) or len(between) > _WORDS_TO_FEATURE:
            return False
        return bool(between & self.negations) and not between & (self.conjunctions | self.barriers | self.verbs)

    def neighbor_places(self, number: int, assigned: list[list[Place]], rule: FindingRule) -> list[Place]:
        """Return the places that a mention takes from the nearest suitable mention, preceding ones first.

        Args:
            number: Index of the mention.
            assigned: Places of each mention that may give some.
            rule: The finding; it takes only places where it has a label.
        """
        others = [other for other, places in enumerate(assigned) if places and other != number]
        for other in sorted(others, key=lambda other: (other > number, abs(other - number))):
            if not self.may_share(number, other):
                continue
            suitable = [place for place in assigned[other] if self.fits(place, rule, number, other)]
            last = suitable[-1] if suitable else None
            if last is not None and last.partial and other < number:  # "the largest on the left with cavitation"
                between = set(range(last.last, self.mentions[number].first))
                if between & self.withs and not between & (self.commas | self.verbs):
                    return [last._replace(partial=False)]
            if suitable:
                return suitable
        return []

    def fits(self, place: Place, rule: FindingRule, number: int, other: int) -> bool:
        """Return whether a mention may take a place of another: it has a label there, or is said to be the same."""
        if place.organ == "lung" and rule.unplaced not in ("", "lung"):  # "left lung mass with adenopathy"
            return False
        return bool(
            not place.organ
            or rule.labels.get(place.organ)
            or (place.second and rule.labels.get(place.second))
            or (
                place.organ == "elsewhere"
                and (self.identifies(number, other) or (not rule.outside and self.is_part(number, other)))
            )
        )

    def identifies(self, number: int, other: int) -> bool:
        """Return whether a mention says what an earlier one is ("the lesion of the liver is a cyst"), or so."""
        if other > number:  # "the nodule corresponds to a rib fracture"
            between = set(range(self.mentions[number].last, self.mentions[other].first))
            return bool(between & self.equals) and not between & self.conjunctions
        between = set(range(self.mentions[other].last, self.mentions[number].first))
        return bool(between & self.verbs) and not between & self.conjunctions

    def is_part(self, number: int, other: int) -> bool:
        """Return whether a mention is a feature of an earlier one ("breast mass with calcification")."""
        between = set(range(self.mentions[other].last, self.mentions[number].first))
        return other == number - 1 and len(between) <= 3 and bool(between & self.withs) and not between & self.commas

    def excepted(self, number: int) -> list[Place]:
        """Return the places of the statement from which a mention is excepted: "the left lung is clear except for"."""
        first = self.mentions[number].first
        cue = max((n for n in self.exceptions if n < first), default=-1)
        if cue < 0 or self.verbs & set(range(cue, first)):
            return []
        start = max((n for n in self.barriers if n < cue), default=-1)
        return [place for place in self.places if start < place.first and place.last <= cue]

    def ends_before(self, number: int, places: list[Place]) -> bool:
        """Return whether the statement about a mention ends before some places of another."""
        after = [place.first for place in places if place.first >= self.mentions[number].last]
        between = set(range(self.mentions[number].last, min(after, default=0)))
        return bool(between & (self.verbs | self.withs))

    def implied(self, number: int, rules: LabelerRules) -> list[Place]:
        """Return the organ that an earlier finding implies for its feature: "pericardial cyst with calcification"."""
        if number == 0 or not self.is_part(number, number - 1):
            return []
        whole, part = (rules.findings[self.mentions[n].finding] for n in (number - 1, number))
        label = part.labels.get(whole.unplaced)
        if not whole.outside or whole.denies or not label or label == part.labels["mediastinum"]:
            return []
        mention = self.mentions[number - 1]
        return [Place(whole.unplaced, "", mention.first, mention.last)]

    def linked_sides(self, number: int, assigned: list[list[Place]]) -> list[Place]:
        """Return the sides of the next finding, linked by a preposition: "basal nodules in a tree-in-bud pattern"."""
        last = self.mentions[number].last
        following = next((n for n, other in enumerate(self.mentions) if other.first >= last), None)
        if following is None:
            return []
        between = set(range(last, self.mentions[following].first))
        if not between & self.prepositions or between & (self.separators | self.barriers):
            return []
        return [place for place in assigned[following] if place.side and place.organ in ("", "lung")]
