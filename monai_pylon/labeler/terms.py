"""Term search: the findings that a sentence names. The second of SARLE's three steps."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from monai_pylon.labeler.grammar.phrases import ParsedSentence, pronouns
from monai_pylon.labeler.grammar.scopes import STATUSES, Status
from monai_pylon.labeler.rule_entries import CueEntry, PartEntry, PlaceEntry, TermEntry
from monai_pylon.labeler.rules import LabelerRules

__all__ = ["Mention", "find_mentions"]

_WORDS_BETWEEN = 7  # "bronchi in the left lower lobe are dilated"
_WORDS_OF_PLACE = 5  # of "in the left lung," before a statement, with the comma, at most
_BREAKS = {",", ";", "?"}


class Mention(NamedTuple):
    """Mention of a finding in words ``first`` to ``last`` - 1, of which the vocabulary matched ``matched``.

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


def _status(parsed: ParsedSentence, words: tuple[int, ...]) -> Status:
    return max((parsed.statuses[index] for index in words), key=lambda status: STATUSES.index(status.name))


def _connected(parsed: ParsedSentence, first: int, second: int) -> bool:
    """Return whether two matches are at most seven words apart, with no punctuation, "but" or "with" between them."""
    start, end = parsed.matches[first].last, parsed.matches[second].first
    if end - start > _WORDS_BETWEEN or any(parsed.words[index].text in _BREAKS for index in range(start, end)):
        return False
    return not any(parsed.has(number, "contrast", "ends scope") for number in range(first + 1, second))


def _patterns(parsed: ParsedSentence, rules: LabelerRules) -> list[Mention]:
    """Find the mentions of patterns, whose parts have other words between them ("heart ... enlarged")."""
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
                if later == len(numbers) or not _connected(parsed, chain[-1], numbers[later]):
                    break
                chain.append(numbers[later])
            if len(chain) == pattern.parts:
                spans = [range(parsed.matches[n].first, parsed.matches[n].last) for n in chain]
                words = tuple(index for span in spans for index in span)
                status = _status(parsed, words)
                first, last = words[0], words[-1] + 1
                found.append(Mention(pattern.finding, first, last, words, pattern.rule, status, pattern.replaces))
    return found


def _exceptions(parsed: ParsedSentence, mentions: list[Mention]) -> list[Mention]:
    """Return the only finding of a negated sentence as stated at an excepted place.

    In "no edema except at the left base" the edema is present at the left base. If the sentence negates several
    findings, the exception is ambiguous and gives none.
    """
    if len({mention.finding for mention in mentions}) != 1 or mentions[-1].status.name != "absent":
        return []
    for number, match in enumerate(parsed.matches):
        places = [m for m in parsed.matches[number + 1 :] if any(isinstance(e, PlaceEntry) for e in m.entries)]
        stated = places and all(parsed.statuses[word].name == "stated" for word in range(match.last, places[0].last))
        if parsed.has(number, "exception") and stated and mentions[-1].last <= match.first:
            rule = next(e.rule for e in match.entries if isinstance(e, CueEntry) and e.kind == "exception")
            negated = mentions[-1]
            status = Status("stated", rule)
            return [Mention(negated.finding, match.first, match.last, negated.matched, negated.rule, status)]
    return []


def _without_names(parsed: ParsedSentence, mentions: list[Mention]) -> list[Mention]:
    """Return the mentions without the name of a field that its text names again: "Effusion/mass: no mass"."""
    colon = next((n for n, word in enumerate(parsed.words) if word.text == ":"), -1)
    end = next((n for n, word in enumerate(parsed.words) if n > colon and word.text == ";"), len(parsed.words))
    again = {mention.finding for mention in mentions if colon < mention.first < end}
    return [one for one in mentions if one.last > colon or one.finding not in again]


def _segments(parsed: ParsedSentence) -> list[tuple[int, int]]:
    """Split the words of a sentence at commas, semicolons and "but"."""
    contrasts = parsed.first_words("contrast")
    borders = [n for n, word in enumerate(parsed.words) if word.text in (",", ";") or n in contrasts]
    places = parsed.first_words("preposition")
    found, begin = [], 0
    for border in [*borders, len(parsed.words)]:
        if begin in places and border - begin < _WORDS_OF_PLACE and border < len(parsed.words):
            continue  # "in the left, one of 14 mm"
        found.append((begin, border))
        begin = border + 1
    return found


def _elided(parsed: ParsedSentence, mentions: list[Mention]) -> list[Mention]:
    """Return mentions of the finding before for statements that leave it out: "left effusion resolved, right persists".

    Such a statement has a side or a part of the lung and begins with it, or with a phrase such as "all are in".
    """
    found, pronoun = [], pronouns(parsed)
    for first, last in _segments(parsed)[1:]:
        earlier = [mention for mention in mentions if mention.last <= first]
        own = [mention for mention in mentions if mention.last > first and mention.first < last]
        if not earlier or any(mention.last not in pronoun for mention in own):  # but "a calcified one"
            continue
        inside = [n for n, match in enumerate(parsed.matches) if first <= match.first and match.last <= last]
        if not own and any(isinstance(e, TermEntry) for n in inside for e in parsed.matches[n].entries):
            continue
        sided = [n for n in inside if any(isinstance(e, PlaceEntry) and e.side for e in parsed.matches[n].entries)]
        if any(parsed.has(n, "normal") for n in inside):  # "the left lung is now clear"
            continue
        stands = any(first <= word < last for word in pronoun)
        if not sided or not (
            stands or any(parsed.has(n, "persists", "predicate", "verb", "elided", "negates before") for n in inside)
        ):
            continue
        start = next(n for n in inside if n == sided[0] or not parsed.has(n, "opens", "contrast"))
        if start != sided[0] and not stands and not parsed.has(inside[0], "elided", "refers"):
            continue
        places = [e for e in parsed.matches[sided[0]].entries if isinstance(e, PlaceEntry)]
        if any(place.organ in ("", "lung") for place in places):
            words = tuple(range(parsed.matches[sided[0]].first, parsed.matches[sided[0]].last))
            before = earlier[-1]
            status = _status(parsed, words)
            found.append(Mention(before.finding, words[0], words[-1] + 1, words, before.rule, status))
    return found


def find_mentions(parsed: ParsedSentence, rules: LabelerRules) -> list[Mention]:
    """Find the findings that a sentence names, with any status.

    Args:
        parsed: The sentence.
        rules: The vocabulary.

    Returns:
        The mentions in the order of their words, without those that another mention replaces.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> [m.finding for m in find_mentions(parse_sentence("The heart is mildly enlarged."), default_rules())]
        ['cardiomegaly']
    """
    found = _patterns(parsed, rules)
    for match in parsed.matches:
        for entry in match.entries:
            if isinstance(entry, TermEntry):
                words = tuple(range(match.first, match.last))
                status = _status(parsed, words)
                found.append(Mention(entry.finding, match.first, match.last, words, entry.rule, status))
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
    kept = _without_names(parsed, kept)
    kept += _exceptions(parsed, kept)
    if kept:
        kept += _elided(parsed, sorted(kept, key=lambda mention: mention.first))
    return sorted(set(kept), key=lambda mention: (mention.first, mention.last, mention.finding))
