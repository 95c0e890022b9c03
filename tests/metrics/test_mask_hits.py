"""Tests of the share of peaks inside the mask."""

from __future__ import annotations

import math

import pytest
import torch

from monai_pylon.metrics.mask_hits import MASK_BASELINES, mask_hits


@pytest.mark.parametrize("grid", [(6, 8), (4, 5, 6)])
def test_the_peak_decides(grid: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    maps, masks = torch.rand(3, 2, *grid), torch.rand(3, 2, *grid) < 0.5
    masks[1, 0] = False
    found = mask_hits(maps, masks)
    assert tuple(found) == ("peak", *MASK_BASELINES)
    for image in range(3):
        for label in range(2):
            values = [float(found[name][image, label]) for name in found]
            if (image, label) == (1, 0):
                assert all(map(math.isnan, values))
                continue
            highest = (maps[image, label] == maps[image, label].max()).nonzero()[0]
            center = tuple((size - 1) // 2 for size in grid)
            mask = masks[image, label]
            expected = [float(mask[tuple(highest)]), float(mask.sum()) / mask.numel(), float(mask[center])]
            assert values == pytest.approx(expected)


def test_a_coarse_map_is_resampled_to_the_mask() -> None:
    maps, masks = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    maps[0, 0, 1, 0] = 1
    masks[0, 0, 6:, :2] = True
    assert mask_hits(maps, masks)["peak"].item() == 1
    assert mask_hits(maps, masks.flip(3))["peak"].item() == 0
    assert mask_hits(torch.rand(1, 1, 2, 2, 2), torch.ones(1, 1, 4, 4, 4, dtype=torch.bool))["peak"].item() == 1


def test_maps_along_one_axis() -> None:
    maps, masks = torch.tensor([[[0.0, 2.0, 1.0]]]), torch.tensor([[[False, True, False]]])
    assert {name: round(value.item(), 3) for name, value in mask_hits(maps, masks).items()} == {
        "peak": 1.0,
        "random_point": 0.333,
        "image_center": 1.0,
    }


def test_resampling_does_not_align_the_corners() -> None:
    """Between cell centers the fifth of eight cells is highest; with aligned corners the sixth would be."""
    maps, masks = torch.tensor([[[0.0, 0.25, 1.0, 0.0]]]), torch.arange(8).eq(4)[None, None]
    assert mask_hits(maps, masks)["peak"].item() == 1


def test_negative_maps_have_a_peak_too() -> None:
    maps, masks = -torch.ones(1, 1, 3, 3), torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    maps[0, 0, 2, 2], masks[0, 0, 2, 2] = -0.5, True
    assert mask_hits(maps, masks)["peak"].item() == 1


def test_bad_arguments() -> None:
    maps, masks = torch.zeros(2, 3, 4, 4), torch.ones(2, 3, 4, 4, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"masks must be of the images and classes of maps \(2, 3\)"):
        mask_hits(maps, masks[:, :2])
    with pytest.raises(ValueError, match="number of axes"):
        mask_hits(maps, masks[..., None])
    with pytest.raises(TypeError, match="masks must be of type Tensor"):
        mask_hits(maps, masks.numpy())
    maps[1, 2, 0, 0] = math.nan
    with pytest.raises(ValueError, match="maps must be without NaN"):
        mask_hits(maps, masks)
    masks[1, 2] = False
    assert torch.isnan(mask_hits(maps, masks)["peak"][1, 2])  # no instance: its map is not looked at
