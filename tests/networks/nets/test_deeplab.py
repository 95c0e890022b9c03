"""DeepLabV3+ against its paper in plain functions."""

from __future__ import annotations

import inspect

import pytest
import torch

from monai_pylon.networks.nets import DeepLabV3Plus
from tests.networks.tiny import TinyEncoder, decode, shake_
from tests.references import segmentation_nets

DILATED = (2, 4, 8, 16, 16)


@pytest.mark.parametrize(
    ("size", "arguments"), [((256, 256), {}), ((70, 150), {"image_pooling": False}), ((96, 96), {"rates": (2, 3)})]
)
def test_equals_the_reference(size, arguments):
    encoder = TinyEncoder(strides=DILATED)
    net = DeepLabV3Plus(encoder=encoder, decoder_channels=16, low_level_channels=5, **arguments)
    decoded, state, maps = decode(net, size)
    assert decoded.shape[2:] == maps[1].shape[2:]
    assert any("pooling" in key for key in state) == arguments.get("image_pooling", True)
    torch.testing.assert_close(decoded, segmentation_nets.deeplab(state, maps, **arguments), rtol=0, atol=1e-12)


def test_defaults_are_the_papers():
    defaults = {name: p.default for name, p in inspect.signature(DeepLabV3Plus).parameters.items()}
    names = ("decoder_channels", "low_level_channels", "rates", "image_pooling")
    assert [defaults[name] for name in names] == [256, 48, (12, 24, 36), True]


def test_named_encoder_is_dilated():
    net = DeepLabV3Plus(encoder="resnet18", decoder_channels=8).eval()
    assert net.encoder.strides == DILATED
    assert net.encoder(torch.zeros(1, 1, 64, 64))[-1].shape[2:] == (4, 4)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [(TinyEncoder(), r"encoder.strides must be \(2, 4, 8, 16, 16\)"), ("densenet121", "encoder must be a ResNet")],
)
def test_encoders_without_dilation_are_refused(encoder, message):
    with pytest.raises(ValueError, match=message):
        DeepLabV3Plus(encoder=encoder)


def test_global_average_cannot_be_trained_on_one_image():
    net = shake_(DeepLabV3Plus(encoder=TinyEncoder(strides=DILATED), decoder_channels=8)).train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        net(torch.randn(1, 1, 512, 512))
