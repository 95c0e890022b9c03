"""Slices of a CT series whose rescale does not fit their values."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = ["wrong_rescale"]

#: A rescale is wrong if the values of two neighboring slices differ by more than this many HU in the median, and by
#: less than a third of that if both had the same rescale.
_JUMP, _SHARE = 40.0, 1 / 3
#: Pixels between two that are compared.
_STEP = 4


def wrong_rescale(volume: np.ndarray, rescales: Sequence[tuple[float, float]]) -> str:
    """Describe the place where the rescale of a series changes and its stored values do not.

    A rescale of each slice is allowed. With the right one, neighboring slices have about the same HU.

    Args:
        volume: Slices (S, rows, columns) in HU, in the order of their heights.
        rescales: RescaleSlope, which is not 0, and RescaleIntercept of each slice.

    Returns:
        A sentence without a period. Empty if all slices have one rescale, or the values fit.

    Example:
        >>> hu = np.add.outer(np.zeros(3), np.add.outer(np.arange(32.0), np.arange(32.0)))
        >>> wrong_rescale(hu, [(1, -1024), (1, 0), (1, -1024)])  # the middle slice has the HU of the others
        ''
        >>> hu[1] += 1024
        >>> wrong_rescale(hu, [(1, -1024), (1, 0), (1, -1024)])
        'slices 1 and 2 have RescaleSlope 1 and 1, RescaleIntercept -1024 and 0, and differ by 1024 HU, but by 0 HU ...'
    """
    for below, (one, other) in enumerate(pairwise(rescales)):
        if one == other:
            continue
        first, second = (plane[::_STEP, ::_STEP].astype(np.float64) for plane in volume[below : below + 2])
        stored = (second - other[1]) / other[0]
        found = float(np.median(np.abs(second - first)))
        alike = float(np.median(np.abs(stored * one[0] + one[1] - first)))
        if found > _JUMP and alike < _SHARE * found:
            return (
                f"slices {below + 1} and {below + 2} have RescaleSlope {one[0]:g} and {other[0]:g}, "
                f"RescaleIntercept {one[1]:g} and {other[1]:g}, and differ by {found:.0f} HU, but by {alike:.0f} HU "
                "with the same rescale"
            )
    return ""
