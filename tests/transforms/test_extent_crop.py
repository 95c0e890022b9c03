"""Crop to an extent in mm: around the center, never smaller than the extent, without an effect on resampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd, Orientationd, ResizeWithPadOrCropd, Spacing, Spacingd

from monai_pylon.transforms.extent_crop import CropToExtent, CropToExtentd


def volume(shape: tuple[int, ...], spacing: tuple[float, ...]) -> MetaTensor:
    """Return a linear image, so that every voxel has another value."""
    axes = np.meshgrid(*(np.arange(n) * mm for n, mm in zip(shape, spacing, strict=True)), indexing="ij")
    values = axes[0] + 1000 * axes[1] + 1e6 * axes[2]
    return MetaTensor(torch.from_numpy(values)[None], affine=torch.diag(torch.tensor([*spacing, 1.0]).double()))


@pytest.mark.parametrize("spacing", [(2.0, 2.0, 5.0), (0.7, 0.9, 1.3)])
def test_the_crop_is_centred_and_not_smaller_than_the_extent(spacing: tuple[float, ...]) -> None:
    image, extent = volume((60, 61, 40), spacing), (30.0, 25.0, 30.0)
    crop = CropToExtent(extent)(image)
    for axis in range(3):
        length = crop.shape[1 + axis] * spacing[axis]
        assert length >= extent[axis]
        assert length <= extent[axis] + 5 * spacing[axis]
        middle = crop.affine[axis, 3] + (crop.shape[1 + axis] - 1) / 2 * spacing[axis]
        whole = (image.shape[1 + axis] - 1) / 2 * spacing[axis]
        assert abs(float(middle) - whole) <= spacing[axis]
    x, y, z = crop.affine[:3, 3].tolist()
    assert float(crop[0, 0, 0, 0]) == pytest.approx(x + 1000 * y + 1e6 * z), "the affine is that of the crop"


def test_two_voxels_are_added_on_each_side() -> None:
    image = volume((60, 60, 60), (1.0, 2.0, 3.0))
    assert CropToExtent((10, 10, 10))(image).shape == (1, 14, 9, 8)  # 10, 5 and 4 voxels, and 4 more


def test_axes_shorter_than_the_extent_are_not_changed() -> None:
    image = volume((10, 10, 10), (1.0, 1.0, 1.0))
    assert CropToExtent((100, 6, 100))(image).shape == (1, 10, 10, 10)


def test_the_crop_does_not_change_a_resampled_image() -> None:
    """With or without the crop, each voxel of a linear image has the value of its position in mm."""
    after = [Spacingd("image", (1.0, 1.0, 1.0), mode="bilinear"), ResizeWithPadOrCropd("image", (24, 24, 24))]
    for steps in (after, [CropToExtentd("image", (24, 24, 24)), *after]):
        image = Compose(steps)({"image": volume((40, 40, 30), (1.3, 1.1, 1.7))})["image"]
        index = np.stack(np.meshgrid(*[np.arange(24)] * 3, indexing="ij"), -1)
        position = index @ image.affine.numpy()[:3, :3].T + image.affine.numpy()[:3, 3]
        np.testing.assert_allclose(image[0].numpy(), position @ [1, 1000, 1e6], rtol=1e-6)
        np.testing.assert_allclose(position.mean((0, 1, 2)), [39 * 1.3 / 2, 39 * 1.1 / 2, 29 * 1.7 / 2], atol=1.5)


def test_by_default_nothing_is_lazy_and_a_missing_key_is_an_error() -> None:
    crop = CropToExtentd("image", (10, 10, 10))
    assert (crop.lazy, CropToExtent((10, 10, 10)).lazy) == (False, False)
    with pytest.raises(KeyError, match="image"):
        crop({"other": volume((20, 20, 20), (1.0, 1.0, 1.0))})


@pytest.mark.parametrize(
    ("extent", "image", "error", "message"),
    [
        ((1, 2), None, ValueError, "extent must be three positive lengths in mm"),
        ((1, 2, 3, 4), None, ValueError, "extent must be three positive lengths in mm"),
        ((1, 2, 0), None, ValueError, "extent must be three positive lengths in mm"),
        ((1, 2, 3), torch.zeros(1, 4, 4, 4), TypeError, "image must be of type MetaTensor.*voxel size"),
        ((1, 2, 3), MetaTensor(torch.zeros(4, 4, 4)), ValueError, r"image must be of shape \(C, X, Y, Z\)"),
    ],
)
def test_errors_name_the_argument(extent, image, error, message) -> None:
    with pytest.raises(error, match=message):
        CropToExtent(extent)(image)


def test_the_inverse_restores_place_and_affine() -> None:
    image = volume((40, 41, 30), (1.3, 1.1, 1.7))
    crop = CropToExtent((20, 20, 20))
    back = crop.inverse(crop(image))
    assert back.shape == image.shape
    torch.testing.assert_close(back.affine, image.affine)
    kept = back != 0
    assert kept.sum() == crop(image).numel()
    assert torch.equal(back.as_tensor()[kept], image.as_tensor()[kept])


@pytest.mark.filterwarnings("ignore:'lazy' is set to True")  # MONAI inverts eagerly and says so
@pytest.mark.parametrize("lazy", [False, True, None])
def test_a_pipeline_puts_maps_back_on_the_scan(lazy: bool | None) -> None:
    steps = [
        Orientationd("image", "LPS", labels=None),
        CropToExtentd("image", (24, 24, 24)),
        Spacingd("image", (1.0, 1.0, 1.0), mode="bilinear"),
        ResizeWithPadOrCropd("image", (24, 24, 24)),
    ]
    pipeline, image = Compose(steps, lazy=lazy), volume((40, 40, 30), (1.3, 1.1, 1.7))
    item = pipeline({"image": image})
    item["map"] = MetaTensor(item["image"].as_tensor())
    inverted = Invertd("map", pipeline, orig_keys="image", nearest_interp=False)(item)
    for back in (inverted["map"], pipeline.inverse(item)["image"]):
        assert back.shape == image.shape
        torch.testing.assert_close(back.affine, image.affine)
        middle = (0, slice(15, 25), slice(15, 25), slice(12, 18))
        np.testing.assert_allclose(back[middle].numpy(), image[middle].numpy(), rtol=1e-4)


def test_the_extent_is_that_of_the_pending_spacing() -> None:
    """Lazily doubled voxels: half as many are kept."""
    image = volume((40, 40, 40), (1.0, 1.0, 1.0))
    coarse = Spacing((2.0, 2.0, 2.0), lazy=True)(image)
    lazy = CropToExtent((10, 10, 10), lazy=True)(coarse)
    assert lazy.peek_pending_shape() == (9, 9, 9)  # 5 voxels and 4 more
    assert lazy.shape == image.shape
