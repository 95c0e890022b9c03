"""Doubts about a mediastinum: larger than the lungs, or far into one side above the heart; also through the phantom."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks.plausibility import doubt_mediastinum


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
