"""Allowed regions before a training, and the command that trains; the reports' tests run them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from monai.transforms import Compose

from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.chest_ct import regions_of_training, training_command
from monai_pylon.workflows.chest_ct.regions import RegionsInCache, RegionWriter

SMALL = {"image_size": [64, 64, 12], "spacing": [5.6, 5.6, 27.0], "network_settings": {"reduction_padding": 1}}


def test_regions_have_the_settings_and_the_cache_of_the_training(tmp_path: Path) -> None:
    transforms = regions_of_training(None, tmp_path, {**SMALL, "downsampling": "area"})
    cache = RegionsInCache(transforms).cache
    assert cache.folder == tmp_path
    assert cache.settings["grid"] == (2, 2, 4)
    assert (cache.settings["image_size"], cache.settings["downsampling"]) == ([64, 64, 12], "area")


def test_no_regions_without_need(tmp_path: Path) -> None:
    assert regions_of_training(None, tmp_path, SMALL, needed=False) is None
    with pytest.raises(ValueError, match="has no mask loss and needs no regions: --regions False"):
        regions_of_training(None, tmp_path, {**SMALL, "mask_loss": 0})


def test_the_command_names_bundle_folder_and_cache() -> None:
    train = bundle_folder("chest_ct_classification_axialnet") / "configs" / "train.json"
    command = training_command(None, "/out", "/out/regions", {"max_epochs": 1})
    assert f"--config_file {train.resolve()} --bundle_root {train.resolve().parents[1]}" in command
    assert command.endswith("--dataset_dir /out --cache_dir /out/regions --max_epochs 1")
    assert "cache_dir" not in training_command(None, "/out", "/out/regions", regions=False)


def test_a_row_counts_labels_that_are_allowed_nowhere(tmp_path: Path) -> None:
    allowed = np.zeros((80, 2, 2, 2), bool)
    allowed[1, 0], allowed[2, 0, 0] = True, True
    labels = np.zeros((80, 3))
    labels[:3, 1] = 1
    item = RegionWriter(tmp_path)({"labels": labels, "allowed": allowed, "entry": str(tmp_path / "regions" / "1.pt")})
    assert item["row"] == {"labels": 3, "allowed_nowhere": 1, "allowed_share": 0.375}
    assert item["files"] == ["regions/1.pt"]


def test_regions_without_a_cache_have_no_entry() -> None:
    assert RegionsInCache(Compose([]))({"image": 1}) == {"image": 1, "entry": ""}
