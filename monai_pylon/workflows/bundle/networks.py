"""Networks by name: a bundle's `networks.json` is the table of the paper's comparison, as data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from torch import nn

from monai_pylon.utils import check_choice, check_type
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.bundle.overrides import running_workflow

__all__ = ["explained_layer", "make_network", "network_table"]


def _networks_file(bundle_root: str | PathLike[str], bundle: str) -> dict[str, Any]:
    running = running_workflow()
    places = [Path(bundle_root).expanduser() / "configs", *([running.config_root_path] if running else [])]
    file = next((place / "networks.json" for place in places if (Path(place) / "networks.json").is_file()), None)
    file = bundle_folder(bundle) / "configs" / "networks.json" if file is None else file
    return json.loads(Path(file).read_text(encoding="utf-8"))


def network_table(
    bundle_root: str | PathLike[str] = ".", bundle: str = "chest_xray_classification_pylon"
) -> dict[str, dict[str, Any]]:
    """The networks that a bundle knows: `configs/networks.json` of the bundle root, else of the running bundle, else
    of the bundle in this package's checkout.

    Args:
        bundle_root: the bundle's folder.
        bundle: its name.

    Returns:
        by name, the network's class (``_target_``) and arguments.

    Example:
        >>> network_table()["pylon_no_pa"]["pyramid_attention"]
        False
    """
    return _networks_file(bundle_root, bundle)["networks"]


def explained_layer(
    name: str, bundle_root: str | PathLike[str] = ".", bundle: str = "chest_ct_classification_axialnet"
) -> str | None:
    """The layer at which a network of a bundle is explained by HiResCAM and Grad-CAM: its last convolution.

    Args:
        name: in the bundle's table.
        bundle_root: the bundle's folder; see :func:`network_table`.
        bundle: its name.

    Returns:
        the layer's name; None where places are lost before it, so that no map can be made.

    Raises:
        ValueError: where the table has no such network.

    Example:
        >>> explained_layer("axialnet"), explained_layer("ctnet")
        ('reduction', None)
    """
    content = _networks_file(bundle_root, bundle)
    check_choice(name, content["networks"], "network_name")
    return content["layers"].get(name)


def make_network(
    network_spec: Mapping[str, Any],
    bundle_root: str | PathLike[str] = ".",
    bundle: str = "chest_xray_classification_pylon",
    **more: Any,
) -> nn.Module:
    """Make a network out of its network_spec: its name in the bundle's table, and the arguments that differ from the
    table's.

    Args:
        network_spec: "name", and arguments such as "encoder" or "num_classes". Where the table lists "inputs", such
        as an image
            size that each class of network takes under another name, it fills them in wherever the table refers to
            them.
        bundle_root: the bundle's folder; see :func:`network_table`.
        bundle: its name.
        more: arguments that do not tell networks apart, such as ``chunk_size``; None for the network's own.

    Returns:
        the network: an image (N, C, *spatial) to logits (N, M).

    Raises:
        ValueError: where the table has no such network; the error names the nearest one.
        TypeError: for an argument that this network does not have.

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
