"""Heuristic masks by hand, in every orientation, at odd sizes, and as overlapping regions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from monai_pylon.transforms import allowed_regions
from monai_pylon.transforms.heuristic_masks import heuristic_organ_labels, heuristic_organ_masks
from monai_pylon.utils import axis_codes

FROM_RIGHT = np.diag([-0.8, -0.8, 0.8, 1.0])
ORIENTATIONS = [
    "".join(codes) for order in itertools.permutations(("RL", "AP", "SI")) for codes in itertools.product(*order)
]
CHOICES = ("center_half", "middle_two_thirds")


def text(row: np.ndarray) -> str:
    return "".join(str(int(value)) for value in row)


@pytest.mark.parametrize(
    ("width", "mediastinum", "right", "middle", "left", "labels"),
    [
        (12, "center_half", "111111000000", "000111111000", "000000111111", "111222222333"),
        (12, "middle_two_thirds", "111111000000", "001111111100", "000000111111", "112222222233"),
        # Odd: the middle voxel is in both halves. Of 7, the middle is from 1.75 (1.17) to 5.25 (5.83).
        (7, "center_half", "1111000", "0011100", "0001111", "1122233"),
        (7, "middle_two_thirds", "1111000", "0111110", "0001111", "1222223"),
        # Centers on the border belong to the mask: at 0.5 of 2 for the half, at 0.5 of 3 for the two thirds.
        (2, "center_half", "10", "11", "01", "22"),
        (3, "middle_two_thirds", "110", "111", "011", "222"),
        (3, "center_half", "110", "010", "011", "123"),
        (1, "center_half", "1", "1", "1", "2"),
    ],
)
def test_by_hand(width, mediastinum, right, middle, left, labels) -> None:
    masks = heuristic_organ_masks((width, 2, 3), FROM_RIGHT, mediastinum)
    assert masks.shape == (3, width, 2, 3)
    assert masks.dtype == bool
    for mask, expected in zip(masks, (right, middle, left), strict=True):
        assert {text(mask[:, y, z]) for y in range(2) for z in range(3)} == {expected}
    found = heuristic_organ_labels((width, 2, 3), FROM_RIGHT, mediastinum)
    assert found.dtype == np.uint8
    assert {text(found[:, y, z]) for y in range(2) for z in range(3)} == {labels}


def test_the_papers_columns() -> None:
    masks = heuristic_organ_masks((420, 1, 1), np.diag([-0.8, -0.8, -0.8, 1.0]))
    two_thirds = heuristic_organ_masks([420, 1, 1], np.diag([-0.8, -0.8, -0.8, 1.0]), "middle_two_thirds")
    ends = [(np.flatnonzero(mask).min(), np.flatnonzero(mask).max() + 1) for mask in (*masks, two_thirds[1])]
    assert ends == [(0, 210), (105, 315), (210, 420), (70, 350)]


@pytest.mark.parametrize("mediastinum", CHOICES)
def test_right_is_on_the_right_in_any_orientation(mediastinum: str) -> None:
    assert len(set(ORIENTATIONS)) == 48
    for codes in ORIENTATIONS:
        check_orientation(codes, mediastinum)


def check_orientation(codes: str, mediastinum: str) -> None:
    size = {"R": 7, "L": 7, "A": 4, "P": 4, "S": 5, "I": 5}
    shape = tuple(size[code] for code in codes)
    affine = np.zeros((4, 4))
    affine[3, 3] = 1
    for axis, code in enumerate(codes):
        affine["RASLPI".index(code) % 3, axis] = 2 if code in "RAS" else -2
    assert axis_codes(affine) == codes
    # The R coordinate of each voxel, in mm from the middle of the volume.
    voxels = np.stack([*np.indices(shape), np.ones(shape)])
    right_mm = np.tensordot(affine[0], voxels, axes=1)
    right_mm = right_mm - (right_mm.min() + right_mm.max()) / 2
    reach = {"center_half": 0.25, "middle_two_thirds": 1 / 3}[mediastinum] * 7 * 2.0 + 1e-9
    right, middle, left = heuristic_organ_masks(shape, affine, mediastinum)
    np.testing.assert_array_equal(right, right_mm > -1e-9)
    np.testing.assert_array_equal(left, right_mm < 1e-9)
    np.testing.assert_array_equal(middle, abs(right_mm) <= reach)


def test_an_oblique_axis_is_taken_as_the_nearest() -> None:
    c, s = np.cos(0.4), np.sin(0.4)
    turned = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    masks = heuristic_organ_masks((8, 6, 4), turned @ FROM_RIGHT)
    np.testing.assert_array_equal(masks, heuristic_organ_masks((8, 6, 4), FROM_RIGHT))


@pytest.mark.parametrize("shape", [(8, 5, 4), (9, 5, 4)])
def test_a_flip_from_side_to_side_exchanges_the_lungs(shape) -> None:
    """A flip of the affine does the same; other flips change nothing."""
    masks = heuristic_organ_masks(shape, FROM_RIGHT)
    np.testing.assert_array_equal(np.flip(masks, 1), masks[::-1])
    mirrored = heuristic_organ_masks(shape, np.diag([-1.0, 1, 1, 1]) @ FROM_RIGHT)
    np.testing.assert_array_equal(mirrored, np.flip(masks, 1))
    for axis in (2, 3):
        np.testing.assert_array_equal(np.flip(masks, axis), masks)


def test_allowed_regions_of_the_masks_overlap() -> None:
    masks = heuristic_organ_masks((420, 420, 9), FROM_RIGHT)
    regions = allowed_regions(masks, np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1]]), (6, 6, 3))
    # First voxels at columns 0, 70, 140, 210, 280, 350: halves at 210, the center from 105 to 315.
    assert [text(row[:, 3, 1]) for row in regions] == ["111000", "001110", "111111"]
    labels = heuristic_organ_labels((420, 420, 9), FROM_RIGHT)
    assert text(allowed_regions(labels, np.array([[1, 0, 0]]), (6, 6, 3))[0, :, 3, 1]) == "110000"


def test_the_masks_are_writable() -> None:
    masks = heuristic_organ_masks((4, 4, 4), FROM_RIGHT)
    masks[0, 0, 0, 0] = False
    assert masks[0].sum() == 31


@pytest.mark.parametrize(
    ("shape", "affine", "mediastinum", "kind", "words"),
    [
        (8, FROM_RIGHT, "center_half", TypeError, "shape must be of type tuple or list"),
        ((8, 8), FROM_RIGHT, "center_half", ValueError, "shape must be three positive whole numbers"),
        ((8, 0, 8), FROM_RIGHT, "center_half", ValueError, "shape must be three positive whole numbers"),
        ((8, 8, 8.0), FROM_RIGHT, "center_half", ValueError, "shape must be three positive whole numbers"),
        ((8, 8, 8), None, "center_half", TypeError, "affine must be of type"),
        ((8, 8, 8), np.eye(3), "center_half", ValueError, r"affine must be of shape \(4, 4\)"),
        ((8, 8, 8), FROM_RIGHT, "centre_half", ValueError, "Did you mean 'center_half'"),
    ],
)
def test_errors_name_argument_and_remedy(shape, affine, mediastinum, kind, words) -> None:
    for function in (heuristic_organ_masks, heuristic_organ_labels):
        with pytest.raises(kind, match=words):
            function(shape, affine, mediastinum)
