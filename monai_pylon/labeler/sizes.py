"""Sizes in a sentence, and the finding that each size describes."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.anatomy import Place
from monai_pylon.labeler.grammar.phrases import ParsedSentence
from monai_pylon.labeler.rule_entries import CueEntry
from monai_pylon.labeler.terms import Mention

__all__ = ["Size", "find_sizes", "places_of", "sizes_of", "sizes_of_largest"]

_WORDS_TO_EARLIER = 2  # "previously measuring up to 14 mm"
_ENDS_REACH = ("verb", "possible after", "probable after", "negates after", "ends scope", "contrast")
_SEPARATORS = (",", ";")
_WORDS_TO_LARGEST = 2  # "the largest one measuring 2 cm"
_NEAR = 3  # words between a size and its finding at most, if another finding may have the size


class Size(NamedTuple):
    """Diameters in mm, in words ``first`` to ``last`` - 1. A finding that begins at most at ``reach`` may have them.

    Example:
        >>> max(Size((12.0, 8.0), 0, 4, 7).diameters_mm)
        12.0
    """

    diameters_mm: tuple[float, ...]
    first: int
    last: int
    reach: int


def find_sizes(parsed: ParsedSentence) -> list[Size]:
    """Find the sizes in a sentence: "12 mm", "1.2 x 0.8 cm", "4-6 mm".

    Args:
        parsed: The sentence.

    Returns:
        The sizes, with diameters in mm. Distances ("2 cm from the pleura") are left out, and sizes of an earlier scan
        if the sentence has others.

    Example:
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
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
    breaks = parsed.first_words(*_ENDS_REACH)
    breaks |= {n for n, word in enumerate(parsed.words) if word.text in _SEPARATORS}
    sizes: list[Size] = []
    index = 0
    while index < len(parsed.words):
        first, values, unit = index, [], 0.0
        while index < len(parsed.words):
            text = parsed.words[index].text
            if text[0].isdigit() and not unit:
                values.append(_number(text))
            elif index in units and values:
                unit = unit or units[index]
            elif index in times and values:
                following = parsed.words[index + 1].text if index + 1 < len(parsed.words) else ""
                if not following[:1].isdigit():
                    break
                values.append(_number(following))
                index += 1
            else:
                break
            index += 1
        if values and unit:
            reach = next((n for n in range(index, index + _NEAR) if n in breaks), index + _NEAR)
            sizes.append(Size(tuple(value * unit for value in values), first, index, reach))
        index = max(index, first + 1)
    return _of_this_scan(parsed, sizes)


def _number(text: str) -> float:
    return float(text.replace(",", "."))


def _of_this_scan(parsed: ParsedSentence, sizes: list[Size]) -> list[Size]:
    """Remove distances ("2 cm from the pleura") and, if other sizes remain, those of an earlier scan."""
    distances = parsed.first_words("distance")
    starts = {size.first for size in sizes}
    sizes = [size for size in sizes if size.last not in distances or size.last + 1 in starts]
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


def _separated(parsed: ParsedSentence, first: int, last: int) -> bool:
    """Return whether a comma or semicolon lies in words ``first`` to ``last`` - 1."""
    return any(parsed.words[index].text in _SEPARATORS for index in range(first, last))


def _joined(parsed: ParsedSentence, first: int, last: int) -> bool:
    """Return whether a comma, semicolon or "and" lies in words ``first`` to ``last`` - 1."""
    return _separated(parsed, first, last) or not parsed.first_words("joins").isdisjoint(range(first, last))


def sizes_of(number: int, mentions: list[Mention], sizes: list[Size], parsed: ParsedSentence) -> list[Size]:
    """Select the sizes of a mention: those before it, and those after it that no later mention has.

    Args:
        number: Index of the mention.
        mentions: All mentions of the sentence.
        sizes: All sizes of the sentence.
        parsed: The sentence.

    Returns:
        Its sizes in their order; several if the mention is plural ("nodules: 4 mm and 12 mm").

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> from monai_pylon.labeler.terms import find_mentions
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> parsed = parse_sentence("a 3 mm nodule, and a mass of 4 cm")
        >>> mentions, sizes = find_mentions(parsed, default_rules()), find_sizes(parsed)
        >>> [[size.diameters_mm for size in sizes_of(number, mentions, sizes, parsed)] for number in (0, 1)]
        [[(3.0,)], [(40.0,)]]
    """
    mention = mentions[number]
    before = max((other.first for other in mentions if other.last <= mention.first), default=-1)
    end = mention.last
    for other in mentions[number + 1 :]:  # "nodular opacity": one noun phrase
        end = other.last if other.first == end else end
    after = min((other.first for other in mentions if other.first >= end), default=len(parsed.words))
    own = []
    for size in sizes:
        if size.last <= mention.first:
            blocked = size.last <= before  # another finding lies between
            near = mention.first - size.last <= _NEAR  # "12 mm calcified nodule" is one noun phrase
            if (near or not blocked) and not _separated(parsed, size.last, mention.first):
                own.append(size)
        elif mention.last <= size.first <= after and not any(
            size.last <= other.first <= size.reach for other in mentions
        ):
            own.append(size)
    return own


def sizes_of_largest(mention: Mention, sizes: list[Size], parsed: ParsedSentence) -> list[Size]:
    """Select the sizes that follow a word such as "largest" behind a mention: "nodules with a halo, the largest 2 cm".

    Args:
        mention: The last mention with a size.
        sizes: All sizes of the sentence.
        parsed: The sentence.

    Returns:
        These sizes.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> from monai_pylon.labeler.terms import find_mentions
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> parsed = parse_sentence("nodules with consolidation, the largest measuring 2 cm")
        >>> nodules = find_mentions(parsed, default_rules())[0]
        >>> [size.diameters_mm for size in sizes_of_largest(nodules, find_sizes(parsed), parsed)]
        [(20.0,)]
    """
    cues = [match for number, match in enumerate(parsed.matches) if parsed.has(number, "narrows")]
    return [
        size
        for size in sizes
        if any(mention.last <= cue.first and 0 <= size.first - cue.last <= _WORDS_TO_LARGEST for cue in cues)
    ]


def places_of(sizes: list[Size], places: list[Place], parsed: ParsedSentence) -> list[Place]:
    """Select the places at which a mention has some sizes.

    Args:
        sizes: Sizes of the mention.
        places: Places of the mention.
        parsed: The sentence.

    Returns:
        The places without a side, and of those with one the nearest to each size, in the same list item if possible.
        All places if they name one side only.

    Example:
        >>> from monai_pylon.labeler.anatomy import find_places
        >>> from monai_pylon.labeler.grammar.phrases import parse_sentence
        >>> parsed = parse_sentence("Nodules: RUL 4 mm, LLL 12 mm")
        >>> [place.side for place in places_of(find_sizes(parsed)[1:], find_places(parsed), parsed)]
        ['left']
    """
    if len({place.side for place in places if place.side}) < 2:
        return places

    def distance(size: Size, place: Place) -> tuple[bool, int]:
        low, high = (place.last, size.first) if place.first < size.first else (size.last, place.first)
        return _joined(parsed, low, high), high - low

    sided = [place for place in places if place.side]
    nearest = [min(sided, key=lambda place: distance(size, place)) for size in sizes]
    return [place for place in places if not place.side or place in nearest]
