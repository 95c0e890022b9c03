"""Anatomical terms of a sentence: organs and sides, independent of its findings."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.grammar.phrases import ParsedSentence
from monai_pylon.labeler.rule_entries import PlaceEntry

__all__ = ["Place", "find_places"]

_FAR = -99
_OTHER = {"right": "left", "left": "right"}
_WORDS_NOT_THERE = 4  # words from the end of a "not there" cue to the start of the place that it excludes, at most
_WORDS_OVERLIES = 8  # the same for an "overlies" cue
_WORDS_NARROWS = 4  # the same for a "narrows" cue
_WORDS_BESIDE = 6  # the same for a "beside" cue


class Place(NamedTuple):
    """Anatomical term in words ``first`` to ``last`` - 1; organ or side may be empty.

    If ``beside`` is true, the finding only touches this place, so the place is used only if the finding has no other.
    If ``partial`` is true, the finding is also elsewhere ("worst in the right upper lobe").
    ``second`` is the organ for a finding that has no label in the first: a granuloma of the hilum is one of the lung.

    Example:
        >>> Place("lung", "left", 3, 5).side
        'left'
    """

    organ: str
    side: str
    first: int
    last: int
    beside: bool = False
    second: str = ""
    partial: bool = False


def _opposite(places: list[Place]) -> PlaceEntry | None:
    """Return the other side than that of the last place with one: "a contralateral effusion"."""
    side = next((place.side for place in reversed(places) if place.side in _OTHER), "")
    return PlaceEntry("", _OTHER[side]) if side else None


def find_places(parsed: ParsedSentence, skip: int = 0) -> list[Place]:
    """Find the anatomical terms of a sentence.

    Args:
        parsed: The sentence.
        skip: Length in characters of a heading at its start, in which no place is searched.

    Returns:
        The places in their order. A place that a finding only projects over ("projecting over the rib") is left out.

    Example:
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> [(place.organ, place.side) for place in find_places(parse_sentence("in the right upper lobe and aorta"))]
        [('lung', 'right'), ('great vessel', '')]
    """
    places: list[Place] = []
    overlies = beside = not_there = narrows = measured = _FAR
    for match, kinds in zip(parsed.matches, parsed.kinds, strict=True):
        if kinds:
            if "not there" in kinds or ("distance" in kinds and match.first == measured):  # "2 cm from the aorta"
                not_there = match.last
            elif "overlies" in kinds:
                overlies = match.last
            elif "beside" in kinds:
                beside = match.last
            elif "narrows" in kinds:
                narrows = match.last
            elif not kinds.isdisjoint(("verb", "contrast", "ends scope")):
                overlies = beside = not_there = narrows = _FAR
            elif "times" in kinds:  # "shifted to the left by a right effusion"
                not_there = _FAR
            elif "inside" in kinds and places and places[-1].beside:
                beside = _FAR  # "abuts the aorta in the left upper lobe"
            while "not there before" in kinds and places and match.first - places[-1].last <= 1:
                places.pop()
        measured = match.last if "unit" in kinds else measured
        entry = next((entry for entry in match.entries if isinstance(entry, PlaceEntry)), None)
        if "other side" in kinds:
            entry = _opposite(places)
        excluded = match.first - not_there <= _WORDS_NOT_THERE
        if entry is None or parsed.words[match.first].start < skip or excluded:
            continue
        overlaid = match.first - overlies <= _WORDS_OVERLIES
        if entry.organ == "elsewhere" and overlaid:
            continue
        touched = match.first - beside <= _WORDS_BESIDE
        partial = match.first - narrows <= _WORDS_NARROWS
        near = (touched or overlaid) and entry.side and (entry.second or entry.organ == "heart")
        organ = "" if near else entry.organ  # beside a hilum or a border of the heart: in the lung of its side
        places.append(Place(organ, entry.side, match.first, match.last, touched, entry.second, partial))
    return places
