"""The highest pixel in a box: the authors' own numbers, an independent reference, and cases computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.metrics import PointLocalizationMetric, point_localization
from tests.metrics.cases import golden_cases, random_cases
from tests.references.localization import point_hits

NAN = float("nan")


def one_peak(row: int, column: int, size: int = 8) -> torch.Tensor:
    """(1, size, size) logits with one highest cell."""
    maps = torch.zeros(1, size, size)
    maps[0, row, column] = 5
    return maps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_gives_the_authors_numbers_instance_by_instance(golden_data: Path, dtype: torch.dtype) -> None:
    maps, boxes, size, golden = golden_cases(golden_data, dtype)
    hits = PointLocalizationMetric(size)(maps, boxes)
    for label in range(maps.shape[1]):
        np.testing.assert_array_equal(hits[:, label][~hits[:, label].isnan()], golden[f"point_{label}"])


@pytest.mark.parametrize("size", [(64, 64), (60, 90), (33, 47)])
def test_it_agrees_with_the_slow_reference(size: tuple[int, int]) -> None:
    maps, boxes = random_cases(num_images=30, num_classes=3, size=size)
    hits = PointLocalizationMetric(size)(maps, boxes)
    np.testing.assert_array_equal(hits, point_hits(maps.numpy(), boxes, size))
    assert set(hits[~hits.isnan()].tolist()) == {0.0, 1.0}  # both happen


def test_the_metric_is_the_function_on_each_image() -> None:
    maps, boxes = random_cases(num_images=6, num_classes=3, size=(64, 64))
    one_by_one = [point_localization(m, b[:, :4], b[:, 4], 64) for m, b in zip(maps, boxes, strict=True)]
    torch.testing.assert_close(PointLocalizationMetric(64)(maps, boxes), torch.stack(one_by_one), equal_nan=True)


@pytest.mark.parametrize(
    ("box", "hit"),
    [
        ([10, 18, 12, 20], 0.0),
        ([8, 16, 13, 21], 1.0),
        ([11, 0, 12, 32], 0.0),
        ([0, 0, 8.9, 32], 0.0),
        ([9, 17, 9, 17], 1.0),
    ],
)
def test_the_borders_of_a_box_belong_to_it(box: list[float], hit: float) -> None:
    # Cell (4, 2) of 8 covers rows 16 to 19 and columns 8 to 11 of 32; the first of its four highest pixels is (17, 9).
    assert point_localization(one_peak(4, 2), torch.tensor([box]), torch.tensor([0]), 32).item() == hit


def test_x_counts_columns_and_y_rows() -> None:
    low_left = torch.tensor([[0, 24, 8, 32]])
    assert point_localization(one_peak(7, 0), low_left, torch.tensor([0]), 32).item() == 1
    assert point_localization(one_peak(0, 7), low_left, torch.tensor([0]), 32).item() == 0


def test_any_of_several_boxes_counts() -> None:
    boxes = torch.tensor([[20, 20, 30, 30], [0, 0, 4, 4]])
    assert point_localization(one_peak(0, 0), boxes, torch.tensor([0, 0]), 32).item() == 1
    assert point_localization(one_peak(4, 2), boxes, torch.tensor([0, 0]), 32).item() == 0


def test_it_ignores_the_order_of_boxes() -> None:
    maps, boxes = random_cases(num_images=8, num_classes=2, size=(64, 64))
    metric = PointLocalizationMetric(64)
    torch.testing.assert_close(metric(maps, boxes), metric(maps, [b.flip(0) for b in boxes]), equal_nan=True)


def test_mirroring_map_and_box_changes_nothing() -> None:
    maps, boxes = random_cases(num_images=20, num_classes=1, size=(64, 64))
    mirrored = [b.clone() for b in boxes]
    for b, m in zip(boxes, mirrored, strict=True):
        m[:, 0], m[:, 2] = 63 - b[:, 2], 63 - b[:, 0]  # pixel 0 becomes pixel 63
    metric = PointLocalizationMetric(64)
    torch.testing.assert_close(metric(maps, boxes), metric(maps.flip(-1), mirrored), equal_nan=True)


def test_of_equally_high_pixels_the_first_counts() -> None:
    flat = torch.zeros(1, 4, 4)
    hits = point_localization(flat, torch.tensor([[0, 0, 1, 1]]), torch.tensor([0]), 16)
    assert hits.item() == 1


def test_a_class_without_box_is_undefined() -> None:
    none = point_localization(torch.zeros(3, 4, 4), torch.zeros(0, 4), torch.zeros(0), 16)
    torch.testing.assert_close(none, torch.full((3,), NAN), equal_nan=True)


def test_half_precision_maps_are_judged_in_float32() -> None:
    maps, boxes = random_cases(num_images=60, num_classes=2, size=(64, 64))
    coarse, metric = (maps / 50).bfloat16(), PointLocalizationMetric(64)  # in bfloat16 their probabilities are equal
    torch.testing.assert_close(metric(coarse, boxes), metric(coarse.float(), boxes), equal_nan=True)


def test_it_aggregates_over_classes_and_over_instances() -> None:
    metric = PointLocalizationMetric(32)
    peak = torch.cat([one_peak(0, 0), one_peak(0, 0), one_peak(0, 0)])[None]
    inside, outside = [0.0, 0, 4, 4], [20.0, 20, 30, 30]
    metric(peak, [torch.tensor([[*inside, 0], [*inside, 1]])])
    metric(peak, [torch.tensor([[*outside, 1]])])
    metric([peak[0]], [torch.tensor([[*outside, 1], [*outside, 1]])])
    metric(peak, [torch.zeros(0, 5)])
    found = metric.aggregate()
    torch.testing.assert_close(found["per_class"], torch.tensor([1, 1 / 3, NAN]), equal_nan=True)
    assert found["macro"] == pytest.approx((1 + 1 / 3) / 2)
    assert found["weighted"] == pytest.approx(2 / 4)
    assert len(metric) == 4
    metric.reset()
    with pytest.raises(ValueError, match="called with maps and boxes"):
        metric.aggregate()


@pytest.mark.parametrize(
    ("box", "label", "message"),
    [
        ([5, 5, 3, 9], 0, "x1 <= x2.*add x and width"),
        ([500, 500, 600, 600], 0, r"on the image \(32, 32\).*scale them"),
        ([NAN, 0, 1, 1], 0, "boxes must be finite"),
        ([0, 0, 1, 1], 1, "whole numbers from 0 to 0"),
        ([0, 0, 1, 1], 0.5, "whole numbers"),
    ],
)
def test_wrong_boxes_are_named(box: list[float], label: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        point_localization(one_peak(0, 0), torch.tensor([box]), torch.tensor([label]), 32)


def test_wrong_shapes_are_named() -> None:
    box, label = torch.tensor([[0, 0, 1, 1]]), torch.tensor([0])
    with pytest.raises(ValueError, match=r"heatmap_logits must be of shape \(M, h, w\)"):
        point_localization(torch.zeros(4, 4), box, label, 32)
    with pytest.raises(ValueError, match=r"boxes must be of shape \(K, 4\)"):
        point_localization(one_peak(0, 0), torch.zeros(1, 5), label, 32)
    with pytest.raises(ValueError, match="one class a box"):
        point_localization(one_peak(0, 0), box, torch.tensor([0, 1]), 32)
    with pytest.raises(ValueError, match="a list of 1 tensors"):
        PointLocalizationMetric(32)(one_peak(0, 0)[None], [])
    with pytest.raises(ValueError, match=r"\(K, 5\)"):
        PointLocalizationMetric(32)(one_peak(0, 0)[None], [box])
    with pytest.raises(ValueError, match="image_size must be positive"):
        PointLocalizationMetric(0)
    with pytest.raises(TypeError, match="image_size"):
        PointLocalizationMetric((32.0, 32))


def test_nan_in_a_map_is_no_miss() -> None:
    with pytest.raises(ValueError, match="without NaN"):
        point_localization(one_peak(0, 0) * NAN, torch.tensor([[0, 0, 1, 1]]), torch.tensor([0]), 32)
