"""Tests of point localization: the authors' numbers, a slow reference, and hand-computed cases."""

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
    """Make logits (1, size, size) with one highest grid cell."""
    maps = torch.zeros(1, size, size)
    maps[0, row, column] = 5
    return maps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_matches_the_authors_hits(golden_data: Path, dtype: torch.dtype) -> None:
    maps, boxes, size, golden = golden_cases(golden_data, dtype)
    hits = PointLocalizationMetric(size)(maps, boxes)
    for label in range(maps.shape[1]):
        np.testing.assert_array_equal(hits[:, label][~hits[:, label].isnan()], golden[f"point_{label}"])


@pytest.mark.parametrize("size", [(64, 64), (60, 90), (33, 47)])
def test_matches_the_slow_reference(size: tuple[int, int]) -> None:
    maps, boxes = random_cases(num_images=30, num_classes=3, size=size)
    hits = PointLocalizationMetric(size)(maps, boxes)
    np.testing.assert_array_equal(hits, point_hits(maps.numpy(), boxes, size))
    assert set(hits[~hits.isnan()].tolist()) == {0.0, 1.0}  # the case has hits and misses


def test_metric_equals_the_function_on_each_image() -> None:
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
def test_borders_belong_to_the_box(box: list[float], hit: float) -> None:
    # Cell (4, 2) of 8 covers rows 16 to 19 and columns 8 to 11 of 32; the first of its four highest pixels is (17, 9).
    assert point_localization(one_peak(4, 2), torch.tensor([box]), torch.tensor([0]), 32).item() == hit


def test_x_is_the_column_and_y_the_row() -> None:
    low_left = torch.tensor([[0, 24, 8, 32]])
    assert point_localization(one_peak(7, 0), low_left, torch.tensor([0]), 32).item() == 1
    assert point_localization(one_peak(0, 7), low_left, torch.tensor([0]), 32).item() == 0


def test_hit_in_any_of_several_boxes() -> None:
    boxes = torch.tensor([[20, 20, 30, 30], [0, 0, 4, 4]])
    assert point_localization(one_peak(0, 0), boxes, torch.tensor([0, 0]), 32).item() == 1
    assert point_localization(one_peak(4, 2), boxes, torch.tensor([0, 0]), 32).item() == 0


def test_order_of_boxes_does_not_matter() -> None:
    maps, boxes = random_cases(num_images=8, num_classes=2, size=(64, 64))
    metric = PointLocalizationMetric(64)
    torch.testing.assert_close(metric(maps, boxes), metric(maps, [b.flip(0) for b in boxes]), equal_nan=True)


def test_mirrored_map_and_boxes_give_the_same_hits() -> None:
    maps, boxes = random_cases(num_images=20, num_classes=1, size=(64, 64))
    mirrored = [b.clone() for b in boxes]
    for b, m in zip(boxes, mirrored, strict=True):
        m[:, 0], m[:, 2] = 63 - b[:, 2], 63 - b[:, 0]  # pixel 0 becomes pixel 63
    metric = PointLocalizationMetric(64)
    torch.testing.assert_close(metric(maps, boxes), metric(maps.flip(-1), mirrored), equal_nan=True)


def test_first_of_equally_high_pixels_is_used() -> None:
    flat = torch.zeros(1, 4, 4)
    hits = point_localization(flat, torch.tensor([[0, 0, 1, 1]]), torch.tensor([0]), 16)
    assert hits.item() == 1


def test_is_nan_for_a_class_without_boxes() -> None:
    none = point_localization(torch.zeros(3, 4, 4), torch.zeros(0, 4), torch.zeros(0), 16)
    torch.testing.assert_close(none, torch.full((3,), NAN), equal_nan=True)
