"""Training checkpoints: the best weights for use, and the last state to resume from."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.data.utils import set_rnd
from monai.utils import optional_import
from torch import nn

from monai_pylon.networks.checkpoints import check_description, read_checkpoint, save_checkpoint
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.utils import atomic_write
from monai_pylon.utils.files import remove_leftovers
from monai_pylon.utils.folder_lock import lock_folder
from monai_pylon.utils.seeds import derived_seed, seed_everything

__all__ = ["TrainingCheckpoints"]

_LOGGER = logging.getLogger(__name__)


class TrainingCheckpoints:
    """Ignite handler of a trainer that saves the best weights and the last training state, and resumes from it.

    Put it after the handlers that validate, set the learning rate, or write the history. It writes `model.pt`, the
    plain state dict of the best epoch, with `model.json`, its description (see
    :func:`~monai_pylon.networks.load_checkpoint`), and `last.pt`, the training state. Each file is written atomically.
    If `last.pt` exists when the training starts, the training resumes from it with the best value so far.
    ``engine.state.best_epoch`` tells other handlers the best epoch, 0 before the first one. While the training runs,
    the folder is locked against a second training.

    A training that is killed and resumed gives the same losses as an uninterrupted one: at the start of each epoch, all
    random numbers are seeded by the seed of the training (the last :func:`torch.manual_seed` or `set_determinism`), the
    epoch and the process. This includes the random transforms of loaders from
    :func:`~monai_pylon.workflows.bundle.make_dataloader`, with any number of workers; of other loaders only those
    without workers.

    MONAI's CheckpointSaver does not do this: it ranks by the validator's key metric only (`metric` may be another),
    does not resume the best value, and writes no network specification.

    Args:
        folder: Folder for the files.
        network: The bare network.
        optimizer: Its optimizer.
        scheduler: Learning rate scheduler, or None.
        validator: Evaluator whose metrics rank the epochs.
        network_spec: Network specification: "name" and arguments.
        metric: Name of the validator's metric that ranks the epochs. Of NaN values none is best.
        smaller_is_better: Whether smaller values are better; by default, whether the metric's name ends in "loss".
        resume: Whether to resume from `last.pt`.
        weights: Start of a new training: "scratch", "imagenet" or a file; see
            :func:`monai_pylon.networks.pretrained.load_weights`. ("scratch" because MONAI ignores None as an override.)
        inputs: How the network's images are made; see :func:`~monai_pylon.networks.load_checkpoint`.

    Raises:
        ValueError: At the start, if `last.pt` belongs to another network or was trained on other inputs.

    Example:
        >>> net = nn.Linear(1, 1)
        >>> handler = TrainingCheckpoints("models", net, torch.optim.Adam(net.parameters()), None, None, {"name": "x"})
        >>> handler.last.as_posix(), handler.best.as_posix()
        ('models/last.pt', 'models/model.pt')
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: Any,
        validator: Any,
        network_spec: Mapping[str, Any],
        metric: str = "val_loss",
        smaller_is_better: bool | None = None,
        resume: bool = True,
        weights: str | PathLike[str] = "scratch",
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.last, self.best = self.folder / "last.pt", self.folder / "model.pt"
        self.network, self.validator = network, validator
        self.network_spec, self.inputs = dict(network_spec), dict(inputs or {})
        self.parts = {"optimizer": optimizer, "scheduler": scheduler}
        smaller = metric.endswith("loss") if smaller_is_better is None else smaller_is_better
        self.metric, self.sign, self.resume, self.weights = metric, -1 if smaller else 1, resume, weights
        self.best_value, self.best_epoch = math.nan, 0
        self.seed: int | None = None
        self._lock = contextlib.ExitStack()

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        if getattr(engine, "scaler", None) is not None:
            self.parts["scaler"] = engine.scaler
        engine.add_event_handler(events.STARTED, self.start)
        engine.add_event_handler(events.EPOCH_STARTED, self.seed_epoch)
        engine.add_event_handler(events.EPOCH_COMPLETED, self.save)
        engine.add_event_handler(events.COMPLETED, self.complete)

    def start(self, engine: Any) -> None:
        """Resume from `last.pt`, or load the weights to start from; called when the training starts."""
        rank = getattr(engine.state, "rank", 0)
        self.seed = torch.initial_seed() - rank
        if self.resume and self.last.is_file():
            self._resume(engine)
        elif self.weights != "scratch":
            load_weights(self.network, str(self.weights))
            _LOGGER.info("Starting from the weights %s.", self.weights)
        if rank == 0:
            self._lock.close()  # of a training that failed
            self._lock.enter_context(lock_folder(self.folder))
            remove_leftovers(self.folder)
        engine.state.best_epoch = self.best_epoch

    def _resume(self, engine: Any) -> None:
        """Load the last state into all parts."""
        content = read_checkpoint(self.last)
        check_description(content, self.last, self.network_spec, self.inputs)
        self.network.load_state_dict(content["model"])
        for name, part in self.parts.items():
            if name in content:
                part.load_state_dict(content[name])
        engine.state.epoch = content["epoch"]
        engine.state.iteration = content["epoch"] * (engine.state.epoch_length or 0)
        self.best_value, self.best_epoch = content["best_value"], content["best_epoch"]
        self.seed = content.get("seed", self.seed)
        self.validator.state.metrics.update(content.get("metrics", {}))  # they stay until the next validation
        _LOGGER.info("Resuming after epoch %d from %s (--resume False begins anew).", content["epoch"], self.last)

    def seed_epoch(self, engine: Any) -> None:
        """Seed all random numbers of an epoch; called when it starts."""
        state, seed = engine.state, torch.initial_seed() if self.seed is None else self.seed
        seed_everything(derived_seed(seed, state.epoch, getattr(state, "rank", 0)))
        loader = getattr(state, "dataloader", None)
        dataset: Any = getattr(loader, "dataset", None)
        if hasattr(dataset, "set_epoch"):
            dataset.set_epoch(seed, state.epoch)
        elif getattr(loader, "num_workers", 1) == 0:
            set_rnd(dataset, derived_seed(seed, state.epoch))

    def complete(self, engine: Any) -> None:
        """Release the folder; called when the training ends."""
        self._lock.close()

    def save(self, engine: Any) -> None:
        """Save the last state, and the weights if this epoch is the best; called after each epoch."""
        value, epoch = float(self.validator.state.metrics.get(self.metric, math.nan)), engine.state.epoch
        better = not math.isnan(value) and not self.sign * value <= self.sign * self.best_value
        if better:
            self.best_value, self.best_epoch = value, epoch
        engine.state.best_epoch = self.best_epoch
        if engine.state.rank > 0:  # among several processes only the first writes
            return
        weights = self.network.state_dict()
        described = {"network": self.network_spec, "inputs": self.inputs, "epoch": epoch, "metric": self.metric}
        if better or not self.best.is_file():
            best = None if math.isnan(self.best_value) else self.best_value  # JSON has no NaN
            save_checkpoint(self.best, weights, {**described, "best_value": best, "best_epoch": self.best_epoch})
        metrics = {name: float(value) for name, value in self.validator.state.metrics.items()}
        ranked = {"best_value": self.best_value, "best_epoch": self.best_epoch, "seed": self.seed, "metrics": metrics}
        states = {name: part.state_dict() for name, part in self.parts.items() if part is not None}
        with atomic_write(self.last) as part:
            torch.save({**described, **ranked, "model": weights, **states}, part)
