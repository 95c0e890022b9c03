"""Spine: the canal and the front of the vertebrae, with and without a bright heart and aorta in front of them."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.spine import behind_spine, find_spine

X, Y = np.ogrid[:100, :80]


def chest(spacing: float = 3.0, contrast: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a spine whose canal runs to the front, a heart 6 mm in front of it, an aorta beside it, and two lungs."""
    ct, lungs = np.full((100, 80, 40), 40.0), np.zeros((100, 80, 40), dtype=bool)
    for z in range(40):
        row = 15 + z / 8  # of the canal
        body, arch = np.hypot(X - 50, Y - row - 8) < 5, np.hypot(X - 50, Y - row) < 5
        heart = np.hypot(X - 48, Y - row - 27) < 12
        aorta = np.hypot(X - 43, Y - row - 12) < 3
        ct[:, :, z][heart | aorta] = 45.0 + contrast
        ct[:, :, z][(body | arch) & ~(np.hypot(X - 50, Y - row) < 2.5)] = 400.0
        lungs[:, :, z] = (np.abs(X - 50) > 18) & (np.abs(X - 50) < 45) & (Y > 12) & (Y < 65)
    ct[lungs] = -850.0
    return ct, lungs


@pytest.mark.parametrize("contrast", [0.0, 150.0, 255.0, 455.0])
def test_contrast_does_not_move_the_spine(contrast: float) -> None:
    ct, lungs = chest(contrast=contrast)
    spine = find_spine(ct, lungs, (3.0, 3.0, 3.0))
    rows = 15 + np.arange(40) / 8
    assert np.abs(spine.canal[:, 0] - 50).max() < 1.5
    assert np.abs(spine.canal[:, 1] - rows).max() < 1.5
    assert np.abs(spine.depth - 3 * 13).max() <= 5  # the body ends 13 voxels of 3 mm in front of the canal


def test_the_region_holds_the_vertebrae_and_leaves_heart_and_aorta() -> None:
    ct, lungs = chest()
    spine = find_spine(ct, lungs, (3.0, 3.0, 3.0))
    region = behind_spine(spine, ct.shape, (3.0, 3.0, 3.0))
    assert region[ct == 400.0].mean() > 0.95
    assert region[ct == 45.0].mean() < 0.1


def test_without_lungs_or_bone_there_is_no_spine() -> None:
    ct, lungs = chest()
    assert find_spine(ct, np.zeros_like(lungs), (3.0, 3.0, 3.0)) is None
    assert find_spine(np.where(ct == 400.0, 40.0, ct), lungs, (3.0, 3.0, 3.0)) is None
