"""Location search: the anatomical places of each finding of a sentence. The third of SARLE's three steps.

SARLE gives each finding of a sentence all places of the sentence. Here each place of a clause is assigned to one
finding: the place precedes it ("right effusion") or follows it ("nodule in the lingula"). A finding without a place
takes those of its neighbor. A finding that implies its organ (pneumonia: the lung) needs no place.
"""

from __future__ import annotations

from monai_pylon.labeler.anatomy import Place, find_places
from monai_pylon.labeler.grammar.phrases import ParsedSentence, refers_back
from monai_pylon.labeler.rule_entries import FindingRule
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.terms import Mention

__all__ = ["pair_places"]

_SEPARATORS = (
    *("joins", "list", "verb", "ends scope", "cause", "contrast"),
    *("possible both", "possible after", "probable after", "negates after"),
)
_WORDS_TO_FEATURE = 3  # from a finding to its missing feature, at most
_PUNCTUATION = (",", ";", ":", "/", "(", ")")


class _Pairing:
    """Assignment of the places of one sentence to its findings.

    The attributes are sets of word indices: ``separators`` divide noun phrases, ``barriers`` (";", "?", "but") divide
    statements.
    """

    def __init__(
        self, parsed: ParsedSentence, mentions: list[Mention], places: list[Place], rules: LabelerRules
    ) -> None:
        self.knows = rules.lexicon.knows
        self.parsed, self.mentions, self.places = parsed, mentions, places
        self.stops = self._punctuation(";", "?")
        self.barriers = self.stops | parsed.first_words("contrast")
        self.separators = parsed.first_words(*_SEPARATORS) | self._punctuation(*_PUNCTUATION)
        self.conjunctions = parsed.first_words("joins", "list", "ends scope", "cause") | self._punctuation(",")
        self.prepositions = parsed.first_words("preposition", "overlies", "beside", "narrows")
        self.commas, self.lists = self._punctuation(","), parsed.first_words("joins", "list") | self._punctuation("/")
        self.negations = parsed.first_words("negates after")
        self.withs = parsed.first_words("ends scope", "cause")
        self.predicates = parsed.first_words("predicate")
        self.articles = parsed.first_words("indefinite")
        self.verbs = parsed.first_words("verb")
        self.same_place = {n for n in parsed.first_words("same place") if refers_back(parsed, n)}

    def _punctuation(self, *marks: str) -> set[int]:
        return {index for index, word in enumerate(self.parsed.words) if word.text in marks}

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
        between = set(
            range(mention.last, neighbor.first)
        )  # "nodules, left effusion" is no list, "nodules and left ..." is
        commas = between & self.commas
        return not self.barriers & between and (not commas or bool(between & self.lists))

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
            if suitable:
                return suitable
        return []

    def fits(self, place: Place, rule: FindingRule, number: int, other: int) -> bool:
        """Return whether a mention may take a place of another: it has a label there, or is said to be the same."""
        return bool(
            not place.organ
            or rule.labels.get(place.organ)
            or (rule.outside and rule.labels.get(place.second))
            or (
                place.organ == "elsewhere"
                and (self.identifies(number, other) or (not rule.outside and self.is_part(number, other)))
            )
        )

    def identifies(self, number: int, other: int) -> bool:
        """Return whether a mention says what an earlier one is ("the lesion of the liver is a cyst")."""
        between = set(range(self.mentions[other].last, self.mentions[number].first))
        return other < number and bool(between & self.verbs) and not between & self.conjunctions

    def is_part(self, number: int, other: int) -> bool:
        """Return whether a mention is a feature of an earlier one ("breast mass with calcification")."""
        between = set(range(self.mentions[other].last, self.mentions[number].first))
        return other == number - 1 and len(between) <= 3 and bool(between & self.withs) and not between & self.commas

    def groups(self) -> list[list[int]]:
        """Group the mentions of each noun phrase: neither separator nor preposition lies between them."""
        grouped: list[list[int]] = []
        for number, mention in enumerate(self.mentions):
            if grouped:
                end = max(self.mentions[n].last for n in grouped[-1])
                between = set(range(end, mention.first))
                if not between & (self.separators | self.prepositions) and mention.first not in self.barriers:
                    grouped[-1].append(number)
                    continue
            grouped.append([number])
        return grouped

    def count_left(self, left_end: int, places: list[Place], right_first: int) -> int:
        """Count those of the places between two groups that belong to the left one.

        The last barrier divides them, else the last separator. Without either, all belong to the left group if a
        preposition follows it ("nodule in the lingula"), else to the right one.
        """
        ends = [left_end, *(place.last for place in places)]
        starts = [*(place.first for place in places), right_first]
        gaps = [set(range(end, start)) for end, start in zip(ends, starts, strict=True)]
        for dividers in (self.barriers, self.separators):
            divided = [number for number, gap in enumerate(gaps) if gap & dividers]
            if divided:
                return divided[-1]
        return len(places) if gaps[0] & self.prepositions else 0

    def is_of_unknown_term(self, between: set[int], place: Place) -> bool:
        """Return whether a place after the last finding belongs to an unknown term.

        It does after "with" ("with mediastinal shift"), and between "and a" and an unknown word ("and a left rind").
        """
        following = self.parsed.words[place.last].text if place.last < len(self.parsed.words) else ""
        article = place.first - 1 in between & self.articles
        if article and between & self.conjunctions and following.isalpha() and not self.knows(following):
            return True
        last_with = max(between & self.withs, default=-1)
        return last_with >= 0 and not any(index > last_with for index in between & self.prepositions)

    def is_of_other_clause(self, place: Place, first: int, places: list[Place]) -> bool:
        """Return whether a clause ends between a place and the first finding, which has another place in its own.

        In "the patient is rotated to the right, and there is a left effusion" the right is no place of the effusion.
        """
        comma = max(self.commas & set(range(place.last, first)), default=-1)
        if comma < 0 or not any(other.first > comma for other in places):
            return False
        start = max(self.commas & set(range(place.first)), default=-1)
        return bool(self.predicates & set(range(start + 1, comma)))

    def assign_to_groups(self, groups: list[list[int]]) -> list[list[Place]]:
        """Assign each place to one group of mentions, or to none."""
        assigned: list[list[Place]] = [[] for _ in groups]
        spans = [
            (min(self.mentions[n].first for n in group), max(self.mentions[n].last for n in group)) for group in groups
        ]
        outside = []
        for place in self.places:
            inside = [g for g, (first, last) in enumerate(spans) if first <= place.first and place.last <= last]
            if inside:
                assigned[inside[0]].append(place)
            else:
                outside.append(place)
        for number in range(len(groups) + 1):  # the gap before each group, and the one after the last
            low = spans[number - 1][1] if number else 0
            high = spans[number][0] if number < len(groups) else len(self.parsed.words)
            gap = [place for place in outside if low <= place.first < high]
            if not gap:
                continue
            left = 0 if number == 0 else len(gap) if number == len(groups) else self.count_left(low, gap, high)
            for position, place in enumerate(gap):
                target = number - 1 if position < left else number
                between = set(range(place.last, high) if target == number else range(low, place.first))
                negated = self.in_negation_scope(place) and not any(self.is_negated(n) for n in groups[target])
                unrelated = target < number == len(groups) and self.is_of_unknown_term(between, place)
                apart = target == number == 0 and self.is_of_other_clause(place, high, gap)
                if not between & self.barriers and not unrelated and not negated and not apart:
                    assigned[target].append(place)
        return assigned

    def assign(self) -> list[list[Place]]:
        """Return the places of each mention, without those that it takes from a neighbor."""
        groups = self.groups()
        assigned: list[list[Place]] = [[] for _ in self.mentions]
        for group, places in zip(groups, self.assign_to_groups(groups), strict=True):
            for number in group:
                held = [place for place in places if not place.beside] or places
                assigned[number] = sorted(held, key=lambda place: place.first)
        return assigned


def pair_places(
    parsed: ParsedSentence, mentions: list[Mention], rules: LabelerRules, skip: int = 0
) -> list[list[Place]]:
    """Assign the places of a sentence to its findings.

    A finding without a place takes those of the nearest finding before it, else after it, in the same clause; both must
    be negated or neither, and the finding must have a label there. A place that a finding only touches gives way to the
    place of an earlier finding. A place in the lung without a side takes the side of an earlier finding.

    Args:
        parsed: The sentence.
        mentions: Its findings.
        rules: The vocabulary.
        skip: Length in characters of a heading at the start of the sentence.

    Returns:
        The places of each mention.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> from monai_pylon.labeler.terms import find_mentions
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> parsed = parse_sentence("Nodule in the right lung and left effusion with atelectasis")
        >>> mentions = find_mentions(parsed, default_rules())
        >>> [[place.side for place in places] for places in pair_places(parsed, mentions, default_rules())]
        [['right'], ['left'], ['left']]
    """
    pairing = _Pairing(parsed, mentions, find_places(parsed, skip), rules)
    assigned = pairing.assign()
    paired = []
    for number, mention in enumerate(mentions):
        rule, places = rules.findings[mention.finding], assigned[number]
        if not places:
            paired.append(pairing.neighbor_places(number, assigned, rule))
        elif all(place.beside for place in places):
            paired.append(pairing.neighbor_places(number, assigned[:number], rule) or places)
        elif any(place.side for place in places) or {place.organ for place in places} != {"lung"}:
            paired.append(places)
        else:  # "right effusion and basal atelectasis": the side of the earlier finding
            earlier = pairing.neighbor_places(number, assigned[:number], rule)
            paired.append(places + [place for place in earlier if place.side and place.organ in ("", "lung")])
    return paired
