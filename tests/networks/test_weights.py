"""Converted weights: the network computes the same as a reference on the original names."""

from __future__ import annotations

import re

import pytest
import torch

from monai_pylon.networks import make_encoder
from monai_pylon.networks.nets import PYLON
from monai_pylon.networks.weights import (
    convert_efficientnet,
    convert_pylon_checkpoint,
    convert_torchvision_densenet,
    convert_torchvision_resnet,
    unwrapped,
)
from tests.networks.tiny import shake_
from tests.references.torchvision_nets import densenet_features, resnet_features


def blocks_of(name: str) -> list[int]:
    return {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3], "resnet50": [3, 4, 6, 3]}[name]


def norm_state(name: str, channels: int) -> dict[str, torch.Tensor]:
    return {
        f"{name}.weight": torch.rand(channels) + 0.5,
        f"{name}.bias": torch.randn(channels) * 0.1,
        f"{name}.running_mean": torch.randn(channels) * 0.1,
        f"{name}.running_var": torch.rand(channels) + 0.5,
        f"{name}.num_batches_tracked": torch.tensor(1),
    }


def conv_state(name: str, *shape: int) -> dict[str, torch.Tensor]:
    fan_in = shape[1] * shape[2] * shape[3]
    return {f"{name}.weight": torch.randn(*shape) * (2 / fan_in) ** 0.5}


def torchvision_resnet_state(name: str, in_channels: int = 3) -> dict[str, torch.Tensor]:
    """Make random weights with torchvision's names from its architecture, independently of this package."""
    state = conv_state("conv1", 64, in_channels, 7, 7) | norm_state("bn1", 64)
    before = 64
    for layer, (width, blocks) in enumerate(zip((64, 128, 256, 512), blocks_of(name), strict=True), start=1):
        kernels, widths = ((1, 3, 1), (width, width, 4 * width)) if name == "resnet50" else ((3, 3), (width, width))
        for block in range(blocks):
            at, ins = f"layer{layer}.{block}", before
            for i, (kernel, out) in enumerate(zip(kernels, widths, strict=True), start=1):
                state |= conv_state(f"{at}.conv{i}", out, ins, kernel, kernel) | norm_state(f"{at}.bn{i}", out)
                ins = out
            if block == 0 and before != widths[-1]:
                state |= conv_state(f"{at}.downsample.0", widths[-1], before, 1, 1)
                state |= norm_state(f"{at}.downsample.1", widths[-1])
            before = widths[-1]
    return state | {"fc.weight": torch.randn(1000, before), "fc.bias": torch.randn(1000)}


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_a_converted_resnet_equals_the_reference(name):
    theirs = torchvision_resnet_state(name)
    encoder = make_encoder(name, 2, 3).eval()
    encoder.load_state_dict(convert_torchvision_resnet(theirs))
    x = torch.randn(1, 3, 96, 64)
    for ours, reference in zip(encoder(x), resnet_features(theirs, x), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))


@pytest.mark.parametrize("old_names", [False, True])
def test_a_converted_densenet_equals_the_reference(old_names):
    encoder = shake_(make_encoder("densenet121", 2, 3))
    state = encoder.state_dict()
    theirs = {key.replace(".layers.", "."): value for key, value in state.items()}
    x = torch.randn(1, 3, 96, 64)
    for ours, reference in zip(encoder(x), densenet_features(theirs, x), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))
    if old_names:  # names in torchvision's files, older than PyTorch's ban of points in names
        theirs = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", key): v for key, v in theirs.items()}
    converted = convert_torchvision_densenet(theirs | {"classifier.bias": torch.zeros(1000)})
    assert {key: id(value) for key, value in converted.items()} == {key: id(value) for key, value in state.items()}


#: Keys of this package, EfficientNet-PyTorch and timm for the same weight, from published checkpoints.
EFFICIENTNET = [
    ("_conv_stem.weight", "_conv_stem.weight", "conv_stem.weight"),
    ("_bn0.running_var", "_bn0.running_var", "bn1.running_var"),
    ("_blocks.0.0._depthwise_conv.weight", "_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"),
    ("_blocks.0.0._bn1.weight", "_blocks.0._bn1.weight", "blocks.0.0.bn1.weight"),
    ("_blocks.0.0._se_reduce.bias", "_blocks.0._se_reduce.bias", "blocks.0.0.se.conv_reduce.bias"),
    ("_blocks.0.0._project_conv.weight", "_blocks.0._project_conv.weight", "blocks.0.0.conv_pw.weight"),
    ("_blocks.0.0._bn2.bias", "_blocks.0._bn2.bias", "blocks.0.0.bn2.bias"),
    ("_blocks.1.2._expand_conv.weight", "_blocks.2._expand_conv.weight", "blocks.1.1.conv_pw.weight"),
    ("_blocks.3.5._bn0.bias", "_blocks.5._bn0.bias", "blocks.3.0.bn1.bias"),
    ("_blocks.4.10._depthwise_conv.weight", "_blocks.10._depthwise_conv.weight", "blocks.4.2.conv_dw.weight"),
    ("_blocks.5.14._bn1.weight", "_blocks.14._bn1.weight", "blocks.5.3.bn2.weight"),
    ("_blocks.6.15._se_expand.weight", "_blocks.15._se_expand.weight", "blocks.6.0.se.conv_expand.weight"),
    ("_blocks.6.15._project_conv.weight", "_blocks.15._project_conv.weight", "blocks.6.0.conv_pwl.weight"),
    ("_blocks.6.15._bn2.weight", "_blocks.15._bn2.weight", "blocks.6.0.bn3.weight"),
]


def test_names_of_efficientnet():
    known = make_encoder("efficientnet_b0", 2, 3).state_dict()
    for ours, pytorch, timm in EFFICIENTNET:
        assert ours in known
        assert list(convert_efficientnet({pytorch: torch.zeros(1)})) == [ours], pytorch
        assert list(convert_efficientnet({timm: torch.zeros(1)})) == [ours], timm


def test_every_key_of_efficientnet_pytorch_is_converted():
    """Removing the stack number gives EfficientNet-PyTorch's name, which the converter must map back."""
    ours = make_encoder("efficientnet_b0", 2, 3).state_dict()
    theirs = {re.sub(r"_blocks\.\d\.", "_blocks.", key): value for key, value in ours.items()}
    heads = {"_conv_head.weight": 0, "_bn1.weight": 0, "_fc.weight": 0, "_bn1.running_mean": 0}
    assert len(theirs) == len(ours)
    assert {key: id(v) for key, v in convert_efficientnet(theirs | heads).items()} == {
        k: id(v) for k, v in ours.items()
    }


def authors_names(net: PYLON) -> dict[str, torch.Tensor]:
    """Rename a PYLON's state to the names in the authors' released checkpoints."""
    state = {}
    for key, value in net.state_dict().items():
        key = key.replace("adn.N.", "bn.")
        key = re.sub(r"^encoder\.", "net.encoder.", key)
        key = re.sub(r"^head\.", "net.segmentation_head.0.", key)
        key = re.sub(r"^decoder\.mid\.", "net.decoder.pa.mid.0.", key)
        key = re.sub(r"^decoder\.attention\.down\.(\d)\.", lambda m: f"net.decoder.pa.down{int(m[1]) + 1}.1.", key)
        key = re.sub(r"^decoder\.attention\.up\.(\d)\.", lambda m: f"net.decoder.pa.conv{int(m[1]) + 1}.", key)
        key = re.sub(r"^decoder\.up\.(\d)\.layers\.", lambda m: f"net.decoder.up{3 - int(m[1])}.conv1.", key)
        if len(net.decoder.up[0].layers) == 1:
            key = key.replace(".conv1.0.", ".conv1.") if ".up" in key else key
        state[key] = value
    return state


@pytest.mark.parametrize("arguments", [{}, {"num_up": 1}, {"pyramid_attention": False, "up_layers": 1}], ids=str)
def test_a_released_checkpoint_loads_strictly(arguments):
    released = shake_(PYLON(encoder="resnet18", decoder_channels=16, **arguments))
    net = PYLON(encoder="resnet18", decoder_channels=16, **arguments).eval()
    state = authors_names(released)
    assert all(key.startswith("net.") for key in state)
    converted = convert_pylon_checkpoint(state)
    for wrapped in ({"state_dict": state, "epoch": 3}, {"model": state}):
        assert convert_pylon_checkpoint(wrapped).keys() == converted.keys()
    net.load_state_dict(converted)
    x = torch.randn(1, 1, 64, 64)
    torch.testing.assert_close(net(x), released(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("convert", "state", "message"),
    [
        (
            convert_torchvision_resnet,
            {"features.conv0.weight": 0},
            "not belong to a ResNet of torchvision: ['features.conv0",
        ),
        (convert_torchvision_resnet, {}, "state_dict must be that of a ResNet of torchvision, but is {}"),
        (convert_torchvision_densenet, {"conv1.weight": 0}, "a DenseNet of torchvision"),
        (convert_efficientnet, {"conv1.weight": 0}, "an EfficientNet-B0"),
        (convert_efficientnet, {"blocks.1.0.conv_tail.weight": 0}, "an EfficientNet-B0"),
        (convert_pylon_checkpoint, {"net.decoder.fpa.weight": 0}, "the PYLON authors' program"),
        (convert_pylon_checkpoint, {"net.encoder.features.weight": 0}, "the PYLON authors' program"),
    ],
)
def test_keys_of_another_network_are_named(convert, state, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        convert(state)


def test_other_types_than_mappings_are_refused():
    with pytest.raises(TypeError, match="state_dict must be of type Mapping"):
        convert_torchvision_resnet([1, 2])


def test_only_nested_mappings_are_unwrapped():
    state = {"model": torch.zeros(1), "head.bias": torch.zeros(2)}
    assert unwrapped(state) is state
    assert unwrapped({"state_dict": {"model": state}}) is state
