"""Term search: the findings that a sentence names, with the sizes told of them. The second of SARLE's three steps."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.phrases import STATUSES, ParsedSentence, Status
from monai_pylon.labeler.rules import CueEntry, LabelerRules, PartEntry, TermEntry

__all__ = ["Mention", "Size", "find_mentions", "find_sizes"]

_WORDS_BETWEEN = 4
_BREAKS = {",", ";", ":", "?"}


class Mention(NamedTuple):
    """A finding named in a sentence: words ``first`` to ``last`` - 1, of which ``matched`` are the vocabulary's.

    Example:
        >>> Mention("nodule", 0, 1, (0,), "terms.csv line 9", Status("stated", "")).finding
        'nodule'
    """

    finding: str
    first: int
    last: int
    matched: tuple[int, ...]
    rule: str
    status: Status
    replaces: tuple[str, ...] = ()


class Size(NamedTuple):
    """Diameters in mm told in words ``first`` to ``last`` - 1.

    Example:
        >>> max(Size((12.0, 8.0), 0, 4).diameters_mm)
        12.0
    """

    diameters_mm: tuple[float, ...]
    first: int
    last: int


def _status(parsed: ParsedSentence, places: tuple[int, ...]) -> Status:
    return max((parsed.statuses[place] for place in places), key=lambda status: STATUSES.index(status.name))


def _unbroken(parsed: ParsedSentence, first: int, second: int) -> bool:
    """Whether few words and no border lie between two matches."""
    start, end = parsed.matches[first].last, parsed.matches[second].first
    if end - start > _WORDS_BETWEEN or any(parsed.words[place].text in _BREAKS for place in range(start, end)):
        return False
    return not any(parsed.has(number, "contrast", "ends scope") for number in range(first + 1, second))


def _patterns(parsed: ParsedSentence, rules: LabelerRules) -> list[Mention]:
    """The findings whose parts stand apart ("heart ... enlarged")."""
    parts: dict[tuple[int, int], list[int]] = {}
    for number, match in enumerate(parsed.matches):
        for entry in match.entries:
            if isinstance(entry, PartEntry):
                parts.setdefault((entry.pattern, entry.part), []).append(number)
    found = []
    for (pattern_number, part), starts in parts.items():
        if part != 0:
            continue
        pattern = rules.patterns[pattern_number]
        for start in starts:
            chain = [start]
            for following in range(1, pattern.parts):
                later = [n for n in parts.get((pattern_number, following), ()) if n > chain[-1]]
                if not later or not _unbroken(parsed, chain[-1], later[0]):
                    break
                chain.append(later[0])
            if len(chain) == pattern.parts:
                spans = [range(parsed.matches[n].first, parsed.matches[n].last) for n in chain]
                places = tuple(place for span in spans for place in span)
                status = _status(parsed, places)
                first, last = places[0], places[-1] + 1
                found.append(Mention(pattern.finding, first, last, places, pattern.rule, status, pattern.replaces))
    return found


def find_mentions(parsed: ParsedSentence, rules: LabelerRules) -> list[Mention]:
    """The findings that a sentence names, whatever their status.

    Args:
        parsed: the sentence.
        rules: the vocabulary.

    Returns:
        the mentions in the order of their words; without those that another one replaces.

    Example:
        >>> from monai_pylon.labeler import default_rules, parse_sentence
        >>> [m.finding for m in find_mentions(parse_sentence("The heart is mildly enlarged."), default_rules())]
        ['cardiomegaly']
    """
    found = _patterns(parsed, rules)
    for match in parsed.matches:
        for entry in match.entries:
            if isinstance(entry, TermEntry):
                places = tuple(range(match.first, match.last))
                status = _status(parsed, places)
                found.append(Mention(entry.finding, match.first, match.last, places, entry.rule, status))
    replacing = [mention for mention in found if mention.replaces]
    kept = [
        mention
        for mention in found
        if mention.finding != "ignore"
        and not any(
            mention.finding in other.replaces and other.first <= mention.first and mention.last <= other.last
            for other in replacing
        )
    ]
    return sorted(set(kept), key=lambda mention: (mention.first, mention.last, mention.finding))


def find_sizes(parsed: ParsedSentence) -> list[Size]:
    """The sizes told in a sentence: "12 mm", "1.2 x 0.8 cm", "4-6 mm".

    Args:
        parsed: the sentence.

    Returns:
        every size with its diameters in mm.

    Example:
        >>> from monai_pylon.labeler import parse_sentence
        >>> [size.diameters_mm for size in find_sizes(parse_sentence("a 1.2 x 0.8 cm nodule"))]
        [(12.0, 8.0)]
    """
    units, times = {}, set()
    for number, match in enumerate(parsed.matches):
        if parsed.has(number, "unit"):
            units[match.first] = next(e.value for e in match.entries if isinstance(e, CueEntry) and e.kind == "unit")
        elif parsed.has(number, "times"):
            times.add(match.first)
    if not units:
        return []
    sizes, place = [], 0
    while place < len(parsed.words):
        first, raw, unit = place, [], 0.0
        while place < len(parsed.words):
            text = parsed.words[place].text
            if text[0].isdigit() and not unit:
                raw.append(float(text.replace(",", ".")))
            elif place in units and raw:
                unit = unit or units[place]
            elif place in times and raw:
                following = parsed.words[place + 1].text if place + 1 < len(parsed.words) else ""
                if not following[:1].isdigit():
                    break
                raw.append(float(following.replace(",", ".")))
                place += 1
            else:
                break
            place += 1
        if raw and unit:
            sizes.append(Size(tuple(value * unit for value in raw), first, place))
        place = max(place, first + 1)
    return sizes
