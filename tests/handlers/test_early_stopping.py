"""Small handlers of a training."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine, Events

from monai_pylon.handlers import CSVHistory, EarlyStopping, RaiseOnNonFiniteLoss, StopAtMinLR
from monai_pylon.utils import read_rows


def optimizer(rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=rate)


def test_training_ends_in_the_epoch_in_which_the_rate_falls() -> None:
    adam = optimizer(1e-4)
    trainer = Engine(lambda engine, batch: None)

    def lower(engine: Engine) -> None:
        adam.param_groups[0]["lr"] *= 0.2

    trainer.add_event_handler(Events.EPOCH_COMPLETED, lower)
    StopAtMinLR(adam, least=1e-6).attach(trainer)
    trainer.run([0], max_epochs=40)
    assert trainer.state.epoch == 3, "1e-4 · 0.2³ = 8e-7"


def test_a_training_at_its_end_does_not_begin_again() -> None:
    trainer = Engine(lambda engine, batch: pytest.fail("a step was made"))
    StopAtMinLR(optimizer(8e-7), least=1e-6).attach(trainer)
    trainer.run([0], max_epochs=2)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_training(loss: float) -> None:
    trainer = Engine(lambda engine, batch: {"loss": torch.tensor(loss, requires_grad=True)})
    RaiseOnNonFiniteLoss().attach(trainer)
    with pytest.raises(ValueError, match="Epoch 1, iteration 1: lower --learning_rate"):
        trainer.run([0], max_epochs=1)


def test_the_history_has_a_row_an_epoch_and_undefined_cells_are_empty(tmp_path: Path) -> None:
    validator = SimpleNamespace(state=SimpleNamespace(metrics={"val_loss": 0.25, "val_points": float("nan")}))
    history = CSVHistory(tmp_path / "h.csv", validator, optimizer(1e-4))
    for epoch in (1, 2):
        engine = SimpleNamespace(state=SimpleNamespace(epoch=epoch, max_epochs=2, rank=0, metrics={"train_loss": 0.5}))
        history.start(engine)
        history(engine)
    first, second = read_rows(tmp_path / "h.csv")
    assert (first["epoch"], second["epoch"]) == ("1", "2")
    assert (first["train_loss"], first["val_loss"], first["val_points"]) == ("0.5", "0.25", "")
    assert float(first["learning_rate"]) == 1e-4


def test_training_ends_when_the_best_epoch_lies_too_far_back() -> None:
    checkpoints = SimpleNamespace(best_epoch=0)
    trainer = Engine(lambda engine, batch: None)

    def improve_until_three(engine: Engine) -> None:
        checkpoints.best_epoch = min(engine.state.epoch, 3)

    trainer.add_event_handler(Events.EPOCH_COMPLETED, improve_until_three)
    EarlyStopping(checkpoints, patience=4).attach(trainer)
    trainer.run([0], max_epochs=40)
    assert trainer.state.epoch == 7


def test_a_training_without_progress_does_not_begin_again() -> None:
    trainer = Engine(lambda engine, batch: pytest.fail("a step was made"))

    def go_on(engine: Engine) -> None:
        engine.state.epoch = 20

    trainer.add_event_handler(Events.STARTED, go_on)
    EarlyStopping(SimpleNamespace(best_epoch=5)).attach(trainer)
    trainer.run([0], max_epochs=40)


def test_a_patience_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="patience must be positive"):
        EarlyStopping(SimpleNamespace(best_epoch=0), patience=0)
