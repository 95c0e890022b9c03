"""Early stopping, also of a resumed training."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine, Events

from monai_pylon.handlers import EarlyStopping, StopAtMinLR


def optimizer(rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=rate)


def test_stops_in_the_epoch_in_which_the_rate_falls_below_the_limit() -> None:
    adam = optimizer(1e-4)
    trainer = Engine(lambda engine, batch: None)

    def lower(engine: Engine) -> None:
        adam.param_groups[0]["lr"] *= 0.2

    trainer.add_event_handler(Events.EPOCH_COMPLETED, lower)
    StopAtMinLR(adam, least=1e-6).attach(trainer)
    trainer.run([0], max_epochs=40)
    assert trainer.state.epoch == 3, "1e-4 · 0.2³ = 8e-7"


def test_a_finished_training_does_not_start_again() -> None:
    trainer = Engine(lambda engine, batch: pytest.fail("a step was made"))
    StopAtMinLR(optimizer(8e-7), least=1e-6).attach(trainer)
    trainer.run([0], max_epochs=2)


def test_a_rate_at_the_limit_goes_on() -> None:
    assert not StopAtMinLR(optimizer(1e-6), least=1e-6).reached()


def test_stops_when_the_best_epoch_lies_too_far_back() -> None:
    trainer = Engine(lambda engine, batch: None)

    def improve_until_three(engine: Engine) -> None:
        engine.state.best_epoch = min(engine.state.epoch, 3)

    trainer.add_event_handler(Events.STARTED, improve_until_three)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, improve_until_three)
    EarlyStopping(patience=4).attach(trainer)
    trainer.run([0], max_epochs=40)
    assert trainer.state.epoch == 7


def test_a_resumed_training_without_progress_does_not_start_again() -> None:
    trainer = Engine(lambda engine, batch: pytest.fail("a step was made"))

    def resume(engine: Engine) -> None:
        engine.state.epoch, engine.state.best_epoch = 20, 5

    trainer.add_event_handler(Events.STARTED, resume)
    EarlyStopping().attach(trainer)
    trainer.run([0], max_epochs=40)


def test_warns_without_checkpoints_and_trains_on(caplog: pytest.LogCaptureFixture) -> None:
    trainer = Engine(lambda engine, batch: None)
    EarlyStopping(patience=1).attach(trainer)
    trainer.run([0], max_epochs=3)
    assert trainer.state.epoch == 3
    assert "put TrainingCheckpoints before it" in caplog.text


def test_rejects_a_patience_of_zero() -> None:
    with pytest.raises(ValueError, match="patience must be positive"):
        EarlyStopping(patience=0)
    with pytest.raises(ValueError, match="least must be positive"):
        StopAtMinLR(optimizer(1e-4), least=0)
