"""Tests of the batches of radiographs, from the data list through MONAI's data loader."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.data import DataLoader, Dataset, decollate_batch
from monai.transforms import Compose, Resized

from monai_pylon.data import ReadRadiographd, chest_xray14_datalist, collate_radiographs
from monai_pylon.transforms import FollowBoxesd
from tests.data.xray14_files import write_root
from tests.old_versions import needs_monai_1_6


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_batch_has_stacked_images_and_a_list_of_boxes(tmp_path: Path, workers: int) -> None:
    items = chest_xray14_datalist(write_root(tmp_path), "test")
    chain = Compose([ReadRadiographd("image"), Resized("image", (32, 32)), FollowBoxesd()])
    loader = DataLoader(Dataset(items, chain), batch_size=6, collate_fn=collate_radiographs, num_workers=workers)
    (batch,) = loader
    assert batch["image"].shape == (6, 1, 32, 32)
    assert batch["label"].shape == (6, 14)
    assert batch["age"].tolist() == [50, 50, 51, 51, 52, 52]
    assert batch["view"] == ["PA"] * 6
    assert [len(boxes) for boxes in batch["boxes"]] == [0, 0, 0, 1, 0, 2]
    assert {type(boxes) for boxes in batch["boxes"]} == {torch.Tensor}
    torch.testing.assert_close(batch["boxes"][3], torch.tensor([[0.0, 0, 16, 16, 4]]))


def test_other_keys_and_an_empty_batch() -> None:
    items = [{"points": torch.zeros(k, 2), "number": k} for k in (3, 1)]
    batch = collate_radiographs(items, list_keys=("points", "boxes"))
    assert [p.shape[0] for p in batch["points"]] == [3, 1]
    assert batch["number"].tolist() == [3, 1]
    assert "boxes" not in batch
    with pytest.raises(ValueError, match="batch must be at least one item"):
        collate_radiographs([])


def test_batch_of_one_item() -> None:
    batch = collate_radiographs([{"image": torch.ones(1, 2, 2), "boxes": torch.ones(2, 5, dtype=torch.float64)}])
    assert batch["image"].shape == (1, 1, 2, 2)
    assert [(boxes.shape, boxes.dtype) for boxes in batch["boxes"]] == [((2, 5), torch.float32)]


@needs_monai_1_6
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("counts", [(2, 0, 3), (0, 0), (3, 3), (1,)])
def test_a_batch_falls_apart_into_its_items(counts: tuple[int, ...], workers: int) -> None:
    """Of a plain list, MONAI gives the first item the first box of each image."""
    items = [
        {"image": torch.full((1, 4, 4), float(k)), "boxes": torch.full((n, 5), float(k)), "name": str(k)}
        for k, n in enumerate(counts)
    ]
    loader = DataLoader(items, batch_size=len(counts), collate_fn=collate_radiographs, num_workers=workers)
    (batch,) = loader
    for detach in (True, False):
        found = decollate_batch(batch, detach=detach)
        assert [item["name"] for item in found] == [item["name"] for item in items]
        for item, given in zip(found, items, strict=True):
            assert torch.equal(item["boxes"], given["boxes"])
            assert torch.equal(item["image"], given["image"])
