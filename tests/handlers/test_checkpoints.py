"""Best weights, last state, and what a training resumes from."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from monai_pylon.handlers import TrainingCheckpoints
from monai_pylon.networks.checkpoints import read_checkpoint, read_description


def make(folder: Path, **how: Any) -> tuple[TrainingCheckpoints, torch.nn.Module, Any]:
    net = torch.nn.Linear(1, 1)
    optimizer = torch.optim.Adam(net.parameters())
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    validator = SimpleNamespace(state=SimpleNamespace(metrics={}))
    handler = TrainingCheckpoints(folder, net, optimizer, scheduler, validator, {"name": "line"}, **how)
    return handler, net, validator


def run(handler: TrainingCheckpoints, net: torch.nn.Module, validator: Any, values: list[float], rank: int = 0) -> None:
    """Save epochs with these values; the weight is the number of the epoch."""
    for epoch, value in enumerate(values, start=1):
        torch.nn.init.constant_(net.weight, epoch)
        validator.state.metrics[handler.metric] = value
        handler.save(SimpleNamespace(state=SimpleNamespace(epoch=epoch, rank=rank)))


@pytest.mark.parametrize(
    ("smaller", "values", "best"),
    [
        (True, [0.5, 0.3, 0.4], 2),
        (False, [0.5, 0.3, 0.4], 1),
        (True, [0.5, 0.5], 1),  # the first of equal values
        (True, [float("nan"), 0.9, 0.4], 3),
        (True, [0.2, float("nan")], 1),
    ],
)
def test_keeps_the_best_epoch(smaller: bool, values: list[float], best: int, tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path, smaller_is_better=smaller)
    run(handler, net, validator, values)
    assert read_checkpoint(handler.best)["weight"].item() == best
    described = read_description(handler.best)
    assert (described["epoch"], described["best_value"]) == (best, values[best - 1])
    last = read_checkpoint(handler.last)
    assert last["model"]["weight"].item() == len(values)
    assert last["best_epoch"] == best


@pytest.mark.parametrize(("metric", "best"), [("val_loss", 2), ("val_auroc", 1)])
def test_smaller_is_better_for_a_loss(metric: str, best: int, tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path, metric=metric)
    run(handler, net, validator, [0.5, 0.3])
    assert read_description(handler.best)["epoch"] == best


def test_the_best_weights_are_a_plain_state_dict(tmp_path: Path) -> None:
    """MONAI's loader and other programs read them without a key."""
    handler, net, validator = make(tmp_path, inputs={"image_size": 64})
    run(handler, net, validator, [0.5])
    assert {path.name for path in tmp_path.iterdir()} == {"model.pt", "model.json", "last.pt"}
    state = torch.load(handler.best, weights_only=True)
    assert {key: type(value) for key, value in state.items()} == {"weight": torch.Tensor, "bias": torch.Tensor}
    described = {"network": {"name": "line"}, "inputs": {"image_size": 64}, "epoch": 1, "metric": "val_loss"}
    assert read_description(handler.best) == {**described, "best_value": 0.5, "best_epoch": 1}


def test_the_last_state_loads_without_code(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [0.5])
    content = torch.load(handler.last, weights_only=True)
    assert {"model", "optimizer", "scheduler", "network", "epoch", "best_value"} <= set(content)


def test_leaves_weights_without_any_value(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [float("nan")])
    assert handler.best.is_file()
    assert read_description(handler.best)["best_value"] is None


def test_only_the_first_process_writes(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [0.5], rank=1)
    assert not list(tmp_path.iterdir())


def test_resumes_and_tells_the_best_epoch(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path)
    run(handler, net, validator, [0.3, 0.5])
    resumed, other, _ = make(tmp_path)
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=3)
    resumed.start(SimpleNamespace(state=state))
    assert (state.epoch, state.iteration, state.best_epoch) == (2, 6, 1)
    assert other.weight.item() == 2
    assert resumed.best_value == 0.3


def test_a_new_training_has_no_best_epoch(tmp_path: Path) -> None:
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=3)
    make(tmp_path)[0].start(SimpleNamespace(state=state))
    assert state.best_epoch == 0


def test_does_not_resume_with_other_inputs(tmp_path: Path) -> None:
    handler, net, validator = make(tmp_path, inputs={"size": 256})
    run(handler, net, validator, [0.5])
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=1)
    with pytest.raises(ValueError, match="size must be 256"):
        make(tmp_path, inputs={"size": 512})[0].start(SimpleNamespace(state=state))
    make(tmp_path, inputs={"size": 256})[0].start(SimpleNamespace(state=state))
    assert state.epoch == 1
