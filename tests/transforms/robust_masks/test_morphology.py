"""Dilation, closing and opening against brute force, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from monai_pylon.transforms.robust_masks.morphology import close_by, dilate_box, dilate_by, erode_box, open_by
from tests.references.morphology import closed_by_a_ball, dilated_by_a_ball

EDGE = (4.0, 4.0, 4.0)
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 2.0, 3.1])] * 3)


def blobs(seed: int, share: float, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 0.5),
    shape=st.tuples(*[st.integers(1, 7)] * 3),
    distance=st.sampled_from([0.5, 1.0, 1.4142, 2.0, 3.3]),
    spacing=spacings,
)
def test_dilation_and_closing_equal_those_by_a_ball(seed, share, shape, distance, spacing) -> None:
    mask = blobs(seed, share, shape)
    before = mask.copy()
    np.testing.assert_array_equal(dilate_by(mask, distance, spacing), dilated_by_a_ball(mask, distance, spacing))
    closed = close_by(mask, distance, spacing)
    np.testing.assert_array_equal(closed, closed_by_a_ball(mask, distance, spacing))
    assert closed[mask].all()
    np.testing.assert_array_equal(mask, before)


def test_the_distance_is_in_mm_and_inclusive() -> None:
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[4, 4, 4] = True
    grown = dilate_by(mask, 2.0, (1.0, 2.0, 2.5))
    assert grown[:, 4, 4].sum() == 5
    assert grown[4, :, 4].sum() == 3
    assert grown[4, 4].sum() == 1


def test_closing_fills_a_vessel_but_not_a_wide_gap() -> None:
    mask = np.ones((30, 8, 8), dtype=bool)
    mask[10:12] = False  # 2 voxels, with the centers on either side 3 mm apart
    mask[20:25] = False  # 6 mm apart
    closed = close_by(mask, 2.0, (1.0, 1.0, 1.0))
    assert closed[10:12, 3:5, 3:5].all()
    assert not closed[20:25].any()


def test_an_empty_mask_is_copied() -> None:
    mask = np.zeros((3, 3, 3), dtype=bool)
    for change in (dilate_by, close_by):
        out = change(mask, 2.0, EDGE)
        assert not out.any()
        assert out is not mask


@pytest.mark.parametrize(("distance", "width"), [(1.0, 3), (2.4, 5), (0.2, 3)])
def test_opening_keeps_parts_as_wide_as_the_ball(distance: float, width: int) -> None:
    # The width of a plate along the first two axes decides. The ball has at least one voxel on either side.
    mask = np.zeros((11, 11, 15), dtype=bool)
    mask[1:10, 1:10, 2 : 2 + width] = True
    mask[1:10, 1:10, 12 : 12 + width - 1] = width < 4  # one voxel too thin
    opened = open_by(mask, distance, (1.0, 1.0, 1.0))
    assert opened[5, 5].nonzero()[0].tolist() == list(range(2, 2 + width))


def test_opening_in_plane_keeps_thin_slices() -> None:
    mask = np.zeros((9, 9, 3), dtype=bool)
    mask[2:7, 2:7, 1] = True
    assert not open_by(mask, 2.0, (2.0, 2.0, 2.0)).any()
    in_plane = open_by(mask, 2.0, (2.0, 2.0))
    assert in_plane[4, 4].tolist() == [False, True, False]
    assert not in_plane[2, 2].any(), "a disc does not reach the corner"


def test_opening_is_in_mm_along_each_axis() -> None:
    mask = np.zeros((15, 15, 1), dtype=bool)
    mask[3:12, 6:9] = True  # nine by three voxels
    assert open_by(mask, 4.0, (1.0, 4.0)).any()  # four and one to either side
    assert not open_by(mask, 4.0, (4.0, 1.0)).any()


@pytest.mark.parametrize("edges", [(1.0, 1.0, 1.0), (0.9, 1.3, 2.0), (1.5, 1.5)])
def test_opening_equals_that_by_a_structuring_element(edges: tuple[float, ...]) -> None:
    mask = ndimage.uniform_filter(np.random.default_rng(0).random((24, 22, 20)), 5) > 0.5
    radii = [max(1, round(2.0 / edge)) for edge in edges]
    axes = np.ogrid[tuple(slice(-radius, radius + 1) for radius in radii)]
    ball = sum((axis / radius) ** 2 for axis, radius in zip(axes, radii, strict=True)) <= 1.0
    expected = ndimage.binary_opening(mask, ball.reshape(ball.shape + (1,) * (3 - ball.ndim)))
    assert expected.any()
    np.testing.assert_array_equal(open_by(mask, 2.0, edges), expected)


def test_two_edges_grow_a_mask_within_its_slices() -> None:
    mask = blobs(1, 0.02, (20, 18, 6))
    grown = dilate_by(mask, 3.3, (1.0, 0.7))
    for z in range(6):
        plane = mask[:, :, z : z + 1]
        np.testing.assert_array_equal(grown[:, :, z : z + 1], dilated_by_a_ball(plane, 3.3, (1.0, 0.7, 100.0)))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.02, 0.5, 0.95]),
    shape=st.tuples(*[st.integers(1, 9)] * 3),
    radii=st.tuples(*[st.integers(0, 6)] * 3),
)
def test_boxes_equal_filters_by_extremes(seed, share, shape, radii) -> None:
    mask, sizes = blobs(seed, share, shape), [2 * radius + 1 for radius in radii]
    before = mask.copy()
    np.testing.assert_array_equal(dilate_box(mask, radii), ndimage.maximum_filter(mask.view(np.uint8), sizes) > 0)
    np.testing.assert_array_equal(erode_box(mask, radii), ndimage.minimum_filter(mask.view(np.uint8), sizes) > 0)
    cut = ndimage.minimum_filter(mask.view(np.uint8), sizes, mode="constant") > 0
    np.testing.assert_array_equal(erode_box(mask, radii, beyond=False), cut)
    np.testing.assert_array_equal(mask, before)
