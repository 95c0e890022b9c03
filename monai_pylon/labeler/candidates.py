"""Candidates: each label that a mention of a finding may give in one kind of organ, before it is kept or dropped."""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

from monai_pylon.labeler.anatomy import Place, find_places
from monai_pylon.labeler.grammar.phrases import ParsedSentence, parse_sentence, pronouns, refers_back
from monai_pylon.labeler.grammar.scopes import STATUSES
from monai_pylon.labeler.locations import pair_places
from monai_pylon.labeler.placing import Placed, organs_of
from monai_pylon.labeler.rule_entries import SizeRule
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.sizes import Size, find_sizes, places_of, sizes_of, sizes_of_largest
from monai_pylon.labeler.terms import Mention, find_mentions
from monai_pylon.labeler.text.sections import ReportSentence, split_report

__all__ = ["Candidate", "find_candidates"]

_OWN_HINTS = {"extent", "site", "narrows"}  # of the mention beside the cue; the others are of all that follow
_HINTS = _OWN_HINTS | {"refers", "refers at end"}
_WORDS_TO_PRONOUN = 5  # words before "one" in a sentence that refers to the one before, at most
_SEPARATORS = ("joins", "list", "verb", "ends scope", "cause", "contrast")


class Candidate(NamedTuple):
    """Label that a mention may give, in one kind of organ ("" if that is unknown).

    Attributes:
        label: The label, or the finding if it has no label there.
        organ: Kind of organ.
        placed: Organs and sides from its own places.
        mention: The mention.
        places: The places of the mention.
        rule: Lines of the vocabulary.
        sentence: The sentence.
        parsed: Its words.
        number: Index of the sentence in the report.
        hints: What else is said of its location: "extent" (both lungs), "site" (of an operation), "refers" (to the
            sentence before), "narrows" (only a part of the finding, such as the largest one).
        parent: Index of the candidate from which a size derives this one; -1 if none.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> [(one.label, one.placed.sides) for one in find_candidates("Left effusion.", default_rules())]
        [('pleural effusion', ('left',))]
    """

    label: str
    organ: str
    placed: Placed
    mention: Mention
    places: list[Place]
    rule: str
    sentence: ReportSentence
    parsed: ParsedSentence
    number: int
    hints: frozenset[str]
    parent: int


def _hints(parsed: ParsedSentence, mentions: list[Mention]) -> list[set[str]]:
    """Return for each mention of a sentence what cues say of its location (see `Candidate`)."""
    hints: list[set[str]] = [set() for _ in mentions]
    starts = [mention.first for mention in mentions]
    marks = parsed.first_words(*_SEPARATORS) | {n for n, word in enumerate(parsed.words) if word.text in ",;:"}
    stops = parsed.first_words("contrast") | {n for n, word in enumerate(parsed.words) if word.text == ";"}
    for number, match in enumerate(parsed.matches):
        kinds = parsed.kinds[number] & _HINTS
        if not kinds:
            continue
        after = bisect_left(starts, match.first)
        inside = next((n for n in range(after - 1, -1, -1) if match.first < mentions[n].last), None)
        follows = after < len(mentions) and not marks & set(range(match.last, mentions[after].first))
        precedes = after > 0 and not stops & set(range(mentions[after - 1].last, match.first))
        own = inside if inside is not None else after if follows else after - 1 if precedes else None
        if kinds & {"refers", "refers at end"} and refers_back(parsed, match.first):
            for other in range(len(mentions)):
                if other >= after or own == other:
                    hints[other].add("refers")
        if own is not None:
            hints[own] |= kinds & _OWN_HINTS
            if follows and inside is None:  # "diffuse consolidation and ground glass": one noun phrase
                end = mentions[after].last
                for other in range(after + 1, len(mentions)):
                    if marks & set(range(end, mentions[other].first)):
                        break
                    hints[other] |= kinds & _OWN_HINTS
                    end = mentions[other].last
    return hints


def _referred(parsed: ParsedSentence, earlier: list[Mention], rules: LabelerRules) -> list[Mention]:
    """Return a mention of an earlier finding in a sentence without any: "The larger one measures 14 mm."."""
    cue = next((m for n, m in enumerate(parsed.matches) if parsed.has(n, "refers", "elided", "narrows")), None)
    present = [mention for mention in earlier if mention.status.name not in ("absent", "normal", "other")]
    stands = next(iter(pronouns(parsed)), None)
    if stands is not None and stands <= _WORDS_TO_PRONOUN:  # "A small one is on the left", "None on the left"
        present = earlier
        cue = next(match for match in parsed.matches if match.first == stands)
    if not present:
        return []
    places, sizes = find_places(parsed), find_sizes(parsed)
    refers = cue is not None and (cue.first == stands or (cue.first <= 2 and refers_back(parsed, cue.first)))
    if not refers and places and sizes and places[0].side and places[0].first <= 1:  # "LUL: 4 mm" in a list of nodules
        sized = [mention for mention in present if mention.finding in rules.sizes]
        cue = next((match for match in parsed.matches if match.first == places[0].first), None) if sized else None
        refers = cue is not None
    if cue is None or not refers or not (sizes or any(place.side for place in places)):
        return []
    mention = next((m for m in reversed(present) if m.finding in rules.sizes), present[-1])
    words = tuple(range(cue.first, cue.last))
    parsed = parse_sentence(parsed.text, rules)  # with the statuses of its words
    status = max((parsed.statuses[word] for word in words), key=lambda status: STATUSES.index(status.name))
    return [Mention(mention.finding, cue.first, cue.last, words, mention.rule, status)]


def _sized(
    number: int,
    mentions: list[Mention],
    sizes: list[Size],
    places: list[Place],
    parsed: ParsedSentence,
    rules: LabelerRules,
) -> list[tuple[SizeRule, list[Place]]]:
    """Return the rules of sizes that apply to a mention, with the places at which it has the size."""
    found = []
    for rule in rules.sizes.get(mentions[number].finding, ()):
        measure = max if rule.measure == "longest" else min
        own = sizes_of(number, mentions, sizes, parsed)
        if all(other <= number or one.finding not in rules.sizes for other, one in enumerate(mentions)):
            own = list(dict.fromkeys([*own, *sizes_of_largest(mentions[number], sizes, parsed)]))
        large = [size for size in own if measure(size.diameters_mm) > rule.above_mm]
        if large:
            found.append((rule, places_of(large, places, parsed)))
    return found


def _of_sentence(
    sentence: ReportSentence,
    parsed: ParsedSentence,
    mentions: list[Mention],
    rules: LabelerRules,
    number: int,
    already: int,
    referred: bool,
) -> list[Candidate]:
    """Return each label that the mentions of a sentence may give, one candidate for each label and organ."""
    hints = _hints(parsed, mentions)
    spread = frozenset(index for index, own in enumerate(hints) if "extent" in own)
    places = pair_places(parsed, mentions, rules, sentence.skip, spread)
    if referred:  # "it abuts the mediastinum" says nothing of where it is
        places = [[place for place in own if not place.beside] for own in places]
    sizes = find_sizes(parsed)
    candidates: list[Candidate] = []
    for index, mention in enumerate(mentions):
        names = [(mention.finding, mention.rule, places[index])]
        for rule, own_places in _sized(index, mentions, sizes, places[index], parsed, rules):
            names.append((rule.gives, f"{mention.rule}, {rule.rule}", own_places))
        parent = -1
        for name, why, own in names:
            finding = rules.findings[name]
            if not any(finding.labels.values()):
                continue
            if parent >= 0:  # the size belongs to this very place
                own = [place._replace(partial=False) for place in own]
            placed = organs_of(finding, own, sentence.place)
            pairs = [(label, organ) for organ in placed.organs for label in finding.labels[organ]]
            for label, organ in pairs or [("", "")]:
                hint = frozenset(hints[index])
                one = Candidate(label or name, organ, placed, mention, own, why, sentence, parsed, number, hint, parent)
                candidates.append(one)
            if name == mention.finding:
                parent = already + len(candidates) - 1
    return candidates


def find_candidates(text: str, rules: LabelerRules) -> list[Candidate]:
    """Find each label that the sentences of a report may give.

    Args:
        text: The report.
        rules: The vocabulary.

    Returns:
        The candidates in the order of the text, those of sections that are not read included.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> [(one.label, one.number) for one in find_candidates("Large heart. No mass.", default_rules())]
        [('cardiomegaly', 0), ('lung mass', 1)]
    """
    found: list[Candidate] = []
    earlier: list[Mention] = []
    for number, sentence in enumerate(split_report(text, rules)):
        parsed = parse_sentence(sentence.text, rules, always=False)
        mentions = find_mentions(parsed, rules)
        referred = not mentions and bool(earlier)
        if referred:
            mentions = _referred(parsed, earlier, rules)
        if mentions:
            found += _of_sentence(sentence, parsed, mentions, rules, number, len(found), referred)
        earlier = mentions
    return found
