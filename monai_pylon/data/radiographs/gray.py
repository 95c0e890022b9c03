"""Gray values of radiographs from stored values: lookup tables, windows, bit depth and full range."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np

from monai_pylon.utils import check

__all__ = ["LookupTable", "full_range", "scale_of_depth", "voi_gray"]

_LOGGER = logging.getLogger(__name__)
#: A window shows nothing if more than this share of the pixels is black, or white, or if all differ by less than this.
_MOST_CLIPPED, _LEAST_CONTRAST = 0.99, 1 / 64
#: Values that are sampled, and different ones among them, to tell a radiograph from a drawing of a few values.
_SAMPLES, _FEWEST_VALUES = 10000, 16
#: Steps of the range in which empty parts are looked for.
_BINS = 256


class LookupTable:
    """Lookup table of a DICOM file (Modality LUT, VOI LUT or Presentation LUT).

    Called with values (...), it returns their entries (...).

    Args:
        item: Item of the sequence, with LUTDescriptor and LUTData.
        signed: Whether the values that it maps can be negative.

    Raises:
        ValueError: If LUTDescriptor or LUTData is missing or they do not fit together.

    Example:
        >>> class Item:
        ...     LUTDescriptor, LUTData = [4, 10, 8], [0, 85, 170, 255]
        >>> LookupTable(Item())(np.array([0, 11, 99])).tolist()
        [0, 85, 255]
    """

    def __init__(self, item: Any, signed: bool = False) -> None:
        descriptor, data = getattr(item, "LUTDescriptor", None), getattr(item, "LUTData", None)
        check(descriptor is not None and len(descriptor) == 3, "LUTDescriptor", "three numbers", descriptor)
        count, self.first, self.bits = (int(number) for number in descriptor)  # type: ignore[union-attr]
        count = count or 65536
        if signed and self.first > 32767:
            self.first -= 65536
        if isinstance(data, bytes):
            data = np.frombuffer(data, np.uint8 if len(data) in (count, count + 1) else "<u2")
        self.table = np.zeros(0, np.int64) if data is None else np.atleast_1d(np.asarray(data)).astype(np.int64)
        check(len(self.table) >= count, "LUTData", f"{count} values, as LUTDescriptor says", len(self.table))
        self.table = self.table[:count]

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Map values (...); those beyond the ends of the table get its first or last value."""
        index = np.rint(np.asarray(values, dtype=np.float64) - self.first)
        return self.table[np.clip(index, 0, len(self.table) - 1).astype(np.int64)]

    @property
    def scale(self) -> int:
        """Largest value of the table's bit depth. A table that uses a few low bits only has a smaller depth."""
        largest = int(self.table.max())
        declared = 2**self.bits - 1
        return declared if declared // 4 < largest <= declared else scale_of_depth(largest)


def scale_of_depth(largest: float) -> int:
    """Return the largest value of the smallest bit depth, from 8 bits on, that holds a value.

    Args:
        largest: Largest value of an image.

    Returns:
        255, 511, 1023 and so on.

    Example:
        >>> scale_of_depth(200), scale_of_depth(4000), scale_of_depth(16383)
        (255, 4095, 16383)
    """
    return 2 ** max(8, int(largest).bit_length()) - 1


def full_range(values: np.ndarray) -> tuple[float, float]:
    """Return lowest and highest value of an image, apart from a marker or border far beyond all other values.

    If more than half of the range is empty, only the side with more different values counts.

    Args:
        values: Finite values (...), not empty.

    Returns:
        Lowest and highest value.

    Example:
        >>> full_range(np.array([*range(100), 4094, 4095]))
        (0.0, 99.0)
        >>> full_range(np.array([0, 4095]))
        (0.0, 4095.0)
    """
    low, high = float(values.min()), float(values.max())
    if low == high:
        return low, high
    bins = np.bincount(((values.ravel() - low) * (_BINS / (high - low))).astype(np.int64))
    used = np.flatnonzero(bins)
    gaps = np.diff(used)
    widest = int(gaps.argmax())
    if gaps[widest] <= _BINS / 2:
        return low, high
    middle = low + (used[widest] + gaps[widest] / 2) * (high - low) / _BINS
    sides = [values[values < middle], values[values > middle]]
    different = [len(np.unique(side[:: max(1, side.size // _SAMPLES)])) for side in sides]
    if max(different) < _FEWEST_VALUES:
        return low, high
    return full_range(sides[int(np.argmax(different))])


def _window(values: np.ndarray, center: float, width: float, function: str) -> np.ndarray:
    """Apply a window as PS3.3 C.11.2 defines it: gray values from 0 to 1."""
    check(bool(np.isfinite([center, width]).all()), "WindowCenter and WindowWidth", "finite", (center, width))
    check(width > (1 if function == "LINEAR" else 0), "WindowWidth", "above 1", width)
    if function == "SIGMOID":
        with np.errstate(over="ignore"):  # far below the window it is 0
            return 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - center) / width + 0.5, 0, 1)
    check(function == "LINEAR", "VOILUTFunction", "LINEAR, LINEAR_EXACT or SIGMOID", function)
    return np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)


def _numbers(value: Any) -> list[Any]:
    """Return the values of a field that may hold none, one or several."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, int | float | str) else list(value)


def _views(values: np.ndarray, data: Any) -> Iterator[np.ndarray | str]:
    """Yield the gray values of each lookup table and window of a file, or why one is invalid."""
    for item in getattr(data, "VOILUTSequence", None) or ():
        try:
            table = LookupTable(item, signed=bool(values.min() < 0))
            yield table(values) / table.scale
        except (ValueError, TypeError) as error:
            yield str(error)
    function = str(getattr(data, "VOILUTFunction", None) or "LINEAR").upper()
    try:
        centers, widths = (_numbers(getattr(data, name, None)) for name in ("WindowCenter", "WindowWidth"))
    except (ValueError, TypeError) as error:  # pydicom converts the text of the file when it is asked for
        yield f"WindowCenter or WindowWidth is no number: {error}"
        return
    for center, width in zip(centers, widths, strict=False):
        try:
            yield _window(values, float(center), float(width), function)
        except (ValueError, TypeError) as error:
            yield str(error)


def voi_gray(values: np.ndarray, data: Any, padded: np.ndarray) -> np.ndarray:
    """Map the values of a DICOM file to gray values as a viewer does at first.

    The first VOI LUT or window that shows something is used, else the full range. If all are invalid or show nothing, a
    warning is logged.

    Args:
        values: Values (H, W) after the Modality LUT.
        data: Dataset with VOILUTSequence, or WindowCenter, WindowWidth and VOILUTFunction.
        padded: Padding (H, W), bool; it does not change the full range.

    Returns:
        Gray values (H, W), float64 from 0 to 1, before any inversion.

    Example:
        >>> voi_gray(np.array([[0, 5, 10]]), None, np.zeros((1, 3), bool)).tolist()
        [[0.0, 0.5, 1.0]]
    """
    values = np.asarray(values, dtype=np.float64)
    shown = values[~padded] if not padded.all() else values
    varies = np.ptp(shown) > 0
    reasons = []
    for view in _views(values, data):
        if isinstance(view, str):
            reasons.append(view.rstrip("."))
            continue
        gray = view[~padded] if not padded.all() else view
        clipped = max((gray <= 0).mean(), (gray >= 1).mean())
        if not varies or (clipped <= _MOST_CLIPPED and np.ptp(gray) >= _LEAST_CONTRAST):
            return view
        reasons.append("it shows none of the values")
    if reasons:
        _LOGGER.warning("The window of a radiograph cannot be used (%s). Its full range is shown.", "; ".join(reasons))
    low, high = full_range(shown)
    return np.clip((values - low) / (high - low if high > low else 1), 0, 1)
