"""Padding: values that no scanner measures, constant corners, missing values, and what is not padding."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.padding import find_padding
from tests.transforms.drawn_chest import box_chest

X, Y = np.ogrid[:60, :40]
CORNERS = np.hypot((X - 29.5) / 30, (Y - 19.5) / 20) > 1.25


def noisy_chest() -> np.ndarray:
    ct = box_chest()
    return ct + np.random.default_rng(0).normal(0, 15, ct.shape)


@pytest.mark.parametrize("value", [63536.0, 62512.0, -2000.0, -3024.0, 0.0, 40.0, -500.0, np.nan, np.inf])
def test_a_disc_is_air_outside_for_any_padding(value: float) -> None:
    ct, affine = noisy_chest(), np.diag([4.0, 4.0, 4.0, 1.0])
    air, padded = ct.copy(), ct.copy()
    air[CORNERS], padded[CORNERS] = -1024.0, value
    assert find_padding(air) is None
    np.testing.assert_array_equal(find_padding(padded)[CORNERS], True)
    assert not find_padding(padded)[30, 20].any()
    expected, found = partition_organs(air, affine), partition_organs(padded, affine)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.quality == expected.quality


@pytest.mark.parametrize("turn", range(4))
def test_one_corner_is_enough(turn: int) -> None:
    """In each slice but the first, a quarter of the round border is 0; the others are air."""
    ct, x, y = noisy_chest(), *np.indices((60, 40))
    corner = CORNERS & (x < 20 if turn % 2 else x > 40) & (y < 15 if turn // 2 else y > 25)
    ct[CORNERS], ct[corner, 1:] = -1000.0, 0.0
    padding = find_padding(ct)
    assert padding[corner, 1:].all()
    assert not padding[..., 0].any()
    assert not padding[CORNERS & ~corner].all(axis=-1).any()


@pytest.mark.parametrize("turned", [False, True])
def test_slices_of_two_rows_or_columns(turned: bool) -> None:
    """Ten voxels of 30 HU at one corner are padding, and their neighbors with them."""
    ct = np.full((2, 40, 1), -1000.0)
    ct[:, 5:15], ct[1, 30:] = 60.0, 30.0
    found = find_padding(ct.swapaxes(0, 1)).swapaxes(0, 1) if turned else find_padding(ct)
    assert found[:, :, 0].tolist() == [[False] * 30 + [True] * 10, [False] * 29 + [True] * 11]


@pytest.mark.parametrize("value", [-1100.0, -900.0])
def test_corners_of_air_are_no_padding(value: float) -> None:
    ct = noisy_chest()
    ct[CORNERS] = value
    assert find_padding(ct) is None


@pytest.mark.parametrize("edge", ["[0, 5:9]", "[-1, 5:9]", "[5:9, 0]", "[5:9, -1]"])
def test_missing_values_at_any_border_are_padding(edge: str) -> None:
    ct = noisy_chest()
    exec(f"ct{edge} = np.nan")
    assert find_padding(ct)[np.isnan(ct)].all()


def test_whole_slices_of_one_value_are_padding() -> None:
    ct = noisy_chest()
    ct[:, :, :2] = 0.0
    padding = find_padding(ct)
    assert padding[:, :, :2].all()
    assert not padding[:, :, 2:].any()


def test_a_frame_of_padding_is_taken_as_air() -> None:
    """As tissue it would enclose the air around the body, which would then be counted as lung."""
    padded, inside, affine = np.zeros((60, 40, 30)), (slice(1, -1), slice(1, -1)), np.diag([4.0, 4.0, 4.0, 1.0])
    padded[inside] = box_chest()[inside]
    expected, found = (partition_organs(ct, affine, "paper").labels for ct in (box_chest(), padded))
    np.testing.assert_array_equal(found, expected)


def test_padding_does_not_hide_that_values_are_not_hu() -> None:
    ct = noisy_chest() + 1024
    ct[CORNERS] = -2000.0
    assert "hu_range" in partition_organs(ct, np.diag([4.0, 4.0, 4.0, 1.0])).quality.reasons


def test_a_drawn_body_at_the_corners_is_not_padding() -> None:
    ct = np.full((20, 20, 5), 40.0)
    ct[5:15, 5:15] = -850.0
    assert find_padding(ct) is None


def slice_with_body() -> np.ndarray:
    """Return a slice of 400 voxels: air at -1000 HU, and tissue in its middle."""
    ct = np.full((20, 20, 1), -1000.0)
    ct[5:15, 5:15] = 40.0
    return ct


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("values", "padded"),
    [
        ([30.0, 30.0], False),  # 0.5 % of the slice
        ([30.0, 30.0, 30.0], True),
        ([30.25, 29.75, 30.0], True),  # the same value, but for rounding
        ([30.5, 29.5, 30.0], False),
    ],
)
def test_the_least_size_of_a_region_and_the_largest_difference_within_it(values, padded: bool, turned: bool) -> None:
    """The region ends at the last corner. Constant air at the limits of air is not padding, at other corners."""
    ct = slice_with_body()
    ct[0, :3, 0], ct[-1, :3, 0], ct[-1, -len(values) :, 0] = -1100.0, -900.0, values
    found = find_padding(ct.swapaxes(0, 1) if turned else ct)
    expected = np.zeros((20, 20), dtype=bool)
    expected[-1, -4:] = expected[-2, -3:] = True  # and their neighbors
    assert (found is not None) == padded
    if padded:
        np.testing.assert_array_equal(found[..., 0], expected.T if turned else expected)


@pytest.mark.parametrize(("tissue", "hu", "padded"), [(8, -299.0, True), (7, -299.0, False), (8, -300.0, False)])
def test_two_percent_of_tissue_must_remain(tissue: int, hu: float, padded: bool) -> None:
    ct = np.full((20, 20, 1), -1000.0)
    ct[10, 5 : 5 + tissue], ct[0, :10] = hu, 60.0
    assert (find_padding(ct) is not None) == padded


def test_a_slice_of_one_value_but_for_a_voxel_is_not_padding() -> None:
    ct = np.full((20, 20, 1), 40.0)
    ct[10, 10] = -850.0
    assert find_padding(ct) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("beside", [(29, 9, 5), (30, 10, 4)])
def test_missing_values_inside_the_body_are_refused(value: float, beside: tuple[int, int, int]) -> None:
    """Missing values connected with the border only by a corner, or through another slice, are inside."""
    ct = noisy_chest()
    ct[30, 10, 5] = value
    with pytest.raises(ValueError, match="ct must be finite inside the body"):
        find_padding(ct)
    ct[beside[0], : beside[1] + 1, beside[2]] = value
    with pytest.raises(ValueError, match="ct must be finite inside the body"):
        find_padding(ct)
    ct[30, :10, 5] = value
    assert find_padding(ct)[30, 10, 5]


@pytest.mark.parametrize(
    ("value", "measured"), [(-1500.0, True), (-1500.5, False), (20_000.0, True), (20_000.5, False)]
)
def test_hu_that_no_scanner_measures(value: float, measured: bool) -> None:
    """A voxel inside the body: it and its neighbors in the slice are padding if no scanner measures its value."""
    ct = noisy_chest()
    ct[30, 20, 3] = value
    found = find_padding(ct)
    assert (found is None) == measured
    assert measured or np.argwhere(found).tolist() == [[29, 20, 3], [30, 19, 3], [30, 20, 3], [30, 21, 3], [31, 20, 3]]


def test_measured_limits_beside_values_that_no_scanner_measures() -> None:
    ct = noisy_chest()
    ct[20, 20, 3], ct[30, 20, 3], ct[40, 20, 3] = -1500.0, 20_000.0, -1500.5
    assert np.count_nonzero(find_padding(ct)) == 5
    ct[50, 20, 3] = 20_000.5
    assert np.count_nonzero(find_padding(ct)) == 10
    ct[0, 20, 5] = np.nan  # and its three neighbors
    assert np.count_nonzero(find_padding(ct)) == 14


@pytest.mark.parametrize("value", [-1500.0, -1100.5, -899.5, 20_000.0])
def test_constant_corners_beside_the_limits_of_air_are_padding(value: float) -> None:
    ct = noisy_chest()
    ct[CORNERS] = value
    assert find_padding(ct)[CORNERS].all()
