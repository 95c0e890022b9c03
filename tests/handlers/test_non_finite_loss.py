"""A NaN or infinite loss ends a training with an error."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine

from monai_pylon.handlers import RaiseOnNonFiniteLoss


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_raises_with_epoch_and_iteration(loss: float) -> None:
    trainer = Engine(lambda engine, batch: {"loss": torch.tensor(loss, requires_grad=True)})
    RaiseOnNonFiniteLoss().attach(trainer)
    with pytest.raises(ValueError, match="Epoch 1, iteration 1: lower --learning_rate"):
        trainer.run([0], max_epochs=1)


def test_finite_losses_pass() -> None:
    trainer = Engine(lambda engine, batch: {"loss": 0.5})
    RaiseOnNonFiniteLoss().attach(trainer)
    trainer.run([0, 1], max_epochs=2)
    assert trainer.state.iteration == 4
