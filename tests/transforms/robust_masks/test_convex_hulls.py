"""Convex hulls of all slices against those of scikit-image, slice by slice."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.morphology import convex_hull_image

from monai_pylon.transforms.robust_masks.convex_hulls import convex_hulls


def one_by_one(mask: np.ndarray) -> np.ndarray:
    hulls = np.zeros_like(mask)
    for z in np.flatnonzero(mask.any(axis=(0, 1))):
        hulls[:, :, z] = convex_hull_image(mask[:, :, z])
    return hulls


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.9]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5)),
)
def test_hulls_equal_those_of_scikit_image(seed: int, share: float, shape: tuple[int, int, int]) -> None:
    mask = np.random.default_rng(seed).random(shape) < share
    np.testing.assert_array_equal(convex_hulls(mask), one_by_one(mask))


def test_slices_with_one_column_or_none_do_not_borrow_from_their_neighbors() -> None:
    mask = np.zeros((9, 9, 5), dtype=bool)
    mask[4, 2, 0] = mask[[1, 7], [7, 1], 2] = mask[3, [1, 6], 4] = True
    np.testing.assert_array_equal(convex_hulls(mask), one_by_one(mask))
    assert convex_hulls(mask).sum(axis=(0, 1)).tolist() == [1, 0, 7, 0, 6]


def test_round_hulls_keep_their_rim() -> None:
    x, y = np.ogrid[:61, :61]
    ring = np.abs(np.hypot(x - 30, y - 30) - 25) < 1
    hull = convex_hulls(ring[:, :, None])
    np.testing.assert_array_equal(hull, one_by_one(ring[:, :, None]))
    assert hull[30, 30, 0]
    assert not hull[0, 0, 0]
