"""Images that are no radiograph by their pixels: photographs, colored maps, drawings, blank images.

A gray photograph, a screenshot or a radiograph of another body part cannot be told from a chest by such a check.
"""

from __future__ import annotations

import logging

import numpy as np

__all__ = ["check_gray", "warn_of_content"]

#: A pixel is colored if its brightest and darkest color differ by more than this share of the range. Above this share
#: of colored pixels an image is no radiograph; tinted radiographs stay below the first, colored markers below the second.
_CHROMA, _MOST_COLORED = 0.2, 0.1
#: Least number of gray values, and least number of rows and columns.
_LEAST_VALUES, _LEAST_SIDE = 8, 64
_REMEDY = "Leave it out, or read it all the same with frontal_chest_only=False."
_LOGGER = logging.getLogger(__name__)


def check_gray(color: np.ndarray, scale: float, path: object) -> None:
    """Raise if an image is colored.

    Args:
        color: Red, green and blue (H, W, 3) or more channels, of which the first three count.
        scale: Largest value of a channel.
        path: The file, for the error message.

    Raises:
        ValueError: If more than 10 % of the pixels are clearly colored.

    Example:
        >>> check_gray(np.array([[[200, 40, 30]]]), 255, "skin.jpg")
        Traceback (most recent call last):
        ...
        ValueError: path must be a frontal chest radiograph, but 100 % of the pixels of 'skin.jpg' are colored. ...
    """
    chroma = np.ptp(color[..., :3], axis=-1)
    share = float((chroma > _CHROMA * scale).mean())
    if share > _MOST_COLORED:
        colored = f"{100 * share:.0f} % of the pixels of {str(path)!r} are colored"
        raise ValueError(f"path must be a frontal chest radiograph, but {colored}. {_REMEDY}")


def warn_of_content(gray: np.ndarray, path: object) -> None:
    """Log a warning if an image is blank, a drawing, or too coarse for a radiograph.

    Args:
        gray: Gray values (H, W).
        path: The file, for the warning.

    Example:
        >>> warn_of_content(np.zeros((64, 64)), "blank.png")  # logs: 'blank.png' has fewer than 8 gray values ...
    """
    if min(gray.shape) < _LEAST_SIDE:
        rows, columns = gray.shape
        _LOGGER.warning("%r has %d x %d pixels only: findings cannot be seen at this size.", str(path), rows, columns)
        return
    found: set[float] = set()
    for row in gray:
        found.update(np.unique(row).tolist())
        if len(found) >= _LEAST_VALUES:
            return
    _LOGGER.warning("%r has fewer than %d gray values: it is blank or no radiograph.", str(path), _LEAST_VALUES)
