"""The Pyramid Attention Network against its paper in plain functions."""

from __future__ import annotations

import inspect

import pytest
import torch

from monai_pylon.networks.nets import PAN
from tests.networks.tiny import TinyEncoder, decode
from tests.references import segmentation_nets


@pytest.mark.parametrize(("size", "image_pooling"), [((256, 256), True), ((70, 150), True), ((70, 150), False)])
def test_equals_the_reference(size, image_pooling):
    net = PAN(encoder=TinyEncoder(), decoder_channels=8, image_pooling=image_pooling)
    decoded, state, maps = decode(net, size)
    assert any("pooling" in key for key in state) == image_pooling
    assert any("gate" in key for key in state) == image_pooling
    torch.testing.assert_close(decoded, segmentation_nets.pyramid_decoder(state, maps), rtol=0, atol=1e-12)
    assert net.head.kernel_size == (3, 3)
    assert {state[f"up.{i}.layers.0.conv.weight"].shape[2:] for i in range(3)} == {(3, 3)}
    assert [len(up.layers) for up in net.decoder.up] == [1, 1, 1]


def test_defaults_are_the_papers():
    defaults = {name: p.default for name, p in inspect.signature(PAN).parameters.items()}
    assert [defaults[name] for name in ("decoder_channels", "image_pooling")] == [32, True]


def test_global_average_cannot_be_trained_on_one_image():
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        PAN(encoder=TinyEncoder()).train()(torch.randn(1, 1, 512, 512))
