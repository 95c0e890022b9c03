"""Outside of the ribs: chest wall, but neither lung nor a bright heart between the lungs."""

from __future__ import annotations

import numpy as np

from monai_pylon.transforms.robust_masks.rib_cage import outside_ribs

EDGE = (4.0, 4.0, 4.0)
RADIUS = np.hypot(*np.ogrid[-45:45, -45:45])[:, :, None] * np.ones(12)


def chest(ribs: bool = True) -> tuple[np.ndarray, np.ndarray]:
    ct = np.full(RADIUS.shape, 40.0)
    if ribs:
        ct[(RADIUS > 24) & (RADIUS < 27)] = 500.0
    ct[RADIUS < 8] = 400.0  # a heart with contrast
    lungs = (RADIUS < 22) & (RADIUS > 10)
    lungs[:, :, 8:] = False
    return ct, lungs


def test_the_chest_wall_is_outside_and_everything_between_the_lungs_inside() -> None:
    ct, lungs = chest()
    outside = outside_ribs(ct, lungs, EDGE)
    assert outside[..., :8][RADIUS[..., :8] > 30].all()
    assert not outside[..., :8][RADIUS[..., :8] < 25].any()


def test_high_above_the_lungs_everything_is_outside() -> None:
    ct, lungs = chest()
    lungs[:, :, 2:] = False
    assert outside_ribs(ct, lungs, EDGE)[:, :, 11].all()


def test_without_bone_the_upper_half_ends_near_the_lungs() -> None:
    ct, lungs = chest(ribs=False)
    outside = outside_ribs(ct, lungs, EDGE)
    assert outside[:, :, 6][RADIUS[:, :, 6] > 32].all()
    assert not outside[:, :, 1].any()


def test_without_lungs_nothing_is_outside() -> None:
    ct, lungs = chest()
    assert not outside_ribs(ct, np.zeros_like(lungs), EDGE).any()
