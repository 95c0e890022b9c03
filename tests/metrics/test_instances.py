"""Tests of the shared parts of the localization metrics: instances, input checks, upsampling and averages."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.metrics import PointLocalizationMetric, point_localization
from monai_pylon.metrics.instances import class_averages, in_boxes, join_boxes, localize, size_pair
from tests.metrics.cases import random_cases

NAN = float("nan")
PEAK = torch.zeros(1, 8, 8)
PEAK[0, 0, 0] = 5


def all_hit(maps: torch.Tensor, boxes: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
    """Return a hit for each map."""
    return torch.ones(len(maps), dtype=torch.bool)


def test_is_hit_gets_upsampled_maps_and_the_boxes_of_each_instance() -> None:
    boxes = [
        torch.tensor([[0, 0, 1, 1, 2], [1, 1, 2, 2, 0], [2, 2, 3, 3, 2]]),
        torch.zeros(0),
        torch.tensor([[3.0, 3, 4, 4, 1]]),
    ]
    maps = MetaTensor(torch.arange(9.0).reshape(3, 3, 1, 1).expand(3, 3, 2, 2))
    seen = {}

    def is_hit(maps: torch.Tensor, boxes: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
        seen.update(maps=maps, boxes=boxes, owner=owner)
        return torch.tensor([True, False, True])

    hits = localize(maps, boxes, (4, 6), is_hit)
    torch.testing.assert_close(
        hits, torch.tensor([[1, NAN, 0], [NAN, NAN, NAN], [NAN, 1, NAN]]), equal_nan=True, rtol=0, atol=0
    )
    expected = torch.tensor([0.0, 2, 7]).sigmoid()[:, None, None].expand(3, 4, 6)  # image and class 0/0, 0/2, 2/1
    torch.testing.assert_close(seen["maps"], expected)
    assert type(seen["maps"]) is type(seen["boxes"]) is torch.Tensor  # without metadata
    assert seen["owner"].tolist() == [0, 1, 1, 2]
    assert seen["boxes"].tolist() == [[1, 1, 2, 2], [0, 0, 1, 1], [2, 2, 3, 3], [3, 3, 4, 4]]


def test_upsampling_is_bilinear_between_pixel_centers() -> None:
    seen = []
    logits = torch.tensor([[-20.0, 20.0]]).expand(1, 1, 1, 2)
    localize(logits, [torch.tensor([[0, 0, 1, 1, 0]])], (1, 4), lambda maps, *_: seen.append(maps) or torch.ones(1))
    torch.testing.assert_close(seen[0], torch.tensor([[[0, 0.25, 0.75, 1]]]), atol=1e-6, rtol=0)


def test_upsampling_in_parts_gives_the_same_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, boxes = random_cases(num_images=9, num_classes=3, size=(16, 16))
    expected = PointLocalizationMetric(16)(maps, boxes)
    for pixels, largest in ((1, 1), (2 * 16 * 16, 2)):
        monkeypatch.setattr("monai_pylon.metrics.instances._PIXELS_AT_A_TIME", pixels)
        sizes = []
        localize(maps, boxes, 16, lambda maps, *_: sizes.append(len(maps)) or torch.ones(len(maps)))  # noqa: B023
        assert max(sizes) == largest
        torch.testing.assert_close(PointLocalizationMetric(16)(maps, boxes), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("given", "computed"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_precision_of_the_maps(given: torch.dtype, computed: torch.dtype) -> None:
    seen = []
    maps, box = torch.zeros(1, 1, 2, 2, dtype=given), torch.tensor([[0, 0, 1, 1, 0]])
    hits = localize(maps, [box], 4, lambda maps, *_: seen.append(maps.dtype) or torch.ones(1, dtype=torch.bool))
    assert seen == [computed]
    assert hits.dtype == torch.float32


def test_computes_half_precision_maps_in_float32() -> None:
    maps, boxes = random_cases(num_images=60, num_classes=2, size=(64, 64))
    coarse, metric = (maps / 50).bfloat16(), PointLocalizationMetric(64)  # their sigmoids would be equal in bfloat16
    torch.testing.assert_close(metric(coarse, boxes), metric(coarse.float(), boxes), equal_nan=True)


def test_averages_over_images_classes_and_instances() -> None:
    found = class_averages(torch.tensor([[1, 1, NAN, 1], [NAN, 0, NAN, 1], [NAN, 0, NAN, 1]]))
    torch.testing.assert_close(found["per_class"], torch.tensor([1, 1 / 3, NAN, 1]), equal_nan=True)
    assert found["macro"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert found["weighted"] == pytest.approx(5 / 7)


def test_metric_collects_images_until_reset() -> None:
    metric = PointLocalizationMetric(32)
    maps = PEAK.expand(1, 3, 8, 8)
    inside, outside = [0.0, 0, 4, 4], [20.0, 20, 30, 30]
    metric(maps, [torch.tensor([[*inside, 0], [*inside, 1]])])
    metric(maps, [torch.tensor([[*outside, 1]])])
    metric([maps[0]], [torch.tensor([[*outside, 1], [*outside, 1]])])
    metric(maps, [torch.zeros(0, 5)])
    found = metric.aggregate()
    torch.testing.assert_close(found["per_class"], torch.tensor([1, 1 / 3, NAN]), equal_nan=True)
    assert found["macro"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["weighted"] == pytest.approx(2 / 4)
    assert len(metric) == 4
    metric.reset()
    with pytest.raises(ValueError, match="called with maps and boxes"):
        metric.aggregate()


def test_image_size_may_be_one_number_or_two() -> None:
    assert size_pair(7) == (7, 7)
    assert size_pair([1, 9]) == (1, 9)


@pytest.mark.parametrize(
    ("size", "error", "message"),
    [
        (0, ValueError, "image_size must be positive"),
        ((8, -1), ValueError, "image_size must be positive"),
        ((8, 8, 8), ValueError, r"one number or \(rows, columns\)"),
        ((32.0, 32), TypeError, "image_size must be of type int"),
    ],
)
def test_rejects_invalid_image_sizes(size: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        size_pair(size)


def test_joins_boxes_and_labels() -> None:
    joined = join_boxes(torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), torch.tensor([9, 0]))
    assert joined.tolist() == [[1, 2, 3, 4, 9], [5, 6, 7, 8, 0]]
    assert joined.dtype == torch.float64
    assert type(joined) is torch.Tensor
    assert join_boxes(torch.zeros(0), torch.zeros(0)).shape == (0, 5)


@pytest.mark.parametrize(
    ("box", "label", "message"),
    [
        ([5, 5, 3, 9], 0, r"x1 <= x2 and y1 <= y2, but is \[\[5.0, 5.0, 3.0, 9.0, 0.0\]\].*x \+ width"),
        ([5, 5, 9, 3], 0, "x1 <= x2"),
        ([40, 0, 41, 1], 0, r"on the image \(20, 40\), but is \[\[40.0, 0.0, 41.0, 1.0, 0.0\]\].*Scale the boxes"),
        ([0, 20, 1, 21], 0, "on the image"),
        ([-2, 0, -0.5, 1], 0, "on the image"),
        ([0, -2, 1, -0.5], 0, "on the image"),
        ([NAN, 0, 1, 1], 0, "boxes must be finite"),
        ([0, 0, torch.inf, 1], 0, "boxes must be finite"),
        ([0, 0, 1, 3], 1, r"whole numbers from 0 to 0, but is \[1.0\]"),
        ([0, 0, 1, 1], -1, "whole numbers"),
        ([0, 0, 1, 1], 0.5, "whole numbers"),
    ],
)
def test_rejects_invalid_boxes(box: list[float], label: float, message: str) -> None:
    """The error shows the first invalid box only."""
    boxes, labels = torch.tensor([[0, 0, 1, 1], box, box]), torch.tensor([0, label, label])
    with pytest.raises(ValueError, match=message):
        point_localization(PEAK, boxes, labels, (20, 40))


@pytest.mark.parametrize("box", [[39, 19, 80, 80], [-2, -2, 0, 0], [0, 0, 0, 0], [39.5, 0, 40, 20]])
def test_accepts_boxes_that_touch_the_image(box: list[float]) -> None:
    boxes = [torch.tensor([[*box, 0]])]
    assert localize(PEAK[None], boxes, (20, 40), all_hit).tolist() == [[1]]


def test_rejects_invalid_shapes() -> None:
    box, label = torch.tensor([[0, 0, 1, 1]]), torch.tensor([0])
    with pytest.raises(ValueError, match=r"boxes must be of shape \(K, 4\)"):
        point_localization(PEAK, torch.zeros(1, 5), label, 32)
    with pytest.raises(ValueError, match=r"boxes must be of shape \(K, 4\)"):
        join_boxes(torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="one class per box"):
        point_localization(PEAK, box, torch.tensor([0, 1]), 32)
    with pytest.raises(ValueError, match="y must be a list of 1 tensors, one for each image, but is 0"):
        PointLocalizationMetric(32)(PEAK[None], [])
    with pytest.raises(ValueError, match=r"y must be of shape \(K, 5\)"):
        PointLocalizationMetric(32)(PEAK[None], [box])
    with pytest.raises(ValueError, match=r"y must be of shape \(K, 5\)"):
        PointLocalizationMetric(32)(PEAK[None], [torch.zeros(5)])
    with pytest.raises(ValueError, match=r"heatmaps must be of shape \(N, M, h, w\)"):
        localize(PEAK, [box], 32, all_hit)
    with pytest.raises(ValueError, match="y_pred must be tensors of one shape"):
        PointLocalizationMetric(32)([PEAK, PEAK[:, 1:]], [box, box])
    with pytest.raises(ValueError, match="y must be a list of"):
        PointLocalizationMetric(32)([PEAK])


def test_no_images_give_no_hits() -> None:
    assert localize(torch.zeros(0, 3, 2, 2), [], 4, all_hit).shape == (0, 3)


def test_rejects_nan_in_a_map_with_boxes_only() -> None:
    maps = torch.cat([PEAK * NAN, PEAK])[None]
    with pytest.raises(ValueError, match="heatmaps must be without NaN"):
        localize(maps, [torch.tensor([[0, 0, 1, 1, 0]])], 32, all_hit)
    assert localize(maps, [torch.tensor([[0, 0, 1, 1, 1]])], 32, all_hit)[0, 1] == 1


def test_points_in_a_box_and_on_its_borders() -> None:
    """The box has rows 2 to 4 and columns 5 to 8, borders included."""
    rows, columns = torch.meshgrid(torch.arange(1, 6), torch.tensor([4, 5, 8, 9]), indexing="ij")
    expected = [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert in_boxes(rows, columns, torch.tensor([5, 2, 8, 4])).int().tolist() == expected
