"""Networks by name: a bundle's `networks.json` is the table of the paper's comparison."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import nn

from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.utils import check_choice, check_type
from monai_pylon.workflows.bundle.folders import bundle_folder

__all__ = [
    "default_weights",
    "encoder_description",
    "explained_layer",
    "make_network",
    "network_specification",
    "network_table",
]


def _networks_file(bundle_root: str | PathLike[str], bundle: str) -> dict[str, Any]:
    """Read `configs/networks.json` of the bundle root if it is there, otherwise that of the installed bundle."""
    folders = (Path(bundle_root).expanduser(), bundle_folder(bundle))
    files = [folder / "configs" / "networks.json" for folder in folders]
    return json.loads(next(file for file in files if file.is_file()).read_text(encoding="utf-8"))


def network_table(
    bundle_root: str | PathLike[str] = ".", bundle: str = "chest_xray_classification_pylon"
) -> dict[str, dict[str, Any]]:
    """Read the networks of a bundle.

    Args:
        bundle_root: Folder whose `configs/networks.json` is read. If it has none, the installed bundle's is read.
        bundle: Name of the installed bundle.

    Returns:
        For each name the network's class (``_target_``) and arguments.

    Example:
        >>> network_table()["pylon_no_pa"]["pyramid_attention"]
        False
    """
    return _networks_file(bundle_root, bundle)["networks"]


def explained_layer(
    name: str, bundle_root: str | PathLike[str] = ".", bundle: str = "chest_ct_classification_axialnet"
) -> str | None:
    """Return the layer at which HiResCAM and Grad-CAM explain a network: its last convolution.

    Args:
        name: Name in the bundle's table.
        bundle_root: See :func:`network_table`.
        bundle: See :func:`network_table`.

    Returns:
        The layer's name; None if positions are lost before it, so that no map exists.

    Raises:
        ValueError: If the table has no such network.

    Example:
        >>> explained_layer("axialnet"), explained_layer("ctnet")
        ('reduction', None)
    """
    content = _networks_file(bundle_root, bundle)
    check_choice(name, content["networks"], "network_name")
    return content["layers"].get(name)


def encoder_description(encoder: str | nn.Module) -> str | dict[str, str]:
    """Describe an encoder in JSON values.

    Args:
        encoder: Name, or a module of your own that computes feature maps (N, C, *grid).

    Returns:
        The name itself, or the dotted name of the module's class as ``_target_``.

    Example:
        >>> encoder_description("resnet18"), encoder_description(nn.Identity())
        ('resnet18', {'_target_': 'torch.nn.modules.linear.Identity'})
    """
    if not isinstance(encoder, nn.Module):
        return encoder
    return {"_target_": f"{type(encoder).__module__}.{type(encoder).__qualname__}"}


def network_specification(
    name: str,
    encoder: str | nn.Module,
    settings: Mapping[str, Any] | None = None,
    image_size: Sequence[int] | None = None,
    labels: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Describe a network by its name and arguments, as checkpoints keep it.

    Args:
        name: Name in the bundle's table.
        encoder: Name of the encoder, or a module of your own, of which the class is named.
        settings: Further arguments of the network.
        image_size: Image size, if the network depends on it.
        labels: Names of the labels; left out if they are those of the paper.

    Returns:
        "name" and arguments, as plain JSON values.

    Example:
        >>> network_specification("pylon", "resnet18", {"decoder_channels": 8})
        {'name': 'pylon', 'encoder': 'resnet18', 'decoder_channels': 8}
    """
    specification: dict[str, Any] = {"name": name, "encoder": encoder_description(encoder)}
    if image_size is not None:
        specification["image_size"] = list(image_size)
    if labels is not None and tuple(labels) not in (CHEST_CT_LABELS, CHEST_XRAY14_LABELS):
        specification["labels"] = list(labels)
    return {**specification, **(settings or {})}


def default_weights(dataset_dir: str | PathLike[str], network_name: str = "", untrained: Sequence[str] = ()) -> str:
    """Choose the weights from which a training starts if none are named.

    Args:
        dataset_dir: Folder of the dataset, or "phantom".
        network_name: Name of the network.
        untrained: Names of the networks that start from random weights.

    Returns:
        "scratch" for phantoms and untrained networks, otherwise "imagenet".

    Example:
        >>> default_weights("phantom"), default_weights("ChestX-ray14")
        ('scratch', 'imagenet')
    """
    return "scratch" if str(dataset_dir) == "phantom" or network_name in untrained else "imagenet"


def make_network(
    network_spec: Mapping[str, Any],
    bundle_root: str | PathLike[str] = ".",
    bundle: str = "chest_xray_classification_pylon",
    **more: Any,
) -> nn.Module:
    """Make a network from its specification.

    Args:
        network_spec: "name" in the bundle's table, and arguments that differ from the table's, such as "encoder". If
            the table lists "inputs", such as an image size that each class takes under another name, they are filled
            in where the table refers to them.
        bundle_root: See :func:`network_table`.
        bundle: See :func:`network_table`.
        more: Arguments that override the specification, such as ``chunk_size`` or a module as ``encoder``; None keeps
            the specification or the network's default.

    Returns:
        The network: image (N, C, *spatial) to logits (N, M).

    Raises:
        ValueError: If the table has no such network. The message names the nearest one.
        TypeError: If the network has no such argument.

    Example:
        >>> net = make_network({"name": "backbone", "encoder": "resnet18", "num_classes": 3})
        >>> type(net).__name__, net.head.out_channels
        ('MaxPoolBackbone', 3)
    """
    check_type(network_spec, Mapping, "network_spec")
    content = _networks_file(bundle_root, bundle)
    arguments = {**network_spec, **{name: value for name, value in more.items() if value is not None}}
    name = arguments.pop("name", None)
    check_choice(name, content["networks"], "network_name")
    inputs = {key: arguments.pop(key, value) for key, value in content.get("inputs", {}).items()}
    return ConfigParser({**inputs, "network": {**content["networks"][name], **arguments}}).get_parsed_content("network")
