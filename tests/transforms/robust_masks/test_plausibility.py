"""Doubts about a mediastinum: larger than the lungs, or far into one side above the heart; also through the phantom."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks.plausibility import doubt_lungs, doubt_mediastinum


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
