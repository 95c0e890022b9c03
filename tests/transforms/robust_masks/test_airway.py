"""The airway: the discs that make a trachea, and the distance over which its bronchi are followed."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.airway import _follow_down, trace_airway

SHAPE, EDGE = (50, 40, 24), (4.0, 4.0, 4.0)


def trace(ct: np.ndarray, spacing: tuple[float, float, float] = EDGE) -> np.ndarray | None:
    """Trace the airway in air below -500 HU, in a body that fills the volume."""
    return trace_airway(ct, ct < -500, np.ones(ct.shape, dtype=bool), spacing)


def tube(x: slice, y: slice, z: slice, hu: float = -1000.0, ct: np.ndarray | None = None) -> np.ndarray:
    ct = np.full(SHAPE, 40.0) if ct is None else ct.copy()
    ct[x, y, z] = hu
    return ct


TRACHEA = np.s_[23:27, 18:22, 8:24]  # 16 mm by 16 mm, 64 mm long


def test_a_trachea_is_found_whole() -> None:
    ct = tube(*TRACHEA)
    np.testing.assert_array_equal(trace(ct), ct < 0)


@pytest.mark.parametrize(
    ("why", "ct", "spacing"),
    [
        ("no air at all", np.full(SHAPE, 40.0), EDGE),
        ("6 slices of 4 mm are 24 mm", tube(TRACHEA[0], TRACHEA[1], slice(10, 16)), EDGE),
        ("as bright as lung", tube(*TRACHEA, hu=-870.0), EDGE),
        ("less than a fifth is dark", tube(TRACHEA[0], TRACHEA[1], TRACHEA[2], -1000.0), (0.7, 0.7, 4.0)),  # 8 mm²
        ("too wide", tube(slice(20, 27), slice(15, 22), TRACHEA[2]), EDGE),  # 784 mm²
        ("at the side", tube(slice(8, 12), TRACHEA[1], TRACHEA[2]), EDGE),
        (
            "with a gap in the middle, 5 slices each",
            tube(TRACHEA[0], TRACHEA[1], slice(11, 12), 40.0, tube(TRACHEA[0], TRACHEA[1], slice(6, 17))),
            EDGE,
        ),
    ],
)
def test_other_air_is_not_a_trachea(why, ct, spacing) -> None:
    assert trace(ct, spacing) is None, why


def test_a_trachea_needs_a_fifth_of_dark_voxels() -> None:
    ct = tube(TRACHEA[0], TRACHEA[1], slice(10, 17), -870.0)
    ct[23, 18:21, 10:17] = -900.0  # 3 of 16
    assert trace(ct) is None
    ct[23, 21, 10:17] = -900.0  # 4 of 16
    np.testing.assert_array_equal(trace(ct), ct < 0)


def test_the_trachea_lies_near_the_middle_of_the_body() -> None:
    ct, hull = tube(slice(8, 12), TRACHEA[1], TRACHEA[2]), np.zeros(SHAPE, dtype=bool)
    hull[2:20] = True  # the patient lies far to one side
    np.testing.assert_array_equal(trace_airway(ct, ct < -500, hull, EDGE), ct < 0)


def test_the_chain_may_move_by_6_mm_a_slice() -> None:
    ct = np.full(SHAPE, 40.0)
    for z in range(8, 24):
        ct[20 + z // 4 : 24 + z // 4, 18:22, z] = -1000.0  # a voxel sideways every 16 mm
    np.testing.assert_array_equal(trace(ct), ct < 0)
    ct = tube(TRACHEA[0], TRACHEA[1], slice(8, 14))
    ct[25:29, 18:22, 14:20] = -1000.0  # 8 mm sideways: two chains of 6 slices, which are too short
    assert trace(ct) is None


def test_the_longest_tube_is_the_trachea() -> None:
    ct = tube(TRACHEA[0], TRACHEA[1], slice(14, 23))
    ct[23:27, 28:32, 2:23] = -1000.0
    found = trace(ct)
    assert found[24, 30].sum() == 21
    assert not found[24, 20].any()


def with_bronchi(lung_hu: float = -860.0) -> np.ndarray:
    """Draw a trachea that ends on slice 14, and a bronchus on either side that opens into a lung on slice 8."""
    ct = tube(TRACHEA[0], TRACHEA[1], slice(14, 24))
    for z in range(8, 14):
        for start in (23 - (14 - z), 24 + (14 - z)):
            ct[start : start + 3, 18:22, z] = -1000.0
    ct[5:18, 5:35, 0:9] = ct[32:45, 5:35, 0:9] = lung_hu
    ct[17:20, 18:22, 8] = ct[30:33, 18:22, 8] = -1000.0
    return ct


def test_bronchi_are_followed_into_the_lungs_while_they_are_dark() -> None:
    ct = with_bronchi()
    found = trace(ct)
    dark = ct < -900
    np.testing.assert_array_equal(found[:, :, 8:], dark[:, :, 8:])
    assert not found[ct == -860].any()
    assert not found[:, :, :8].any()  # nothing dark is left to follow


def test_bronchi_end_90_mm_below_the_trachea() -> None:
    ct = np.full((50, 40, 60), 40.0)
    ct[23:27, 18:22, 45:] = -1000.0
    ct[18:27, 18:23, :45] = -1000.0  # 720 mm²: too large for a trachea, but not for a bronchus
    found = trace(ct)
    assert np.flatnonzero(found.any(axis=(0, 1))).min() == 45 - 23  # ceil(90 / 4) slices


def test_bright_air_below_the_trachea_is_not_a_bronchus() -> None:
    ct = tube(*TRACHEA)
    ct[23:28, 18:23, 3:8] = -700.0  # below the trachea, not much larger, but bright
    np.testing.assert_array_equal(trace(ct), ct < -900)


def test_a_bronchus_may_move_4_mm_a_slice() -> None:
    for gap, follows in ((1, True), (2, False)):
        ct = tube(*TRACHEA)
        ct[26 + gap : 31 + gap, 18:22, 7] = -1000.0  # the distance to the trachea is this many voxels
        assert trace(ct)[:, :, 7].any() == follows


def test_only_the_given_air_is_searched() -> None:
    ct = tube(*TRACHEA)
    air = ct < -500
    air[:, :, 20:] = False
    found = trace_airway(ct, air, np.ones(SHAPE, dtype=bool), EDGE)
    np.testing.assert_array_equal(found, air)


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width_mm", "found"),
    [(1.24, False), (1.25, True), (21.875, True), (21.89, False)],  # 16 voxels of 2 mm by this: 40 and 700 mm²
)
def test_a_trachea_has_40_to_700_mm2(width_mm: float, found: bool) -> None:
    assert (trace(tube(*TRACHEA), (width_mm, 2.0, 4.0)) is not None) == found


@pytest.mark.parametrize(("hu", "found"), [(-880.0, False), (-880.5, True)])
def test_a_trachea_is_darker_than_minus_880(hu: float, found: bool) -> None:
    assert (trace(tube(*TRACHEA, hu=hu)) is not None) == found


@pytest.mark.parametrize(("slice_mm", "found"), [(4.99, False), (5.0, True)])
def test_a_trachea_is_at_least_25_mm_long(slice_mm: float, found: bool) -> None:
    ct = tube(TRACHEA[0], TRACHEA[1], slice(10, 15))
    assert (trace(ct, (4.0, 4.0, slice_mm)) is not None) == found


@pytest.mark.parametrize(("x", "found"), [(slice(33, 37), True), (slice(33, 38), False), (slice(34, 38), False)])
def test_a_trachea_lies_within_a_fifth_of_the_width_from_the_middle(x: slice, found: bool) -> None:
    assert (trace(tube(x, TRACHEA[1], TRACHEA[2])) is not None) == found  # 9.5, 10 and 10.5 of 50 voxels


@pytest.mark.parametrize(
    ("spacing", "found"),
    [((5.9, 5.0, 5.0), True), ((6.0, 5.0, 5.0), False), ((6.9, 5.0, 7.0), True), ((7.0, 5.0, 7.0), False)],
)
def test_discs_of_a_chain_move_by_less_than_6_mm_or_the_slice_thickness(spacing, found: bool) -> None:
    slices = 4 if spacing[2] == 5.0 else 3  # two parts below 25 mm
    ct = tube(slice(23, 26), slice(18, 21), slice(8, 8 + slices))
    ct[24:27, 18:21, 8 + slices : 8 + 2 * slices] = -1000.0
    assert (trace(ct, spacing) is not None) == found


def test_bronchi_reach_90_mm_in_slices_of_3_mm() -> None:
    ct = np.full((50, 40, 60), 40.0)
    ct[23:27, 18:22, 45:] = -1000.0
    ct[18:27, 18:23, :45] = -1000.0
    found = trace(ct, (4.0, 4.0, 3.0))
    assert np.flatnonzero(found.any(axis=(0, 1))).min() == 45 - 30


@pytest.mark.parametrize(("spacing", "follows"), [((4.0, 4.0, 4.0), True), ((4.1, 4.0, 4.0), False)])
def test_a_bronchus_moves_by_at_most_4_mm(spacing, follows: bool) -> None:
    ct = tube(*TRACHEA)
    ct[27:32, 18:22, 7] = -1000.0
    assert trace(ct, spacing)[:, :, 7].any() == follows


@pytest.mark.parametrize(("hu", "follows"), [(-900.0, False), (-900.5, True)])
def test_in_a_lung_only_air_below_minus_900_is_followed(hu: float, follows: bool) -> None:
    ct = tube(*TRACHEA)
    ct[10:40, 5:35, 7] = -860.0
    ct[23:27, 18:22, 7] = hu
    assert trace(ct)[:, :, 7].sum() == 16 * follows


@pytest.mark.parametrize(("depth_mm", "whole"), [(5.0, True), (5.008, False)])
def test_a_piece_above_500_mm2_is_a_lung(depth_mm: float, whole: bool) -> None:
    ct = tube(slice(23, 26), slice(18, 22), TRACHEA[2])
    ct[22:27, 18:22, 7] = -870.0  # 20 voxels of 25 or 25.04 mm², not dark enough within a lung
    assert trace(ct, (5.0, depth_mm, 4.0))[:, :, 7].sum() == 20 * whole


@pytest.mark.parametrize(
    ("x", "y", "whole"), [(slice(21, 29), slice(16, 24), True), (slice(19, 32), slice(17, 22), False)]
)
def test_a_piece_above_1_6_times_the_slice_above_is_a_lung(x: slice, y: slice, whole: bool) -> None:
    ct = tube(slice(22, 27), slice(16, 24), TRACHEA[2])  # 640 mm², so that 1,024 mm² are not yet a lung
    ct[x, y, 7] = -870.0  # 64 and 65 voxels
    assert trace(ct)[:, :, 7].sum() == 64 * whole


@pytest.mark.parametrize(("dark", "hu", "follows"), [(2, -851.0, False), (3, -851.0, True), (3, -850.0, False)])
def test_three_tenths_of_a_bronchus_are_below_minus_850(dark: int, hu: float, follows: bool) -> None:
    ct = tube(*TRACHEA)
    ct[23:25, 17:22, 7] = -700.0
    ct[23, 17 : 17 + dark, 7] = hu
    assert trace(ct)[:, :, 7].sum() == 10 * follows


@pytest.mark.parametrize(("edge", "voxels"), [(1.0, 40), (2.0, 20)])
def test_bronchi_are_followed_within_40_mm_of_the_air_above(edge: float, voxels: int) -> None:
    """Two crossing lines of air are one thin piece: 40 mm of it on each side of the trachea belong to it."""
    airway = np.zeros((120, 110, 2), dtype=bool)
    airway[50:60, 60:66, 1] = True
    numbered = np.zeros(airway.shape, dtype=int)
    numbered[:, 60, 0] = numbered[50, :, 0] = 7
    _follow_down(airway, np.full(airway.shape, -1000.0), numbered, 1, (edge, 1.0, 1.0))
    assert np.flatnonzero(airway[:, 60, 0]).tolist() == list(range(50 - voxels, 60 + voxels))
    assert np.flatnonzero(airway[50, :, 0]).tolist() == list(range(20, 106))
    assert airway[:, :, 0].sum() == 10 + 2 * voxels + 86 - 1


def test_bronchi_are_followed_at_the_first_rows_and_columns() -> None:
    airway = np.zeros((20, 20, 2), dtype=bool)
    airway[:5, :5, 1] = True
    numbered = np.zeros(airway.shape, dtype=int)
    numbered[:5, :5, 0] = 1
    _follow_down(airway, np.full(airway.shape, -1000.0), numbered, 1, (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(airway[:, :, 0], airway[:, :, 1])
