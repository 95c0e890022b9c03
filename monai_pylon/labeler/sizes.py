"""Sizes told in a sentence, and which finding each is told of."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.phrases import ParsedSentence
from monai_pylon.labeler.rules import CueEntry
from monai_pylon.labeler.terms import Mention

__all__ = ["Size", "find_sizes", "size_of"]

_WORDS_TO_EARLIER = 2  # "previously measuring up to 14 mm"
_NEAR = 3  # words between a size and its finding at most, where another finding may claim it


class Size(NamedTuple):
    """Diameters in mm told in words ``first`` to ``last`` - 1.

    Example:
        >>> max(Size((12.0, 8.0), 0, 4).diameters_mm)
        12.0
    """

    diameters_mm: tuple[float, ...]
    first: int
    last: int


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
            sizes.append(Size(tuple(value * unit for value in raw), first, place))
        place = max(place, first + 1)
    return _of_this_scan(parsed, sizes)


def _of_this_scan(parsed: ParsedSentence, sizes: list[Size]) -> list[Size]:
    """The sizes without those of an earlier scan ("from 14 mm to 7 mm", "was 9 mm"), where there are others."""
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
    return any(parsed.words[place].text in (",", ";") for place in range(first, last))


def size_of(
    number: int, mentions: list[Mention], sizes: list[Size], parsed: ParsedSentence
) -> tuple[float, ...] | None:
    """The size told of a mention: the one in front of it, or else the one behind it that is in front of no other.

    Args:
        number: which of the mentions.
        mentions: all of the sentence.
        sizes: all of the sentence.
        parsed: the sentence.

    Returns:
        the diameters in mm, or None.

    Example:
        >>> from monai_pylon.labeler import default_rules, find_mentions, parse_sentence
        >>> parsed = parse_sentence("a 3 mm nodule, and a mass of 4 cm")
        >>> mentions, sizes = find_mentions(parsed, default_rules()), find_sizes(parsed)
        >>> [size_of(number, mentions, sizes, parsed) for number in (0, 1)]
        [(3.0,), (40.0,)]
    """
    mention = mentions[number]
    before = max((other.first for other in mentions if other.last <= mention.first), default=-1)
    behind = min((other.first for other in mentions if other.first >= mention.last), default=len(parsed.words))
    for size in sizes:
        if size.last > mention.first:
            break
        nearer = size.last <= before  # another finding lies between
        if (not nearer or mention.first - size.last <= _NEAR) and not _cut(parsed, size.last, mention.first):
            return size.diameters_mm  # "12 mm calcified nodule" is one noun phrase
    for size in sizes:
        if size.first < mention.last:
            continue
        if behind < size.first:
            break
        taken = any(
            size.last <= other.first <= size.last + _NEAR and not _cut(parsed, size.last, other.first)
            for other in mentions
        )
        if not taken:
            return size.diameters_mm
    return None
