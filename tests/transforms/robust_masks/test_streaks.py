"""Streaks around undiluted contrast medium: tissue in them does not become lung."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks.streaks import dark_streaks


@pytest.mark.parametrize("seed", [1, 100])
def test_the_oesophagus_stays_in_the_mediastinum_beside_streaks(seed: int) -> None:
    """Within .01 of the same patient without contrast; without the step, .13 of seed 1's become lung."""
    inside = []
    for contrast in (None, "streaks"):
        phantom = phantom_chest_ct(seed, (90, 81, 81), (4.0, 4.0, 4.0), contrast=contrast)
        labels, quality = partition_organs(phantom.image, phantom.affine)
        assert quality.ok
        inside.append((labels[phantom.structures == PHANTOM_STRUCTURES["oesophagus"]] == 2).mean())
    assert abs(inside[0] - inside[1]) < 0.01


def test_streaks_lie_in_the_slices_of_dense_parts_and_near_them() -> None:
    ct = np.full((40, 10, 4), -400.0)
    ct[2:8, 2:8, 1], ct[:, 0, 1], ct[:, 1, 1] = 1800.0, -800.0, -600.0
    found = dark_streaks(ct, (5.0, 5.0, 5.0))
    assert found is not None
    assert found[:, :, [0, 2, 3]].sum() == 0
    assert np.flatnonzero(found[:, 5, 1]).tolist() == list(range(20))  # 12 voxels of 5 mm beyond the dense part
    assert not found[:, :2].any()  # as dark as lung


@pytest.mark.parametrize(("edge", "found"), [(2.5, True), (2.4999, False)])
def test_parts_of_2_5_ml_cause_streaks(edge: float, found: bool) -> None:
    """40 voxels of 5 x 5 mm; a part of 125 mL at 1100 HU is not dense enough."""
    ct = np.full((60, 30, 5), -400.0)
    ct[2:42, 2, 1] = 1300.0
    ct[20:40, 10:30, 3] = 1100.0
    assert (dark_streaks(ct, (5.0, 5.0, edge)) is not None) is found


@pytest.mark.parametrize(("hu", "size"), [(1800.0, 4), (1150.0, 6)])
def test_small_or_less_dense_parts_cause_none(hu: float, size: int) -> None:
    ct = np.full((20, 20, 4), -400.0)
    ct[2 : 2 + size, 2 : 2 + size, 1] = hu
    assert dark_streaks(ct, (5.0, 5.0, 5.0)) is None


@pytest.mark.parametrize(
    ("last", "between", "found"),
    [(1200.5, 1000.5, True), (1200.0, 1000.5, False), (1200.5, 1000.0, False)],
)
def test_a_part_is_above_1000_hu_and_2_5_ml_of_it_above_1200_hu(last: float, between: float, found: bool) -> None:
    """Two rows of 10 voxels of 0.125 mL, and a voxel that joins them."""
    ct = np.full((30, 10, 3), -400.0)
    ct[2:12, 2, 1] = ct[13:23, 2, 1] = 1300.0
    ct[22, 2, 1], ct[12, 2, 1] = last, between
    assert (dark_streaks(ct, (5.0, 5.0, 5.0)) is not None) is found


def test_only_the_parts_that_are_dense_enough_cause_streaks() -> None:
    ct = np.full((30, 10, 5), -400.0)
    ct[2:22, 2, 1] = ct[2:21, 2, 3] = 1300.0  # 2.5 mL, and 2.4 mL
    found = dark_streaks(ct, (5.0, 5.0, 5.0))
    assert found is not None
    assert found.any(axis=(0, 1)).tolist() == [False, True, False, False, False]
