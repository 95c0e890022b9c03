"""Optimized copies: the same numbers, an unchanged original, and no reordering where it would change results."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from monai_pylon.networks import Explained, make_encoder, optimize_for_inference
from monai_pylon.networks.nets import FPN, PAN, PYLON, DeepLabV3Plus, Li2018, MaxPoolBackbone
from monai_pylon.networks.optimize import HeadFirst, fold_batch_norms
from tests.networks.tiny import TinyEncoder, calibrate_, shake_

NETS = {
    "PYLON": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16),
    "PYLON, unaligned": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16, align_corners=False, up_layers=1),
    "PYLON, gates": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16, channel_attention=True),
    "PYLON, 3x3 head": lambda: PYLON(encoder=TinyEncoder(), decoder_channels=16, head_kernel_size=3),
    "PYLON, 1UP without PA": lambda: PYLON(encoder=TinyEncoder(), num_up=1, pyramid_attention=False),
    "PYLON, 3D": lambda: PYLON(spatial_dims=3, encoder=TinyEncoder(3), decoder_channels=16),
    "PAN": lambda: PAN(encoder=TinyEncoder()),
    "DeepLabV3Plus": lambda: DeepLabV3Plus(encoder=TinyEncoder(strides=(2, 4, 8, 16, 16)), decoder_channels=16),
    "FPN": lambda: FPN(encoder=TinyEncoder(), segmentation_channels=32),
    "FPN, BN": lambda: FPN(encoder=TinyEncoder(), segmentation_channels=32, norm="batch"),
    "Li2018": lambda: Li2018(encoder=TinyEncoder(), hidden_channels=16),
    "MaxPoolBackbone": lambda: MaxPoolBackbone(encoder=TinyEncoder()),
}


def image(net: nn.Module, batch: int = 2, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(batch, net.in_channels, *(96, 70, 64)[: net.spatial_dims], dtype=dtype)


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_the_copy_is_exact_in_float64(name):
    net = shake_(NETS[name]()).double()
    fast, x = optimize_for_inference(net), image(net)
    for ours, theirs in zip(fast.explain(x)[:2], net.explain(x)[:2], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12 * float(theirs.abs().max()))
    torch.testing.assert_close(fast(x), fast.explain(x).logits, rtol=0, atol=0)
    assert not [module for module in fast.modules() if isinstance(module, _BatchNorm)]


@pytest.mark.parametrize("encoder", ["resnet18", "densenet121", "efficientnet_b0"])
def test_copies_with_monais_encoders_are_exact(encoder):
    net = shake_(MaxPoolBackbone(encoder=encoder)).double()
    fast, x = optimize_for_inference(net), image(net, batch=1)
    torch.testing.assert_close(fast(x), net(x), rtol=1e-10, atol=1e-12)
    before, after = (sum(isinstance(m, _BatchNorm) for m in n.modules()) for n in (net, fast))
    # DenseNet normalizes before it convolves: only the first norm and the one inside each layer follow a convolution
    assert after == (before - 59 if encoder == "densenet121" else 0)


@pytest.fixture(params=[1, 2])
def threads(request):
    """Run on one and two threads, for which PyTorch chooses different convolutions."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("statistics", [shake_, lambda net: calibrate_(net, image(net, 4, torch.float32))])
@torch.no_grad()
def test_errors_in_float32_are_like_the_networks_own(statistics):
    net = statistics(PYLON(encoder="resnet18"))
    x = image(net, dtype=torch.float32)
    truth = copy.deepcopy(net).double().explain(x.double()).attention
    plain, fast = net.explain(x).attention, optimize_for_inference(net).explain(x).attention
    assert (fast - truth).abs().max() < 4 * (plain - truth).abs().max()
    assert (fast - plain).abs().max() < 1e-4 * truth.abs().max()


@torch.no_grad()
def test_the_head_before_upsampling_changes_less_than_a_millionth():
    net = calibrate_(PYLON(encoder="resnet18"), torch.randn(4, 1, 96, 64))
    x = image(net, dtype=torch.float32)
    plain = net.explain(x).attention
    net.decoder, net.head = HeadFirst(net.decoder, net.head), nn.Identity()
    torch.testing.assert_close(net.explain(x).attention, plain, rtol=0, atol=1e-6 * float(plain.abs().max()))


@torch.no_grad()
def test_bfloat16_accepts_any_image_and_returns_float32():
    net = shake_(PYLON(encoder="resnet18"))
    fast, x = optimize_for_inference(net, torch.bfloat16), image(net, dtype=torch.float32)
    logits, attention, _ = fast.explain(x)
    assert logits.dtype == attention.dtype == torch.float32
    exact = net.explain(x).attention
    assert 0 < (attention - exact).abs().max() < 0.05 * exact.abs().max()
    torch.testing.assert_close(fast(x.bfloat16()), logits, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50"])
@torch.no_grad()
def test_nan_and_infinite_values_stay_visible(encoder):
    """A broken pixel must not give scores that look like those of an image."""
    fast, x = optimize_for_inference(PYLON(encoder=encoder)), torch.randn(2, 1, 64, 64)
    for value in (torch.nan, torch.inf):
        x[1, 0, 20, 20] = value
        logits = fast(x)
        assert logits[0].isfinite().all()
        assert logits[1].isnan().all()


def test_the_original_is_unchanged():
    net = PYLON(encoder=TinyEncoder()).train()
    before = copy.deepcopy(net.state_dict())
    fast = optimize_for_inference(net)
    assert net.training
    assert not fast.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert not any(parameter.requires_grad for parameter in fast.parameters())
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)
    assert not [m for n in (net, fast) for m in n.modules() if m._forward_hooks or m._forward_pre_hooks]


def test_channels_are_last_in_memory():
    fast = optimize_for_inference(PYLON(encoder=TinyEncoder()))
    assert fast.encoder.stages[2][0].weight.is_contiguous(memory_format=torch.channels_last)
    volumes = optimize_for_inference(PYLON(spatial_dims=3, encoder=TinyEncoder(3)))
    assert volumes.encoder.stages[2][0].weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_the_head_comes_first_only_if_it_commutes():
    first = {name for name, make in NETS.items() if isinstance(optimize_for_inference(make()).decoder, HeadFirst)}
    assert first == {"PYLON", "PYLON, unaligned", "PYLON, 1UP without PA", "PYLON, 3D"}


def test_explained_stays_explained():
    net, x = shake_(PYLON(encoder=TinyEncoder())), torch.randn(1, 1, 64, 64)
    fast = optimize_for_inference(Explained(net))
    assert isinstance(fast, Explained)
    torch.testing.assert_close(fast(x).attention, net.explain(x).attention)


class Twice(nn.Module):
    """A convolution used with and without its norm, and a norm without running statistics."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.other = nn.Conv2d(1, 1, 3), nn.BatchNorm2d(1), nn.Conv2d(1, 1, 3)
        self.alone = nn.BatchNorm2d(1, track_running_stats=False)

    def forward(self, x):
        return self.norm(self.conv(x)) + self.conv(x) + self.alone(self.other(x))


def test_norms_that_cannot_be_folded_stay():
    net, x = Twice().eval(), torch.randn(1, 1, 8, 8)
    net.norm.running_mean.fill_(0.3)
    fast = optimize_for_inference(net, example=x)
    torch.testing.assert_close(fast(x), net(x))
    assert isinstance(fast.norm, nn.BatchNorm2d)
    assert isinstance(fast.alone, nn.BatchNorm2d)


def test_other_modules_need_an_example():
    net, x = shake_(make_encoder("resnet18", 2, 1)), torch.randn(1, 1, 64, 64)
    fast = optimize_for_inference(net, example=x)
    torch.testing.assert_close(fast(x)[-1], net(x)[-1], rtol=1e-4, atol=1e-3)
    assert not [module for module in fast.modules() if isinstance(module, _BatchNorm)]


def test_hooks_are_removed_after_an_error():
    net = shake_(PYLON(encoder=TinyEncoder()))
    with pytest.raises(ValueError, match="image must be"):
        fold_batch_norms(net, torch.zeros(1, 1, 8, 8))
    assert not [m for m in net.modules() if m._forward_hooks or m._forward_pre_hooks]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optimize_for_inference(3), TypeError, "net must be of type Module"),
        (lambda: optimize_for_inference(nn.ReLU()), ValueError, "example must be given"),
        (
            lambda: optimize_for_inference(NETS["PYLON"](), torch.int8),
            ValueError,
            "dtype must be a floating point type",
        ),
        (lambda: optimize_for_inference(nn.ReLU(), torch.bfloat16), ValueError, "dtype must be None"),
        (lambda: fold_batch_norms(nn.ReLU(), torch.zeros(1)), ValueError, "net must be in eval mode"),
    ],
)
def test_arguments_out_of_range_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
