"""Decisions: whether a candidate gives its label, in which organs, with which state, and why."""

from __future__ import annotations

from monai_pylon.labeler.candidates import Candidate
from monai_pylon.labeler.findings import ABSENT, NOT_MENTIONED, PRESENT, UNCERTAIN, Evidence, Finding
from monai_pylon.labeler.grammar.phrases import ParsedSentence
from monai_pylon.labeler.rules import LabelerRules
from monai_pylon.labeler.sides import Sides
from monai_pylon.labeler.text.sections import ReportSentence
from monai_pylon.taxonomy import ORGANS

__all__ = ["decide", "reason_to_drop", "state_of"]

#: Choices of ``uncertain`` with the hedged statuses that each drops.
DROPPED = {"probable": ("possible",), "present": (), "absent": ("possible", "probable")}
_SIDE_ORGAN = {"right": ORGANS[0], "left": ORGANS[2]}


def reason_to_drop(candidate: Candidate, rules: LabelerRules, uncertain: str = "probable") -> str:
    """Return why a candidate gives no label, or an empty text.

    Args:
        candidate: The candidate.
        rules: The vocabulary.
        uncertain: "probable", "present" or "absent", as in :class:`~monai_pylon.labeler.ReportLabeler`.

    Returns:
        The reason.

    Example:
        >>> from monai_pylon.labeler.candidates import find_candidates
        >>> from monai_pylon.labeler.rules import default_rules
        >>> reason_to_drop(find_candidates("Possible mass.", default_rules())[0], default_rules()).split(" by ")[0]
        'only possible'
    """
    status = candidate.mention.status
    rule = rules.findings[candidate.mention.finding]
    if not candidate.sentence.read:
        return f"the section {candidate.sentence.section!r} is not read"
    if rule.denies:
        return f"absent by {candidate.rule}"
    if status.name == "absent" or (status.name == "normal" and not rule.in_history):
        return f"negated by {status.rule}"  # a staple line that looks normal is present
    if status.name == "asked":
        return f"only looked for: {status.rule}"
    if status.name == "other":
        return f"about somebody or something else: {status.rule}"
    if status.name == "history" and not rule.in_history:
        return f"history: {status.rule}"
    if status.name in DROPPED[uncertain]:
        return f"only {status.name} by {status.rule}"
    return "" if candidate.organ else candidate.placed.reason


def state_of(candidate: Candidate, rules: LabelerRules) -> int:
    """Return the state that a candidate gives its label in its organs.

    Args:
        candidate: The candidate.
        rules: The vocabulary.

    Returns:
        1 present, 0 absent, -1 uncertain, -2 not mentioned (history, only looked for, or elsewhere).

    Example:
        >>> from monai_pylon.labeler.candidates import find_candidates
        >>> from monai_pylon.labeler.rules import default_rules
        >>> [state_of(one, default_rules()) for one in find_candidates("Mass, no effusion.", default_rules())]
        [1, 0]
    """
    status = candidate.mention.status.name
    rule = rules.findings[candidate.mention.finding]
    if not candidate.sentence.read or not candidate.organ:
        return NOT_MENTIONED
    if rule.denies:
        return ABSENT if status in ("stated", "normal", "probable") else NOT_MENTIONED
    if status == "absent" or (status == "normal" and not rule.in_history):
        return ABSENT
    if status in ("asked", "other") or (status == "history" and not rule.in_history):
        return NOT_MENTIONED
    return UNCERTAIN if status in ("probable", "possible") else PRESENT


def decide(candidate: Candidate, reason: str, sides: Sides, side_unknown: str, rules: LabelerRules) -> Evidence:
    """Keep or drop a candidate and give it its locations.

    Args:
        candidate: The candidate.
        reason: Result of :func:`reason_to_drop`.
        sides: Result of :func:`~monai_pylon.labeler.sides.resolve_sides`.
        side_unknown: "both", "none" or "unknown", as in :class:`~monai_pylon.labeler.ReportLabeler`.
        rules: The vocabulary.

    Returns:
        The evidence.

    Example:
        >>> from monai_pylon.labeler.candidates import find_candidates
        >>> from monai_pylon.labeler.rules import default_rules
        >>> (one,) = find_candidates("Left mass.", default_rules())
        >>> decide(one, "", Sides(("left",), ""), "both", default_rules()).finding.locations
        ('left lung',)
    """
    sentence, parsed, status = candidate.sentence, candidate.parsed, candidate.mention.status
    state = state_of(candidate, rules)
    where: tuple[str, ...] = ()
    why = candidate.placed.reason
    if candidate.organ == "lung":
        names = candidate.placed.sides if state == ABSENT else sides.names
        why += f", {sides.reason}" if sides.reason else ""
        if not names:
            why += f", side unknown: {side_unknown}"
            names = ("right", "left") if side_unknown == "both" or state == ABSENT else ()
            reason = reason or ("the side is unknown" if side_unknown == "none" else "")
        where = tuple(_SIDE_ORGAN[side] for side in names)
    elif candidate.organ == "elsewhere":
        where = ORGANS
    elif candidate.organ:
        where = (ORGANS[1],)
    spans = _spans(sentence, parsed, candidate.mention.matched)
    place_words = tuple(word for place in candidate.places for word in range(place.first, place.last))
    place_spans = _spans(sentence, parsed, place_words)
    finding = Finding(
        abnormality=candidate.label,
        locations=() if reason else where,
        sentence=sentence.text,
        terms=_texts(sentence, spans),
        places=_texts(sentence, place_spans),
        rule=candidate.rule,
        section=sentence.section,
        uncertain=status.name in ("probable", "possible"),
        start=sentence.start,
    )
    cue_spans = _spans(sentence, parsed, tuple(range(status.first, status.last)))
    return Evidence(finding, not reason, reason or f"kept: {why}", spans, place_spans, state, where, cue_spans)


def _texts(sentence: ReportSentence, spans: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    return tuple(sentence.text[start - sentence.start : end - sentence.start] for start, end in spans)


def _spans(sentence: ReportSentence, parsed: ParsedSentence, words: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the characters (start, end) of the report that words cover, with adjacent words joined."""
    spans: list[tuple[int, int]] = []
    last: int | None = None
    for word in words:
        start, end = sentence.start + parsed.words[word].start, sentence.start + parsed.words[word].end
        if last == word - 1:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        last = word
    return tuple(spans)
