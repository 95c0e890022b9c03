"""Random resized crop: area, aspect ratio and position of the part, and the same part of all keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor, set_track_meta
from monai.transforms import Compose, Flipd, Invertd, RandFlipd, Rotate90d
from monai.utils import set_determinism

from monai_pylon.transforms import RandResizedCrop, RandResizedCropd

ROWS, COLUMNS = 160, 200


@pytest.fixture
def pixels() -> MetaTensor:
    """Return an image (2, H, W) of the row and column of every pixel, so that a result shows its origin."""
    return MetaTensor(torch.stack(torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")).float())


def part(image: torch.Tensor) -> tuple[float, float, float, float]:
    """Return first row, first column, height and width of the part that a result shows."""
    step = [(image[k].amax() - image[k].amin()).item() / (image.shape[k + 1] - 1) for k in (0, 1)]
    height, width = (step[k] * image.shape[k + 1] for k in (0, 1))
    return image[0].min().item(), image[1].min().item(), height, width


def test_parts_have_the_given_area_and_aspect(pixels: MetaTensor) -> None:
    crop = RandResizedCrop(40, scale=(0.3, 0.5), ratio=(0.5, 1.5), mode="nearest").set_random_state(0)
    found = np.array([part(crop(pixels)) for _ in range(200)])
    top, left, height, width = found.T
    share, aspect = height * width / (ROWS * COLUMNS), width / height
    assert 0.28 < share.min() < 0.33
    assert 0.46 < share.max() < 0.53
    assert 0.45 < aspect.min() < 0.6
    assert 1.3 < aspect.max() < 1.6
    for first, length, whole in ((top, height, ROWS), (left, width, COLUMNS)):
        free = (whole - length) > 30  # parts that can move
        assert (first / (whole - length))[free].min() < 0.1
        assert (first / (whole - length))[free].max() > 0.9


def test_the_part_is_cropped_and_resized(pixels: MetaTensor) -> None:
    crop = RandResizedCrop((30, 50)).set_random_state(1)
    image = crop(pixels)
    assert image.shape == (2, 30, 50)
    (top, left), (bottom, right) = crop._first, crop._last
    expected = torch.nn.functional.interpolate(
        pixels.as_tensor()[None, :, top:bottom, left:right], (30, 50), mode="bilinear"
    )
    torch.testing.assert_close(image.as_tensor(), expected[0])


def test_the_affine_gives_the_position_of_the_part(pixels: MetaTensor) -> None:
    image = RandResizedCrop(64).set_random_state(2)(pixels)
    index = torch.tensor([20.0, 33, 0, 1], dtype=torch.float64)
    torch.testing.assert_close((image.affine @ index)[:2].float(), image.as_tensor()[:, 20, 33], atol=0.01, rtol=0)


def test_the_whole_image_is_taken_if_no_part_fits(pixels: MetaTensor) -> None:
    image = RandResizedCrop((ROWS, COLUMNS), scale=(1, 1), ratio=(9, 9))(pixels)
    torch.testing.assert_close(image.as_tensor(), pixels.as_tensor())


def test_the_whole_image_is_taken_if_a_part_has_no_pixel(pixels: MetaTensor) -> None:
    for ratio in ((1, 1), (1e4, 1e4), (1e-4, 1e-4)):  # 0 x 0 pixels, 0 rows, 0 columns
        whole = RandResizedCrop((ROWS, COLUMNS), scale=(1e-6, 1e-6), ratio=ratio)(pixels)
        torch.testing.assert_close(whole.as_tensor(), pixels.as_tensor())


def test_all_keys_get_the_same_part(pixels: MetaTensor) -> None:
    item = {"a": pixels, "b": pixels.clone(), "c": pixels}
    found = RandResizedCropd(["a", "b"], 64, mode=["bilinear", "nearest"]).set_random_state(3)(item)
    assert part(found["b"]) == pytest.approx(part(found["a"]), abs=3)
    assert found["c"] is pixels
    assert item["a"].shape == (2, ROWS, COLUMNS)
    assert not torch.equal(found["a"], found["b"])
    with pytest.raises(ValueError, match="item 'b' must be of the size of 'a'"):
        RandResizedCropd(["a", "b"], 64)({"a": pixels, "b": pixels[:, :50]})
    assert RandResizedCropd("x", 64, allow_missing_keys=True)(item) == item
    with pytest.raises(KeyError, match="x"):
        RandResizedCropd(["a", "x"], 64)(item)


def test_the_seed_determines_the_part(pixels: MetaTensor) -> None:
    def run() -> torch.Tensor:
        set_determinism(5)
        try:
            return Compose([RandResizedCropd("image", 64)])({"image": pixels})["image"].as_tensor()
        finally:
            set_determinism(None)

    assert torch.equal(run(), run())
    one, other = (RandResizedCrop(64).set_random_state(seed)(pixels) for seed in (1, 2))
    assert not torch.equal(one, other)


def test_the_defaults_are_the_papers() -> None:
    for crop in (RandResizedCrop(), RandResizedCropd("image").crop):
        assert crop.spatial_size == (256, 256)
        assert crop.scale == (0.7, 1.0)
        assert crop.ratio == (3 / 4, 4 / 3)
    assert not RandResizedCrop().lazy
    assert not RandResizedCropd("image").lazy


def test_ranges_may_be_a_single_value(pixels: MetaTensor) -> None:
    whole = RandResizedCrop((ROWS, COLUMNS), scale=(1, 1), ratio=(COLUMNS / ROWS,) * 2)(pixels)
    torch.testing.assert_close(whole.as_tensor(), pixels.as_tensor())
    half = RandResizedCrop((ROWS // 2, COLUMNS), scale=(0.5, 0.5), ratio=(2 * COLUMNS / ROWS,) * 2).set_random_state(0)
    tops = {half(pixels)[0, 0, 0].item() for _ in range(400)}
    assert min(tops) == 0  # the first and the last position are drawn
    assert max(tops) == ROWS // 2
    half = RandResizedCrop((ROWS, COLUMNS // 2), scale=(0.5, 0.5), ratio=(COLUMNS / 2 / ROWS,) * 2).set_random_state(0)
    lefts = {half(pixels)[1, 0, 0].item() for _ in range(600)}
    assert min(lefts) == 0
    assert max(lefts) == COLUMNS // 2


def test_a_part_may_be_one_row_or_one_column(pixels: MetaTensor) -> None:
    row = RandResizedCrop(8, scale=(1 / ROWS,) * 2, ratio=(COLUMNS,) * 2)(pixels)
    assert row[0].unique().numel() == 1
    assert row[1].unique().numel() == 8
    column = RandResizedCrop(8, scale=(1 / COLUMNS,) * 2, ratio=(1 / ROWS,) * 2)(pixels)
    assert column[0].unique().numel() == 8
    assert column[1].unique().numel() == 1


def test_at_most_ten_parts_are_drawn(pixels: MetaTensor) -> None:
    crop, random = RandResizedCrop(8, ratio=(9, 9)).set_random_state(0), np.random.RandomState(0)
    crop(pixels)
    assert crop.R.uniform() == random.uniform(size=21)[-1]  # two numbers for each draw


def test_the_last_draw_can_be_repeated(pixels: MetaTensor) -> None:
    crop = RandResizedCrop(64).set_random_state(0)
    torch.testing.assert_close(crop(pixels), crop(pixels, randomize=False))
    first = RandResizedCrop(64).set_random_state(0)(pixels, randomize=False)  # draws, because nothing was drawn yet
    torch.testing.assert_close(first, RandResizedCrop(64).set_random_state(0)(pixels))


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="scale must be"):
        RandResizedCrop(64, scale=(0.7, 1.2))
    with pytest.raises(ValueError, match="scale must be"):
        RandResizedCropd("image", 64, scale=(0.9, 0.7))
    with pytest.raises(ValueError, match="scale must be"):
        RandResizedCrop(64, scale=(0, 0.7))
    with pytest.raises(ValueError, match="scale must be"):
        RandResizedCrop(64, scale=(0.7, 0.8, 0.9))
    for ratio in ((0, 1), (2, 1), (1, 2, 3)):
        with pytest.raises(ValueError, match="ratio must be"):
            RandResizedCrop(64, ratio=ratio)
    with pytest.raises(ValueError, match=r"image must be of shape \(C, H, W\)"):
        RandResizedCrop(64)(torch.zeros(8, 8))


# --- inverse and lazy execution


def test_the_inverse_puts_the_part_back_to_its_place(pixels: MetaTensor) -> None:
    crop = RandResizedCrop((ROWS, COLUMNS), scale=(0.4, 0.6)).set_random_state(4)
    image = crop(pixels)
    assert [step["class"] for step in image.applied_operations] == ["RandResizedCrop"]
    back = crop.inverse(image)
    assert back.applied_operations == []
    assert back.shape == pixels.shape
    torch.testing.assert_close(back.affine, pixels.affine)
    (top, left), (bottom, right) = crop._first, crop._last
    inside = torch.zeros(ROWS, COLUMNS, dtype=torch.bool)
    inside[top:bottom, left:right] = True
    assert (back.as_tensor()[:, ~inside] == 0).all()
    torch.testing.assert_close(back.as_tensor()[:, inside], pixels.as_tensor()[:, inside], atol=0.6, rtol=0)


@pytest.mark.filterwarnings("ignore:'lazy' is set to True")  # MONAI inverts eagerly and says so
@pytest.mark.parametrize("lazy", [False, True, None])
def test_a_pipeline_puts_heatmaps_back_on_the_radiograph(pixels: MetaTensor, lazy: bool | None) -> None:
    steps = [Rotate90d("image", 1), RandResizedCropd("image", 180, scale=(0.8, 1)), Flipd("image", 1)]
    pipeline = Compose(steps, lazy=lazy).set_random_state(2)
    item = pipeline({"image": pixels.clone()})
    item["heatmap"] = MetaTensor(item["image"].as_tensor())
    invert = Invertd("heatmap", pipeline, orig_keys="image", nearest_interp=False)
    for back in (invert(item)["heatmap"], pipeline.inverse(item)["image"]):
        assert back.shape == pixels.shape
        middle = (slice(None), slice(70, 90), slice(90, 110))
        torch.testing.assert_close(back[middle].as_tensor(), pixels[middle].as_tensor(), atol=1, rtol=0)
        np.testing.assert_allclose(back.affine[:2, :2], np.eye(2), atol=1e-9)


def test_lazy_and_eager_execution_show_the_same_part(pixels: MetaTensor) -> None:
    eager, lazy = (
        Compose([RandResizedCropd("image", 96, scale=(0.5, 0.8)), Flipd("image", 0)], lazy=lazy).set_random_state(3)(
            {"image": pixels.clone()}
        )["image"]
        for lazy in (False, True)
    )
    assert lazy.shape == eager.shape
    torch.testing.assert_close(lazy[:, 4:-4, 4:-4].as_tensor(), eager[:, 4:-4, 4:-4].as_tensor(), atol=0.6, rtol=0)
    assert [step["class"] for step in lazy.applied_operations] == ["RandResizedCrop", "Flip"]


@pytest.mark.parametrize(("mode", "whole"), [("nearest", True), ("bilinear", False)])
def test_lazy_execution_interpolates_as_its_mode_says(pixels: MetaTensor, mode: str, whole: bool) -> None:
    image = Compose([RandResizedCropd("image", 90, mode=mode)], lazy=True)({"image": pixels})["image"].as_tensor()
    assert torch.equal(image, image.round()) == whole


def test_a_random_transform_that_is_not_applied_may_come_before_it(pixels: MetaTensor) -> None:
    """MONAI leaves a matrix (4, 4) pending, where other 2D transforms leave (3, 3)."""
    steps = [RandFlipd("image", prob=0.0), RandResizedCropd("image", 64)]
    assert Compose(steps, lazy=True)({"image": pixels})["image"].shape == (2, 64, 64)


def test_the_part_is_drawn_from_the_pending_size(pixels: MetaTensor) -> None:
    turned = Rotate90d("image", 1, lazy=True)({"image": pixels})["image"]
    crop = RandResizedCrop(64, scale=(1, 1), ratio=(ROWS / COLUMNS,) * 2, lazy=True)
    crop(turned)
    assert crop._last == (COLUMNS, ROWS)


def test_lazy_execution_without_metadata_is_refused(pixels: MetaTensor) -> None:
    set_track_meta(False)
    try:
        with pytest.raises(TypeError, match="set_track_meta"):
            RandResizedCrop(64, lazy=True)(pixels)
    finally:
        set_track_meta(True)
