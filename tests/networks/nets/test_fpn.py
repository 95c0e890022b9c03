"""The feature pyramid network against its paper in plain functions."""

from __future__ import annotations

import inspect

import pytest
import torch

from monai_pylon.networks.nets import FPN
from tests.networks.tiny import TinyEncoder, decode
from tests.references import segmentation_nets


@pytest.mark.parametrize(("size", "norm"), [((256, 256), "group"), ((70, 150), "batch"), ((70, 150), "group")])
def test_equals_the_reference(size, norm):
    net = FPN(encoder=TinyEncoder(), pyramid_channels=16, segmentation_channels=32, norm=norm)
    decoded, state, maps = decode(net, size)
    assert any("running_mean" in key for key in state) == (norm == "batch")
    assert not any(key.startswith("segment") and key.endswith("conv.bias") for key in state)
    torch.testing.assert_close(decoded, segmentation_nets.fpn(state, maps), rtol=0, atol=1e-11)


def test_defaults_are_the_papers():
    defaults = {name: p.default for name, p in inspect.signature(FPN).parameters.items()}
    names = ("pyramid_channels", "segmentation_channels", "norm", "dropout")
    assert [defaults[name] for name in names] == [256, 128, "group", 0.2]
    assert FPN(encoder=TinyEncoder(), dropout=0.3).decoder.dropout.p == 0.3


def test_dropout_drops_whole_channels_in_training():
    net = FPN(encoder=TinyEncoder(), segmentation_channels=32, dropout=0.5).train()
    dropped = (net.decoder.dropout(torch.ones(2, 32, 4, 4)) == 0).flatten(2)
    assert torch.equal(dropped.any(2), dropped.all(2))
    assert 0 < dropped.all(2).sum() < 64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"norm": "grup"}, "Did you mean 'group'"),
        ({"segmentation_channels": 48}, "segmentation_channels must be a multiple of 32 with group normalization"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        FPN(encoder=TinyEncoder(), **arguments)


def test_batch_norm_takes_any_number_of_channels():
    assert FPN(encoder=TinyEncoder(), segmentation_channels=5, norm="batch").decoder.out_channels == 5
