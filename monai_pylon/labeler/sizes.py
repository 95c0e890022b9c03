"""Sizes told in a sentence, and which finding each is told of."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.phrases import ParsedSentence
from monai_pylon.labeler.places import Place
from monai_pylon.labeler.rules import CueEntry
from monai_pylon.labeler.terms import Mention

__all__ = ["Size", "find_sizes", "places_of", "sizes_of"]

_WORDS_TO_EARLIER = 2  # "previously measuring up to 14 mm"
_NOT_OF_WHAT_FOLLOWS = ("verb", "possible after", "probable after", "negates after", "ends scope", "contrast")
_CUTS = (",", ";")
_NEAR = 3  # words between a size and its finding at most, where another finding may claim it


class Size(NamedTuple):
    """Diameters in mm told in words ``first`` to ``last`` - 1; a finding behind them may claim them up to ``reach``.

    Example:
        >>> max(Size((12.0, 8.0), 0, 4, 7).diameters_mm)
        12.0
    """

    diameters_mm: tuple[float, ...]
    first: int
    last: int
    reach: int


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
    breaks = parsed.first_words(*_NOT_OF_WHAT_FOLLOWS)
    breaks |= {n for n, word in enumerate(parsed.words) if word.text in _CUTS}
    sizes: list[Size] = []
    place = 0
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
            reach = next((n for n in range(place, place + _NEAR) if n in breaks), place + _NEAR)
            sizes.append(Size(tuple(value * unit for value in raw), first, place, reach))
        place = max(place, first + 1)
    return _of_this_scan(parsed, sizes)


def _of_this_scan(parsed: ParsedSentence, sizes: list[Size]) -> list[Size]:
    """The sizes without distances ("2 cm from the pleura") and, where there are others, those of an earlier scan."""
    aways = parsed.first_words("distance")
    starts = {size.first for size in sizes}
    sizes = [size for size in sizes if size.last not in aways or size.last + 1 in starts]
    cues = [match for number, match in enumerate(parsed.matches) if parsed.has(number, "earlier size")]
    earlier = {
        number
        for number, size in enumerate(sizes)
        if any(
            0 <= size.first - cue.last <= _WORDS_TO_EARLIER and not any(cue.last <= s.first < size.first for s in sizes)
            for cue in cues
        )
    }
    return [size for number, size in enumerate(sizes) if number not in earlier] or sizes


def _cut(parsed: ParsedSentence, first: int, last: int) -> bool:
    return any(parsed.words[place].text in _CUTS for place in range(first, last))


def sizes_of(number: int, mentions: list[Mention], sizes: list[Size], parsed: ParsedSentence) -> list[Size]:
    """The sizes told of a mention: those in front of it, and those behind it that are in front of no other.

    Args:
        number: which of the mentions.
        mentions: all of the sentence.
        sizes: all of the sentence.
        parsed: the sentence.

    Returns:
        its sizes in their order; several where it stands for several ("nodules: 4 mm and 12 mm").

    Example:
        >>> from monai_pylon.labeler import default_rules, find_mentions, parse_sentence
        >>> parsed = parse_sentence("a 3 mm nodule, and a mass of 4 cm")
        >>> mentions, sizes = find_mentions(parsed, default_rules()), find_sizes(parsed)
        >>> [[size.diameters_mm for size in sizes_of(number, mentions, sizes, parsed)] for number in (0, 1)]
        [[(3.0,)], [(40.0,)]]
    """
    mention = mentions[number]
    before = max((other.first for other in mentions if other.last <= mention.first), default=-1)
    behind = min((other.first for other in mentions if other.first >= mention.last), default=len(parsed.words))
    told = []
    for size in sizes:
        if size.last <= mention.first:
            nearer = size.last <= before  # another finding lies between
            if (not nearer or mention.first - size.last <= _NEAR) and not _cut(parsed, size.last, mention.first):
                told.append(size)  # "12 mm calcified nodule" is one noun phrase
        elif mention.last <= size.first <= behind and not any(
            size.last <= other.first <= size.reach for other in mentions
        ):
            told.append(size)
    return told


def places_of(sizes: list[Size], places: list[Place], parsed: ParsedSentence) -> list[Place]:
    """Where what is so large lies: of several places the one that is told with each size.

    Args:
        sizes: of one mention.
        places: of the same.
        parsed: the sentence.

    Returns:
        of the places that tell a side the nearest to each size, if possible in the same item of a list; and the rest.

    Example:
        >>> from monai_pylon.labeler import find_places, parse_sentence
        >>> parsed = parse_sentence("Nodules: RUL 4 mm, LLL 12 mm")
        >>> [place.side for place in places_of(find_sizes(parsed)[1:], find_places(parsed), parsed)]
        ['left']
    """
    if len({place.side for place in places if place.side}) < 2:
        return places

    def far(size: Size, place: Place) -> tuple[bool, int]:
        low, high = (place.last, size.first) if place.first < size.first else (size.last, place.first)
        return any(parsed.words[n].text in _CUTS for n in range(low, high)), high - low

    sided = [place for place in places if place.side]
    nearest = [min(sided, key=lambda place: far(size, place)) for size in sizes]
    return [place for place in places if not place.side or place in nearest]
