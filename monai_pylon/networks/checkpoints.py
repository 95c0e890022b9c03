"""Checkpoints: plain weights, and beside them a JSON file that describes the network."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from monai_pylon.networks.checkpoint_files import read_tensors
from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.networks.pretrained import LoadReport, load_weights, read_weights
from monai_pylon.networks.state_matching import match_tensors
from monai_pylon.utils import atomic_write, check, check_choice

__all__ = [
    "check_description",
    "load_checkpoint",
    "read_checkpoint",
    "read_description",
    "save_checkpoint",
]

_LOGGER = logging.getLogger(__name__)

_NO_WEIGHTS = (
    "No weights come with this bundle. Train them: python -m monai.bundle run --config_file configs/train.json "
    "--dataset_dir PATH (it writes models/model.pt), or name a file: --checkpoint FILE."
)
_AUTHORS = " Checkpoints of the authors' program (https://github.com/cmb-chula/pylon) also load."
#: Entries of a network specification that have a key of their own on the command line.
_KEYS = {"name": "network_name", "encoder": "encoder", "image_size": "image_size", "labels": "labels"}


def _describe(network_spec: Mapping[str, Any]) -> str:
    """Write a network specification as on the command line."""
    return " ".join(f"{key}={value}" for key, value in network_spec.items())


def save_checkpoint(
    file: str | PathLike[str], state: Mapping[str, torch.Tensor], description: Mapping[str, Any]
) -> None:
    """Save a network's weights as a plain state dict, and its description as JSON beside it.

    Both files are written atomically. An older description is removed first, so that it never stands beside new
    weights.

    Args:
        file: File for the weights, such as "models/model.pt". The description becomes "models/model.json".
        state: State dict with tensors such as (64, C, 7, 7).
        description: What JSON can hold: "network" (the network specification), "inputs" (how images are made), and
            facts such as "epoch".

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_checkpoint(Path(folder, "model.pt"), {"weight": torch.ones(2)}, {"network": {"name": "pylon"}})
        ...     sorted(path.name for path in Path(folder).iterdir()), read_description(Path(folder, "model.pt"))
        (['model.json', 'model.pt'], {'network': {'name': 'pylon'}})
    """
    weights = Path(file).expanduser()
    text = json.dumps(dict(description), indent=2) + "\n"
    weights.with_suffix(".json").unlink(missing_ok=True)
    with atomic_write(weights) as part:
        torch.save(dict(state), part)
    with atomic_write(weights.with_suffix(".json")) as part:
        part.write_text(text, encoding="utf-8")


def read_checkpoint(file: str | PathLike[str], hint: str = "") -> dict[str, Any]:
    """Read a checkpoint with ``weights_only=True``: it cannot run code.

    Args:
        file: Plain state dict, or the training state `last.pt`.
        hint: Sentence added to the error for a missing file.

    Returns:
        Its content; tensors such as (64, C, 7, 7) are on the CPU.

    Raises:
        FileNotFoundError: If the file does not exist. The message names the ways to get weights.
        ValueError: If the file cannot be read.

    Example:
        >>> read_checkpoint("models/model.pt")
        Traceback (most recent call last):
        ...
        FileNotFoundError: checkpoint must be a file that exists, but is 'models/model.pt'. No weights come with ...
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint must be a file that exists, but is {str(file)!r}. {_NO_WEIGHTS}{hint}")
    return dict(read_tensors(path, "checkpoint"))


def read_description(file: str | PathLike[str]) -> dict[str, Any]:
    """Read the description beside a checkpoint.

    Args:
        file: File with the weights.

    Returns:
        The description; empty if there is none.

    Raises:
        ValueError: If the JSON file cannot be read.

    Example:
        >>> read_description("models/model.pt")
        {}
    """
    beside = Path(file).expanduser().with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{beside} cannot be read: {error}. Restore it, or delete it to load without checks."
        ) from error
    return content if isinstance(content, dict) else {}


def load_checkpoint(
    network: nn.Module,
    file: str | PathLike[str],
    network_spec: Mapping[str, Any],
    inputs: Mapping[str, Any] | None = None,
    other_inputs: str = "error",
) -> LoadReport:
    """Load the weights of a whole network, strictly and in place.

    A spacing mismatch loads without error but invalidates the scores. Therefore the inputs are compared with the
    checkpoint's description.

    Args:
        network: Network for images (N, C, *spatial).
        file: Plain state dict, training state, or checkpoint of the PYLON authors' program.
        network_spec: Network specification: "name" and arguments.
        inputs: How images are made, such as "spacing", by the keys of the command line.
        other_inputs: "error" or "warn" if the network was trained on other inputs. A checkpoint without description
            passes.

    Returns:
        Report on what was loaded.

    Raises:
        FileNotFoundError: If the file does not exist. The message names the ways to get weights.
        ValueError: If the weights belong to another network, were trained on other inputs, or are those of an encoder
            alone. The message names both sides.

    Example:
        >>> load_checkpoint(nn.Conv2d(1, 1, 1), "models/model.pt", {"name": "pylon"})
        Traceback (most recent call last):
        ...
        FileNotFoundError: checkpoint must be a file that exists, but is 'models/model.pt'. No weights come with ...
    """
    check_choice(other_inputs, ("error", "warn"), "other_inputs")
    content = read_checkpoint(file, _AUTHORS if isinstance(network, HeatmapNetwork) else "")
    within: dict[str, Any] = {key: content[key] for key in ("network", "inputs") if key in content}
    described = {**within, **read_description(file)}
    check_description(described, file, network_spec)
    try:
        check_description(described, file, inputs=inputs)
    except ValueError as error:
        if other_inputs == "error":
            raise
        _LOGGER.warning("%s The weights are used nevertheless; scores and maps may be worse.", error)
    try:
        report = load_weights(network, str(Path(file).expanduser()), whole=True)
    except ValueError as error:
        alone = _holds_encoder(network, file)
        remedy = "It holds an encoder alone: train with --weights FILE to start from it." if alone else str(error)
        raise ValueError(
            f"checkpoint must be one of the whole network {_describe(network_spec)}, but is {str(file)!r}. {remedy}"
        ) from error
    _LOGGER.info("%s", report)
    return report


def _holds_encoder(network: nn.Module, file: str | PathLike[str]) -> bool:
    """Return whether a checkpoint fits the network's encoder."""
    encoder = getattr(network, "encoder", None)
    if encoder is None:
        return False
    state = read_weights(str(Path(file).expanduser()))
    return match_tensors(state, encoder.state_dict()).complete


def check_description(
    description: Mapping[str, Any],
    file: str | PathLike[str],
    network_spec: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
) -> None:
    """Check that a checkpoint belongs to a network and to its inputs.

    Args:
        description: "network" and "inputs" of the checkpoint; an absent entry passes.
        file: The checkpoint, for the message.
        network_spec: Network specification; None skips this check.
        inputs: How images are made; None skips this check.

    Raises:
        ValueError: If they differ. The message gives the keys that fit the checkpoint.

    Example:
        >>> check_description({"inputs": {"image_size": 64}}, "model.pt", inputs={"image_size": 96})
        Traceback (most recent call last):
        ...
        ValueError: image_size must be 64, with which 'model.pt' was trained, but is 96. Run with --image_size "64", ...
    """
    if network_spec is not None:
        _check_network_spec(description.get("network"), network_spec, file)
    if inputs is not None:
        _check_inputs(description.get("inputs"), inputs, file)


def _check_network_spec(found: Any, network_spec: Mapping[str, Any], file: str | PathLike[str]) -> None:
    """Raise if a checkpoint's description names another network."""
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


def _check_inputs(found: Any, inputs: Mapping[str, Any], file: str | PathLike[str]) -> None:
    """Raise if a checkpoint's description names other inputs."""
    for key, now in inputs.items():
        then = found.get(key, now) if isinstance(found, Mapping) else now
        same = list(then) == list(now) if isinstance(now, Sequence) and isinstance(then, Sequence) else then == now
        remedy = f'Run with --{key} "{then}", or train anew for {now}.'
        check(same, key, f"{then}, with which {str(file)!r} was trained", now, remedy)
