"""Preprocessing of chest CTs; the tests of the bundle check intensities, axes and regions in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.workflows.chest_ct import (
    cached_organs,
    cached_regions,
    rotation_probability,
    scan_transforms,
    unknown_scan,
)
from monai_pylon.workflows.chest_ct.data import OrgansOfScand


def test_values_and_axes_by_hand() -> None:
    """RAS voxels of 2 mm become LPI voxels of 2 mm: both axes are flipped, -1000 HU is -0.449, 800 HU is 0.551."""
    scan = torch.full((1, 4, 4, 4), -1000.0)
    scan[0, 0, 0, 0], scan[0, 3, 3, 3] = 800, -100
    image = MetaTensor(scan, affine=torch.diag(torch.tensor([2.0, 2, 2, 1])))
    found = scan_transforms([4, 4, 6], [2.0, 2.0, 2.0])({"image": image})["image"][0]
    assert found.shape == (4, 4, 6)
    torch.testing.assert_close(found[3, 3, 4].item(), 0.551)
    torch.testing.assert_close(found[0, 0, 1].item(), 0.5 - 0.449, atol=1e-6, rtol=0)
    assert torch.allclose(found[:, :, [0, 5]], torch.tensor(-0.449)), "padded with air"


def test_regions_are_cached_by_their_settings(tmp_path: Path) -> None:
    made = phantom_chest_ct(0, shape=(32, 28, 16), spacing=(11.2, 11.2, 20))
    affine = torch.from_numpy(made.affine)
    item = {
        "image": MetaTensor(torch.from_numpy(made.image)[None], affine=affine),
        "organs": MetaTensor(torch.from_numpy(made.organs)[None], affine=affine),
        "locations": torch.eye(3, dtype=torch.bool).numpy(),
    }
    settings = {"image_size": [32, 32, 12], "spacing": [11.2, 11.2, 27.0], "downsampling": "area"}
    for grid, entries in (([4, 4, 4], 1), ([4, 4, 4], 1), ([2, 2, 4], 2)):
        transform = cached_regions(tmp_path, grid=grid, **settings)
        assert isinstance(transform, CacheToDiskd)
        allowed = transform(dict(item))["allowed"]
        assert allowed.shape == (3, *grid)
        assert allowed.dtype == torch.bool
        assert len(list(tmp_path.iterdir())) == entries
    left, right = allowed[2].nonzero()[:, 0].float().mean(), allowed[0].nonzero()[:, 0].float().mean()
    assert left > right, "x runs to the patient's left"


def test_without_regions_nothing_changes() -> None:
    transform = cached_regions("cache", [32, 32, 12], [1, 1, 1], [2, 2, 2], needed=False)
    assert isinstance(transform, Compose)
    assert transform({"image": 1}) == {"image": 1}
    assert "allowed" not in unknown_scan([4, 4, 3], ["a"], [1, 1, 1], with_regions=False)
    assert cached_organs("cache", [32, 32, 12], [1, 1, 1], needed=False)({"image": 1}) == {"image": 1}


def test_regions_of_an_evaluation_use_the_organs_on_the_grid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """PARTITION runs once for a scan without masks, and the regions are those of a training."""
    made, calls = phantom_chest_ct(0, shape=(90, 80, 40), spacing=(4, 4, 8)), []
    item = {
        "image": MetaTensor(torch.from_numpy(made.image)[None], affine=torch.from_numpy(made.affine)),
        "locations": torch.eye(3, dtype=torch.bool).numpy(),
    }
    partition = OrgansOfScand.__call__

    def counted(self: OrgansOfScand, data: dict[str, Any]) -> Any:
        calls.append(1)
        return partition(self, data)

    monkeypatch.setattr(OrgansOfScand, "__call__", counted)
    settings = {"image_size": [64, 64, 24], "spacing": [5.0, 5, 13]}
    regions = cached_regions(tmp_path / "a", grid=[8, 8, 8], **settings)
    organs = cached_organs(tmp_path / "b", **settings)
    after = cached_regions(tmp_path / "b", grid=[8, 8, 8], **settings)
    expected = regions(dict(item))["allowed"]
    assert len(calls) == 1
    assert torch.equal(after(organs(dict(item)))["allowed"], expected)
    assert len(calls) == 2
    assert 0 < expected[0].float().mean() < 0.5


def test_organs_lie_on_the_grid_of_the_network(tmp_path: Path) -> None:
    made = phantom_chest_ct(0, shape=(32, 28, 16), spacing=(11.2, 11.2, 20))
    affine = torch.from_numpy(made.affine)
    item = {
        "image": MetaTensor(torch.from_numpy(made.image)[None], affine=affine),
        "organs": MetaTensor(torch.from_numpy(made.organs)[None], affine=affine),
    }
    size, spacing = [32, 32, 12], [11.2, 11.2, 27.0]
    for _ in range(2):
        found = cached_organs(tmp_path, size, spacing)(dict(item))
        labels = found["organ_labels"]
        assert labels.shape == (1, *size)
        assert labels.dtype == torch.uint8
        assert len(list(tmp_path.iterdir())) == 1
        assert found["image"] is item["image"]
    image = scan_transforms(size, spacing)(dict(item))["image"]
    lungs, chest = (labels == 1) | (labels == 3), labels == 2
    assert image[lungs].mean() < image[chest].mean() - 0.2, "air is in the lungs"
    assert unknown_scan(size, ["a"], [1, 1, 1], with_organs=True)["organ_labels"].shape == labels.shape


def test_an_unknown_scan_is_air_without_labels() -> None:
    item = unknown_scan([4, 4, 3], ["a", "b"], [2, 2, 1])
    assert (item["image"] == torch.tensor(-0.449)).all()
    assert item["image"].shape == (1, 4, 4, 3)
    assert item["label"].isnan().tolist() == [True, True]
    assert item["allowed"].all(), "no cell is forbidden, so the mask loss is 0"


def test_only_square_slices_are_rotated() -> None:
    assert rotation_probability([8, 8, 3], 0.3) == 0.3
    assert rotation_probability([8, 9, 8], 0.3) == 0
