"""Location search: the anatomical places of each finding of a sentence. The third of SARLE's three steps.

SARLE gives each finding of a sentence all places of the sentence. Here each place of a clause is assigned to one
finding: the place precedes it ("right effusion") or follows it ("nodule in the lingula"). A finding without a place
takes those of its neighbor. A finding that implies its organ (pneumonia: the lung) needs no place.
"""

from __future__ import annotations

from itertools import pairwise

from monai_pylon.labeler.anatomy import Place, find_places
from monai_pylon.labeler.grammar.phrases import ParsedSentence
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.sharing import Sharing
from monai_pylon.labeler.terms import Mention

__all__ = ["pair_places"]

_WORDS_TO_EQUAL = 4  # from "is a" or a finding to a place elsewhere, at most


class _Pairing(Sharing):
    """Assignment of the places of one sentence to its findings."""

    def groups(self) -> list[list[int]]:
        """Group the mentions of each noun phrase: neither separator nor preposition lies between them."""
        grouped: list[list[int]] = []
        for number, mention in enumerate(self.mentions):
            if grouped:
                end = max(self.mentions[n].last for n in grouped[-1])
                between = set(range(end, mention.first))
                if (
                    not between & (self.separators | self.prepositions | self.openings)
                    and mention.first not in self.barriers
                ):
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
        if not gaps[-1] & (self.separators - self.negations) and gaps[-1] & self.negations:
            for number in reversed(range(len(places))):  # "effusion on the left, on the right no effusion"
                if any(comma + 1 in self.prepositions for comma in gaps[number] & self.commas):
                    return number
        if not self.barriers & set().union(*gaps):
            for number, place in enumerate(places):  # "no consolidation on the right, the left lung shows opacities"
                after = set(range(place.last, right_first))
                if gaps[number] & self.commas and place.last in self.colons:  # "left: no effusion, right: effusion"
                    return number
                if gaps[number] & self.commas and after & self.predicates and not after & self.commas:
                    return number
        for dividers in (self.barriers, self.separators):
            divided = [number for number, gap in enumerate(gaps) if gap & dividers]
            if divided:
                return divided[-1]
        return len(places) if gaps[0] & self.prepositions else 0

    def is_of_unknown_term(self, between: set[int], place: Place) -> bool:
        """Return whether a place after the last finding belongs to an unknown term.

        It does after "with" ("with mediastinal shift"), and between "and a" and an unknown word ("and a left rind"). It
        belongs to none if it is normal behind a comma.
        """
        following = self.parsed.words[place.last].text if place.last < len(self.parsed.words) else ""
        article = place.first - 1 in between & self.articles
        if article and between & self.conjunctions and following.isalpha() and not self.knows(following):
            return True
        if between & self.commas:  # "consolidation on the right, left lung clear"
            comma = max(between & self.commas)
            end = min({*self.commas, len(self.parsed.words)} - set(range(place.last)))
            if self.normals & set(range(comma, end)) and not self.prepositions & set(range(comma, place.first)):
                return True
        withs = between & self.withs
        return bool(withs) and not self.prepositions & set(range(max(withs), place.first))

    def is_of_other_clause(self, place: Place, first: int, places: list[Place]) -> bool:
        """Return whether a clause ends between a place and the first finding, which has another place in its own.

        In "the patient is rotated to the right, and there is a left effusion" the right is no place of the effusion.
        """
        borders = (self.commas | self.openings) & set(range(place.last, first))  # "and there is"
        if not borders or not any(other.first > max(borders) for other in places):
            return False
        start = max(self.commas & set(range(place.first)), default=0)
        return bool(self.predicates & set(range(start, max(borders))))

    def is_known_part(self, place: Place, left: list[int], right: list[int], high: int) -> bool:
        """Return whether a place belongs to a finding behind it that is known: "no cavity within the left mass"."""
        apart = set(range(place.last, high + 1)) & (self.separators | self.barriers | self.exceptions)
        negated = all(map(self.is_negated, left)) and not all(map(self.is_negated, right))
        return negated and not apart and not self.in_negation_scope(place)

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
                if target < number < len(groups) and self.is_known_part(place, groups[target], groups[number], high):
                    target = number
                between = set(range(place.last, high) if target == number else range(low, place.first))
                negated = self.in_negation_scope(place) and not any(self.is_negated(n) for n in groups[target])
                unrelated = number == len(groups) and self.is_of_unknown_term(between, place)
                apart = target == number == 0 and self.is_of_other_clause(place, high, gap)
                if not between & self.barriers and not unrelated and not negated and not apart:
                    assigned[target].append(place)
        return assigned

    def joined_plurals(self, places: list[Place]) -> list[Place]:
        """Return places in which a plural that is joined with another means both: "the bases and the middle lobe"."""
        joined = list(places)
        for number, (place, following) in enumerate(pairwise(places)):
            between = set(range(place.last, following.first))
            sided = following.organ and following.side in ("left", "right")
            if place.side == "both" and place.organ == "lung" and sided and between & self.lists:
                joined[number] = place._replace(organ="")
        return joined

    def nearest_organ(self, number: int, places: list[Place]) -> list[Place]:
        """Return only the organ before a mention, if it is elsewhere: "thyroid nodule in the left lobe"."""
        last = self.mentions[number].last
        for place in places:
            before = self.equals & set(range(last, place.first))
            other = any(before and one.first > min(before) and one.first != place.last for one in self.mentions)
            other = other or self.parsed.statuses[place.first].name != "stated"  # "probably represents bone"
            if place.organ == "elsewhere" and before and not other and place.first - max(before) <= _WORDS_TO_EQUAL:
                return [place]  # "the lucency at the base is a bowel loop"
        if places[0].organ == "elsewhere" and 0 < places[0].first - last < _WORDS_TO_EQUAL:
            comma = min((n for n in self.commas if n >= places[0].last), default=len(self.parsed.words))
            if not self.lists & set(range(comma, places[-1].first)):  # "infection of the foot, lungs clear"
                places = [place for place in places if place.first < comma]
        for place in places:
            joined = place.first - 1 in self.lists or place.first - 1 in self.commas
            if place.organ == "elsewhere" and place.last == self.mentions[number].first and not joined:
                return [one for one in places if one.first <= place.first]
        return places

    def assign(self) -> list[list[Place]]:
        """Return the places of each mention, without those that it takes from a neighbor."""
        groups = self.groups()
        assigned: list[list[Place]] = [[] for _ in self.mentions]
        for group, places in zip(groups, self.assign_to_groups(groups), strict=True):
            held = [place for place in places if not place.beside] or places
            held = self.joined_plurals(sorted(held, key=lambda place: place.first))
            elsewhere = any(place.organ == "elsewhere" for place in held)
            for number in group:
                assigned[number] = self.nearest_organ(number, held) if elsewhere else held
        return assigned


def pair_places(
    parsed: ParsedSentence,
    mentions: list[Mention],
    rules: LabelerRules,
    skip: int = 0,
    spread: frozenset[int] = frozenset(),
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
        spread: Indices of the findings that are said to be diffuse.

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
    found = find_places(parsed, skip)
    if not found and len(mentions) < 2:  # as in most sentences; this saves time
        return [[] for _ in mentions]
    pairing = _Pairing(parsed, mentions, found, rules)
    assigned = pairing.assign()
    paired = []
    for number, mention in enumerate(mentions):
        rule, places = rules.findings[mention.finding], assigned[number]
        if not places:
            taken = pairing.excepted(number) or pairing.neighbor_places(number, assigned, rule)
            if number in spread and pairing.ends_before(number, taken):
                taken = [place for place in taken if not place.side]
            paired.append(taken or pairing.implied(number, rules))
        elif all(place.beside for place in places):
            paired.append(pairing.neighbor_places(number, assigned[:number], rule) or places)
        elif any(place.side for place in places) or {place.organ for place in places} != {"lung"}:
            paired.append(places)
        else:  # "right effusion and basal atelectasis": the side of the earlier finding
            earlier = pairing.neighbor_places(number, assigned[:number], rule)
            sided = [
                place for place in earlier if place.side and (not place.organ or "lung" in (place.organ, place.second))
            ]
            paired.append(places + (sided or pairing.linked_sides(number, assigned)))
    return paired
