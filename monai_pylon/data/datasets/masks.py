"""Masks of findings as run lengths in the format of COCO, or as polygons, and the boxes around them.

A mask is a dictionary: "label", the number of its class; "size", rows and columns; and either "counts", run lengths of
background and foreground in turn down the columns, or "polygons", lists of points [x, y].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from monai_pylon.data.volume_limits import check_pixel_count
from monai_pylon.utils import check

__all__ = ["decode_counts", "draw_mask", "mask_boxes"]

#: The text of COCO has six bits in a character: five of the number, and one that says that more follow.
_FIRST, _BITS, _MORE, _SIGN = 48, 5, 0x20, 0x10
_REMEDY = "Download the file of masks again."


def decode_counts(counts: str | Sequence[int]) -> np.ndarray:
    """Decode the run lengths of COCO.

    In the text, every number after the third one is the difference from the number two places before.

    Args:
        counts: The text, or the run lengths as numbers.

    Returns:
        Run lengths (R,) int64, of background and foreground in turn.

    Raises:
        ValueError: If the text ends within a number, has other characters, or a run is negative.

    Example:
        >>> decode_counts("52203").tolist(), decode_counts([5, 2]).tolist()
        ([5, 2, 2, 2, 5], [5, 2])
    """
    if not isinstance(counts, str):
        whole = all(isinstance(run, int) and not isinstance(run, bool) for run in counts)
        check(whole, "counts", "whole numbers, or the text of COCO", counts, _REMEDY)
        runs = list(counts)
    else:
        runs = []
        value = shift = 0
        for character in counts:
            code = ord(character) - _FIRST
            check(0 <= code < 64, "counts", "text of COCO, of characters from '0' to 'o'", character, _REMEDY)
            value |= (code & 0x1F) << shift
            shift += _BITS
            if code & _MORE:
                continue
            if code & _SIGN:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
        check(shift == 0, "counts", "whole text of COCO", f"...{counts[-8:]}", _REMEDY)
    negative = [run for run in runs if run < 0]
    check(not negative, "counts", "without negative runs", negative, _REMEDY)
    return np.array(runs, dtype=np.int64)


def _size(mask: Mapping[str, Any]) -> tuple[int, int]:
    """Return rows and columns of a mask."""
    size = mask["size"]
    whole = isinstance(size, Sequence) and len(size) == 2 and all(type(side) is int and side > 0 for side in size)
    check(whole, "size", "[rows, columns]", size, _REMEDY)
    check_pixel_count("a mask", tuple(size))
    return size[0], size[1]


def draw_mask(mask: Mapping[str, Any]) -> np.ndarray:
    """Draw a mask.

    Polygons are filled with their outline by Pillow, as the authors of CheXlocalize do.

    Args:
        mask: "size", and "counts" or "polygons".

    Returns:
        (H, W) bool, rows and columns of the size.

    Raises:
        ValueError: If the run lengths do not fit the size, or a polygon has fewer than three points or no numbers.

    Example:
        >>> draw_mask({"size": [2, 3], "counts": [2, 3, 1]}).astype(int).tolist()
        [[0, 1, 1], [0, 1, 0]]
    """
    rows, columns = _size(mask)
    if "counts" in mask:
        runs = decode_counts(mask["counts"])
        check(int(runs.sum()) == rows * columns, "counts", f"of {rows * columns} pixels", int(runs.sum()), _REMEDY)
        filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        return np.ascontiguousarray(filled.reshape(columns, rows).T)
    image = Image.new("1", (columns, rows))
    for polygon in mask["polygons"]:
        ImageDraw.Draw(image).polygon([tuple(point) for point in _points(polygon)], outline=1, fill=1)
    return np.array(image, dtype=bool)


def _points(polygon: Any) -> list[list[float]]:
    """Return the points of a polygon, and raise if they are none."""
    try:
        points = np.asarray(polygon, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.zeros(0)
    sound = points.ndim == 2 and points.shape[0] > 2 and points.shape[1] == 2 and np.isfinite(points).all()
    check(bool(sound), "polygons", "lists of three points [x, y] or more", polygon, _REMEDY)
    return points.tolist()


def mask_boxes(filled: np.ndarray) -> np.ndarray:
    """Find the box around each connected part of a mask.

    Args:
        filled: (rows, columns) bool.

    Returns:
        (K, 4) float32 [x1, y1, x2, y2] in pixel borders: pixel 0 reaches from 0 to 1. Pixels that touch by a corner
        are connected.

    Example:
        >>> mask_boxes(np.array([[0, 1, 1], [0, 1, 0], [1, 0, 0]], dtype=bool)).tolist()
        [[0.0, 0.0, 3.0, 3.0]]
    """
    whole = ndimage.find_objects(filled.astype(np.uint8))
    if not whole:
        return np.zeros((0, 4), dtype=np.float32)
    rows, columns = whole[0]
    places = ndimage.find_objects(ndimage.label(filled[rows, columns], structure=np.ones((3, 3)))[0])
    top, left = rows.start, columns.start
    table = [(x.start + left, y.start + top, x.stop + left, y.stop + top) for y, x in places]
    return np.array(table, dtype=np.float32)
