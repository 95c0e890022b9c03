"""Checkpoints that name their network: reading, and loading into a network."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.networks.pretrained import load_weights, read_weights
from monai_pylon.utils import check, check_choice

__all__ = ["load_checkpoint", "read_checkpoint"]

_LOGGER = logging.getLogger(__name__)


_NO_WEIGHTS = (
    "No weights come with this bundle. Train them: python -m monai.bundle run --config_file configs/train.json "
    "--dataset_dir PATH (it writes models/model.pt), or name a file: --checkpoint FILE."
)


_AUTHORS = " Checkpoints of the paper's authors' program (https://github.com/cmb-chula/pylon) are taken as they are."


#: What of a network's network_spec has a key of its own on the command line.
_KEYS = {"name": "network_name", "encoder": "encoder", "image_size": "image_size", "labels": "labels"}


def _describe(network_spec: Mapping[str, Any]) -> str:
    """A network's network_spec in the words of the command line."""
    return " ".join(f"{key}={value}" for key, value in network_spec.items())


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
    network_spec: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    other_inputs: str = "error",
) -> None:
    """Load a whole network's weights, in place and strictly.

    Args:
        network: for images (N, C, *spatial).
        file: a checkpoint of `TrainingCheckpoints`, a plain state dict, or a checkpoint of the authors' program.
        network_spec: which network it is: "name" and arguments.
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
    _check_network_spec(content.get("network"), network_spec, file)
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
    check(whole, "checkpoint", f"one of the whole network {_describe(network_spec)}", str(file), remedy)
    try:
        load_weights(network, str(Path(file).expanduser()))
    except ValueError as error:
        raise ValueError(
            f"checkpoint must be one of {_describe(network_spec)}, but is {str(file)!r}. {error}"
        ) from error


def _check_network_spec(found: Any, network_spec: Mapping[str, Any], file: str | PathLike[str]) -> None:
    """Raise where a checkpoint says that it is another network's; one that says nothing passes."""
    if not isinstance(found, Mapping) or dict(found) == dict(network_spec):
        return
    flags = [
        f"--{flag} {found[key]}" if isinstance(found[key], str) else f'--{flag} "{found[key]}"'
        for key, flag in _KEYS.items()
        if key in found
    ]
    rest = {key: value for key, value in found.items() if key not in _KEYS}
    flags += [f'--network_settings "{rest}"'] if rest else []
    raise ValueError(
        f"checkpoint must be one of the network {_describe(network_spec)}, but {str(file)!r} is "
        f"one of {_describe(found)}. "
        f"For that network: {' '.join(flags)}"
    )


def _check_inputs(found: Any, inputs: Mapping[str, Any] | None, file: str | PathLike[str]) -> None:
    """Raise where a checkpoint says that its network learned from images made in another way."""
    for key, now in (inputs or {}).items():
        then = found.get(key, now) if isinstance(found, Mapping) else now
        same = list(then) == list(now) if isinstance(now, Sequence) and isinstance(then, Sequence) else then == now
        remedy = f'Run with --{key} "{then}", or train anew for {now}.'
        check(same, key, f"{then}, with which {str(file)!r} was trained", now, remedy)
