"""Cached radiographs equal those read anew, with their boxes, and follow a changed file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, Flipd, Resized
from PIL import Image

from monai_pylon.data import ReadRadiographd, phantom_radiograph
from monai_pylon.transforms import FollowBoxesd
from monai_pylon.workflows.radiographs.image_cache import ReadCachedRadiographd

AFTER = [Resized("image", (64, 64), mode="bicubic"), Flipd("image", 1), FollowBoxesd()]


def item(folder: Path) -> dict[str, object]:
    """Write a radiograph that is not square, with a box."""
    pixels = phantom_radiograph(3, size=120).image[0][:100]
    Image.fromarray((pixels * 255).astype(np.uint8)).save(folder / "a.png")
    return {"image": str(folder / "a.png"), "boxes": np.array([[10, 20, 50, 60, 3]], np.float32), "label": 1}


def test_cached_radiographs_equal_those_read_anew(tmp_path: Path) -> None:
    plain = Compose([ReadRadiographd("image"), *AFTER])(item(tmp_path))
    cached = Compose([ReadCachedRadiographd(tmp_path / "cache", 64), *AFTER])
    for _ in range(2):  # the second time from the cache
        found = cached(item(tmp_path))
        assert found["label"] == 1
        torch.testing.assert_close(found["image"].as_tensor(), plain["image"].as_tensor(), rtol=0, atol=1e-4)
        torch.testing.assert_close(torch.as_tensor(found["boxes"]), torch.as_tensor(plain["boxes"]), rtol=0, atol=1e-3)
        assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_second_time_the_file_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example, read = item(tmp_path), ReadCachedRadiographd(tmp_path / "cache", 64)
    first = read(example)
    monkeypatch.setattr(ReadRadiographd, "read", lambda *_: pytest.fail("the file was decoded"))
    assert torch.equal(read(example)["image"], first["image"])


def test_a_changed_file_other_boxes_and_another_size_are_read_anew(tmp_path: Path) -> None:
    example, read = item(tmp_path), ReadCachedRadiographd(tmp_path / "cache", 64)
    first = read(example)
    moved = read({**example, "boxes": np.zeros((0, 5), np.float32)})
    assert moved["boxes"].shape == (0, 5)
    Image.fromarray(np.full((100, 120), 9, np.uint8)).save(tmp_path / "a.png")
    assert not torch.equal(read(example)["image"], first["image"])
    assert ReadCachedRadiographd(tmp_path / "cache", 32)(example)["image"].shape == (1, 32, 32)
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_sizes_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="image_size must be positive"):
        ReadCachedRadiographd(tmp_path, 0)
    with pytest.raises(TypeError, match="image_size must be of type int"):
        ReadCachedRadiographd(tmp_path, 1.5)  # type: ignore[arg-type]
