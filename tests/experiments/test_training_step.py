"""The measure of the share of the data pipeline: which events count, and the arithmetic."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine

from tests.experiments import training_step as module
from tests.experiments.training_step import share, watch


def test_loading_and_steps_of_later_epochs_are_measured_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image takes 3 seconds to load and 5 in a step; a batch has two images. The first epoch takes longer."""
    clock = [0.0]
    monkeypatch.setattr(module.time, "process_time", lambda: clock[0])

    def batches() -> list:
        return [{"image": torch.zeros(2, 1)} for _ in range(3)]

    class Loader:
        def __len__(self) -> int:
            return 3

        def __iter__(self):
            for batch in batches():
                clock[0] += 60 if engine.state.epoch < 2 else 6
                yield batch

    def step(engine: Engine, batch: object) -> None:
        clock[0] += 10

    engine = Engine(step)
    seconds = watch(engine)
    engine.run(Loader(), max_epochs=3)
    assert seconds == {"loading": [3.0] * 6, "step": [5.0] * 6}
    assert share(seconds) == {"ms_of_loading": 3000, "ms_of_step": 5000, "share_of_loading": 3 / 8, "steps": 6}
