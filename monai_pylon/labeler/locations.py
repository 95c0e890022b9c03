"""Location search: which place of a sentence belongs to which of its findings. The third of SARLE's three steps.

SARLE gives every finding of a sentence every place of it. Here the places of a clause are dealt out: a place stands
before its finding ("right effusion") or behind it ("nodule in the lingula"), findings without a place share that of
their neighbour, and what the finding itself implies (pneumonia is in the lung) needs no place.
"""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.phrases import ParsedSentence
from monai_pylon.labeler.places import Place, find_places
from monai_pylon.labeler.rules import FindingRule, LabelerRules, PlaceEntry
from monai_pylon.labeler.terms import Mention

__all__ = ["Placed", "organs_of", "pair_places"]

_SEPARATES = (
    "joins",
    "list",
    "verb",
    "ends scope",
    "contrast",
    "possible both",
    "possible after",
    "probable after",
    "negates after",
)
_PUNCTUATION = {",", ";", ":", "/", "(", ")"}


class Placed(NamedTuple):
    """Where a finding lies: its kinds of organ, its sides ("right", "left"; none where unknown), and why.

    Example:
        >>> Placed(("lung",), ("right",), "named").sides
        ('right',)
    """

    organs: tuple[str, ...]
    sides: tuple[str, ...]
    reason: str


class _Pairing:
    """Deals the places of a clause out to its findings."""

    def __init__(self, parsed: ParsedSentence, mentions: list[Mention], places: list[Place]) -> None:
        self.parsed, self.mentions, self.places = parsed, mentions, places
        self.cuts = parsed.first_words(*_SEPARATES) | {
            place for place, word in enumerate(parsed.words) if word.text in _PUNCTUATION
        }
        self.prepositions = parsed.first_words("preposition", "overlies", "beside")
        self.withs = parsed.first_words("ends scope")
        self.stops = {place for place, word in enumerate(parsed.words) if word.text in (";", "?")}
        self.walls = self.stops | parsed.first_words("contrast")
        self.verbs = parsed.first_words("verb")
        self.parts = parsed.first_words("joins", "list", "ends scope") | {
            place for place, word in enumerate(parsed.words) if word.text == ","
        }
        self.as_before = parsed.first_words("same place")

    def nowhere(self, number: int) -> bool:
        """Whether a mention is of something that is not there."""
        return self.mentions[number].status.name in ("absent", "normal")

    def denied(self, place: Place) -> bool:
        """Whether a place is where something is not ("the one in the right lung has resolved")."""
        return self.parsed.statuses[place.first].name == "absent"

    def shares(self, number: int, other: int) -> bool:
        """Whether a mention without a place may take that of another: as true as itself, nothing that parts them."""
        mention, neighbour = self.mentions[number], self.mentions[other]
        if self.nowhere(number) != self.nowhere(other):
            return False
        following = self.mentions[number + 1].first if number + 1 < len(self.mentions) else len(self.parsed.words)
        if other < number and self.as_before & set(range(mention.first - 3, following)):
            return True
        if other < number:
            return not self.stops & set(range(neighbour.first, mention.first))
        return not self.walls & set(range(mention.first, neighbour.first))

    def borrowed(self, number: int, own: list[list[Place]], rule: FindingRule) -> list[Place]:
        """The places of the nearest mention with some that a mention may take: of one before it, or else behind it."""
        others = [other for other, places in enumerate(own) if places and other != number]
        for other in sorted(others, key=lambda other: (other > number, abs(other - number))):
            if not self.shares(number, other):
                continue
            there = [
                place
                for place in own[other]
                if not place.organ
                or rule.labels.get(place.organ)
                or (rule.outside and rule.labels.get(place.second))
                or (place.organ == "elsewhere" and self.says_what_it_is(number, other))
            ]
            if there:
                return there
        return []

    def says_what_it_is(self, number: int, other: int) -> bool:
        """Whether a mention tells what another is ("the lesion of the liver is a cyst") and so lies where that lies."""
        between = set(range(self.mentions[other].last, self.mentions[number].first))
        return other < number and bool(between & self.verbs) and not between & self.parts

    def groups(self) -> list[list[int]]:
        """Findings of one noun phrase together: nothing but other words (or a place) between them."""
        grouped: list[list[int]] = []
        for number, mention in enumerate(self.mentions):
            if grouped:
                end = max(self.mentions[n].last for n in grouped[-1])
                between = set(range(end, mention.first))
                if not between & (self.cuts | self.prepositions) and mention.first not in self.walls:
                    grouped[-1].append(number)
                    continue
            grouped.append([number])
        return grouped

    def split(self, left_end: int, run: list[Place], right_first: int) -> int:
        """How many places of a run between two groups belong to the left one."""
        edges = [left_end, *(place.last for place in run)]
        starts = [*(place.first for place in run), right_first]
        gaps = [set(range(a, b)) for a, b in zip(edges, starts, strict=True)]
        walls = [number for number, gap in enumerate(gaps) if gap & self.walls]
        if walls:
            return walls[-1]
        separated = [number for number, gap in enumerate(gaps) if gap & self.cuts]
        if separated:
            return separated[-1]
        return len(run) if gaps[0] & self.prepositions else 0

    def accompanies(self, reach: set[int]) -> bool:
        """Whether a place behind the last finding is that of something unknown ("with mediastinal shift")."""
        accompanied = max(reach & self.withs, default=-1)
        return accompanied >= 0 and not any(place > accompanied for place in reach & self.prepositions)

    def deal(self) -> list[list[Place]]:
        """The own places of every mention, those that it shares not counted."""
        groups = self.groups()
        own: list[list[Place]] = [[] for _ in groups]
        spans = [
            (min(self.mentions[n].first for n in group), max(self.mentions[n].last for n in group)) for group in groups
        ]
        loose = []
        for place in self.places:
            inside = [g for g, (first, last) in enumerate(spans) if first <= place.first and place.last <= last]
            if inside:
                own[inside[0]].append(place)
            else:
                loose.append(place)
        for number in range(len(groups) + 1):
            low = spans[number - 1][1] if number else 0
            high = spans[number][0] if number < len(groups) else len(self.parsed.words)
            run = [place for place in loose if low <= place.first < high]
            if not run:
                continue
            count = 0 if number == 0 else len(run) if number == len(groups) else self.split(low, run, high)
            for position, place in enumerate(run):
                target = number - 1 if position < count else number
                reach = set(range(place.last, high) if target == number else range(low, place.first))
                denied = self.denied(place) and not any(self.nowhere(n) for n in groups[target])
                far = target < number == len(groups) and self.accompanies(reach)
                if not reach & self.walls and not far and not denied:
                    own[target].append(place)
        dealt: list[list[Place]] = [[] for _ in self.mentions]
        for group, places in zip(groups, own, strict=True):
            for mention in group:
                told = [place for place in places if not place.beside] or places
                dealt[mention] = sorted(told, key=lambda place: place.first)
        return dealt


def _sides(places: list[Place]) -> tuple[str, ...]:
    """The sides that places tell: those in so many words before those that a plural ("lung bases") implies."""
    said = {place.side for place in places if place.side and not (place.organ and place.side == "both")}
    said |= {place.side for place in places if place.side == "both"} if not said else set()
    both = "both" in said
    return tuple(side for side in ("right", "left") if both or side in said)


def _fits(rule: FindingRule, places: list[Place]) -> list[str]:
    """The kinds of organ that the places tell and the finding can lie in."""
    told = {place.organ if rule.labels.get(place.organ) else place.second for place in places if place.organ}
    return [organ for organ in rule.labels if rule.labels[organ] and organ in told]


def organs_of(rule: FindingRule, places: list[Place], heading: PlaceEntry) -> Placed:
    """Where a finding lies by the places told of it, by the heading above it, or by what it implies.

    Args:
        rule: the finding.
        places: those told of it; may be empty.
        heading: the place of the section.

    Returns:
        organs and sides; no organ where it lies elsewhere or nobody knows.

    Example:
        >>> from monai_pylon.labeler import default_rules
        >>> organs_of(default_rules().findings["nodule"], [], PlaceEntry("", "")).organs
        ('lung',)
    """
    sides = _sides(places) or _sides([Place("", heading.side, 0, 0)])
    fitting = _fits(rule, places)
    if fitting:
        return Placed(tuple(fitting), sides, "named")
    if rule.outside:
        return Placed((rule.unplaced,), sides, "implied by the finding")
    strange = [place.organ for place in places if place.organ]
    if strange:
        where = "elsewhere" if "elsewhere" in strange else f"in the {strange[0]}, where it has no label"
        return Placed((), sides, where)
    if heading.organ == "elsewhere":
        return Placed((), sides, "elsewhere, by the heading")
    if heading.organ and rule.labels[heading.organ]:
        return Placed((heading.organ,), sides, "by the heading")
    if rule.unplaced:
        return Placed((rule.unplaced,), sides, "implied by the finding")
    return Placed((), sides, "no place is named")


def pair_places(
    parsed: ParsedSentence, mentions: list[Mention], rules: LabelerRules, skip: int = 0
) -> list[list[Place]]:
    """The places of every finding of a sentence.

    Args:
        parsed: the sentence.
        mentions: its findings.
        rules: the vocabulary.
        skip: the length of a heading at the sentence's beginning.

    Returns:
        one list a mention: its own places, else those of the nearest finding before it, or else behind it, in the same
        clause, if that is as true as itself and it can lie there. What it only touches gives way to the place of one
        before; a place in the lung without a side takes the side of one before.

    Example:
        >>> from monai_pylon.labeler import default_rules, find_mentions, parse_sentence
        >>> parsed = parse_sentence("Nodule in the right lung and left effusion with atelectasis")
        >>> mentions = find_mentions(parsed, default_rules())
        >>> [[place.side for place in places] for places in pair_places(parsed, mentions, default_rules())]
        [['right'], ['left'], ['left']]
    """
    pairing = _Pairing(parsed, mentions, find_places(parsed, skip))
    own = pairing.deal()
    paired = []
    for number, mention in enumerate(mentions):
        rule, told = rules.findings[mention.finding], own[number]
        if not told:
            paired.append(pairing.borrowed(number, own, rule))
        elif all(place.beside for place in told):
            paired.append(pairing.borrowed(number, own[:number], rule) or told)
        elif any(place.side for place in told) or {place.organ for place in told} != {"lung"}:
            paired.append(told)
        else:  # "right effusion and basal atelectasis": the side of the finding before
            before = pairing.borrowed(number, own[:number], rule)
            paired.append(told + [place for place in before if place.side and place.organ in ("", "lung")])
    return paired
