"""Term search: the findings that a sentence names. The second of SARLE's three steps."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from monai_pylon.labeler.phrases import STATUSES, ParsedSentence, Status
from monai_pylon.labeler.rules import CueEntry, LabelerRules, PartEntry, PlaceEntry, TermEntry

__all__ = ["Mention", "find_mentions"]

_WORDS_BETWEEN = 6  # "bronchi in the left lower lobe are dilated"
_BREAKS = {",", ";", "?"}


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
                numbers = parts.get((pattern_number, following), [])
                later = bisect_right(numbers, chain[-1])
                if later == len(numbers) or not _unbroken(parsed, chain[-1], numbers[later]):
                    break
                chain.append(numbers[later])
            if len(chain) == pattern.parts:
                spans = [range(parsed.matches[n].first, parsed.matches[n].last) for n in chain]
                places = tuple(place for span in spans for place in span)
                status = _status(parsed, places)
                first, last = places[0], places[-1] + 1
                found.append(Mention(pattern.finding, first, last, places, pattern.rule, status, pattern.replaces))
    return found


def _exceptions(parsed: ParsedSentence, mentions: list[Mention]) -> list[Mention]:
    """The one finding that a sentence denies, where it excepts a place ("no edema except at the left base")."""
    if len({mention.finding for mention in mentions}) != 1 or mentions[-1].status.name != "absent":
        return []
    for number, match in enumerate(parsed.matches):
        places = [m for m in parsed.matches[number + 1 :] if any(isinstance(e, PlaceEntry) for e in m.entries)]
        stated = places and all(parsed.statuses[word].name == "stated" for word in range(match.last, places[0].last))
        if parsed.has(number, "exception") and stated and mentions[-1].last <= match.first:
            rule = next(e.rule for e in match.entries if isinstance(e, CueEntry) and e.kind == "exception")
            told = mentions[-1]
            return [Mention(told.finding, match.first, match.last, told.matched, told.rule, Status("stated", rule))]
    return []


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
    kept += _exceptions(parsed, kept)
    return sorted(set(kept), key=lambda mention: (mention.first, mention.last, mention.finding))
