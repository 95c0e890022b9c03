"""Tests of masks: COCO's run lengths against an encoder written from its description, polygons, boxes."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data.datasets.masks import decode_counts, draw_mask, mask_boxes


def encode(runs: list[int]) -> str:
    """Encode run lengths as COCO does: five bits a character, differences from the fourth number on."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            part = value & 0x1F
            value >>= 5
            more = value != -1 if part & 0x10 else value != 0
            text += chr(part + (0x20 if more else 0) + 48)
    return text


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, pixel by pixel."""
    runs, last = [0], False
    for pixel in mask.T.ravel():
        if pixel != last:
            runs.append(0)
            last = bool(pixel)
        runs[-1] += 1
    return runs


@pytest.mark.parametrize("seed", range(20))
def test_masks_are_decoded(seed: int) -> None:
    draw = np.random.default_rng(seed)
    mask = draw.random(draw.integers(1, 70, 2)) < draw.random()
    runs = runs_of(mask)
    size = [int(side) for side in mask.shape]
    assert decode_counts(encode(runs)).tolist() == runs
    np.testing.assert_array_equal(draw_mask({"size": size, "counts": encode(runs)}), mask)
    np.testing.assert_array_equal(draw_mask({"size": size, "counts": runs}), mask)


def test_a_mask_of_one_pixel() -> None:
    assert draw_mask({"size": [1, 1], "counts": [0, 1]}).tolist() == [[True]]
    assert draw_mask({"size": [1, 1], "counts": "1"}).tolist() == [[False]]


def test_known_text_of_coco() -> None:
    """A mask of 3 x 5 pixels with rows 1, 2 and columns 1, 2 filled, as pycocotools encodes it."""
    expected = np.zeros((3, 5), bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(draw_mask({"size": [3, 5], "counts": "42105"}), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ({"size": [2, 2], "counts": [1, 2]}, "counts must be of 4 pixels, but is 3. Download"),
        ({"size": [2, 2], "counts": "1"}, "counts must be of 4 pixels"),
        ({"size": [2, 2], "counts": "P"}, "counts must be whole text of COCO"),
        ({"size": [2, 2], "counts": "4 "}, "characters from '0' to 'o', but is ' '"),
        ({"size": [2, 2], "counts": "4p"}, "characters from '0' to 'o', but is 'p'"),
        ({"size": [2, 2], "counts": [5, -1]}, r"without negative runs, but is \[-1\]"),
        ({"size": [2, 2], "counts": [True, 3]}, "whole numbers, or the text"),
        ({"size": [2, 2], "counts": [2.0, 2.0]}, "whole numbers, or the text"),
        ({"size": [2], "counts": [4]}, r"size must be \[rows, columns\]"),
        ({"size": [0, 4], "counts": []}, r"size must be \[rows, columns\]"),
        ({"size": "22", "counts": [4]}, r"size must be \[rows, columns\]"),
        ({"size": [100_000, 100_000], "counts": [1]}, "pixels"),
        ({"size": [4, 4], "polygons": [[[0, 0], [1, 1]]]}, "three points"),
        ({"size": [4, 4], "polygons": [[[0, 0], [1, "a"], [2, 2]]]}, "three points"),
        ({"size": [4, 4], "polygons": [[[0, 0], [1, float("nan")], [2, 2]]]}, "three points"),
        ({"size": [4, 4], "polygons": [7]}, "three points"),
    ],
)
def test_bad_masks_are_refused(mask: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw_mask(mask)


def test_polygons_are_filled_with_their_outline() -> None:
    square = [[10, 20], [19, 20], [19, 39], [10, 39]]
    drawn = draw_mask({"size": [64, 48], "polygons": [square, [[0, 0], [2, 0], [0, 2]]]})
    assert drawn[20:40, 10:20].all()
    assert drawn.sum() == 200 + 6
    assert draw_mask({"size": [64, 48], "polygons": []}).sum() == 0


def test_each_part_has_a_box() -> None:
    mask = np.zeros((64, 48), bool)
    mask[20:40, 10:20] = mask[0, 47] = True
    mask[40, 20] = True  # touches the first part by a corner
    boxes = mask_boxes(mask)
    assert sorted(boxes.tolist()) == [[10, 20, 21, 41], [47, 0, 48, 1]]
    assert mask_boxes(mask[:, :40])[:, 1].tolist() == [20], "without the part in the first row"
    assert mask_boxes(mask[10:, :40]).tolist() == [[10, 10, 21, 31]]
    assert mask_boxes(np.zeros((3, 3), bool)).shape == (0, 4)
