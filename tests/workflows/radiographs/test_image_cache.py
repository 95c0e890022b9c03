"""Cache of radiographs: equal items, decoded once, and made again if the file, the transforms or the entry changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import Dataset
from monai.transforms import Compose, RandFlipd, RandRotated, Resized
from PIL import Image

from monai_pylon.data import ReadRadiographd
from monai_pylon.data.seeded_dataset import SeededDataset
from monai_pylon.transforms import FollowBoxesd
from monai_pylon.workflows.radiographs import cached_dataset, image_cache, radiograph_data


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    items = []
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (50, 40)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        boxes = np.array([[5.0, 6, 20, 30, number]])
        items.append({"image": str(tmp_path / f"{number}.png"), "label": np.array([np.nan, 1]), "boxes": boxes})
    return Dataset(items, ReadRadiographd("image"))


def pipeline(data: Dataset, folder: Path | None, size: int = 32) -> SeededDataset:
    first = [Resized("image", [size, size], mode="bicubic")]
    rest = [RandRotated("image", range_x=1.0, prob=0.9), RandFlipd("image", prob=0.5), FollowBoxesd("boxes", "image")]
    dataset = SeededDataset(cached_dataset(data, Compose([*first, *rest]), first, folder))
    dataset.set_epoch(5, 1)
    return dataset


def assert_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for key in ("image", "boxes", "label"):
        np.testing.assert_array_equal(np.asarray(one[key]), np.asarray(other[key]), err_msg=key)
    np.testing.assert_array_equal(one["image"].affine, other["image"].affine)


def test_items_are_equal_and_decoded_once(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, cached = pipeline(data, None), pipeline(data, tmp_path / "cache")
    expected = [plain[index] for index in range(3)]
    for _ in range(2):
        for index in range(3):
            assert_equal(cached[index], expected[index])
        monkeypatch.setattr(ReadRadiographd, "read", None)  # decoding again would fail
        cached = pipeline(Dataset(data.data, ReadRadiographd("image")), tmp_path / "cache")  # as in a later run
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize("change", ["file", "transform", "version", "damage"])
def test_an_outdated_entry_is_made_again(
    change: str, data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, size = tmp_path / "cache", 32
    before = pipeline(data, cache)[0]["image"]
    (entry,) = cache.iterdir()
    if change == "file":
        Image.fromarray(np.full((50, 40), 9, np.uint8)).save(tmp_path / "0.png")
        os.utime(tmp_path / "0.png", ns=(1, 1))
    elif change == "transform":
        size = 16
    elif change == "version":
        monkeypatch.setattr(image_cache, "__version__", "99")
    else:
        entry.write_bytes(entry.read_bytes()[:500])
    after = pipeline(data, cache, size)[0]["image"]
    assert_equal(pipeline(data, cache, size)[0], pipeline(data, None, size)[0])
    assert (after.shape == before.shape and torch.equal(after, before)) == (change in ("version", "damage"))
    assert len(list(cache.iterdir())) == (1 if change == "damage" else 2)


def test_phantoms_are_not_cached(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cache_dir must be None for phantoms"):
        cached_dataset(radiograph_data("phantom", "training", phantoms=2), Compose([]), [], tmp_path)
