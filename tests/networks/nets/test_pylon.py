"""PYLON against the authors' program: any size, ablations, and logits that are the heatmaps' maxima."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from monai_pylon.networks.nets import PYLON, MaxPoolBackbone
from monai_pylon.networks.weights import convert_pylon_checkpoint
from tests.networks.tiny import MapsEncoder, TinyEncoder, shake_

GOLDEN = {
    "pylon_decoder": {},
    "pylon_decoder_2up": {"num_up": 2},
    "pylon_decoder_nopa_1layer": {"pyramid_attention": False, "up_layers": 1},
}
ABLATIONS = [
    {},
    {"pyramid_attention": False},
    {"channel_attention": True},
    {"num_up": 1},
    {"num_up": 2},
    {"up_layers": 1},
    {"up_kernel_size": 3, "head_kernel_size": 3},
    {"align_corners": False},
]


def tiny_pylon(**arguments):
    arguments = {"encoder": TinyEncoder(arguments.get("spatial_dims", 2)), "decoder_channels": 16} | arguments
    return shake_(PYLON(num_classes=5, **arguments))


@pytest.mark.parametrize("name", GOLDEN)
def test_equals_the_authors_program(golden_data, name):
    golden = {key: torch.from_numpy(value) for key, value in np.load(golden_data / f"{name}.npz").items()}
    theirs = {
        key.replace("dec.", "net.decoder.").replace("head.", "net.segmentation_head.0."): value
        for key, value in golden.items()
        if key.startswith(("dec.", "head."))
    }
    maps = [None, *(golden[f"feat{i}"] for i in (2, 3, 4, 5))]
    encoder = MapsEncoder(maps, channels=(3, 6, 8, 10, 14))
    net = PYLON(encoder=encoder, decoder_channels=12, num_classes=5, **GOLDEN[name]).double().eval()
    net.load_state_dict(convert_pylon_checkpoint(theirs))  # strictly
    logits, attention, _ = net.explain(torch.zeros(2, 1, 256, 256, dtype=torch.float64))
    torch.testing.assert_close(net.decoder(maps), golden["decoded"], rtol=0, atol=1e-10)
    torch.testing.assert_close(attention, golden["heatmap"], rtol=0, atol=1e-10)
    torch.testing.assert_close(logits, golden["logits"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("arguments", ABLATIONS, ids=str)
def test_logits_are_the_maxima_of_the_heatmaps(arguments):
    net, x = tiny_pylon(**arguments), torch.randn(2, 1, 96, 64)
    logits, attention, slices = net.explain(x)
    stride = {1: 16, 2: 8}.get(arguments.get("num_up"), 4)
    assert attention.shape == (2, 5, 96 // stride, 64 // stride)
    torch.testing.assert_close(attention.amax((2, 3)), logits, rtol=0, atol=0)
    torch.testing.assert_close(net(x), logits, rtol=0, atol=0)
    assert slices is None
    assert attention.flatten(2).std(2).min() > 0


@pytest.mark.parametrize("size", [(64, 64), (65, 127), (224, 100), (97, 320)])
def test_any_size_from_64_on(size):
    attention = tiny_pylon().explain(torch.randn(1, 1, *size)).attention
    assert attention.shape[2:] == tuple(-(-edge // 4) for edge in size)


def test_volumes():
    net = tiny_pylon(spatial_dims=3)
    logits, attention, _ = net.explain(torch.randn(1, 1, 64, 70, 96))
    assert attention.shape == (1, 5, 16, 18, 24)
    torch.testing.assert_close(attention.amax((2, 3, 4)), logits, rtol=0, atol=0)


@pytest.mark.parametrize("align_corners", [True, False])
def test_all_upsampling_aligns_corners_or_not(align_corners):
    decoder = tiny_pylon(align_corners=align_corners).decoder
    assert {decoder.attention.align_corners, *(up.align_corners for up in decoder.up)} == {align_corners}


def test_a_tie_sends_its_gradient_to_one_cell():
    net = tiny_pylon()
    with torch.no_grad():
        net.head.weight.zero_()
    logits, attention, _ = net.explain(torch.randn(1, 1, 64, 64))
    (gradient,) = torch.autograd.grad(logits[0, 0], attention)
    assert torch.count_nonzero(gradient) == 1


def test_far_cells_do_not_depend_on_each_other():
    """With upsampling modules alone, a change in one corner of the image does not reach the opposite corner."""
    net, x = tiny_pylon(pyramid_attention=False), torch.randn(1, 1, 512, 512)
    changed = x.clone()
    changed[..., -64:, -64:] += 1
    before, after = net.explain(x).attention, net.explain(changed).attention
    torch.testing.assert_close(after[..., :32, :32], before[..., :32, :32], rtol=0, atol=0)
    assert (after[..., -16:, -16:] != before[..., -16:, -16:]).any()


def test_gradients_reach_every_parameter():
    net = tiny_pylon(channel_attention=True).train()
    net.explain(torch.randn(2, 1, 96, 96)).attention.square().mean().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_images_that_are_too_small_are_refused():
    with pytest.raises(ValueError, match="image must be at least 64 along every spatial axis"):
        tiny_pylon()(torch.zeros(1, 1, 63, 64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_up": 4}, "num_up must be 1, 2 or 3"),
        ({"up_layers": 3}, "up_layers must be 1 or 2"),
        ({"up_kernel_size": 2}, "up_kernel_size must be odd"),
        ({"head_kernel_size": 2}, "head_kernel_size must be odd"),
        ({"spatial_dims": 1}, "spatial_dims must be 2 or 3"),
        ({"decoder_channels": 0}, "decoder_channels must be positive"),
        ({"num_classes": 0}, "num_classes must be positive"),
        ({"encoder": torch.nn.Identity()}, "encoder.strides must be"),
        ({"encoder": "resnet5"}, "Did you mean 'resnet50'"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PYLON(**{"encoder": TinyEncoder()} | arguments)


def test_a_gate_cannot_be_trained_on_one_image():
    net = tiny_pylon(channel_attention=True, pyramid_attention=False).train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        net(torch.randn(1, 1, 512, 512))


def test_training_on_one_cell_of_one_image_is_refused():
    net = tiny_pylon().train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training at this image size"):
        net(torch.randn(1, 1, 256, 256))
    assert net(torch.randn(1, 1, 257, 64)).shape == (1, 5)
    assert net(torch.randn(2, 1, 64, 64)).shape == (2, 5)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    assert net(torch.randn(1, 1, 64, 64)).shape == (1, 5)


def test_parameters_and_multiplications_of_the_papers_network():
    """25.48 M parameters, 8.3 % over the encoder with a 1x1 head; 6.30 G multiplications at 256 px, 20 % over it."""
    with torch.device("meta"):  # counts without computing
        pylon, backbone = PYLON(), MaxPoolBackbone()
        costs = {}
        for name, net in (("pylon", pylon), ("backbone", backbone)):
            with FlopCounterMode(display=False) as counter:
                net.eval()(torch.zeros(1, 1, 256, 256))
            costs[name] = counter.get_total_flops() / 2e9
    sizes = [sum(parameter.numel() for parameter in net.parameters()) / 1e6 for net in (pylon, backbone)]
    assert sizes[0] == pytest.approx(25.48, abs=0.005)
    assert sizes[0] / sizes[1] == pytest.approx(1.083, abs=0.0005)
    assert costs["pylon"] == pytest.approx(6.30, abs=0.005)
    assert costs["pylon"] / costs["backbone"] == pytest.approx(1.20, abs=0.005)
