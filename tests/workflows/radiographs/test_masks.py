"""Tests of masks that follow their image through MONAI's transforms, and of the stand-in of an unreadable one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import CenterSpatialCrop, Compose, Flip, Resize, Rotate90

from monai_pylon.workflows.radiographs import MasksOnImaged, unknown_radiograph
from tests.data.datasets.files import write_chexlocalize


def image_and_mask(rows: int = 60, columns: int = 40) -> tuple[MetaTensor, np.ndarray]:
    """An image whose bright pixels are its mask."""
    mask = np.zeros((rows, columns), bool)
    mask[5:30, 10:22] = True
    return MetaTensor(torch.from_numpy(mask[None].astype(np.float32))), mask


def polygons(mask: np.ndarray) -> list[list[list[int]]]:
    (top, left), (bottom, right) = np.argwhere(mask).min(0), np.argwhere(mask).max(0)
    return [[[int(x), int(y)] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]]


def on_image(image: Any, mask: np.ndarray, **changes: Any) -> torch.Tensor:
    size = list(mask.shape)
    entry = {"label": 1, "size": size, "image_size": size, "polygons": polygons(mask), **changes}
    return MasksOnImaged()({"image": image, "label": np.zeros(3), "masks": [entry]})["masks"]


@pytest.mark.parametrize(
    "transform",
    [
        Compose([]),
        Flip(0),
        Flip(1),
        Rotate90(1),
        Rotate90(3),
        CenterSpatialCrop((40, 30)),
        Compose([Rotate90(1), Flip(1), CenterSpatialCrop((30, 44))]),
    ],
)
def test_the_mask_stays_on_its_bright_pixels(transform: Any) -> None:
    image, mask = image_and_mask()
    moved = transform(image)
    drawn = on_image(moved, mask)
    assert drawn.shape == (3, *moved.shape[1:])
    np.testing.assert_array_equal(drawn[1].numpy(), moved[0].numpy() > 0.5)
    assert not drawn[[0, 2]].any()


def test_a_resized_image() -> None:
    image, mask = image_and_mask()
    moved = Resize((30, 30), mode="bilinear")(image)
    drawn = on_image(moved, mask)[1].numpy()
    assert np.abs(drawn.astype(float) - moved[0].numpy()).mean() < 0.03


def test_a_mask_of_another_size_than_the_file() -> None:
    """The file is a copy at half the size of the image that was outlined."""
    image, mask = image_and_mask()
    large = np.kron(mask, np.ones((2, 2), bool))
    drawn = on_image(image, large, image_size=list(mask.shape))
    np.testing.assert_array_equal(drawn[1].numpy(), mask)


def test_a_small_mask_does_not_vanish() -> None:
    image, mask = image_and_mask(600, 400)
    mask[:] = False
    mask[301, 203] = True
    drawn = on_image(Resize((6, 4))(image), mask, counts=_counts(mask))
    assert drawn[1].nonzero().tolist() == [[3, 2]]


def _counts(mask: np.ndarray) -> list[int]:
    place = int(mask.T.ravel().argmax())
    return [place, 1, mask.size - place - 1]


def test_items_without_masks_are_unchanged() -> None:
    item = {"image": MetaTensor(torch.zeros(1, 4, 4)), "label": np.zeros(2)}
    assert MasksOnImaged()(item).keys() == item.keys()


def test_the_stand_in_has_the_keys_of_the_dataset(tmp_path: Path) -> None:
    item = unknown_radiograph(8, ["a", "b"])
    assert item["image"].shape == (1, 8, 8)
    assert item["label"].isnan().all()
    assert item["boxes"].shape == (0, 5)
    assert "masks" not in item
    assert unknown_radiograph(8, ["a", "b"], write_chexlocalize(tmp_path))["masks"].shape == (2, 8, 8)
