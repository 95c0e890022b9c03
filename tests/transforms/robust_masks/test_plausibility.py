"""Doubts about a mediastinum: larger than the lungs, or far into one side above the heart; also through the phantom."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks import plausibility
from monai_pylon.transforms.robust_masks.plausibility import _beyond, doubt_lungs, doubt_mediastinum
from monai_pylon.transforms.robust_masks.spine import Spine


def test_a_mediastinum_larger_than_both_lungs_is_doubted() -> None:
    right, left, middle = np.zeros((3, 30, 4, 4), dtype=bool)
    right[25:], left[:5], middle[5:25] = True, True, True
    assert doubt_mediastinum(right, middle, left, np.zeros(right.shape), (5.0, 5.0, 5.0)) == ("mediastinum_large",)
    assert doubt_mediastinum(right, middle, np.zeros_like(left), np.zeros(right.shape), (5.0, 5.0, 5.0)) == ()


@pytest.mark.parametrize("side", ["right", "left", None])
def test_a_mass_at_the_hilum_is_reported(side: str | None) -> None:
    phantom = phantom_chest_ct(0, (120, 107, 107), (3.0, 3.0, 3.0), mass=side, mass_place="hilum")
    reasons = partition_organs(phantom.image, phantom.affine).quality.reasons
    assert reasons == (() if side is None else ("mediastinum_wide",))


@pytest.mark.parametrize(
    ("hu", "size", "low", "found"),
    [
        (-1000, 8, 1, True),  # 33 mL of gas in the lower half
        (-1000, 8, 12, False),  # the same in the upper half: a bulla or pneumothorax at the apex
        (-1000, 6, 1, False),  # 14 mL
        (-960, 8, 1, False),  # emphysema has walls
    ],
)
def test_gas_without_tissue_in_the_lower_half_of_a_lung(hu: float, size: int, low: int, found: bool) -> None:
    """Voxels of 4 mm; the mean over 8 mm leaves a cube of gas without its outermost voxels on one side."""
    ct = np.full((24, 24, 24), -850.0)
    ct[2 : 2 + size + 1, 2 : 2 + size + 1, low : low + size + 1] = hu
    lungs = np.ones(ct.shape, dtype=bool)
    assert doubt_lungs(ct, lungs, (4.0, 4.0, 4.0)) == (("gas_in_lung",) if found else ())
    assert doubt_lungs(ct, ~lungs, (4.0, 4.0, 4.0)) == ()


TEN_MM = (10.0, 10.0, 10.0)  # a voxel is 1 mL


@pytest.mark.parametrize(
    ("voxels", "hu", "found"), [(20, -1000.0, False), (21, -1000.0, True), (21, -976.0, True), (21, -975.0, False)]
)
def test_more_than_20_ml_of_gas_below_minus_975_hu(voxels: int, hu: float, found: bool) -> None:
    ct = np.full((30, 4, 10), -850.0)
    ct[2 : 2 + voxels, 1, 2] = hu
    assert doubt_lungs(ct, np.ones(ct.shape, dtype=bool), TEN_MM) == (("gas_in_lung",) if found else ())


def test_at_6_mm_each_voxel_counts_alone() -> None:
    """8 mm are nearer to one voxel than to two, whose mean would have tissue in it."""
    ct = np.full((110, 4, 10), -850.0)
    ct[2:102, 1, 2] = -1000.0  # 100 voxels of 0.216 mL
    assert doubt_lungs(ct, np.ones(ct.shape, dtype=bool), (6.0, 6.0, 6.0)) == ("gas_in_lung",)


@pytest.mark.parametrize(("edge", "found"), [(10.005, True), (10.0, False)])
def test_20_voxels_of_a_little_more_than_1_ml_are_more_than_20_ml(edge: float, found: bool) -> None:
    ct = np.full((30, 4, 10), -850.0)
    ct[2:22, 1, 2] = -1000.0
    assert doubt_lungs(ct, np.ones(ct.shape, dtype=bool), (10.0, 10.0, edge)) == (("gas_in_lung",) if found else ())


@pytest.mark.parametrize(("stop", "middle"), [(12, 6), (13, 7)])
def test_gas_up_to_the_middle_of_the_lungs_is_low(stop: int, middle: int) -> None:
    """The lungs lie on slices 2 to 11, or 2 to 12 with slice 7 in their middle."""
    lungs = np.zeros((30, 6, 15), dtype=bool)
    lungs[3:28, 1:5, 2:stop] = True
    for top, found in ((middle, True), (middle + 1, False)):
        ct = np.full(lungs.shape, -850.0)
        ct[4:12, 2, 3 : top + 1] = -1000.0
        assert doubt_lungs(ct, lungs, TEN_MM) == (("gas_in_lung",) if found else ())


@pytest.mark.parametrize(("lungs", "middle"), [(slice(0, 12), 5), (slice(3, 15), 8)])
def test_the_middle_of_lungs_at_an_end_of_the_volume(lungs: slice, middle: int) -> None:
    inside = np.zeros((30, 6, 15), dtype=bool)
    inside[3:28, 1:5, lungs] = True
    for top, found in ((middle, True), (middle + 1, False)):
        ct = np.full(inside.shape, -850.0)
        ct[4:12, 1:4, lungs.start + 1 : top + 1] = -1000.0
        assert doubt_lungs(ct, inside, TEN_MM) == (("gas_in_lung",) if found else ())


def test_each_connected_part_of_gas_counts_alone() -> None:
    ct = np.full((30, 8, 10), -850.0)
    ct[2:17, 1, 1] = ct[2:17, 3, 1] = ct[2:17, 5, 2:9] = -1000.0  # 15 mL, 15 mL, and 105 mL that reach high
    lungs = np.ones(ct.shape, dtype=bool)
    assert doubt_lungs(ct, lungs, TEN_MM) == ()
    ct[2:23, 3, 1] = -1000.0
    assert doubt_lungs(ct, lungs, TEN_MM) == ("gas_in_lung",)


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2])
@pytest.mark.parametrize("side", [1, -1])
def test_volume_farther_than_60_mm_from_the_spine(side: int, angle: float) -> None:
    edges, low = (2.0, 3.0, 4.0), 2
    spine = Spine(np.arange(1, 6), np.array([[40.0, 20.0]] * 4 + [[43.0, 22.0]]), np.full(5, 30.0))
    mediastinum = np.random.default_rng(0).random((81, 50, 6)) < 0.5
    expected = 0
    for x, y, z in np.argwhere(mediastinum):
        if z > low:
            canal = spine.canal[z - 1]
            aside = (2 * x - 2 * canal[0]) * math.cos(angle) + (3 * y - 3 * canal[1]) * math.sin(angle)
            expected += side * aside > 60
    assert expected > 100
    assert _beyond(mediastinum, spine, side, low, angle, edges) == pytest.approx(expected * 0.024)


def test_exactly_60_mm_from_the_spine_are_not_far() -> None:
    spine = Spine(np.arange(6), np.array([[40.0, 5.0]] * 6), np.full(6, 30.0))
    mediastinum = np.ones((81, 10, 6), dtype=bool)
    for side in (1, -1):  # 10 columns of 10 voxels on 3 slices, 0.024 mL each
        assert _beyond(mediastinum, spine, side, 2, 0.0, (2.0, 3.0, 4.0)) == pytest.approx(7.2)


@pytest.mark.parametrize(
    ("column", "voxels", "lowest", "angle", "wide"),
    [
        (27, 40, 5, None, True),  # right of the spine at 20 by 70 mm
        (27, 39, 5, None, False),
        (26, 40, 5, None, False),  # by 60 mm
        (13, 40, 5, None, True),
        (14, 40, 5, None, False),
        (27, 40, 4, None, False),  # a fifth of it in the lower half
        (27, 40, 5, 0.0, True),
        (27, 40, 5, math.pi / 2, False),  # the patient lies on the side
    ],
)
def test_40_ml_aside_in_the_upper_half_are_wide(
    column: int, voxels: int, lowest: int, angle: float | None, wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = None if angle is None else SimpleNamespace(angle=angle)
    monkeypatch.setattr(plausibility, "find_symmetry_plane", lambda *args: plane)
    right, left, middle = np.zeros((3, 40, 20, 11), dtype=bool)
    right[30:, :, :10], left[:10, :, :10] = True, True
    middle[column, 6:14, lowest : lowest + 5] = True
    middle[column, 6 : 6 + 40 - voxels, lowest] = False
    spine = Spine(np.arange(10), np.array([[20.0, 10.0]] * 10), np.full(10, 30.0))
    found = doubt_mediastinum(right, middle, left, np.zeros(right.shape), TEN_MM, spine)
    assert found == (("mediastinum_wide",) if wide else ())


def test_a_mediastinum_as_large_as_both_lungs_is_accepted() -> None:
    right, left, middle = np.zeros((3, 20, 4, 4), dtype=bool)
    right[15:], left[:5], middle[5:15] = True, True, True
    ct = np.zeros(right.shape)
    assert doubt_mediastinum(right, middle, left, ct, (5.0, 5.0, 5.0)) == ()
    right[15, 0, 0] = False
    assert doubt_mediastinum(right, middle, left, ct, (5.0, 5.0, 5.0)) == ("mediastinum_large",)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gas_at_the_ends_of_the_volume_counts(axis: int) -> None:
    """21 mL along an axis, of which each slice at an end has 1 mL; along z in the lower half, 7 mL."""
    ct = np.full([21 if a == axis and a < 2 else 7 for a in range(3)], -850.0)
    moved = np.moveaxis(ct, axis, 0)
    moved[: 3 if axis == 2 else 21, : 7 if axis == 2 else 1, 0] = -1000.0
    lungs = np.ones(ct.shape, dtype=bool)
    assert doubt_lungs(ct, lungs, TEN_MM) == ("gas_in_lung",)
    moved[0, 0, 0] = -850.0
    assert doubt_lungs(ct, lungs, TEN_MM) == ()


def test_the_mean_of_hu_takes_in_8_mm_and_what_is_beside_the_lungs() -> None:
    """Two voxels of 4 mm: with muscle below and behind, the first voxels of the gas are no gas."""
    ct = np.full((30, 30, 30), -850.0)
    lungs = np.zeros(ct.shape, dtype=bool)
    lungs[4:26, 4:26, 4:26] = True
    gas = np.zeros_like(lungs)
    gas[4:12, 4:12, 4:10] = True  # 8 x 8 x 6 voxels of 0.064 mL: 24.6 mL, and 7 x 7 x 5, 15.7 mL, beside muscle
    assert doubt_lungs(np.where(gas, -1000.0, np.where(lungs, ct, -1000.0)), lungs, (4.0, 4.0, 4.0)) == ("gas_in_lung",)
    assert doubt_lungs(np.where(gas, -1000.0, np.where(lungs, ct, 40.0)), lungs, (4.0, 4.0, 4.0)) == ()


def test_gas_through_all_slices_of_low_lungs_reaches_high() -> None:
    lungs = np.zeros((30, 30, 12), dtype=bool)
    lungs[4:26, 4:26, 4:7] = True
    ct = np.full(lungs.shape, -1000.0)
    assert doubt_lungs(ct, lungs, (4.0, 4.0, 4.0)) == ()
    ct[:, :, 6:] = 40.0  # the lowest two of three slices: 62 mL
    assert doubt_lungs(ct, lungs, (4.0, 4.0, 4.0)) == ("gas_in_lung",)
