"""Epoch history as a CSV table and log lines."""

from __future__ import annotations

import logging
import math
import time
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.utils.tables import update_rows

__all__ = ["CSVHistory"]

_LOGGER = logging.getLogger(__name__)


class CSVHistory:
    """Ignite handler of a trainer that writes losses, validation metrics, learning rate and seconds of each epoch.

    Each epoch becomes a line of the log and a row of a CSV file. Put it after the handler that validates. MONAI's
    MetricsSaver keeps the metrics of the last epoch only.

    Args:
        file: The CSV file.
        validator: Evaluator whose metrics are written.
        optimizer: Optimizer whose learning rate is written.

    Example:
        >>> CSVHistory("logs/history.csv", validator=None).file.name
        'history.csv'
    """

    def __init__(
        self, file: str | PathLike[str], validator: Any, optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        self.file, self.validator, self.optimizer = Path(file).expanduser(), validator, optimizer
        self.started = time.perf_counter()

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.EPOCH_STARTED, self.start)
        engine.add_event_handler(events.EPOCH_COMPLETED, self)

    def start(self, engine: Any) -> None:
        """Start the clock; called when an epoch begins."""
        self.started = time.perf_counter()

    def __call__(self, engine: Any) -> None:
        """Write the epoch; called after each epoch."""
        if engine.state.rank > 0:
            return
        metrics = {**engine.state.metrics, **self.validator.state.metrics}
        numbers = {name: float(value) for name, value in metrics.items()}
        if self.optimizer is not None:
            numbers["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        numbers["seconds"] = round(time.perf_counter() - self.started, 1)
        update_rows(self.file, {"epoch": engine.state.epoch, **numbers}, key="epoch")
        short = ("train_loss", "val_loss", "val_auroc", "val_points", "val_organ_iou", "learning_rate", "seconds")
        shown = ", ".join(
            f"{name} {numbers[name]:.4g}" for name in short if not math.isnan(numbers.get(name, math.nan))
        )
        _LOGGER.info("Epoch %d of at most %d: %s", engine.state.epoch, engine.state.max_epochs, shown)
