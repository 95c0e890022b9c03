"""Components of a training and evaluation on chest CTs."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine

from monai_pylon.losses import KnownLabelsLoss
from monai_pylon.workflows.chest_ct import (
    default_mask_loss,
    organ_iou_handler,
    organ_iou_handlers,
    organ_iou_metrics,
    scan_loss,
)


def test_the_mask_loss_of_the_paper_where_there_is_attention() -> None:
    assert default_mask_loss("axialnet", ["ctnet", "conv3d"]) == 1 / 3
    assert default_mask_loss("conv3d", ["ctnet", "conv3d"]) == 0


def test_the_loss_is_the_mean_over_scans_with_a_known_label() -> None:
    """Two batches, of two scans and of one: unknown scans do not count."""
    nan = float("nan")
    outputs = [
        {"pred": torch.tensor([[0.0], [2.0]]), "label": torch.tensor([[1.0], [nan]])},
        {"pred": torch.tensor([[3.0]]), "label": torch.tensor([[0.0]])},
    ]
    engine = Engine(lambda engine, batch: batch)
    scan_loss(KnownLabelsLoss(weight=0)).attach(engine, "loss")
    engine.run(outputs)
    expected = torch.nn.functional.softplus(torch.tensor([0.0, 3.0])).mean().item()
    assert engine.state.metrics["loss"] == pytest.approx(expected)


def test_organ_iou_handlers_share_their_metrics() -> None:
    metrics = organ_iou_metrics("reduction", paper_code_compat=True)
    handlers = organ_iou_handlers(metrics, ["a"])
    assert {name: handler.metric_fn for name, handler in handlers.items()} == {
        "organ_iou_hirescam": metrics["hirescam"],
        "organ_iou_gradcam": metrics["gradcam"],
    }
    assert all(metric.paper_code_compat and metric.relative for metric in metrics.values())
    assert organ_iou_metrics(None) == {}
    assert organ_iou_handler("attention", ["a"], needed=False) is None
