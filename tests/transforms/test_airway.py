"""The airway: the discs that make a trachea, and the distance over which its bronchi are followed."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.airway import trace_airway

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
