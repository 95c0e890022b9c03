"""Turns of an image by quarters and mirroring, numbered as in EXIF: 1 leaves the image as it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.utils.checks import check

__all__ = ["orientation_matrix", "orientation_number", "turn_image", "unturn_image"]


class _Turn(NamedTuple):
    """Steps of a turn, in this order."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool


#: Steps from the stored to the upright image, for each number of EXIF's tag Orientation.
_TURNS = {
    1: _Turn(False, False, False),
    2: _Turn(False, False, True),
    3: _Turn(False, True, True),
    4: _Turn(False, True, False),
    5: _Turn(True, False, False),
    6: _Turn(True, False, True),
    7: _Turn(True, True, True),
    8: _Turn(True, True, False),
}


def _turn(orientation: int) -> _Turn:
    check(orientation in _TURNS, "orientation", "a number from 1 to 8, as in EXIF", orientation)
    return _TURNS[orientation]


def orientation_number(transpose: bool, flip_rows: bool, flip_columns: bool) -> int:
    """Return the EXIF number of a turn.

    Args:
        transpose: Whether rows and columns are exchanged, first.
        flip_rows: Whether the first row becomes the last.
        flip_columns: Whether the first column becomes the last.

    Returns:
        The number, 1 to 8.

    Example:
        >>> orientation_number(False, False, True)
        2
    """
    wanted = _Turn(bool(transpose), bool(flip_rows), bool(flip_columns))
    return next(number for number, turn in _TURNS.items() if turn == wanted)


def turn_image(image: np.ndarray, orientation: int) -> np.ndarray:
    """Turn a stored image upright.

    Args:
        image: Pixels (H, W, ...).
        orientation: EXIF number of the turn, 1 to 8.

    Returns:
        Pixels (H', W', ...), a view of the image.

    Raises:
        ValueError: If the number is not from 1 to 8.

    Example:
        >>> turn_image(np.array([[1, 2], [3, 4]]), 6).tolist()
        [[3, 1], [4, 2]]
    """
    turn = _turn(orientation)
    turned = image.swapaxes(0, 1) if turn.transpose else image
    return turned[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]


def unturn_image(image: np.ndarray, orientation: int) -> np.ndarray:
    """Undo :func:`turn_image`.

    Args:
        image: Upright pixels (H, W, ...).
        orientation: EXIF number of the turn that made it upright, 1 to 8.

    Returns:
        The stored pixels (H', W', ...), a view of the image.

    Raises:
        ValueError: If the number is not from 1 to 8.

    Example:
        >>> unturn_image(turn_image(np.array([[1, 2], [3, 4]]), 6), 6).tolist()
        [[1, 2], [3, 4]]
    """
    turn = _turn(orientation)
    flipped = image[:: -1 if turn.flip_rows else 1, :: -1 if turn.flip_columns else 1]
    return flipped.swapaxes(0, 1) if turn.transpose else flipped


def orientation_matrix(orientation: int, size: tuple[int, int]) -> np.ndarray:
    """Return the matrix from pixels of the stored image to pixels of the upright image.

    Args:
        orientation: EXIF number of the turn, 1 to 8.
        size: Rows and columns (H, W) of the upright image.

    Returns:
        Matrix (4, 4) of (row, column, 0, 1), in pixel centers.

    Raises:
        ValueError: If the number is not from 1 to 8.

    Example:
        >>> (orientation_matrix(2, (4, 10)) @ [0, 0, 0, 1]).tolist()
        [0.0, 9.0, 0.0, 1.0]
    """
    turn = _turn(orientation)
    matrix = np.eye(4)[[1, 0, 2, 3]] if turn.transpose else np.eye(4)
    for axis, flip in ((0, turn.flip_rows), (1, turn.flip_columns)):
        if flip:
            matrix[axis] *= -1
            matrix[axis, 3] += size[axis] - 1
    return matrix
