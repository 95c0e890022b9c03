"""Weights of others under our names: torchvision, timm, EfficientNet-PyTorch and the PYLON authors.

Pure: dictionaries in, dictionaries out. Reading files and loading them into networks is in ``pretrained``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from monai_pylon.utils import check, check_type

__all__ = [
    "convert_efficientnet",
    "convert_pylon_checkpoint",
    "convert_torchvision_densenet",
    "convert_torchvision_resnet",
    "convert_weights",
]

State = dict[str, torch.Tensor]

_RESNET = re.compile(
    r"(conv1|bn1|layer[1-4]\.\d+\.(conv[1-3]|bn[1-3]|downsample\.[01]))\."
    r"(weight|bias|running_mean|running_var|num_batches_tracked)"
)
#: timm's names within a block, for the first stack and for the others.
_TIMM_BLOCK = (
    {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"},
    {
        **{"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"},
        **{"conv_pwl": "_project_conv", "bn3": "_bn2"},
    },
)
_SQUEEZE = {"se.conv_reduce": "_se_reduce", "se.conv_expand": "_se_expand"}
#: Blocks in each stack of EfficientNet-B0.
_STACKS = (1, 2, 2, 3, 3, 4, 1)


def _renamed(state_dict: Mapping[str, Any], rename: Callable[[str], str | None], whose: str) -> State:
    """Rename every key; a key that is dropped becomes "", one that is not known None, and that is an error."""
    check_type(state_dict, Mapping, "state_dict", "Load the file with torch.load(..., weights_only=True) first.")
    names = {key: rename(key.removeprefix("module.")) for key in state_dict}
    unknown = [key for key, name in names.items() if name is None]
    check(bool(names) and not unknown, "state_dict", whose, unknown[:3] or "empty", "Is it another network's?")
    return {name: state_dict[key] for key, name in names.items() if name}


def convert_torchvision_resnet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """A ResNet of torchvision or timm (the names are the same) as an encoder of ours: without its classifier.

    Args:
        state_dict: the checkpoint; the first weight is (64, C, 7, 7).

    Returns:
        state dict of ``make_encoder("resnet18" | "resnet34" | "resnet50", 2, C)``.

    Raises:
        ValueError: where a key is not a ResNet's.

    Example:
        >>> list(convert_torchvision_resnet({"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(1000)}))
        ['conv1.weight']
    """

    def rename(key: str) -> str | None:
        return "" if key.startswith("fc.") else key if _RESNET.fullmatch(key) else None

    return _renamed(state_dict, rename, "a ResNet of torchvision")


def convert_torchvision_densenet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """A DenseNet of torchvision (old or new names) or timm as an encoder of ours: without its classifier.

    Args:
        state_dict: the checkpoint; the first weight is (64, C, 7, 7).

    Returns:
        state dict of ``make_encoder("densenet121", 2, C)``.

    Raises:
        ValueError: where a key is not a DenseNet's.

    Example:
        >>> list(convert_torchvision_densenet({"features.denseblock1.denselayer1.norm.1.weight": torch.zeros(64)}))
        ['features.denseblock1.denselayer1.layers.norm1.weight']
    """

    def rename(key: str) -> str | None:
        if key.startswith("classifier."):
            return ""
        name = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", key)
        return name if re.match(r"features\.(conv0|norm[05]|denseblock|transition)", name) else None

    return _renamed(state_dict, rename, "a DenseNet of torchvision")


def convert_efficientnet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """An EfficientNet-B0 of EfficientNet-PyTorch (where MONAI takes its weights) or of timm as an encoder of ours.

    Of timm's weights take those called ``tf_efficientnet_b0``: they were trained with the padding that MONAI's network
    has. The others load too, and lose some of their accuracy.

    Args:
        state_dict: the checkpoint; the first weight is (32, C, 3, 3).

    Returns:
        state dict of ``make_encoder("efficientnet_b0", 2, C)``.

    Raises:
        ValueError: where a key is not an EfficientNet-B0's.

    Example:
        >>> list(convert_efficientnet({"blocks.1.1.conv_pw.weight": torch.zeros(144, 24, 1, 1)}))
        ['_blocks.1.2._expand_conv.weight']
    """
    first = [sum(_STACKS[:stack]) for stack in range(len(_STACKS))]
    stems = {"conv_stem": "_conv_stem", "bn1": "_bn0", "_conv_stem": "_conv_stem", "_bn0": "_bn0"}

    def rename(key: str) -> str | None:
        module, _, kind = key.rpartition(".")
        if module in ("_conv_head", "_bn1", "_fc", "conv_head", "bn2", "classifier"):
            return ""
        if module in stems:
            return f"{stems[module]}.{kind}"
        if found := re.fullmatch(r"blocks\.([0-6])\.(\d)\.(.+)", module):
            stack, block = int(found[1]), int(found[2])
            inner = (_TIMM_BLOCK[min(stack, 1)] | _SQUEEZE).get(found[3])
            return inner and f"_blocks.{stack}.{first[stack] + block}.{inner}.{kind}"
        if found := re.fullmatch(r"_blocks\.(\d+)\.(\w+)", module):
            block = int(found[1])
            stack = sum(block >= start for start in first[1:])
            return f"_blocks.{stack}.{block}.{found[2]}.{kind}"
        return None

    return _renamed(state_dict, rename, "an EfficientNet-B0")


def _pylon_name(key: str) -> str | None:
    """Our name for a key of the PYLON authors' network."""
    key = key.replace(".bn.", ".adn.N.")
    if key.startswith("net.encoder."):
        return None if not _RESNET.fullmatch(inner := key.removeprefix("net.encoder.")) else f"encoder.{inner}"
    if found := re.fullmatch(r"net\.segmentation_head\.0\.(weight|bias)", key):
        return f"head.{found[1]}"
    if found := re.fullmatch(r"net\.decoder\.pa\.mid\.0\.(.+)", key):
        return f"decoder.mid.{found[1]}"
    if found := re.fullmatch(r"net\.decoder\.pa\.down([123])\.1\.(.+)", key):
        return f"decoder.attention.down.{int(found[1]) - 1}.{found[2]}"
    if found := re.fullmatch(r"net\.decoder\.pa\.conv([123])\.(.+)", key):
        return f"decoder.attention.up.{int(found[1]) - 1}.{found[2]}"
    if found := re.fullmatch(r"net\.decoder\.up([123])\.conv1\.(?:([01])\.)?(.+)", key):
        return f"decoder.up.{3 - int(found[1])}.layers.{found[2] or 0}.{found[3]}"
    return None


def convert_pylon_checkpoint(state_dict: Mapping[str, Any]) -> State:
    """A checkpoint of the PYLON authors' program as one of :class:`~monai_pylon.networks.nets.PYLON`.

    Args:
        state_dict: the checkpoint, or a dictionary that holds it under "state_dict" or "model", or any part of one; its
            decoder ends in maps (N, 128, *grid), its head in (N, M, *grid).

    Returns:
        state dict that PYLON of the same arguments loads strictly.

    Raises:
        ValueError: where a key is none of theirs.

    Example:
        >>> list(convert_pylon_checkpoint({"net.decoder.up3.conv1.0.bn.weight": torch.ones(1024)}))
        ['decoder.up.0.layers.0.adn.N.weight']
    """
    return _renamed(unwrapped(state_dict), _pylon_name, "a checkpoint of the PYLON authors' program")


def unwrapped(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict in a training checkpoint, which may hold optimizers and counters beside it."""
    for key in ("state_dict", "model"):
        if isinstance(state_dict, Mapping) and isinstance(inner := state_dict.get(key), Mapping):
            return unwrapped(inner)
    return state_dict


def convert_weights(state_dict: Mapping[str, Any]) -> State:
    """Find out by its keys whose a state dict is, and convert it; one of ours stays as it is.

    Args:
        state_dict: of torchvision, timm, EfficientNet-PyTorch, the PYLON authors or ours, or a training checkpoint that
            holds one; the first weight is (64, C, 7, 7) or the like.

    Returns:
        state dict by our names, of an encoder or of a whole network.

    Raises:
        ValueError: where it is of a known kind and has keys that this kind does not have.

    Example:
        >>> list(convert_weights({"module.head.bias": torch.zeros(14)}))
        ['head.bias']
    """
    state_dict = unwrapped(state_dict)
    keys = {key.removeprefix("module.") for key in state_dict}
    if any(key.startswith("net.") for key in keys):
        return convert_pylon_checkpoint(state_dict)
    if "layer1.0.conv1.weight" in keys:
        return convert_torchvision_resnet(state_dict)
    if "features.conv0.weight" in keys and not any(".layers." in key for key in keys):
        return convert_torchvision_densenet(state_dict)
    if keys & {"conv_stem.weight", "_blocks.0._depthwise_conv.weight"}:
        return convert_efficientnet(state_dict)
    return {key.removeprefix("module."): value for key, value in state_dict.items()}
