"""Tests of the phantom datasets: one patient per seed, and items as those of the public datasets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import DataLoader, MetaTensor
from monai.data import Dataset as MonaiDataset
from monai.transforms import Compose, Flipd

from monai_pylon.data import collate_radiographs, phantom_radiograph
from monai_pylon.data.phantoms.datasets import PhantomChestCTs, PhantomRadiographs
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import FollowBoxesd

COARSE = {"spacing": (9.0, 9.0, 30.0)}


def test_chest_ct_item_has_the_keys_of_the_datalist() -> None:
    item = PhantomChestCTs(2, **COARSE, first_seed=4)[1]
    assert set(item) == {"image", "organs", "label", "locations", "patient_id", "name"}
    assert isinstance(item["image"], MetaTensor)
    assert item["image"].shape == item["organs"].shape == (1, 40, 36, 11)
    np.testing.assert_allclose(np.linalg.norm(item["image"].affine[:3, :3], axis=0), (9, 9, 30))
    np.testing.assert_array_equal(item["locations"].any(1), item["label"] == 1)
    assert item["label"].shape == (len(CHEST_CT_LABELS),)
    assert (item["patient_id"], item["name"]) == ("5", "phantom_5")


def test_same_seed_gives_same_chest_ct() -> None:
    first, again = (PhantomChestCTs(3, **COARSE, first_seed=s)[k] for s, k in ((2, 0), (0, 2)))
    torch.testing.assert_close(first["image"], again["image"])
    np.testing.assert_array_equal(first["label"], again["label"])


def test_findings_vary_between_patients() -> None:
    labels = np.array([item["label"] for item in PhantomChestCTs(12, **COARSE)])
    drawn = [CHEST_CT_LABELS.index(name) for name in ("lung mass", "pleural effusion", "consolidation", "pneumothorax")]
    share = labels[:, drawn].mean(0)
    assert (share > 0).all()
    assert (share < 1).all()
    assert len({tuple(row) for row in labels}) > 6


def test_index_counts_from_both_ends() -> None:
    scans = PhantomChestCTs(2, **COARSE)
    assert scans[-1]["patient_id"] == "1"
    with pytest.raises(IndexError, match="index must be below 2"):
        scans[2]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0,), ValueError, "count must be positive"),
        (("4",), TypeError, "count must be of type int"),
        ((1, (2, 2)), ValueError, "spacing must be three positive lengths"),
        ((1, (2, 2, 0)), ValueError, "spacing must be three positive lengths"),
        ((1, (2, 2, 2), -1), ValueError, "first_seed must be 0 or more"),
    ],
)
def test_wrong_arguments_of_chest_cts_are_named(arguments: tuple, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        PhantomChestCTs(*arguments)


def test_radiograph_item_is_the_phantom_of_its_seed() -> None:
    radiographs = PhantomRadiographs(3, size=64, first_seed=10)
    radiograph = phantom_radiograph(12, size=64)
    for item in (radiographs[2], radiographs[-1]):
        np.testing.assert_array_equal(np.asarray(item["image"]), radiograph.image)
        np.testing.assert_array_equal(item["boxes"], radiograph.boxes)
        assert (item["patient_id"], item["name"]) == (12, "phantom_12")
    with pytest.raises(IndexError):
        radiographs[3]
    assert len(list(radiographs)) == 3


def test_boxes_follow_a_flip_in_a_data_loader() -> None:
    radiographs = PhantomRadiographs(4, size=64, first_seed=1)
    flip = Compose([Flipd("image", spatial_axis=1), FollowBoxesd("boxes", image_key="image")])
    loader = DataLoader(MonaiDataset(radiographs, flip), batch_size=4, collate_fn=collate_radiographs)
    (batch,) = loader
    for number in range(4):
        before = radiographs[number]["boxes"]
        after = batch["boxes"][number].numpy()
        np.testing.assert_allclose(after[:, [0, 2]], 64 - before[:, [2, 0]], atol=1e-3)
    assert batch["image"].shape == (4, 1, 64, 64)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 2, "first_seed": -1}])
def test_wrong_arguments_of_radiographs_are_named(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"count|first_seed"):
        PhantomRadiographs(**wrong)
