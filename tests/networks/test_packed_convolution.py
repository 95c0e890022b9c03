"""Packed convolutions and fused blocks against PyTorch's own, wherever they may not apply, and after new weights."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from monai.networks.nets.resnet import ResNetBlock, ResNetBottleneck
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.networks.optimize import fold_batch_norms
from monai_pylon.networks.packed_convolution import PackedConvolution, _has_bfloat16, pack_convolutions
from tests.networks.tiny import shake_

CASES = ["float32", "float64", "bfloat16", "autocast", "batch of 32", "gradient", "inference mode"]


def packed(*settings: int, **more: int) -> tuple[nn.Conv2d, PackedConvolution]:
    plain = nn.Conv2d(*settings, **more).requires_grad_(False)
    return plain, pack_convolutions(nn.Sequential(copy.deepcopy(plain)))[0]


@pytest.mark.parametrize("settings", [(1, 1, 0), (3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 1, 4)])
@pytest.mark.parametrize("case", CASES)
def test_packed_convolutions_compute_the_same(case: str, settings: tuple[int, int, int]) -> None:
    kernel, stride, padding = settings
    plain, fast = packed(12, 6, kernel, stride, padding, dilation=2 if kernel == 5 else 1, groups=3)
    x = torch.randn(32 if case == "batch of 32" else 2, 12, 13, 11).requires_grad_(case == "gradient")
    kind = {"float64": torch.float64, "bfloat16": torch.bfloat16}.get(case)
    if kind is not None:
        plain, fast, x = plain.to(kind), fast.to(kind), x.to(kind)
    with torch.autocast("cpu", enabled=case == "autocast"), torch.inference_mode(case == "inference mode"):
        given, expected = fast(x), plain(x)
    assert given.dtype == expected.dtype
    torch.testing.assert_close(given, expected)
    if case == "gradient":
        torch.testing.assert_close(*(torch.autograd.grad(out.square().sum(), x)[0] for out in (given, expected)))
    is_packed = case in ("float32", "batch of 32", "inference mode") or (case == "bfloat16" and _has_bfloat16())
    assert (fast._packed is not None) == is_packed


def test_sum_and_relu_belong_to_the_pass_and_the_inputs_stay() -> None:
    plain, fast = packed(4, 6, 3, padding=1)
    fast.relu = True
    x, residual = torch.randn(2, 4, 8, 8), torch.randn(2, 6, 8, 8)
    before = residual.clone()
    for gradient in (False, True):  # by oneDNN and by PyTorch
        given = fast(x.clone().requires_grad_(gradient), residual)
        torch.testing.assert_close(given, torch.relu(plain(x) + residual))
    torch.testing.assert_close(residual, before, rtol=0, atol=0)


@pytest.mark.skipif(not _has_bfloat16(), reason="the processor has no bfloat16")
def test_a_sum_in_bfloat16_is_rounded_once() -> None:
    plain, fast = packed(64, 6, 3, padding=1)
    plain, fast = plain.bfloat16(), fast.bfloat16()
    x, residual = torch.randn(2, 64, 8, 8).bfloat16(), torch.randn(2, 6, 8, 8).bfloat16()
    exact = copy.deepcopy(plain).double()(x.double()) + residual.double()
    errors = [(out.double() - exact).abs().mean() for out in (fast(x, residual), plain(x) + residual)]
    assert errors[0] < errors[1]
    assert bool(fast(x * float("nan")).isnan().all())


def test_new_weights_sizes_and_copies_are_packed_again() -> None:
    plain, fast = packed(4, 6, 3)
    fast(torch.randn(1, 4, 9, 9))
    for size in (9, 12):
        for convolution in (plain, fast):
            with torch.no_grad():
                convolution.weight.copy_(torch.arange(216.0).reshape(6, 4, 3, 3).sin() * size)
        x = torch.randn(2, 4, size, size)
        torch.testing.assert_close(fast(x), plain(x))
    for other in (copy.deepcopy(fast), pickle.loads(pickle.dumps(fast))):
        assert other._packed is None
        torch.testing.assert_close(other(x), plain(x))
    assert list(fast.state_dict()) == ["weight", "bias"]


@pytest.mark.parametrize(("name", "block"), [("resnet18", ResNetBlock), ("resnet50", ResNetBottleneck)])
@torch.no_grad()
def test_residual_blocks_are_fused_and_compute_the_same(name: str, block: type) -> None:
    net, x = shake_(make_encoder(name, 2, 1)), torch.randn(1, 1, 64, 64)
    folded = fold_batch_norms(copy.deepcopy(net), x)
    fused = pack_convolutions(copy.deepcopy(folded))
    for ours, theirs in zip(fused(x), folded(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))
    assert not [module for module in fused.modules() if type(module) is block]
    kept = pack_convolutions(copy.deepcopy(net))  # with norms between convolution and ReLU
    assert [module for module in kept.modules() if type(module) is block]
    for ours, theirs in zip(kept(x), net(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_other_paddings_are_not_packed() -> None:
    net = pack_convolutions(
        nn.Sequential(nn.Conv2d(1, 1, 3, padding="same"), nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"))
    )
    assert [type(module) for module in net] == [nn.Conv2d, nn.Conv2d]
