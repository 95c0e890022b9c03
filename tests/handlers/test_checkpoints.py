"""Best weights, last state, and what a training resumes from."""

from __future__ import annotations

import logging
import random
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.data import Dataset
from monai.engines import SupervisedTrainer
from monai.transforms import Compose, Randomizable, Transform
from monai.utils import set_determinism

from monai_pylon.handlers import TrainingCheckpoints
from monai_pylon.networks.checkpoints import read_checkpoint, read_description
from monai_pylon.utils.folder_lock import FolderInUseError
from monai_pylon.workflows.bundle import make_dataloader


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


class Shift(Randomizable, Transform):
    """Add a random number to an image."""

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "image": item["image"] + self.R.random() + random.random()}


def losses(folder: Path, workers: int, epochs: int, stop: tuple[int, int] | None = None) -> list[float]:
    """Train a network with dropout and return all losses; an interrupt may stop it at an iteration of an epoch."""
    set_determinism(0)
    items = [{"image": torch.full((1, 4), k / 9.0), "label": torch.tensor([k % 2.0])} for k in range(8)]
    loader = make_dataloader(Dataset(items, Compose([Shift()])), 2, training=True, num_workers=workers)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    validator = SimpleNamespace(state=SimpleNamespace(metrics={}))
    found: list[float] = []

    def step(engine: Any) -> None:
        found.append(float(engine.state.output["loss"].detach()))
        if stop == (engine.state.epoch, engine.state.iteration - 4 * (engine.state.epoch - 1)):
            raise KeyboardInterrupt

    trainer = SupervisedTrainer(
        torch.device("cpu"), epochs, loader, net, optimizer, torch.nn.BCEWithLogitsLoss(), decollate=False
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, step)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: scheduler.step())
    TrainingCheckpoints(folder, net, optimizer, scheduler, validator, {"name": "net"}).attach(trainer)
    logging.getLogger("monai.engines.trainer.SupervisedTrainer").setLevel(logging.CRITICAL)
    try:
        trainer.run()
    except KeyboardInterrupt:
        assert stop is not None
    finally:
        set_determinism(None)
    return found


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 2), (2, 0)])
def test_a_resumed_training_has_the_losses_of_an_uninterrupted_one(before: int, after: int, tmp_path: Path) -> None:
    """Also after an interrupt within an epoch, and with another number of loading processes."""
    whole = losses(tmp_path / "whole", before, epochs=4)
    assert len(whole) == 16
    assert losses(tmp_path / "parts", before, epochs=4, stop=(3, 2)) == whole[:10]
    assert losses(tmp_path / "parts", after, epochs=4) == whole[8:]


def test_a_second_training_in_the_folder_is_refused(tmp_path: Path) -> None:
    handler, *_ = make(tmp_path)
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=1, rank=0)
    handler.start(SimpleNamespace(state=state))
    refused: list[Exception] = []

    def attempt() -> None:
        try:
            make(tmp_path)[0].start(SimpleNamespace(state=state))
        except FolderInUseError as error:
            refused.append(error)

    for expected in (1, 1):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        assert len(refused) == expected
        handler.complete(SimpleNamespace(state=state))


def test_what_a_killed_training_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".part-99-0a-last.pt").touch()
    handler, *_ = make(tmp_path)
    state = SimpleNamespace(epoch=0, iteration=0, epoch_length=1)
    handler.start(SimpleNamespace(state=state))
    handler.complete(SimpleNamespace(state=state))
    assert not list(tmp_path.iterdir())
