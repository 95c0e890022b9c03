"""Tests of radiograph batches: image, labels and boxes stay together."""

from __future__ import annotations

import torch

from monai_pylon.networks import Explanation
from monai_pylon.workflows.radiographs.batches import maps_and_boxes, prepare_radiographs

BOXES = [torch.tensor([[1.0, 2, 3, 4, 5]]), torch.zeros(0, 5)]


def test_targets_are_labels_and_boxes() -> None:
    batch = {"image": torch.rand(2, 1, 4, 4), "label": torch.eye(2, 14), "boxes": BOXES, "name": ["a", "b"]}
    image, target = prepare_radiographs(batch, dtype=torch.float64)
    assert image.dtype == torch.float64
    torch.testing.assert_close(image.float(), batch["image"])
    torch.testing.assert_close(target["label"].float(), batch["label"])
    assert sorted(target) == ["boxes", "label"]
    assert [len(boxes) for boxes in target["boxes"]] == [1, 0]


def test_localization_metrics_get_the_maps_and_the_boxes() -> None:
    attention = torch.rand(2, 14, 3, 3)
    output = {"pred": Explanation(torch.zeros(2, 14), attention), "label": {"label": None, "boxes": BOXES}}
    maps, boxes = maps_and_boxes(output)
    assert maps is attention
    assert boxes is BOXES
