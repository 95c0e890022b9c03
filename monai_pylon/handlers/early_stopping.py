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
    """Ends a training when its learning rate has fallen below a limit: with ReduceLROnPlateau, when nothing helps.

    An ignite handler for the trainer; put it after the one that sets the learning rate.

    Args:
        optimizer: whose learning rate.
        least: the limit.

    Raises:
        ValueError: for a limit that is not positive.

    Example:
        >>> optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-7)
        >>> StopAtMinLR(optimizer, least=1e-6).reached()
        True
    """

    def __init__(self, optimizer: torch.optim.Optimizer, least: float = 1e-6) -> None:
        check(least > 0, "least", "positive", least)
        self.optimizer, self.least = optimizer, least

    def reached(self) -> bool:
        """Whether every learning rate lies below the limit."""
        return all(group["lr"] < self.least for group in self.optimizer.param_groups)

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        for event in (events.STARTED, events.EPOCH_COMPLETED):  # a training that goes on may have been at its end
            engine.add_event_handler(event, self)

    def __call__(self, engine: Any) -> None:
        """Called by the trainer."""
        if self.reached():
            _LOGGER.info("The learning rate is below %g: the training ends.", self.least)
            engine.terminate()


class EarlyStopping:
    """Ends a training when the best epoch lies some epochs back.

    An ignite handler for the trainer; put it after the checkpoints. A training that goes on counts on.

    Args:
        checkpoints: `TrainingCheckpoints`, which know the best epoch.
        patience: epochs.

    Raises:
        ValueError: for a patience that is not positive.

    Example:
        >>> from types import SimpleNamespace
        >>> EarlyStopping(SimpleNamespace(best_epoch=4), patience=15).reached(epoch=19)
        True
    """

    def __init__(self, checkpoints: Any, patience: int = 15) -> None:
        check(patience > 0, "patience", "positive", patience)
        self.checkpoints, self.patience = checkpoints, patience

    def reached(self, epoch: int) -> bool:
        """Whether the best epoch lies too far back."""
        return epoch - self.checkpoints.best_epoch >= self.patience

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        for event in (events.STARTED, events.EPOCH_COMPLETED):  # a training that goes on may have been at its end
            engine.add_event_handler(event, self)

    def __call__(self, engine: Any) -> None:
        """Called by the trainer."""
        if engine.state.epoch and self.reached(engine.state.epoch):
            _LOGGER.info(
                "Epoch %d was the best; %d without a better one: end.", self.checkpoints.best_epoch, self.patience
            )
            engine.terminate()
