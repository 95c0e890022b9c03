"""Optimized copies of the networks for chest CT: the same numbers, some slice groups at a time."""

from __future__ import annotations

import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from monai_pylon.networks import Explained, optimize_for_inference
from monai_pylon.networks.nets import AxialNet, BodyCAM, BodyConv, Conv3DNet, CTNet
from tests.networks.tiny import TinyEncoder, shake_

PADDED = {"reduction_channels": (8, 6), "reduction_padding": 1}
NETS = {
    "AxialNet": lambda: AxialNet(encoder=TinyEncoder(in_channels=3), in_plane_size=(96, 70), **PADDED),
    "AxialNet, one slice": lambda: AxialNet(
        encoder=TinyEncoder(), slices_per_group=1, in_plane_size=(96, 70), slice_pooling="max", **PADDED
    ),
    "BodyCAM": lambda: BodyCAM(encoder=TinyEncoder(in_channels=3), **PADDED),
}


def volume(dtype=torch.float64, slices=17):
    return torch.randn(2, 1, 96, 70, slices, dtype=dtype)


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_the_copy_is_exact_in_float64(name):
    net, x = shake_(NETS[name]()).double(), volume()
    fast = optimize_for_inference(net)
    for ours, theirs in zip(fast.explain(x), net.explain(x), strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12 * float(theirs.abs().max()))
    torch.testing.assert_close(fast(x), fast.explain(x).logits, rtol=0, atol=0)
    assert not [module for module in fast.modules() if isinstance(module, _BatchNorm)]
    assert [module for module in net.modules() if isinstance(module, _BatchNorm)]
    assert fast.encoder.stages[2][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    assert all(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("kind", [BodyConv, CTNet])
@torch.no_grad()
def test_copies_of_networks_without_explain_are_exact(kind):
    """They need no example of their size."""
    net = shake_(kind(volume_size=(161, 161, 81), slices_per_group=3)).double()
    x = torch.randn(1, 1, 161, 161, 81, dtype=torch.float64)
    torch.testing.assert_close(optimize_for_inference(net)(x), net(x), rtol=1e-10, atol=1e-12)


@torch.no_grad()
def test_a_network_without_batch_norms_stays_the_same():
    net, x = Conv3DNet(volume_size=(81, 81, 81)).eval(), torch.randn(1, 1, 81, 81, 81)
    torch.testing.assert_close(optimize_for_inference(net)(x), net(x))


@pytest.mark.parametrize(("pixels", "sizes"), [(1, [1] * 12), (96 * 70 * 5, [4, 4, 4]), (96 * 70 * 12, [12])])
@torch.no_grad()
def test_groups_of_so_many_pixels_pass_the_encoder_at_a_time(pixels, sizes):
    """Two volumes of 17 slices have twelve groups."""
    net, x, seen = NETS["AxialNet"]().double().eval(), volume(), []
    fast = optimize_for_inference(net)
    fast.chunk_pixels = pixels
    fast.encoder.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    torch.testing.assert_close(fast.explain(x).attention, net.explain(x).attention)
    assert seen == sizes


def test_one_group_of_the_papers_size_or_many_small_ones():
    """One of 420 x 420, to save memory; 85 of 64 x 64, to save time."""
    fast = optimize_for_inference(NETS["AxialNet"]())
    assert (fast.chunk_size, fast.chunk_pixels // 420**2, fast.chunk_pixels // 64**2) == (1, 1, 85)


@torch.no_grad()
def test_bfloat16_gives_float32_maps_that_sum_to_the_scores():
    net, x = shake_(NETS["AxialNet"]()), volume(torch.float32)
    fast = optimize_for_inference(net, torch.bfloat16)
    logits, attention, scores = fast.explain(x)
    assert logits.dtype == attention.dtype == scores.dtype == torch.float32
    torch.testing.assert_close(attention.sum((2, 3)) + net.head.bias[:, None], scores)
    exact = net.explain(x).attention
    assert 0 < (attention - exact).abs().max() < 0.05 * exact.abs().max()
    assert fast(torch.randn(1, 1, 80, 65, 3).bfloat16()).dtype == torch.float32
    with pytest.raises(ValueError, match="volume must be of 65 to 96 by 65 to 96"):
        fast(torch.randn(1, 1, 64, 65, 3))


def test_explained_stays_explained():
    net, x = shake_(NETS["AxialNet"]()), volume(torch.float32)
    fast = optimize_for_inference(Explained(net), example=x)
    torch.testing.assert_close(fast(x).attention, net.explain(x).attention, rtol=1e-4, atol=1e-5)
