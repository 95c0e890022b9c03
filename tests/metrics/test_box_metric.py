"""Tests of box localization: the authors' numbers, a slow reference, and hand-counted areas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.metrics import BoxLocalizationMetric, box_localization
from tests.metrics.cases import golden_cases, random_cases
from tests.references.localization import overlaps

CRITERIA = {"iobb": "ior", "iobb_or_iou": "ior_or_iou"}
LABEL = torch.tensor([0])


def quarter() -> torch.Tensor:
    """Make logits (1, 8, 8) with a bright upper left quarter, 4 x 4 pixels."""
    maps = torch.full((1, 8, 8), -9.0)
    maps[0, :4, :4] = 9
    return maps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("overlap", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_matches_the_authors_hits(golden_data: Path, criterion: str, overlap: float, dtype: torch.dtype) -> None:
    maps, boxes, size, golden = golden_cases(golden_data, dtype)
    hits = BoxLocalizationMetric(size, overlap=overlap, criterion=CRITERIA[criterion])(maps, boxes)
    for label in range(maps.shape[1]):
        expected = golden[f"{criterion}_{overlap}_{label}"]
        np.testing.assert_array_equal(hits[:, label][~hits[:, label].isnan()], expected)


@pytest.mark.parametrize("threshold", [0.3, 0.5])
@pytest.mark.parametrize("criterion", ["ior_or_iou", "ior", "iou"])
def test_matches_the_slow_reference(criterion: str, threshold: float) -> None:
    size, overlap = (60, 90), 0.25
    maps, boxes = random_cases(num_images=20, num_classes=2, size=size)
    hits = BoxLocalizationMetric(size, threshold, overlap, criterion)(maps, boxes)
    ior, iou = overlaps(maps.numpy(), boxes, size, threshold)
    value = {"ior": ior, "iou": iou, "ior_or_iou": np.maximum(ior, iou)}[criterion]
    np.testing.assert_array_equal(hits, np.where(np.isnan(value), np.nan, value > overlap))
    assert set(hits[~hits.isnan()].tolist()) == {0.0, 1.0}  # the case has hits and misses


@pytest.mark.parametrize(
    ("boxes", "ior", "iou"),
    [
        ([[0, 0, 4, 4]], 1, 1),
        ([[0, 0, 8, 4]], 1, 1 / 2),
        ([[2, 0, 6, 4]], 1 / 2, 1 / 3),
        ([[0, 0, 2, 2], [1, 1, 3, 3]], 7 / 16, 7 / 16),  # the union, without double counting
        ([[0.9, 0.9, 4.8, 4.8]], 9 / 16, 9 / 16),  # truncated: x 0, width 3
        ([[4, 4, 8, 8]], 0, 0),
        ([[6, 6, 20, 20]], 0, 0),  # outside the bright part, partly off the image
        ([[-3, 0, 2, 4]], 1 / 2, 1 / 2),  # partly off the image: columns 0 and 1
        ([[-3, 0, 0.5, 4]], 0, 0),  # truncated: from column -3 to column -1
        ([[1, 1, 1.5, 4]], 0, 0),  # no whole pixel wide
    ],
)
def test_hand_counted_areas(boxes: list[list[float]], ior: float, iou: float) -> None:
    table, labels = torch.tensor(boxes, dtype=torch.float32), LABEL.repeat(len(boxes))
    for criterion, value in (("ior", ior), ("iou", iou), ("ior_or_iou", max(ior, iou))):
        for overlap, hit in ((value - 1e-3, 1.0), (value, 0.0)):  # an overlap equal to the threshold is a miss
            if 0 <= overlap < 1:
                found = box_localization(quarter(), table, labels, 8, overlap=overlap, criterion=criterion)
                assert found.item() == hit, (criterion, overlap)


def test_integer_width_survives_float32() -> None:
    box = torch.tensor([[0.1, 0.0, 4.1, 4.0]])  # in float32 the width is 3.99999990
    assert (box[0, 2].double() - box[0, 0].double()).item() < 4
    assert box_localization(quarter(), box, LABEL, 8, overlap=0.9).item() == 1


def test_threshold_is_relative_to_the_maps_maximum() -> None:
    dim = torch.where(quarter() > 0, -5.0, -9.0)  # far below a probability of 0.5
    box = torch.tensor([[0, 0, 4, 4]])
    assert box_localization(dim, box, LABEL, 8, overlap=0.9).item() == 1
    assert box_localization(dim, box, LABEL, 8, overlap=0.9, threshold=0.01).item() == 0  # the whole map is bright


def test_pixel_equal_to_the_threshold_is_not_bright() -> None:
    maps = torch.where(quarter() > 0, 9.0, -200.0)  # the sigmoid of -200 is 0 in float32
    assert box_localization(maps, torch.tensor([[0, 0, 4, 4]]), LABEL, 8, overlap=0.9, threshold=0).item() == 1


def test_map_of_zeros_is_a_miss() -> None:
    black = torch.full((1, 8, 8), -200.0)  # its sigmoid is 0 in float32
    assert box_localization(black, torch.tensor([[0, 0, 4, 4]]), LABEL, 8).item() == 0


def test_metric_equals_the_function_on_each_image() -> None:
    maps, boxes = random_cases(num_images=6, num_classes=3, size=(64, 64))
    one_by_one = [box_localization(m, b[:, :4], b[:, 4], 64) for m, b in zip(maps, boxes, strict=True)]
    torch.testing.assert_close(BoxLocalizationMetric(64)(maps, boxes), torch.stack(one_by_one), equal_nan=True)


def test_rejects_invalid_options() -> None:
    with pytest.raises(ValueError, match="Did you mean 'ior_or_iou'"):
        BoxLocalizationMetric(8, criterion="ior_iou")
    for overlap in (25, 1, -0.1):
        with pytest.raises(ValueError, match="overlap must be from 0 to below 1"):
            BoxLocalizationMetric(8, overlap=overlap)
    with pytest.raises(ValueError, match="threshold"):
        box_localization(quarter(), torch.tensor([[0, 0, 4, 4]]), LABEL, 8, threshold=1.0)
