"""Phantom radiographs as a data set."""

from __future__ import annotations

import numpy as np
import pytest
from monai.data import DataLoader
from monai.data import Dataset as MonaiDataset
from monai.transforms import Compose, Flipd

from monai_pylon.data import PhantomRadiographs, collate_radiographs, phantom_radiograph
from monai_pylon.transforms import FollowBoxesd


def test_an_item_is_the_phantom_of_its_seed() -> None:
    radiographs = PhantomRadiographs(3, size=64, first_seed=10)
    radiograph = phantom_radiograph(12, size=64)
    for item in (radiographs[2], radiographs[-1]):
        np.testing.assert_array_equal(np.asarray(item["image"]), radiograph.image)
        np.testing.assert_array_equal(item["boxes"], radiograph.boxes)
        assert (item["patient_id"], item["name"]) == (12, "phantom_12")
    with pytest.raises(IndexError):
        radiographs[3]
    assert len(list(radiographs)) == 3


def test_boxes_follow_and_batches_collate() -> None:
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
def test_wrong_values_are_errors(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"count|first_seed"):
        PhantomRadiographs(**wrong)
