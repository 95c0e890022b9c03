"""Turns of an image: equal to Pillow's, undone exactly, and the matrix moves pixels as the turn does."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image, ImageOps

from monai_pylon.utils.image_orientation import (
    orientation_matrix,
    orientation_number,
    turn_image,
    unturn_image,
)

IMAGE = np.arange(35, dtype=np.uint8).reshape(5, 7)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_as_pillow_does(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(IMAGE)
    stored.info["exif"] = exif.tobytes()
    np.testing.assert_array_equal(turn_image(IMAGE, orientation), np.asarray(ImageOps.exif_transpose(stored)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_back_and_the_matrix_agree(orientation: int) -> None:
    turned = turn_image(IMAGE, orientation)
    np.testing.assert_array_equal(unturn_image(turned, orientation), IMAGE)
    matrix = orientation_matrix(orientation, turned.shape)
    for row, column in itertools.product(range(5), range(7)):
        new_row, new_column, _, one = matrix @ [row, column, 0, 1]
        assert one == 1
        assert turned[int(new_row), int(new_column)] == IMAGE[row, column]


def test_numbers_are_those_of_the_steps() -> None:
    numbers = {orientation_number(*steps) for steps in itertools.product((False, True), repeat=3)}
    assert numbers == set(range(1, 9))
    assert orientation_number(False, False, True) == 2, "EXIF: mirrored"
    assert orientation_number(False, True, True) == 3, "EXIF: turned by half"
    with pytest.raises(ValueError, match="orientation must be a number from 1 to 8, as in EXIF, but is 9"):
        turn_image(IMAGE, 9)
