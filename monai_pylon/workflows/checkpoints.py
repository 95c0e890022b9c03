"""Checkpoints that say which network they belong to: the best one for use, the last one to go on from."""

from __future__ import annotations

import hashlib
import logging
import math
import pickle
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import
from torch import nn

from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.networks.pretrained import load_weights, read_weights
from monai_pylon.reports import written_whole
from monai_pylon.utils import check, check_choice

__all__ = ["TrainingCheckpoints", "file_mark", "load_checkpoint", "read_checkpoint"]

_LOGGER = logging.getLogger(__name__)
_NO_WEIGHTS = (
    "No weights come with this bundle. Train them: python -m monai.bundle run --config_file configs/train.json "
    "--dataset_dir PATH (it writes models/model.pt), or name a file: --checkpoint FILE."
)
_AUTHORS = " Checkpoints of the paper's authors' program (https://github.com/cmb-chula/pylon) are taken as they are."
#: What of a network's card has a key of its own on the command line.
_KEYS = {"name": "network_name", "encoder": "encoder", "image_size": "image_size", "labels": "labels"}


def _describe(card: Mapping[str, Any]) -> str:
    """A network's card in the words of the command line."""
    return " ".join(f"{key}={value}" for key, value in card.items())


def file_mark(file: str | PathLike[str]) -> str:
    """A mark of a file's content, for what depends on it; it does not matter where the file lies.

    Args:
        file: its path.

    Returns:
        twelve characters; empty where there is no such file.

    Example:
        >>> file_mark("models/model.pt")
        ''
    """
    place = Path(file).expanduser()
    if not place.is_file():
        return ""
    return hashlib.sha256(place.read_bytes()).hexdigest()[:12]


def read_checkpoint(file: str | PathLike[str], hint: str = "") -> dict[str, Any]:
    """Read a checkpoint; nothing in it can run code.

    Args:
        file: as `TrainingCheckpoints`, or any other program, wrote it by ``torch.save``.
        hint: what else to say where there is no such file.

    Returns:
        what it holds; tensors such as (64, C, 7, 7) on the CPU.

    Raises:
        FileNotFoundError: where there is none; it says where weights can be had.
        ValueError: where it cannot be read.

    Example:
        >>> read_checkpoint("models/model.pt")
        Traceback (most recent call last):
        ...
        FileNotFoundError: checkpoint must be a file that exists, but is 'models/model.pt'. No weights come with ...
    """
    place = Path(file).expanduser()
    if not place.is_file():
        raise FileNotFoundError(f"checkpoint must be a file that exists, but is {str(file)!r}. {_NO_WEIGHTS}{hint}")
    try:
        content = torch.load(place, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise ValueError(
            f"checkpoint must be a file of tensors, but {str(file)!r} cannot be read. Is it whole?"
        ) from error
    check(isinstance(content, Mapping), "checkpoint", "a dictionary of weights", type(content).__name__)
    return dict(content)


def load_checkpoint(
    network: nn.Module,
    file: str | PathLike[str],
    card: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    other_inputs: str = "error",
) -> None:
    """Load a whole network's weights, in place and strictly.

    Args:
        network: for images (N, C, *spatial).
        file: a checkpoint of `TrainingCheckpoints`, a plain state dict, or a checkpoint of the authors' program.
        card: which network it is: "name" and arguments.
        inputs: how its images are made, such as "spacing", by the keys of the command line: what does not fit the
            weights' shapes fails anyway, but a network that sees the body at another scale gives scores all the same.
        other_inputs: "error" or "warn", where they are not those of the training. A checkpoint that does not say what
            they were passes.

    Raises:
        FileNotFoundError: where there is no such file; it says where weights can be had.
        ValueError: where it is another network's, was trained on other inputs, or holds an encoder alone; the error
            names both.

    Example:
        >>> load_checkpoint(nn.Conv2d(1, 1, 1), "models/model.pt", {"name": "pylon"})
        Traceback (most recent call last):
        ...
        FileNotFoundError: checkpoint must be a file that exists, but is 'models/model.pt'. No weights come with ...
    """
    check_choice(other_inputs, ("error", "warn"), "other_inputs")
    content = read_checkpoint(file, _AUTHORS if isinstance(network, HeatmapNetwork) else "")
    _check_card(content.get("network"), card, file)
    try:
        _check_inputs(content.get("inputs"), inputs, file)
    except ValueError as error:
        if other_inputs == "error":
            raise
        _LOGGER.warning("%s It is used all the same; scores and maps may be worse.", error)
    state = read_weights(str(Path(file).expanduser()))
    parts = {key.startswith("encoder.") for key in state}
    whole = parts == {True, False} if hasattr(network, "encoder") else True
    remedy = "It holds an encoder alone: train with --weights FILE to start from it."
    check(whole, "checkpoint", f"one of the whole network {_describe(card)}", str(file), remedy)
    try:
        load_weights(network, str(Path(file).expanduser()))
    except ValueError as error:
        raise ValueError(f"checkpoint must be one of {_describe(card)}, but is {str(file)!r}. {error}") from error


def _check_card(found: Any, card: Mapping[str, Any], file: str | PathLike[str]) -> None:
    """Raise where a checkpoint says that it is another network's; one that says nothing passes."""
    if not isinstance(found, Mapping) or dict(found) == dict(card):
        return
    flags = [
        f"--{flag} {found[key]}" if isinstance(found[key], str) else f'--{flag} "{found[key]}"'
        for key, flag in _KEYS.items()
        if key in found
    ]
    rest = {key: value for key, value in found.items() if key not in _KEYS}
    flags += [f'--network_settings "{rest}"'] if rest else []
    raise ValueError(
        f"checkpoint must be one of the network {_describe(card)}, but {str(file)!r} is one of {_describe(found)}. "
        f"For that network: {' '.join(flags)}"
    )


def _check_inputs(found: Any, inputs: Mapping[str, Any] | None, file: str | PathLike[str]) -> None:
    """Raise where a checkpoint says that its network learned from images made in another way."""
    for key, now in (inputs or {}).items():
        then = found.get(key, now) if isinstance(found, Mapping) else now
        same = list(then) == list(now) if isinstance(now, Sequence) and isinstance(then, Sequence) else then == now
        remedy = f'Run with --{key} "{then}", or train anew for {now}.'
        check(same, key, f"{then}, with which {str(file)!r} was trained", now, remedy)


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
        card: which network it is: "name" and arguments.
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
        card: Mapping[str, Any],
        metric: str = "val_loss",
        smaller_is_better: bool = True,
        resume: bool = True,
        weights: str | PathLike[str] = "scratch",
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.last, self.best = self.folder / "last.pt", self.folder / "model.pt"
        self.network, self.validator, self.card, self.inputs = network, validator, dict(card), dict(inputs or {})
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
            _check_card(content.get("network"), self.card, self.last)
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
        weights = {"network": self.card, "inputs": self.inputs, "model": self.network.state_dict(), "epoch": epoch}
        weights |= {"metric": self.metric, "best_value": self.best_value, "best_epoch": self.best_epoch}
        if better or not self.best.is_file():
            with written_whole(self.best) as part:
                torch.save(weights, part)
        states = {name: part.state_dict() for name, part in self.parts.items() if part is not None}
        with written_whole(self.last) as part:
            torch.save({**weights, **states}, part)
