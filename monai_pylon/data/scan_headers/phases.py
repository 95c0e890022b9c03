"""Phases of an examination, such as before and after contrast, that one series mixes.

Slices of two phases can lie on one even grid. The volume then shows both, one slice of each in turn, and no geometry
tells it. The headers do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

__all__ = ["mixed_phases"]

#: Fields with one value for all slices of a phase, which lie side by side.
_OF_PHASE = ("AcquisitionNumber", "ContrastBolusAgent", "ConvolutionKernel", "KVP", "ImageType")
#: Fields that count or clock the slices of a phase.
_COUNTING = ("InstanceNumber", "AcquisitionTime")
_MOST_PHASES, _LEAST_SLICES = 6, 3
#: Values that an error lists.
_MOST_LISTED = 6


def _counted(keyword: str, values: Sequence[str]) -> str:
    counts = Counter(values)
    listed = [f"{value or 'none'} ({count} slices)" for value, count in list(counts.items())[:_MOST_LISTED]]
    more = f" and {len(counts) - _MOST_LISTED} more" if len(counts) > _MOST_LISTED else ""
    return f"{keyword} is {', '.join(listed)}{more}"


def _numbered(values: Sequence[str]) -> list[str]:
    """Replace texts by numbers: people may write names and dates into them."""
    known = {value: f"agent {number}" for number, value in enumerate(dict.fromkeys(filter(None, values)), 1)}
    return [known.get(value, "") for value in values]


def _phases_in_turn(values: Sequence[str]) -> int:
    """Return how many phases take turns, each counted in one direction and apart from the others; 0 for none."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return 0
    for count in range(2, min(_MOST_PHASES, len(numbers) // _LEAST_SLICES) + 1):
        parts = [numbers[start::count] for start in range(count)]
        rising = all((np.diff(part) >= 0).all() for part in parts)
        falling = all((np.diff(part) <= 0).all() for part in parts)
        ranges = sorted((part.min(), part.max()) for part in parts)
        if (rising or falling) and all(one[1] < other[0] for one, other in pairwise(ranges)):
            return count
    return 0


def mixed_phases(phases: Sequence[Mapping[str, str]]) -> str:
    """Describe the phases that a series of slices mixes.

    Slices with and without contrast are two phases. A phase whose slices lie side by side with those of others by
    AcquisitionNumber, ConvolutionKernel, KVP or ImageType is accepted, as in a scan in several steps; one whose slices
    alternate with others is not. InstanceNumber and AcquisitionTime show phases that take turns.

    Args:
        phases: For each slice, in the order of their heights, the fields of `phase_fields`.

    Returns:
        A sentence without a period, and without free text and times of the headers. Empty for a single phase.

    Example:
        >>> mixed_phases([{"AcquisitionNumber": number} for number in "1122"])
        ''
        >>> mixed_phases([{"AcquisitionNumber": number} for number in "1212"])
        'slices alternate: AcquisitionNumber is 1 (2 slices), 2 (2 slices)'
    """
    contrast = [phase.get("ContrastBolusAgent", "") for phase in phases]
    if len(set(contrast)) > 1:
        return f"slices have different contrast: {_counted('ContrastBolusAgent', _numbered(contrast))}"
    for keyword in _OF_PHASE:
        values = [value for phase in phases if (value := phase.get(keyword, ""))]
        runs = 1 + sum(one != other for one, other in pairwise(values))
        if values and runs > len(set(values)):
            shown = _numbered(values) if keyword == "ContrastBolusAgent" else values
            return f"slices alternate: {_counted(keyword, shown)}"
    for keyword in _COUNTING:
        values = [phase.get(keyword, "") for phase in phases]
        if count := _phases_in_turn(values):
            if keyword == "AcquisitionTime":  # it may hold the date
                return f"slices alternate: {keyword} runs {count} times from the first slices to the last"
            first = [f"{values[start]} to {values[start::count][-1]}" for start in range(count)]
            return f"slices alternate: {keyword} runs from {' and from '.join(first)}"
    return ""
