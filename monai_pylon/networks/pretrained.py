"""Loading of weights from files of several origins, or of ImageNet weights from the internet."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets.efficientnet import url_map
from torch import nn
from torch.hub import get_dir, load_state_dict_from_url

from monai_pylon.networks.weights import convert_weights, unwrapped
from monai_pylon.utils import check, check_type

__all__ = ["load_weights", "read_weights"]

State = dict[str, torch.Tensor]

_TIMM = "https://huggingface.co/timm/{}.tv_in1k/resolve/main/pytorch_model.bin"
#: URLs of ImageNet weights: torchvision's first ones, from which the papers started, as timm publishes them, and those
#: of MONAI's EfficientNet.
IMAGENET_URLS = {
    **{name: _TIMM.format(name) for name in ("resnet18", "resnet34", "resnet50", "densenet121")},
    "efficientnet_b0": url_map["efficientnet-b0"],
}


def read_weights(weights: str | Path, encoder: str = "") -> State:
    """Read weights from a file, or ImageNet weights, and convert their names to ours.

    ImageNet weights are downloaded once; ``torch.hub`` keeps them.

    Args:
        weights: "imagenet", or a file of torchvision, timm, the PYLON authors or this package, written by
            ``torch.save``. It is read with ``weights_only=True``: it cannot run code.
        encoder: Name of the encoder, for ImageNet weights.

    Returns:
        Tensors, such as (64, C, 7, 7), by name.

    Raises:
        ValueError: If there is no such file, or it has no weights.
        RuntimeError: If ImageNet weights cannot be downloaded. The message tells how to add them by hand.

    Example:
        >>> read_weights("nowhere.pth")
        Traceback (most recent call last):
        ...
        ValueError: weights must be "imagenet" or a file that exists, but is 'nowhere.pth'.
    """
    check_type(weights, (str, Path), "weights")
    if weights == "imagenet":
        known = ", ".join(IMAGENET_URLS)
        check(encoder in IMAGENET_URLS, "weights", f"a file, or the encoder one of {known}", "imagenet")
        return convert_weights(_fetch(IMAGENET_URLS[encoder], encoder))
    check(Path(weights).is_file(), "weights", '"imagenet" or a file that exists', str(weights))
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        remedy = "Is it whole? Is it a state dict, saved by torch.save(net.state_dict(), file)?"
        raise ValueError(f"weights must be a file of tensors, but {weights} cannot be read. {remedy}") from error
    state = unwrapped(state)
    tensors = isinstance(state, Mapping) and state and all(isinstance(v, torch.Tensor) for v in state.values())
    check(bool(tensors), "weights", "a file with a state dict, names to tensors", str(weights))
    return convert_weights(state)


def _fetch(url: str, encoder: str) -> Mapping[str, Any]:
    """Download ImageNet weights, or read them from torch.hub's folder."""
    name = f"{encoder}_imagenet.pth"
    try:
        return load_state_dict_from_url(url, map_location="cpu", file_name=name, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise RuntimeError(f"{Path(get_dir()) / 'checkpoints' / name} cannot be read. Delete it: {error}") from error
    except (HTTPException, OSError) as error:
        raise RuntimeError(
            f"weights='imagenet' needs {url}, which cannot be reached from here ({error}). Fetch that file elsewhere, "
            f"then either put it at {Path(get_dir()) / 'checkpoints' / name} or give its path as weights."
        ) from error


def _fit_stem(state: State, own: Mapping[str, torch.Tensor]) -> State:
    """Average the first convolution over its input channels if the network has another number of them."""
    stems = [key for key in state if key.endswith(("conv1.weight", "conv0.weight", "_conv_stem.weight")) and key in own]
    for key in stems:
        value, wanted = state[key], own[key].shape
        if value.shape[1] == 3 != wanted[1] and value.shape[2:] == wanted[2:]:
            return state | {key: value.mean(1, keepdim=True).expand(wanted).contiguous()}
    return state


def load_weights(network: nn.Module, weights: str | Path) -> None:
    """Load weights into an encoder, or into a network with an encoder, strictly and in place.

    Weights of a whole network are loaded into a network as a whole; into an encoder, those of its encoder are loaded.
    Weights of an encoder are loaded into the network's encoder, and its other weights do not change. A first
    convolution for three channels is averaged over them if the network has another number.

    Args:
        network: Encoder, or network with ``encoder``, for images (N, C, *spatial).
        weights: "imagenet" or a file; see :func:`read_weights`.

    Raises:
        ValueError: If the weights belong to another network. The message names a key and the shapes.

    Example:
        >>> load_weights(nn.Conv2d(1, 1, 1), "nowhere.pth")
        Traceback (most recent call last):
        ...
        ValueError: weights must be "imagenet" or a file that exists, but is 'nowhere.pth'.
    """
    encoder = getattr(network, "encoder", network)
    state = read_weights(weights, getattr(encoder, "name", ""))
    whole = any(key.startswith("encoder.") for key in state)
    if whole and network is encoder:
        state = {key.removeprefix("encoder."): v for key, v in state.items() if key.startswith("encoder.")}
    target = network if whole else encoder
    own = target.state_dict()
    state = _fit_stem(state, own)
    counters = {key for key in own if key.endswith("num_batches_tracked")}  # older checkpoints have none
    odd = sorted((set(own) - counters) ^ (set(state) - counters)) or [
        f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    remedy = "Give the arguments that they were made with; load_weights(net.encoder, file) takes the encoder alone."
    requirement = f"those of this {type(target).__name__} (they differ in {', '.join(odd[:3])})"
    check(not odd, "weights", requirement, str(weights), remedy)
    target.load_state_dict({key: state.get(key, own[key]) for key in own})
