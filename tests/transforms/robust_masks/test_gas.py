"""Gas of stomach and oesophagus beside, and joined to, a lung; bullae and pneumothorax stay lung."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.gas import gas_near_midline, gas_of_parts, gas_of_slices
from monai_pylon.transforms.robust_masks.spine import Spine

EDGE = (3.0, 3.0, 3.0)


def lung_over(hu: float, neck: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a lung above a bubble of 3.1 cm by 5.4 cm by 5.4 cm, and a gap of ``neck`` voxels in the wall between."""
    ct = np.full((40, 30, 40), 40.0)
    ct[5:35, 5:25, 18:38] = -850.0
    bubble = np.zeros(ct.shape, dtype=bool)
    bubble[8:26, 6:24, 3:17] = True
    ct[bubble] = hu
    ct[12 : 12 + neck, 10 : 10 + neck, 17] = -600.0
    return ct, bubble


@pytest.mark.parametrize("neck", [0, 1, 3])
def test_gas_joined_by_a_narrow_neck_is_found(neck: int) -> None:
    ct, bubble = lung_over(-990.0, neck)
    found = gas_of_parts(ct, ct < -500, EDGE)
    assert found[bubble].all()
    assert not found[:, :, 18:].any()


def test_lung_and_widely_joined_gas_are_no_gas() -> None:
    for ct, _ in (lung_over(-850.0, 0), lung_over(-990.0, 14)):
        assert not gas_of_parts(ct, ct < -500, EDGE).any()


def test_a_bulla_within_the_lung_is_no_gas() -> None:
    ct = np.full((40, 30, 40), 40.0)
    ct[3:37, 3:27, 3:37] = -850.0
    ct[13:25, 9:21, 6:18] = -600.0
    ct[14:24, 10:20, 7:17] = -990.0
    assert not gas_of_parts(ct, (ct < -500) & (ct != -600.0), EDGE).any()


def test_only_small_dark_sections_near_the_midline_are_oesophagus() -> None:
    spine = Spine(np.arange(12), np.full((12, 2), (50.0, 10.0)), np.full(12, 35.0))
    for place, hu, expected in ((50, -990.0, True), (70, -990.0, False), (50, -800.0, False)):
        ct = np.full((100, 60, 12), 40.0)
        ct[place - 3 : place + 4, 26:33] = hu
        assert gas_near_midline(ct, ct < -500, spine, EDGE).any() == expected
    ct[40:60, 20:40] = -990.0  # 36 cm2
    assert not gas_near_midline(ct, ct < -500, spine, EDGE).any()


def test_gas_of_thick_slices_lies_in_the_lower_half() -> None:
    ct = np.full((9, 3, 4), -850.0)
    core = np.ones(ct.shape, dtype=bool)
    core[5] = False
    ct[6:] = -1000.0
    assert gas_of_slices(ct, core).any(axis=(0, 1)).tolist() == [True, True, False, False]


TWO_MM = (2.0, 2.0, 5.0)  # 100 voxels have 2 mL


def midline_gas(
    size: tuple[int, int], place: tuple[float, float] = (0, 20), hu: float = -1000.0, level: int = 5, missing: int = 0
) -> bool:
    """Tell whether a cross-section is gas near the midline.

    The spine has levels 3 to 7, with its canal at 50, 70, 90, 110 and 130, at row 10 and on the last at 5.

    Args:
        size: Of the cross-section, in voxels.
        place: Center of the cross-section, from the canal.
        hu: Of the cross-section.
        level: Slice.
        missing: Voxels of the cross-section that have -850 HU.
    """
    canal = np.stack([50 + 20.0 * np.arange(5), [10.0, 10.0, 10.0, 10.0, 5.0]], axis=1)
    spine = Spine(np.arange(3, 8), canal, np.full(5, 35.0))
    ct = np.full((220, 60, 10), 40.0)
    center = canal[min(max(level, 3), 7) - 3] + place
    x, y = (int(middle - (n - 1) / 2) for middle, n in zip(center, size, strict=True))
    section = np.full(size, hu)
    section.flat[:missing] = -850.0
    ct[x : x + size[0], y : y + size[1], level] = section
    gas = gas_near_midline(ct, ct < -500, spine, TWO_MM)
    assert not gas.any() or np.array_equal(gas, ct < -500)
    return bool(gas.any())


@pytest.mark.parametrize("level", [0, 3, 4, 5, 6, 7, 9])
def test_the_midline_is_that_of_each_level_and_goes_on_above_and_below(level: int) -> None:
    """30 mm are 15 voxels."""
    for aside, found in ((0, True), (14, True), (-14, True), (15, False), (-15, False)):
        assert midline_gas((11, 11), (aside, 20), level=level) == found


@pytest.mark.parametrize(
    ("size", "missing", "found"),
    [
        ((9, 11), 0, False),  # 99 voxels, 1.98 mL
        ((5, 20), 0, True),  # 2 mL
        ((25, 20), 0, True),  # 2000 mm2
        ((27, 19), 0, False),  # 2052 mm2
        ((15, 20), 150, True),  # half of it is dark
        ((15, 20), 151, False),
    ],
)
def test_a_cross_section_has_2_ml_to_2000_mm2_half_of_it_dark(size, missing: int, found: bool) -> None:
    assert midline_gas(size, (0, 20.5) if size[1] % 2 == 0 else (0, 20), missing=missing) == found


@pytest.mark.parametrize(("hu", "found"), [(-901.0, True), (-900.0, False)])
def test_half_of_a_cross_section_is_darker_than_minus_900_hu(hu: float, found: bool) -> None:
    assert midline_gas((11, 11), hu=hu) == found


@pytest.mark.parametrize(("ahead", "found"), [(1, True), (0, False)])
def test_gas_near_the_midline_lies_in_front_of_the_canal(ahead: int, found: bool) -> None:
    assert midline_gas((51, 3), (0, ahead)) == found


def test_parts_of_a_tube_count_together_across_corners() -> None:
    spine = Spine(np.arange(4), np.full((4, 2), (30.0, 5.0)), np.full(4, 35.0))
    ct = np.full((60, 60, 4), 40.0)
    ct[24:29, 20:30, 1] = ct[29:34, 30:40, 2] = -1000.0  # 50 voxels each
    assert gas_near_midline(ct, ct < -500, spine, TWO_MM).sum() == 100
    ct[24, 20, 1] = 40.0
    assert not gas_near_midline(ct, ct < -500, spine, TWO_MM).any()


def test_a_core_of_a_single_slice_has_no_lower_half() -> None:
    core = np.zeros((6, 5, 4), dtype=bool)
    core[1:5, 1:4, 2] = True
    assert not gas_of_slices(np.full(core.shape, -1000.0), core).any()
