"""Conversion of state dicts from torchvision, timm, EfficientNet-PyTorch and the PYLON authors to this package's names.

The functions turn dictionaries into dictionaries. ``pretrained`` reads files and loads them into networks.
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
#: Blocks in each stack of EfficientNet-B0 and Lite0, and of Lite1 and Lite2.
_STACKS = (1, 2, 2, 3, 3, 4, 1)
_DEEPER_STACKS = (1, 3, 3, 4, 4, 5, 1)
#: First and last layers by the names of timm and EfficientNet-PyTorch.
_EFFICIENTNET_ENDS = {
    **{"conv_stem": "_conv_stem", "bn1": "_bn0", "_conv_stem": "_conv_stem", "_bn0": "_bn0"},
    **{"conv_head": "_conv_head", "bn2": "_bn1", "classifier": "_fc"},
    **{"_conv_head": "_conv_head", "_bn1": "_bn1", "_fc": "_fc"},
}


def _renamed(state_dict: Mapping[str, Any], rename: Callable[[str], str | None], source: str) -> State:
    """Rename every key, or raise an error if a key is unknown.

    Args:
        state_dict: State dict to convert.
        rename: Function from a key to its new name: "" drops the key, None means that the key is unknown.
        source: Noun phrase for the expected network, for the error message.
    """
    check_type(state_dict, Mapping, "state_dict", "Load the file with torch.load(..., weights_only=True) first.")
    names = {key: rename(key.removeprefix("module.")) for key in state_dict}
    unknown = [key for key, name in names.items() if name is None]
    check(bool(names), "state_dict", f"that of {source}", state_dict)
    if unknown:
        raise ValueError(f"state_dict has keys that do not belong to {source}: {unknown[:3]}. Load another file.")
    return {name: state_dict[key] for key, name in names.items() if name}


def convert_torchvision_resnet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """Convert a ResNet of torchvision or timm, which use the same names, and drop its classifier.

    Args:
        state_dict: State dict whose first weight is (64, C, 7, 7).

    Returns:
        State dict for ``make_encoder("resnet18" | "resnet34" | "resnet50", 2, C)``.

    Raises:
        TypeError: If state_dict is not a mapping.
        ValueError: If a key does not belong to a ResNet.

    Example:
        >>> list(convert_torchvision_resnet({"conv1.weight": torch.zeros(64, 3, 7, 7), "fc.bias": torch.zeros(1000)}))
        ['conv1.weight']
    """

    def rename(key: str) -> str | None:
        return "" if key.startswith("fc.") else key if _RESNET.fullmatch(key) else None

    return _renamed(state_dict, rename, "a ResNet of torchvision")


def convert_torchvision_densenet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """Convert a DenseNet of torchvision (old or new names) or timm and drop its classifier.

    Args:
        state_dict: State dict whose first weight is (64, C, 7, 7).

    Returns:
        State dict for ``make_encoder("densenet121", 2, C)``.

    Raises:
        TypeError: If state_dict is not a mapping.
        ValueError: If a key does not belong to a DenseNet.

    Example:
        >>> list(convert_torchvision_densenet({"features.denseblock1.denselayer1.norm.1.weight": torch.zeros(64)}))
        ['features.denseblock1.denselayer1.layers.norm1.weight']
    """

    return _renamed(state_dict, lambda key: _without_head(densenet_name(key)), "a DenseNet of torchvision")


def densenet_name(key: str) -> str | None:
    """Return MONAI's name for a key of a DenseNet of torchvision (old or new names), timm or CheXNet, or None."""
    if not key.startswith(("features.", "classifier.")):
        return None
    if found := re.fullmatch(r"classifier\.(?:0\.)?(weight|bias)", key):
        return f"class_layers.out.{found[1]}"
    name = re.sub(r"(denselayer\d+)\.(norm|conv)\.?([12])\.", r"\1.layers.\2\3.", key)
    return name if re.match(r"features\.(conv0|norm[05]|denseblock|transition)", name) else None


def old_densenet_name(key: str) -> str | None:
    """Return torchvision's present name for a key of its old DenseNet or of CheXNet, or None."""
    if not key.startswith(("features.", "classifier.")):
        return None
    if found := re.fullmatch(r"classifier\.(?:0\.)?(weight|bias)", key):
        return f"classifier.{found[1]}"
    return re.sub(r"(denselayer\d+)\.(norm|conv)\.([12])\.", r"\1.\2\3.", key) if key.startswith("features.") else None


def _without_head(name: str | None) -> str | None:
    """Return "" for a name of a classification head, so that it is dropped."""
    return "" if name is not None and name.startswith(("class_layers.", "_conv_head.", "_bn1.", "_fc.")) else name


def convert_efficientnet(state_dict: Mapping[str, torch.Tensor]) -> State:
    """Convert an EfficientNet-B0 of EfficientNet-PyTorch (the source of MONAI's weights) or timm.

    The classifier is dropped. Of timm's weights use ``tf_efficientnet_b0``, which were trained with the padding of
    MONAI's network. timm's other weights load too, but lose accuracy.

    Args:
        state_dict: State dict whose first weight is (32, C, 3, 3).

    Returns:
        State dict for ``make_encoder("efficientnet_b0", 2, C)``.

    Raises:
        TypeError: If state_dict is not a mapping.
        ValueError: If a key does not belong to an EfficientNet-B0.

    Example:
        >>> list(convert_efficientnet({"blocks.1.1.conv_pw.weight": torch.zeros(144, 24, 1, 1)}))
        ['_blocks.1.2._expand_conv.weight']
    """
    return _renamed(state_dict, lambda key: _without_head(efficientnet_name(key)), "an EfficientNet-B0")


def efficientnet_name(key: str, stacks: tuple[int, ...] = _STACKS) -> str | None:
    """Return MONAI's name for a key of an EfficientNet of EfficientNet-PyTorch or timm, or None.

    The stacks have B0's numbers of blocks, unless others are given.
    """
    if not key.startswith(("_", "blocks.", "conv_stem.", "conv_head.", "bn", "classifier.")):
        return None
    module, _, kind = key.rpartition(".")
    if module in _EFFICIENTNET_ENDS:
        return f"{_EFFICIENTNET_ENDS[module]}.{kind}"
    first_blocks = [sum(stacks[:stack]) for stack in range(len(stacks))]
    if found := re.fullmatch(r"blocks\.([0-6])\.(\d)\.(.+)", module):
        stack, block = int(found[1]), int(found[2])
        inner = (_TIMM_BLOCK[min(stack, 1)] | _SQUEEZE).get(found[3])
        return inner and f"_blocks.{stack}.{first_blocks[stack] + block}.{inner}.{kind}"
    if found := re.fullmatch(r"_blocks\.(\d+)\.(\w+)", module):
        block = int(found[1])
        stack = sum(block >= start for start in first_blocks[1:])
        return f"_blocks.{stack}.{block}.{found[2]}.{kind}"
    return None


def deeper_efficientnet_name(key: str) -> str | None:
    """Return MONAI's name for a key of an EfficientNet-Lite1 or Lite2, or None."""
    return efficientnet_name(key, _DEEPER_STACKS)


def pylon_name(key: str) -> str | None:
    """Return the name of a key of the PYLON authors' network in this package, or None if it is unknown."""
    if not key.startswith("net."):
        return None
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
    """Convert a checkpoint of the PYLON authors' program for :class:`~monai_pylon.networks.nets.PYLON`.

    Args:
        state_dict: State dict, a part of it, or a dictionary that holds it under "state_dict" or "model". Its decoder
            computes maps (N, 128, *grid), its head (N, M, *grid).

    Returns:
        State dict that PYLON with the same arguments loads strictly.

    Raises:
        TypeError: If state_dict is not a mapping.
        ValueError: If a key does not belong to the authors' program.

    Example:
        >>> list(convert_pylon_checkpoint({"net.decoder.up3.conv1.0.bn.weight": torch.ones(1024)}))
        ['decoder.up.0.layers.0.adn.N.weight']
    """
    return _renamed(unwrapped(state_dict), pylon_name, "a checkpoint of the PYLON authors' program")


def unwrapped(state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the state dict of a training checkpoint, which may also hold optimizers and counters."""
    for key in ("state_dict", "model"):
        if isinstance(state_dict, Mapping) and isinstance(inner := state_dict.get(key), Mapping):
            return unwrapped(inner)
    return state_dict
