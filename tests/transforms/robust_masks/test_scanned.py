"""Padding as dark as air: its columns and blocks, the lungs that end there, and masks in a round field of view."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks.scanned import cut_by_padding, unscanned_blocks, unscanned_columns
from tests.references.morphology import dice


def noisy_air() -> np.ndarray:
    return np.random.default_rng(0).normal(-1000, 10, (12, 10, 6))


def test_constant_columns_at_a_corner_are_padding() -> None:
    ct = noisy_air()
    ct[:3, :2] = -1024.0
    ct[6:8, 5:7] = -1024.0  # not connected with a corner, for example a trachea
    ct[9:, :2] = -850.0  # constant, but lung
    found = unscanned_columns(ct)
    assert found[:3, :2].all()
    assert found.sum() == 6


@pytest.mark.parametrize("z", [0, 1, 4, 5])
def test_a_column_with_one_other_value_is_no_padding(z: int) -> None:
    ct = noisy_air()
    ct[:3, :2] = -1024.0
    ct[1, 0, z] += 1
    assert unscanned_columns(ct).sum() == 5


@pytest.mark.parametrize(("hu", "found"), [(-970.5, True), (-970.0, False)])
def test_padding_is_darker_than_minus_970_hu(hu: float, found: bool) -> None:
    ct = noisy_air()
    ct[:3, :2] = hu
    assert unscanned_columns(ct).any() == found


def test_padding_at_the_last_corner_of_a_slice_of_four_columns() -> None:
    ct = np.random.default_rng(0).normal(-1000, 10, (2, 2, 6))
    ct[1, 1] = -1024.0
    assert unscanned_columns(ct).tolist() == [[False, False], [False, True]]


@pytest.mark.parametrize("shape", [(12, 10, 6), (2, 2, 6), (1, 3, 6)])
def test_a_single_column_at_each_corner_is_padding(shape: tuple[int, int, int]) -> None:
    ct = np.random.default_rng(0).normal(-1000, 10, shape)
    corners = np.ix_(sorted({0, shape[0] - 1}), sorted({0, shape[1] - 1}))
    ct[corners] = -1024.0
    expected = np.zeros(shape[:2], dtype=bool)
    expected[corners] = True
    np.testing.assert_array_equal(unscanned_columns(ct), expected)


def test_blocks_with_any_padding() -> None:
    columns = np.zeros((5, 4), dtype=bool)
    columns[4, 0] = columns[0, 3] = True
    assert unscanned_blocks(columns, (2, 2, 9)).tolist() == [[False, True], [False, False], [True, False]]


def test_a_lung_next_to_padding_is_cut() -> None:
    columns = np.zeros((20, 20), dtype=bool)
    columns[:4] = True
    organs = np.zeros((20, 20, 10), dtype=np.uint8)
    organs[6:, :10], organs[4:, 12:] = 1, 3  # 2 voxels of 4 mm away, and next to it
    assert cut_by_padding(organs, columns, (4.0, 4.0, 4.0)) == ("left_lung_cut",)
    assert cut_by_padding(organs, columns, (2.0, 4.0, 4.0)) == ("right_lung_cut", "left_lung_cut")
    assert cut_by_padding(organs, columns & False, (4.0, 4.0, 4.0)) == ()


@pytest.mark.parametrize(("rows", "expected"), [(10, ()), (11, ("right_lung_cut",))])
def test_a_lung_is_cut_along_more_than_5_cm2(rows: int, expected: tuple[str, ...]) -> None:
    """Voxels of 2 x 2 x 2.5 mm: 10 rows on 10 slices are 20 mm x 25 mm."""
    columns = np.zeros((20, 20), dtype=bool)
    columns[:4] = True
    organs = np.zeros((20, 20, 10), dtype=np.uint8)
    organs[4:, :rows] = 1
    assert cut_by_padding(organs, columns, (2.0, 2.0, 2.5)) == expected


@pytest.mark.parametrize("padding", [-1000.0, -1024.0, -2000.0, 0.0])
def test_a_round_field_of_view_that_cuts_both_lungs(padding) -> None:
    made = phantom_chest_ct(1, (62, 62, 80), (4.0, 4.0, 4.0), padding=padding)
    labels, quality = partition_organs(made.image, made.affine)
    for value in (1, 3):
        assert dice(labels == value, made.organs == value) > 0.95
    assert quality.ok
    assert quality.reasons == ("right_lung_cut", "left_lung_cut")


def test_a_circle_around_the_lungs_changes_nothing() -> None:
    made = [phantom_chest_ct(1, (90, 80, 80), (4.0, 4.0, 4.0), padding=hu) for hu in (None, -1024.0)]
    found = [partition_organs(phantom.image, phantom.affine) for phantom in made]
    np.testing.assert_array_equal(found[0].labels, found[1].labels)
    assert found[1].quality.reasons == ()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("edge", [(4.0, 4.0, 4.0), (1.5, 1.5, 6.0)])
def test_a_box_that_cuts_a_lung_at_its_side_and_back(side, edge) -> None:
    shape = tuple(round(size / step) for size, step in zip((360, 320, 320), edge, strict=True))
    made = phantom_chest_ct(1, shape, edge, field=f"{side}_side_and_back")
    labels, quality = partition_organs(made.image, made.affine)
    for value in (1, 3):
        assert dice(labels == value, made.organs == value) > 0.96
    assert quality.ok
    assert set(quality.reasons) == {"right_lung_cut", "left_lung_cut"}
