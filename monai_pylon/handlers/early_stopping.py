"""Stop training when it no longer improves."""

from __future__ import annotations

import logging
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.utils import check

__all__ = ["EarlyStopping", "StopAtMinLR"]

_LOGGER = logging.getLogger(__name__)


class StopAtMinLR:
    """Ignite handler of a trainer that stops when the learning rate is below a limit.

    With ReduceLROnPlateau this means that no lower rate helps. Put it after the handler that sets the learning rate.
    Neither MONAI nor ignite has such a handler.

    Args:
        optimizer: Optimizer whose learning rate is watched.
        least: The limit.

    Raises:
        ValueError: If the limit is not positive.

    Example:
        >>> optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-7)
        >>> StopAtMinLR(optimizer, least=1e-6).reached()
        True
    """

    def __init__(self, optimizer: torch.optim.Optimizer, least: float = 1e-6) -> None:
        check(least > 0, "least", "positive", least)
        self.optimizer, self.least = optimizer, least

    def reached(self) -> bool:
        """Return whether every learning rate is below the limit."""
        return all(group["lr"] < self.least for group in self.optimizer.param_groups)

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        for event in (events.STARTED, events.EPOCH_COMPLETED):  # a resumed training may be finished already
            engine.add_event_handler(event, self)

    def __call__(self, engine: Any) -> None:
        """Stop the training if the limit is reached; called by the trainer."""
        if self.reached():
            _LOGGER.info("The learning rate is below %g: training stops.", self.least)
            engine.terminate()


class EarlyStopping:
    """Ignite handler of a trainer that stops some epochs after the best one.

    It reads ``engine.state.best_epoch``, which :class:`TrainingCheckpoints` sets: put it after that handler. Without
    it, a warning is logged and the training runs to its last epoch.

    This is not ignite's EarlyStopping (or MONAI's EarlyStopHandler): there a NaN score counts as an improvement (with
    patience 2 and scores best, NaN, worse, ... it stops after epoch 5 instead of 3), and a resumed training that had
    already ended trains another epoch.

    Args:
        patience: Epochs without a better one.

    Raises:
        ValueError: If the patience is not positive.

    Example:
        >>> from types import SimpleNamespace
        >>> EarlyStopping(patience=15).reached(SimpleNamespace(epoch=19, best_epoch=4))
        True
    """

    def __init__(self, patience: int = 15) -> None:
        check(patience > 0, "patience", "positive", patience)
        self.patience = patience

    def reached(self, state: Any) -> bool:
        """Return whether the best epoch lies `patience` or more epochs back."""
        best = getattr(state, "best_epoch", None)
        return best is not None and state.epoch > 0 and state.epoch - best >= self.patience

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.STARTED, self.start)
        engine.add_event_handler(events.EPOCH_COMPLETED, self)

    def start(self, engine: Any) -> None:
        """Check a resumed training, which may be finished already; called when the training starts."""
        if not hasattr(engine.state, "best_epoch"):
            _LOGGER.warning("EarlyStopping has no effect: put TrainingCheckpoints before it in the list of handlers.")
        self(engine)

    def __call__(self, engine: Any) -> None:
        """Stop the training if the best epoch lies too far back; called after each epoch."""
        if self.reached(engine.state):
            best = engine.state.best_epoch
            _LOGGER.info("Training stops: epoch %d was the best, %d epochs without a better one.", best, self.patience)
            engine.terminate()
