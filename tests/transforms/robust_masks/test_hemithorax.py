"""Completion of lungs without air: the cases in which the other lung completes them, and those in which not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_pylon.transforms.robust_masks import hemithorax
from monai_pylon.transforms.robust_masks.hemithorax import _beside_mediastinum, _loss, complete_lungs
from monai_pylon.transforms.robust_masks.symmetry import SymmetryPlane
from tests.references.morphology import dice
from tests.transforms.drawn_chest import drawn_chest

EDGE = (4.0, 4.0, 4.0)


@pytest.fixture(scope="module")
def chest() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return drawn_chest()


def filled(chest, side: str, upto: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fill one lung of a chest with fluid below a height in mm; returns the volume, right lung and left lung."""
    ct, right, left = (part.copy() for part in chest)
    lung = {"right": right, "left": left}[side]
    height = (np.arange(ct.shape[2]) - (ct.shape[2] - 1) / 2) * 4.0
    lost = lung & (height < upto)
    ct[lost] = 10.0
    lung &= ~lost
    return ct, right, left


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_lung_without_any_air_is_completed(chest, side: str) -> None:
    ct, right, left = filled(chest, side, upto=999.0)
    new_right, new_left, done = complete_lungs(right, left, ct, EDGE)
    assert done == (f"{side}_lung_completed",)
    truth = dict(zip(("right", "left"), chest[1:], strict=True))[side]
    new = {"right": new_right, "left": new_left}
    # The drawn lungs are wider than the completed ones, which stop 25 to 75 mm beside the plane.
    assert dice(new[side], truth) > (0.9 if side == "right" else 0.75)
    assert np.count_nonzero(new[side] & ~truth) < 0.02 * truth.sum()
    aside = np.abs(np.arange(90) - 44.5) * 4.0
    assert (
        aside[new[side].any(axis=(1, 2))].min() == {"right": 26.0, "left": 38.0}[side]
    )  # the first voxels beyond 25 and 35 mm
    front = new[side][:, 36:].any(axis=(1, 2))
    assert aside[front].min() == {"right": 46.0, "left": 78.0}[side]  # beside the heart, beyond 45 and 75 mm
    other = "left" if side == "right" else "right"
    np.testing.assert_array_equal(new[other], {"right": right, "left": left}[other])
    assert not (new_right & new_left).any()


def test_beside_the_heart_the_left_lung_begins_75_mm_from_the_plane(chest) -> None:
    ct, right, left = filled(chest, "left", upto=999.0)
    new_left = complete_lungs(right, left, ct, (3.68, 3.68, 3.68))[1]
    aside = np.abs(np.arange(90) - 44.5) * 3.68
    assert aside[new_left[:, 36:].any(axis=(1, 2))].min() == pytest.approx(20.5 * 3.68)  # 75.4 mm


@pytest.mark.parametrize(
    ("side", "rear", "front"), [("right", range(26, 40), range(30, 40)), ("left", range(13), range(5))]
)
def test_the_mediastinum_is_25_to_75_mm_wide_on_a_side(side: str, rear: range, front: range) -> None:
    """Columns of 5 mm, the plane in column 20; the lung lies from row 2 to 12, so the front begins behind row 6."""
    lung = np.zeros((40, 15, 2), dtype=bool)
    lung[:, 2:13] = True
    beside = _beside_mediastinum(lung, side, SymmetryPlane(0.0, 100.0), (5.0, 5.0, 3.0))
    assert beside.shape == (40, 15, 1)
    for row in range(15):
        assert np.flatnonzero(beside[:, row, 0]).tolist() == list(rear if row <= 6 else front)


@pytest.mark.parametrize(("lost", "found"), [(15, True), (14, False)])
def test_a_loss_of_15_percent_is_completed(lost: int, found: bool) -> None:
    """Voxels of 10 mm, the plane in column 20; the left lung has 100 voxels."""
    left, right = np.zeros((2, 41, 15, 2), dtype=bool)
    left[2:7, 2:12], right[34:39, 2:12] = True, True
    right[:, :, 1].flat[np.flatnonzero(right[:, :, 1])[:lost]] = False
    loss = _loss(right, left, "right", np.full(left.shape, 10.0), SymmetryPlane(0.0, 200.0), (10.0, 10.0, 10.0))
    assert (loss is not None) == found


def test_the_plane_of_symmetry_is_that_of_the_slices_with_lungs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lungs lie on slices 3 to 5 and 7 of 12."""
    given = []
    monkeypatch.setattr(hemithorax, "find_symmetry_plane", lambda ct, spacing: given.append((ct, spacing)))
    ct = np.random.default_rng(0).normal(size=(9, 8, 12))
    right, left = np.zeros((2, *ct.shape), dtype=bool)
    right[6:8, 2:5, 3:6], left[1:3, 2:5, 7] = True, True
    assert complete_lungs(right, left, ct, EDGE)[2] == ()
    np.testing.assert_array_equal(given[0][0], ct[:, :, 3:8])
    assert given[0][1] == EDGE


def test_intact_lungs_are_returned_unchanged(chest) -> None:
    ct, right, left = chest
    new_right, new_left, done = complete_lungs(right, left, ct, EDGE)
    assert done == ()
    np.testing.assert_array_equal(new_right, right)
    np.testing.assert_array_equal(new_left, left)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_loss_under_a_lung_is_not_completed(chest, side: str) -> None:
    """HU cannot distinguish a raised diaphragm from a collapsed lower lobe."""
    ct, right, left = filled(chest, side, upto=20.0)
    new_right, new_left, done = complete_lungs(right, left, ct, EDGE)
    assert done == ()
    np.testing.assert_array_equal(new_right, right)
    np.testing.assert_array_equal(new_left, left)


def test_fluid_behind_a_lung_is_completed(chest) -> None:
    ct, right, left = (part.copy() for part in chest)
    fluid = right & (np.arange(64) < 26)[None, :, None]
    ct[fluid] = 10.0
    new_right, new_left, done = complete_lungs(right & ~fluid, left, ct, EDGE)
    assert done == ("right_lung_completed",)
    assert dice(new_right, right) > 0.93
    np.testing.assert_array_equal(new_left, left)


def test_a_thin_rim_is_not_completed_and_a_thin_gap_is_closed(chest) -> None:
    """Behind the right lung is fluid, between them a thin layer of fat, and at its side one voxel of wall."""
    ct, right, left = (part.copy() for part in chest)
    row = np.arange(64)[None, :, None]
    rim = right & ~np.roll(right, -1, axis=0) & (row > 28)
    fat = right & (row == 25)
    ct[(right & (row < 25)) | rim], ct[fat] = 10.0, -200.0
    new_right, _, done = complete_lungs(right & (row > 25) & ~rim, left, ct, EDGE)
    assert done == ("right_lung_completed",)
    assert not new_right[rim].any()
    within = new_right & fat
    assert within.sum() > 0.7 * fat.sum()


@pytest.mark.parametrize(("rows", "completed"), [(9, ()), (10, ("left_lung_completed",))])
def test_a_small_loss_is_not_completed(chest, rows: int, completed: tuple[str, ...]) -> None:
    ct, right, left = (part.copy() for part in chest)
    rear = np.flatnonzero(left.any(axis=(0, 2)))[0]
    lost = left & (np.arange(64) < rear + rows)[None, :, None]
    ct[lost] = 10.0
    done = complete_lungs(right, left & ~lost, ct, EDGE)[2]
    assert done == completed


@pytest.mark.parametrize(("hu", "completed"), [(-60.0, False), (-59.5, True), (199.5, True), (200.0, False)])
def test_only_soft_tissue_and_fluid_are_completed(chest, hu: float, completed: bool) -> None:
    ct, right, left = filled(chest, "right", upto=999.0)
    ct[chest[1]] = hu
    assert bool(complete_lungs(right, left, ct, EDGE)[2]) == completed


def test_lungs_are_unchanged_if_both_are_lost_or_without_bones(chest) -> None:
    ct, right, left = chest
    nothing = np.zeros_like(right)
    for volume, pair in ((ct, (nothing, nothing)), (np.minimum(ct, 100.0), (nothing, left))):
        new_right, new_left, done = complete_lungs(*pair, volume, EDGE)
        assert done == ()
        np.testing.assert_array_equal(new_right, pair[0])
        np.testing.assert_array_equal(new_left, pair[1])


@pytest.mark.parametrize("strewn", [0.0, 0.1])
def test_lungs_that_complete_each_other_do_not_overlap(chest, strewn: float) -> None:
    """The right lung lacks its rear, the left one its front, and voxels of the left one may lie across the middle."""
    ct, right, left = (part.copy() for part in chest)
    row = np.arange(64)[None, :, None]
    lost_right, lost_left = right & (row < 30), left & (row > 36)
    pieces = lost_right & (np.random.default_rng(0).random(ct.shape) < strewn) & (np.arange(90) < 62)[:, None, None]
    ct[lost_right | lost_left] = 10.0
    ct[pieces] = -850.0
    right, left = right & ~lost_right, left & ~lost_left | pieces
    new_right, new_left, done = complete_lungs(right, left, ct, EDGE)
    assert done == ("right_lung_completed", "left_lung_completed")
    assert not (new_right & new_left).any()
    assert new_right[right].all()
    assert new_left[left].all()


def test_the_input_is_not_changed(chest) -> None:
    ct, right, left = filled(chest, "left", upto=999.0)
    before = [part.copy() for part in (ct, right, left)]
    complete_lungs(right, left, ct, EDGE)
    for one, other in zip(before, (ct, right, left), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_rotated_patient_is_completed() -> None:
    """The drawn chest is rotated by 20 degrees about the middle of the slice."""
    ct, right, left = drawn_chest()
    turned = ndimage.rotate(ct, 20, axes=(0, 1), reshape=False, order=1, cval=-1000.0)
    right, left = (
        ndimage.rotate(lung.astype(np.uint8), 20, axes=(0, 1), reshape=False, order=0) > 0 for lung in (right, left)
    )
    turned[right] = 10.0
    new_right, _, done = complete_lungs(np.zeros_like(right), left, turned, EDGE)
    assert done == ("right_lung_completed",)
    assert dice(new_right, right) > 0.88
