"""The upsampling module and the decoder of PYLON and PAN against plain functions."""

from __future__ import annotations

import inspect

import pytest
import torch

from monai_pylon.networks.blocks.convolution import upsample_to
from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder, UpsamplingModule
from tests.networks.tiny import shake_
from tests.references import segmentation_nets

CHANNELS = (2, 3, 4, 5, 6)


def encoder_maps(*size):
    sizes = [[-(-edge // stride) for edge in size] for stride in (2, 4, 8, 16, 32)]
    return [torch.randn(2, width, *grid, dtype=torch.float64) for width, grid in zip(CHANNELS, sizes, strict=True)]


@pytest.mark.parametrize(("layers", "kernel"), [(None, None), (1, 3), (2, 5)])
def test_module_adds_convolutions_of_the_finer_map(layers, kernel):
    given = {} if layers is None else {"layers": layers, "kernel_size": kernel}
    up = shake_(UpsamplingModule(2, 3, 5, **given))
    fine, deep, state = torch.randn(2, 3, 6, 7), torch.randn(2, 5, 3, 4), dict(up.state_dict())
    detail = fine
    for layer in range(layers or 2):
        detail = segmentation_nets.conv(detail, state, f"layers.{layer}")
    assert len(up.layers) == (layers or 2)
    assert up.layers[0].conv.kernel_size == (kernel or 1, kernel or 1)
    assert up.layers[0].conv.out_channels == (5 if layers == 1 else 3)
    torch.testing.assert_close(up(fine, deep), segmentation_nets.enlarge(deep, fine.shape[2:]) + detail)


def test_gate_weighs_the_finer_maps_channels():
    up = shake_(UpsamplingModule(2, 3, 5, gate=True))
    fine, deep = torch.randn(2, 3, 6, 7), torch.randn(2, 5, 3, 4)
    torch.testing.assert_close(up(fine, deep), upsample_to(deep, (6, 7)) + up.layers(fine) * up.gate(deep))


def test_module_has_no_gate_and_aligns_corners_by_default():
    up, unaligned = UpsamplingModule(2, 3, 5).eval(), UpsamplingModule(2, 3, 5, align_corners=False).eval()
    fine, deep = torch.zeros(1, 3, 4, 4), torch.randn(1, 5, 2, 2)
    assert up.gate is None
    unaligned.load_state_dict(up.state_dict())
    expected = upsample_to(deep, (4, 4), align_corners=False) + unaligned.layers(fine)
    torch.testing.assert_close(unaligned(fine, deep), expected)
    assert (up(fine, deep) - expected).abs().max() > 1e-3


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"num_up": 1},
        {"num_up": 2, "pyramid_attention": False},
        {"image_pooling": True, "channel_attention": True, "up_layers": 1, "up_kernel_size": 3},
    ],
    ids=str,
)
def test_decoder_equals_the_reference(arguments):
    decoder, maps = shake_(PyramidDecoder(2, CHANNELS, width=7, **arguments)).double(), encoder_maps(150, 200)
    decoded = decoder(maps)
    assert decoder.out_channels == decoded.shape[1] == 7
    assert decoded.shape[2:] == maps[4 - arguments.get("num_up", 3)].shape[2:]
    reference = segmentation_nets.pyramid_decoder(dict(decoder.state_dict()), maps)
    torch.testing.assert_close(decoded, reference, rtol=0, atol=1e-12)
    assert (decoder.attention is None) == (arguments.get("pyramid_attention") is False)
    assert (decoder.pooling is not None) == arguments.get("image_pooling", False)
    assert (decoder.up[0].gate is not None) == arguments.get("channel_attention", False)


def test_defaults_of_the_decoder_are_pylons():
    defaults = {name: p.default for name, p in inspect.signature(PyramidDecoder).parameters.items()}
    assert [defaults[name] for name in ("width", "num_up", "up_layers", "up_kernel_size")] == [128, 3, 2, 1]
    decoder = PyramidDecoder(2, CHANNELS)
    assert decoder.attention.align_corners
    assert all(up.align_corners for up in decoder.up)
    assert not any(up.align_corners for up in PyramidDecoder(2, CHANNELS, align_corners=False).up)


@pytest.mark.parametrize("layers", [0, 3])
def test_module_has_one_or_two_layers(layers):
    with pytest.raises(ValueError, match=f"up_layers must be 1 or 2, but is {layers}"):
        UpsamplingModule(2, 3, 5, layers=layers)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_up": 0}, "num_up must be 1, 2 or 3"),
        ({"num_up": 4}, "num_up must be 1, 2 or 3"),
        ({"width": 0}, "decoder_channels must be positive"),
        ({"up_kernel_size": 2}, "up_kernel_size must be odd, but is 2. An even kernel shifts"),
    ],
)
def test_decoder_refuses_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        PyramidDecoder(2, CHANNELS, **arguments)
    assert PyramidDecoder(2, CHANNELS, width=1).out_channels == 1
