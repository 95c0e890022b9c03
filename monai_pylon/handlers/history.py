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

from monai_pylon.utils.files import remove_leftovers
from monai_pylon.utils.tables import read_rows, update_rows, write_rows

__all__ = ["CSVHistory"]

_LOGGER = logging.getLogger(__name__)


class CSVHistory:
    """Ignite handler of a trainer that writes losses, validation metrics, learning rate and seconds of each epoch.

    Each epoch becomes a line of the log and a row of a CSV file. Put it after the handler that validates, and before
    :class:`TrainingCheckpoints`: no epoch that was saved is then missing if the training is killed. When a training
    starts or resumes, the rows of later epochs, which an earlier training left, are removed. MONAI's MetricsSaver keeps
    the metrics of the last epoch only.

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
        self._begun = False

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.STARTED, self.begin)
        engine.add_event_handler(events.EPOCH_STARTED, self.start)
        engine.add_event_handler(events.EPOCH_COMPLETED, self)

    def begin(self, engine: Any) -> None:
        """Look at the table again before the next epoch; called when the training starts."""
        self._begun = False

    def start(self, engine: Any) -> None:
        """Start the clock, and remove the rows of this epoch and later ones; called when an epoch begins."""
        self.started = time.perf_counter()
        if self._begun or engine.state.rank > 0:
            return
        self._begun = True
        remove_leftovers(self.file.parent)
        rows = read_rows(self.file)
        kept = [row for row in rows if row["epoch"].isdecimal() and int(row["epoch"]) < engine.state.epoch]
        if len(kept) < len(rows):
            write_rows(self.file, kept) if kept else self.file.unlink()

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
