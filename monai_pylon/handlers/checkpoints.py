"""Checkpoints that say which network they belong to: the best one for use, the last one to go on from."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import
from torch import nn

from monai_pylon.networks.checkpoints import _check_inputs, _check_network_spec, read_checkpoint
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.utils import atomic_write

__all__ = ["TrainingCheckpoints"]

_LOGGER = logging.getLogger(__name__)


class TrainingCheckpoints:
    """Keeps `model.pt`, the weights of the best epoch, and `last.pt`, everything to go on from, in a folder.

    An ignite handler for the trainer; put it after the handlers that validate and that set the learning rate. Both
    files appear whole or not at all. When the training starts it goes on from `last.pt` where there is one; the best
    value so far counts on too.

    Args:
        folder: for the files.
        network: the bare network.
        optimizer: its optimizer.
        scheduler: of the learning rate.
        validator: the evaluator whose metrics tell which epoch is best.
        network_spec: which network it is: "name" and arguments.
        metric: the evaluator's metric that is best.
        smaller_is_better: whether it is a loss.
        resume: False to begin anew.
        weights: what a new training starts from: "scratch", "imagenet" or a file; see
            :func:`monai_pylon.networks.pretrained.load_weights`. (A word, since MONAI ignores None as an override.)
        inputs: how the network's images are made; see :func:`load_checkpoint`.

    Raises:
        ValueError: while starting, where `last.pt` is another network's, or was trained on other inputs.

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
        smaller_is_better: bool = True,
        resume: bool = True,
        weights: str | PathLike[str] = "scratch",
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.last, self.best = self.folder / "last.pt", self.folder / "model.pt"
        self.network, self.validator, self.network_spec, self.inputs = (
            network,
            validator,
            dict(network_spec),
            dict(inputs or {}),
        )
        self.parts = {"optimizer": optimizer, "scheduler": scheduler}
        self.metric, self.sign, self.resume, self.weights = metric, -1 if smaller_is_better else 1, resume, weights
        self.best_value, self.best_epoch = math.nan, 0

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        if getattr(engine, "scaler", None) is not None:
            self.parts["scaler"] = engine.scaler
        engine.add_event_handler(events.STARTED, self.start)
        engine.add_event_handler(events.EPOCH_COMPLETED, self.save)

    def start(self, engine: Any) -> None:
        """Called by the trainer when it starts: go on from `last.pt`, or take the weights to start from."""
        if self.resume and self.last.is_file():
            content = read_checkpoint(self.last)
            _check_network_spec(content.get("network"), self.network_spec, self.last)
            _check_inputs(content.get("inputs"), self.inputs, self.last)
            self.network.load_state_dict(content["model"])
            for name, part in self.parts.items():
                if name in content:
                    part.load_state_dict(content[name])
            engine.state.epoch = content["epoch"]
            engine.state.iteration = content["epoch"] * (engine.state.epoch_length or 0)
            self.best_value, self.best_epoch = content["best_value"], content["best_epoch"]
            _LOGGER.info("Going on after epoch %d from %s (--resume False begins anew).", content["epoch"], self.last)
        elif self.weights != "scratch":
            load_weights(self.network, str(self.weights))
            _LOGGER.info("Starting from the weights %s.", self.weights)

    def save(self, engine: Any) -> None:
        """Called by the trainer after each epoch: write the last state, and the best one where it is."""
        value, epoch = float(self.validator.state.metrics.get(self.metric, math.nan)), engine.state.epoch
        better = not math.isnan(value) and not self.sign * value <= self.sign * self.best_value
        if better:
            self.best_value, self.best_epoch = value, epoch
        if engine.state.rank > 0:  # in several processes the first writes for all
            return
        weights = {
            "network": self.network_spec,
            "inputs": self.inputs,
            "model": self.network.state_dict(),
            "epoch": epoch,
        }
        weights |= {"metric": self.metric, "best_value": self.best_value, "best_epoch": self.best_epoch}
        if better or not self.best.is_file():
            with atomic_write(self.best) as part:
                torch.save(weights, part)
        states = {name: part.state_dict() for name, part in self.parts.items() if part is not None}
        with atomic_write(self.last) as part:
            torch.save({**weights, **states}, part)
