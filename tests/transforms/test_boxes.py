"""Boxes follow their image through the paper's augmentation and MONAI's other spatial transforms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import (
    Affine,
    Compose,
    EnsureTyped,
    Flip,
    Flipd,
    Invertd,
    NormalizeIntensityd,
    Pad,
    RandFlipd,
    RandRotated,
    Resize,
    Rotate,
    Rotate90,
    SpatialCrop,
    Transposed,
    Zoom,
)

from monai_pylon.transforms import FollowBoxes, FollowBoxesd, RandBrightnessContrastd, RandResizedCropd
from monai_pylon.transforms.boxes import map_boxes

IDENTITY = np.eye(3)
ROWS, COLUMNS = 200, 260


def bright_box(box: list[int], shape: tuple[int, int] = (ROWS, COLUMNS)) -> MetaTensor:
    """Return an image (1, H, W) of 1 inside a box and 0 elsewhere."""
    image = torch.zeros(1, *shape)
    image[:, box[1] : box[3], box[0] : box[2]] = 1
    return MetaTensor(image)


def extent(image: torch.Tensor, threshold: float = 0.3) -> np.ndarray:
    """Return the box [x1, y1, x2, y2] around the bright pixels; the low threshold includes blurred corners."""
    rows, columns = np.nonzero(image[0].numpy() > threshold)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def papers_augmentation(min_visibility: float = 0.5) -> Compose:
    """Return the augmentation of section 3.3, with MONAI's transforms if there are any."""
    return Compose(
        [
            RandRotated("image", range_x=math.pi / 2, prob=0.5, padding_mode="zeros"),
            RandResizedCropd("image", 256, scale=(0.7, 1.0), ratio=(3 / 4, 4 / 3)),
            RandFlipd("image", spatial_axis=1, prob=0.5),
            FollowBoxesd("boxes", "image", min_visibility),
        ]
    )


def test_the_box_stays_on_its_bright_pixels() -> None:
    for seed in range(60):
        check_augmented_box(seed)


def check_augmented_box(seed: int) -> None:
    random = np.random.default_rng(seed)
    width, height = random.integers(30, 90, 2)
    x, y = random.integers(0, COLUMNS - width), random.integers(0, ROWS - height)
    box = [x, y, x + width, y + height]
    item = {"image": bright_box(box), "boxes": np.array([[*box, 7]], dtype=np.float32)}
    moved = papers_augmentation().set_random_state(seed)(item)
    if len(moved["boxes"]):
        np.testing.assert_allclose(moved["boxes"][0, :4].numpy(), extent(moved["image"]), atol=1)
        assert moved["boxes"][0, 4] == 7
    else:  # more than half of the box left the image
        assert moved["image"].shape == (1, 256, 256)
        scale = moved["image"].sum() / (width * height)
        assert scale < 0.55 * 256 * 256 / (0.7 * ROWS * COLUMNS)


def test_the_augmentation_moves_and_drops_boxes() -> None:
    """Some of the seeds must rotate, some flip, and some lose the box."""
    box = [10, 20, 90, 60]
    found = []
    for seed in range(60):
        item = {"image": bright_box(box), "boxes": np.array([[*box, 0]])}
        found.append(papers_augmentation().set_random_state(seed)(item)["boxes"].numpy())
    assert 3 < sum(len(boxes) == 0 for boxes in found) < 40
    assert len({tuple(boxes[0].round(3)) for boxes in found if len(boxes)}) > 20


SPATIAL = {
    "flip": Flip(spatial_axis=1),
    "flip rows": Flip(spatial_axis=0),
    "flip both": Flip(spatial_axis=(0, 1)),
    "rotate": Rotate(0.4, padding_mode="zeros"),
    "rotate and grow": Rotate(0.4, keep_size=False, padding_mode="zeros"),
    "rotate by 90": Rotate90(1, spatial_axes=(0, 1)),
    "resize": Resize((130, 400), mode="bilinear"),
    "shrink": Resize((100, 130), mode="area"),
    "crop": SpatialCrop(roi_start=(30, 40), roi_end=(190, 230)),
    "zoom": Zoom(1.3),
    "affine": Affine(rotate_params=0.3, shear_params=(0.1, 0.2), scale_params=(1.1, 0.9), padding_mode="zeros"),
    "pad": Pad([(0, 0), (5, 10), (20, 0)]),
}


@pytest.mark.parametrize("name", SPATIAL)
def test_boxes_follow_monais_transforms(name: str) -> None:
    box = [90, 60, 150, 110]
    image = SPATIAL[name](bright_box(box))
    image = image[0] if isinstance(image, tuple) else image
    moved = FollowBoxes()(np.array([[*box, 1]]), image)
    np.testing.assert_allclose(moved[0, :4].numpy(), extent(image), atol=1)


def test_boxes_follow_pending_transforms() -> None:
    lazy = Resize((100, 130), lazy=True)(Flip(spatial_axis=1, lazy=True)(bright_box([90, 60, 150, 110])))
    assert lazy.pending_operations
    moved = FollowBoxes()(np.array([[90, 60, 150, 110, 1]]), lazy)
    np.testing.assert_allclose(moved, [[55, 30, 85, 55, 1]], atol=1e-4)
    cut = SpatialCrop(roi_start=(0, 0), roi_end=(40, 130), lazy=True)(lazy)
    np.testing.assert_allclose(
        FollowBoxes(0.1)(np.array([[90, 60, 150, 110, 1]]), cut), [[55, 30, 85, 40, 1]], atol=1e-4
    )


def test_two_flips_change_nothing() -> None:
    boxes = np.array([[10, 20, 30.5, 60, 2], [0, 0, COLUMNS, ROWS, 3]], dtype=np.float32)
    once = Flip(spatial_axis=1)(bright_box([0, 0, 1, 1]))
    np.testing.assert_allclose(FollowBoxes()(boxes, once)[0], [COLUMNS - 30.5, 20, COLUMNS - 10, 60, 2])
    np.testing.assert_allclose(FollowBoxes()(boxes, Flip(spatial_axis=1)(once)), boxes)


def test_following_step_by_step_equals_following_at_once() -> None:
    boxes, follow = np.array([[90.0, 60, 150, 110, 2]]), FollowBoxes()
    first = Resize((130, 400))(bright_box([0, 0, 1, 1]))
    second = Flip(spatial_axis=0)(first)
    moved = follow(boxes, first)
    np.testing.assert_allclose(follow(moved, second), follow(boxes, second), rtol=1e-5)
    np.testing.assert_allclose(follow(moved, first), moved)  # a second call changes nothing


def test_boxes_are_in_pixels_of_the_image_as_it_was_read() -> None:
    """The affine of the image as it was read may have a spacing and an orientation."""
    affine = np.diag([-2.0, 3.0, 1.0, 1.0])
    image = MetaTensor(torch.zeros(1, 100, 100), affine=affine, meta={"original_affine": affine})
    boxes = np.array([[10.0, 20, 30, 40, 0]])
    np.testing.assert_allclose(FollowBoxes()(boxes, image), boxes)
    np.testing.assert_allclose(FollowBoxes()(boxes, Flip(spatial_axis=0)(image)), [[10, 60, 30, 80, 0]])


@pytest.mark.parametrize("boxes", [np.zeros((0, 5)), torch.zeros(0, 5), np.zeros(0), []])
def test_an_image_may_have_no_boxes(boxes: object) -> None:
    moved = FollowBoxes()(np.asarray(boxes), bright_box([0, 0, 1, 1]))
    assert moved.shape == (0, 5)
    assert moved.dtype == torch.float32


def shift(rows: float, columns: float) -> np.ndarray:
    return np.array([[1, 0, rows], [0, 1, columns], [0, 0, 1]])


def turn(degrees: float, row: float, column: float) -> np.ndarray:
    """Return a rotation about a point in indices."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return shift(row, column) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ shift(-row, -column)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (IDENTITY, [40, 40, 60, 60]),
        (shift(5, -10), [30, 45, 50, 65]),
        (shift(0, -50), [0, 40, 10, 60]),  # half of it is visible
        (shift(0, -51), None),  # less
        (shift(50, 0), [40, 90, 60, 100]),
        (shift(45, 45), [85, 85, 100, 100]),  # 15 / 20 squared is visible, 0.5625
        (shift(46, 46), None),  # 14 / 20 squared, 0.49
        (shift(45, 0), [40, 85, 60, 100]),
        (shift(200, 0), None),
        (np.diag([2.0, 0.5, 1]), [20.25, 79.5, 30.25, 100]),  # about the center of pixel (0, 0), 0.5
        (turn(90, 49.5, 49.5), [40, 40, 60, 60]),
        (turn(45, 49.5, 49.5), [50 - 10 * 2**0.5, 50 - 10 * 2**0.5, 50 + 10 * 2**0.5, 50 + 10 * 2**0.5]),
        # Rotated by 45 degrees and cut through the middle: a triangle twice as wide as high.
        (shift(50, 0) @ turn(45, 49.5, 49.5), [50 - 10 * 2**0.5, 100 - 10 * 2**0.5, 50 + 10 * 2**0.5, 100]),
        # Only the upper corner, to a width of 10: the box has the width of the visible part.
        (shift(50 + 10 * 2**0.5 - 5, 0) @ turn(45, 49.5, 49.5), [45, 95, 55, 100]),
    ],
)
def test_boxes_computed_by_hand(matrix: np.ndarray, expected: list[float] | None) -> None:
    share = 0.0 if expected == [45, 95, 55, 100] else 0.5
    moved = map_boxes(np.array([[40, 40, 60, 60, 9]]), matrix, (100, 100), min_visibility=share)
    np.testing.assert_allclose(moved, [[*expected, 9]] if expected else np.zeros((0, 5)), atol=1e-5)


def test_boxes_below_min_visibility_are_dropped() -> None:
    quarter = shift(0, -15)  # five of 20 columns are visible
    box = np.array([[0, 40, 20, 60, 9]])
    assert len(map_boxes(box, quarter, (100, 100), min_visibility=0.25)) == 1
    assert len(map_boxes(box, quarter, (100, 100), min_visibility=0.26)) == 0
    assert len(map_boxes(box, shift(0, -20), (100, 100), min_visibility=0)) == 0  # nothing is visible


def test_a_box_may_be_smaller_than_a_pixel() -> None:
    boxes = np.array([[3, 3, 3.25, 3.25, 1], [7.75, 7.75, 8.25, 8, 2]])
    expected = [[3, 3, 3.25, 3.25, 1], [7.75, 7.75, 8, 8, 2]]
    np.testing.assert_array_equal(map_boxes(boxes, IDENTITY, (8, 8)), expected)


def test_min_visibility_may_be_0_or_1() -> None:
    boxes = np.array([[0, 0, 4, 4, 1], [6, 0, 10, 4, 2]])
    assert map_boxes(boxes, IDENTITY, (8, 8), 1)[:, 4].tolist() == [1]
    assert map_boxes(boxes, IDENTITY, (8, 8), 0)[:, 4].tolist() == [1, 2]
    assert FollowBoxes(1.0)(boxes, MetaTensor(torch.zeros(1, 8, 8)))[:, 4].tolist() == [1]
    assert FollowBoxes(0.0)(boxes, MetaTensor(torch.zeros(1, 8, 8)))[:, 4].tolist() == [1, 2]


def test_by_default_a_box_is_kept_if_half_of_it_is_visible() -> None:
    image = MetaTensor(torch.zeros(1, 100, 100))
    boxes = np.array([[90, 0, 110, 10, 1], [90.5, 0, 110.5, 10, 2]])  # 50 % and 47.5 %
    assert map_boxes(boxes, IDENTITY, (100, 100))[:, 4].tolist() == [1]
    assert FollowBoxes()(boxes, image)[:, 4].tolist() == [1]
    assert FollowBoxesd()({"image": image, "boxes": boxes})["boxes"][:, 4].tolist() == [1]


def test_boxes_keep_their_order() -> None:
    boxes = np.array([[0, 0, 10, 10, 1], [60, 0, 70, 10, 2], [30, 0, 40, 10, 3]])
    np.testing.assert_allclose(map_boxes(boxes, shift(0, -20), (100, 100))[:, 4], [2, 3])


def test_errors_name_the_argument() -> None:
    boxes = np.array([[0, 0, 1, 1, 0]])
    with pytest.raises(TypeError, match=r"image must be of type MetaTensor.*ReadRadiograph"):
        FollowBoxes()(boxes, torch.zeros(1, 8, 8))
    with pytest.raises(ValueError, match=r"image must be of shape \(C, H, W\)"):
        FollowBoxes()(boxes, MetaTensor(torch.zeros(1, 8, 8, 8)))
    rows_to_slices, slices_to_rows = np.eye(4), np.eye(4)
    rows_to_slices[2, 0] = slices_to_rows[0, 2] = 0.5
    for tilted in (np.eye(4)[[0, 2, 1, 3]], rows_to_slices, slices_to_rows):
        with pytest.raises(ValueError, match="within its plane only"):
            FollowBoxes()(boxes, MetaTensor(torch.zeros(1, 8, 8), affine=tilted))
    for share in (-0.01, 1.01):
        with pytest.raises(ValueError, match="min_visibility must be a share from 0 to 1"):
            FollowBoxesd(min_visibility=share)
        with pytest.raises(ValueError, match="min_visibility must be a share from 0 to 1"):
            map_boxes(boxes, IDENTITY, (8, 8), share)
    with pytest.raises(ValueError, match=r"boxes must be of shape \(K, 5\)"):
        map_boxes(np.zeros((2, 4)), IDENTITY, (8, 8))
    with pytest.raises(ValueError, match="matrix"):
        map_boxes(np.zeros((2, 5)), np.eye(4), (8, 8))


def test_the_dictionary_is_copied_and_keys_may_be_missing() -> None:
    item = {"image": Flip(spatial_axis=1)(bright_box([0, 0, 1, 1])), "boxes": np.array([[0, 0, 10, 10, 1]])}
    moved = FollowBoxesd()(item)
    np.testing.assert_array_equal(item["boxes"], [[0, 0, 10, 10, 1]])
    np.testing.assert_allclose(moved["boxes"], [[COLUMNS - 10, 0, COLUMNS, 10, 1]])
    assert "boxes" not in FollowBoxesd(allow_missing_keys=True)({"image": item["image"]})
    with pytest.raises(KeyError):
        FollowBoxesd()({"image": item["image"]})


def test_the_augmentation_with_brightness_and_normalization() -> None:
    chain = Compose(
        [
            papers_augmentation(),
            RandBrightnessContrastd("image"),
            NormalizeIntensityd("image", subtrahend=0.4984, divisor=0.2483),
        ]
    ).set_random_state(0)
    item = chain({"image": bright_box([90, 60, 150, 110]), "boxes": np.array([[90, 60, 150, 110, 1]])})
    assert item["image"].shape == (1, 256, 256)
    assert item["image"].dtype == torch.float32
    assert item["image"].isfinite().all()


# --- MONAI's lazy transforms, inverse, and transforms without an affine


@pytest.mark.parametrize("lazy", [False, True, None])
@pytest.mark.parametrize(
    "names",
    [
        *([name] for name in SPATIAL if name != "affine"),
        ["flip", "resize", "crop"],
        ["rotate by 90", "flip"],
        ["crop", "rotate by 90", "resize"],
        ["pad", "flip both", "rotate"],
    ],
)
def test_boxes_follow_a_pipeline_that_resamples_lazily(names: list[str], lazy: bool | None) -> None:
    """After a lazy flip, quarter turn, crop or pad was executed, MONAI leaves a 2D image an affine (3, 3)."""

    box = [90, 60, 150, 110]
    image = Compose([SPATIAL[name] for name in names], lazy=lazy)(bright_box(box))
    moved = FollowBoxesd()({"image": image, "boxes": np.array([[*box, 1]])})["boxes"]
    np.testing.assert_allclose(moved[0, :4].numpy(), extent(image), atol=3 if "rotate" in names else 1)


def test_an_image_may_have_an_affine_of_two_dimensions() -> None:
    image = MetaTensor(torch.zeros(1, 64, 48), affine=np.array([[-1.0, 0, 63], [0, 1, 0], [0, 0, 1]]))
    assert image.affine.shape == (3, 3)
    boxes = np.array([[0, 10, 8, 20, 5]])
    moved = FollowBoxes()(boxes, image)
    np.testing.assert_allclose(moved, [[0, 44, 8, 54, 5]])  # rows are flipped: 64 - 20, 64 - 10
    np.testing.assert_allclose(FollowBoxes()(moved, image), moved)


@pytest.mark.parametrize("name", [name for name in SPATIAL if name not in ("affine", "rotate", "rotate and grow")])
def test_the_inverse_moves_boxes_back(name: str) -> None:
    box = [90.0, 60, 150, 110, 4]
    pipeline = Compose([Flipd("image", 0), FollowBoxesd(), FollowBoxesd()])
    image = SPATIAL[name](bright_box([0, 0, 1, 1]))
    back = pipeline.inverse(pipeline({"image": image, "boxes": np.array([box])}))
    np.testing.assert_allclose(back["boxes"], [box], atol=1e-4)
    assert back["boxes"].applied_operations == []
    np.testing.assert_allclose(back["boxes"].affine, np.eye(4), atol=1e-9)


def test_the_inverse_keeps_the_visible_part_and_the_upright_box() -> None:
    follow = FollowBoxes(0.0)
    two = [[10.0, 20, 30, 40, 1], [50, 60, 70, 90, 2]]
    np.testing.assert_allclose(follow.inverse(follow(np.array(two), Flip(0)(bright_box([0, 0, 1, 1])))), two)
    part = SpatialCrop(roi_start=(70, 100), roi_end=(200, 260))(bright_box([0, 0, 1, 1]))
    cut = follow(np.array([[90.0, 60, 150, 110, 4]]), part)
    np.testing.assert_allclose(follow.inverse(cut), [[100, 70, 150, 110, 4]])
    turned = follow(np.array([[100.0, 90, 160, 110, 4]]), Rotate(math.pi / 4)(bright_box([0, 0, 1, 1])))
    half = (60 + 20) / 2  # 45 degrees: each of both upright boxes is a square, of edge (w + h) / sqrt(2), then w + h
    expected = [130 - half, 100 - half, 130 + half, 100 + half]
    np.testing.assert_allclose(follow.inverse(turned)[0, :4], expected, atol=1e-3)


def test_the_inverse_of_boxes_needs_their_metadata() -> None:
    moved = FollowBoxes()(np.array([[0, 10, 8, 20, 5]]), bright_box([0, 0, 1, 1]))
    with pytest.raises(TypeError, match="boxes must be of type MetaTensor"):
        FollowBoxes().inverse(moved.as_tensor())


def test_an_image_may_be_inverted_without_its_boxes() -> None:
    pipeline = Compose([Flipd("image", 0), FollowBoxesd()])
    item = pipeline({"image": bright_box([10, 20, 30, 40]), "boxes": np.array([[10, 20, 30, 40, 1]])})
    item["heatmap"] = MetaTensor(item["image"].as_tensor())
    back = Invertd("heatmap", pipeline, orig_keys="image")(item)
    np.testing.assert_array_equal(extent(back["heatmap"]), [10, 20, 30, 40])
    assert torch.equal(back["boxes"], item["boxes"])


def test_a_transposed_image_is_refused() -> None:
    """MONAI's Transpose moves the pixels and leaves the affine."""
    image = Transposed("image", (0, 2, 1))({"image": bright_box([10, 20, 30, 40])})["image"]
    with pytest.raises(ValueError, match="Transpose does not change the affine"):
        FollowBoxes()(np.array([[10, 20, 30, 40, 1]]), image)


@pytest.mark.parametrize("boxes", [[[10, 20, 30, 40, 1]], [], torch.tensor([[10, 20, 30, 40, 1]])])
def test_boxes_may_be_a_list(boxes: object) -> None:
    """A JSON data list has lists."""
    moved = FollowBoxesd()({"image": bright_box([0, 0, 1, 1]), "boxes": boxes})["boxes"]
    np.testing.assert_array_equal(moved, np.reshape(np.asarray(boxes, dtype=float), (-1, 5)))


def test_boxes_that_only_passed_through_monai_are_still_in_pixels_of_the_file() -> None:
    """EnsureTyped turns boxes to a MetaTensor with the identity, whatever the geometry of their image."""
    affine = np.diag([-2.0, 3.0, 1.0, 1.0])
    image = MetaTensor(torch.zeros(1, 100, 100), affine=affine, meta={"original_affine": affine})
    item = {"image": image, "boxes": np.array([[10.0, 20, 30, 40, 0]])}
    moved = Compose([EnsureTyped("boxes"), Flipd("image", 0), FollowBoxesd(), FollowBoxesd()])(item)["boxes"]
    np.testing.assert_allclose(moved, [[10, 60, 30, 80, 0]])
