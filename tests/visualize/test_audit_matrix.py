"""Tests that the audit of whole networks gives the verdicts of docs/researchers/explanations.md."""

from __future__ import annotations

import itertools
import json
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigParser
from monai.networks.nets import DenseNet121, EfficientNetBN, SEResNet50, resnet10, resnet18, resnet50
from torch import nn

from monai_pylon.visualize import audit_explanation
from tests.networks.tiny import TinyEncoder, shake_
from tests.visualize.nets import LABELS
from tests.visualize.test_audit import AFFINE, CAM, MAX, OTHER, SMALL

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "researchers" / "explanations.md"


def vgg(*classifier: nn.Module) -> nn.Module:
    """Make a small VGG: convolutions, ReLUs and max pooling, then a classifier of 256 features."""
    features = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(4),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(4),
    )  # fmt: skip
    return nn.Sequential(OrderedDict(features=features, classifier=nn.Sequential(nn.Flatten(), *classifier)))


def hidden(features: int) -> list[nn.Module]:
    """Make a hidden layer of VGG's classifier."""
    return [nn.Linear(features, 32), nn.ReLU(inplace=True), nn.Dropout()]


def resnet(make: Callable, dims: int = 2) -> nn.Module:
    """Make one of MONAI's ResNets with stride 2 in the first convolution."""
    return make(spatial_dims=dims, n_input_channels=1, num_classes=LABELS, conv1_t_stride=2)


COMMON: dict[str, Callable[[], nn.Module]] = {
    "DenseNet-121": lambda: DenseNet121(2, 1, LABELS),
    "ResNet-50": lambda: resnet(resnet50),
    "ResNet-18": lambda: resnet(resnet18),
    "ResNet-10 in 3D": lambda: resnet(resnet10, 3),
    "EfficientNet-B0": lambda: EfficientNetBN("efficientnet-b0", False, True, 2, 1, LABELS),
    "SE-ResNet-50": lambda: SEResNet50(spatial_dims=2, in_channels=1, num_classes=LABELS),
    "VGG-like, one linear layer": lambda: vgg(nn.Linear(256, LABELS)),
    "VGG-like, three linear layers": lambda: vgg(*hidden(256), *hidden(32), nn.Linear(32, LABELS)),
}

#: Network, layer, verdict, and the better layer that the audit names.
COMMON_ROWS: list[tuple[str, str, str, str | None]] = [
    ("DenseNet-121", "class_layers.relu", CAM, None),
    ("DenseNet-121", "features", OTHER, "class_layers.relu"),
    ("DenseNet-121", "features.denseblock3", OTHER, "class_layers.relu"),
    ("ResNet-50", "layer4", CAM, None),
    ("ResNet-18", "layer4", CAM, None),
    ("ResNet-18", "layer4.1.act", CAM, None),
    ("ResNet-18", "layer4.1.conv2", OTHER, "layer4"),
    ("ResNet-18", "layer3", OTHER, "layer4"),
    ("ResNet-10 in 3D", "layer4", CAM, None),
    ("EfficientNet-B0", "_swish", CAM, None),
    ("EfficientNet-B0", "_bn1", OTHER, "_swish"),
    ("SE-ResNet-50", "layer4", CAM, None),
    ("SE-ResNet-50", "layer3", OTHER, "layer4"),
    ("VGG-like, one linear layer", "features", AFFINE, None),
    ("VGG-like, one linear layer", "features.3", OTHER, "features"),
    ("VGG-like, three linear layers", "features", OTHER, None),
]

MAX_POOLED = [
    *("pylon", "pylon_no_pa", "pylon_att", "pylon_1up", "pylon_2up", "backbone"),
    *("deeplab", "deeplab_no_gap", "fpn", "fpn_bn", "pan", "pan_no_gap"),
]
#: The bundles' network_name, layer, and verdict.
OUR_ROWS: list[tuple[str, str, str]] = [
    *((name, "head", MAX) for name in MAX_POOLED),
    ("li2018", "head", OTHER),
    ("axialnet", "reduction", AFFINE),
    ("axialnet_rand_init", "reduction", AFFINE),
    ("axialnet_no_custom_conv", "reduction", AFFINE),
    ("axialnet_no_custom_conv", "encoder.layer4", AFFINE),
    ("axialnet_max_pool", "reduction", OTHER),
    ("axialnet_sigmoid_mean", "reduction", OTHER),
    ("bodycam", "reduction", CAM),
    ("bodyconv", "convolutions", OTHER),
    ("conv3d", "convolutions", OTHER),
    ("ctnet", "encoder.layer4", OTHER),
]


def defined_in(bundle: str) -> dict[str, dict]:
    """Read the definitions of a bundle's networks by name."""
    return json.loads((ROOT / "bundles" / bundle / "configs" / "networks.json").read_text(encoding="utf-8"))["networks"]


RADIOGRAPHS = defined_in("chest_xray_classification_pylon")
SCANS = defined_in("chest_ct_classification_axialnet")


def ours(name: str) -> tuple[nn.Module, torch.Tensor]:
    """Make a small version of one of the bundles' networks, and an example input."""
    definition = {**(RADIOGRAPHS | SCANS)[name], "num_classes": LABELS}
    size = [64, 64] if name in RADIOGRAPHS else [64, 64, 9]
    size = {"bodyconv": [162, 162, 81], "conv3d": [162, 162, 81], "ctnet": [162, 162, 9]}.get(name, size)
    if name.startswith(("axialnet", "bodycam")):
        definition["reduction_padding"] = 1
    if name in RADIOGRAPHS or name == "ctnet":  # CT-Net convolves over features and needs many of them
        definition["encoder"] = "resnet18"
    elif name != "conv3d":
        definition["encoder"] = encoder = TinyEncoder(2, 3)
        encoder.layer4 = encoder.stages[-1]  # the name in a ResNet
    network = ConfigParser({"image_size": size, "network": definition}).get_parsed_content("network")
    return shake_(network), torch.rand(1, 1, *size)


@pytest.mark.parametrize(("name", "layer", "architecture", "better"), COMMON_ROWS)
def test_common_networks(name: str, layer: str, architecture: str, better: str | None) -> None:
    example = torch.rand(1, 1, *[64] * (3 if "3D" in name else 2))
    audit = audit_explanation(COMMON[name](), layer, example)
    assert audit.architecture == architecture
    if architecture != OTHER:
        assert audit.residual <= 1e-4
    if better is not None:
        assert f"one of the layer {better} would be" in audit.reason
        named = [row for row in COMMON_ROWS if row[:2] == (name, better)]
        assert named, "the named layer must have a row"
        assert named[0][2] != OTHER, "the named layer must have a guarantee"
    else:
        assert "would be" not in audit.reason


@pytest.mark.parametrize(("name", "layer", "architecture"), OUR_ROWS)
def test_networks_of_this_package(name: str, layer: str, architecture: str) -> None:
    network, example = ours(name)
    audit = audit_explanation(network, layer, example)
    assert audit.architecture == architecture
    if architecture != OTHER:
        assert audit.residual <= 1e-5


def test_axialnet_is_not_affine_after_the_encoder() -> None:
    network, example = ours("axialnet")
    audit = audit_explanation(network, "encoder.layer4", example)
    assert audit.architecture == OTHER
    assert "ReLU at reduction.1 and 3 more" in audit.reason
    assert "one of the layer reduction would be" in audit.reason


def documented(heading: str) -> list[list[str]]:
    """Read the table under a heading. An empty first column repeats the row above."""
    text = PAGE.read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n#")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    for above, row in itertools.pairwise(rows):
        row[0] = row[0] or above[0]
    return rows


def quoted(cell: str) -> list[str]:
    """List the code words of a table cell."""
    return re.findall(r"`(.+?)`", cell)


def test_page_agrees_for_common_networks() -> None:
    rows = [(row[0], layer, row[2]) for row in documented("Common networks") for layer in quoted(row[1])]
    assert sorted(rows) == sorted(row[:3] for row in COMMON_ROWS)


def test_page_agrees_for_networks_of_this_package() -> None:
    rows = documented("The networks of this package")
    documented_rows = [(name, layer, row[2]) for row in rows for name in quoted(row[0]) for layer in quoted(row[1])]
    assert sorted(documented_rows) == sorted(OUR_ROWS)
    assert {row[0] for row in documented_rows} == {*RADIOGRAPHS, *SCANS}, "every network of the bundles needs a row"


def test_page_agrees_for_heads_in_general() -> None:
    for name, verdict in documented("Classification heads in general"):
        assert re.split(r" \(|:", verdict)[0] == SMALL[name][1]
