"""The places that a sentence names, whatever lies there."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.phrases import ParsedSentence
from monai_pylon.labeler.rules import PlaceEntry

__all__ = ["Place", "find_places"]

_FAR = -99


class Place(NamedTuple):
    """A place named in words ``first`` to ``last`` - 1; organ or side may be empty.

    ``beside`` marks one that the finding only touches: it counts where no other is told. ``second`` is the organ for a
    finding that has no label in the first: a granuloma of the hilum is one of the lung.

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


def find_places(parsed: ParsedSentence, skip: int = 0) -> list[Place]:
    """The places that a sentence names.

    Args:
        parsed: the sentence.
        skip: how many characters at its beginning are a heading, whose words are no places here.

    Returns:
        the places in their order. What a finding merely lies over ("projecting over the rib") is none.

    Example:
        >>> from monai_pylon.labeler import parse_sentence
        >>> [(place.organ, place.side) for place in find_places(parse_sentence("in the right upper lobe and aorta"))]
        [('lung', 'right'), ('great vessel', '')]
    """
    places: list[Place] = []
    overlies = beside = not_there = _FAR
    for number, match in enumerate(parsed.matches):
        if parsed.has(number, "not there"):
            not_there = match.last
        elif parsed.has(number, "overlies"):
            overlies = match.last
        elif parsed.has(number, "beside"):
            beside = match.last
        elif parsed.has(number, "verb", "contrast", "ends scope"):
            overlies = beside = not_there = _FAR
        while parsed.has(number, "not there before") and places and match.first - places[-1].last <= 1:
            places.pop()
        entry = next((entry for entry in match.entries if isinstance(entry, PlaceEntry)), None)
        if entry is None or parsed.words[match.first].start < skip or match.first - not_there <= 4:
            continue
        if entry.organ == "elsewhere" and match.first - overlies <= 8:
            continue
        touched = match.first - beside <= 6
        aside = touched or match.first - overlies <= 8
        organ = "" if aside and entry.side and entry.second else entry.organ  # beside a hilum: the lung of its side
        places.append(Place(organ, entry.side, match.first, match.last, touched, entry.second))
    return places
