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
