"""Convolution blocks against PyTorch's functions, upsampling by hand, and the check of batch norms in training."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.networks.blocks.convolution import check_cells, conv_norm_act, upsample_to
from tests.networks.tiny import shake_


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_block_is_convolution_norm_and_relu(kernel, dilation):
    block, x = shake_(conv_norm_act(2, 3, 4, kernel, dilation=dilation)), torch.randn(2, 3, 6, 7)
    conv, norm = block.conv, block.adn.N
    y = F.conv2d(x, conv.weight, conv.bias, padding=dilation * (kernel // 2), dilation=dilation)
    y = F.batch_norm(y, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    torch.testing.assert_close(block(x), F.relu(y))
    assert block.adn.A.inplace


def test_default_is_a_1x1_convolution_with_bias_norm_and_relu():
    block = conv_norm_act(3, 2, 5)
    assert block.conv.kernel_size == block.conv.dilation == (1, 1, 1)
    assert block.conv.bias is not None
    assert [type(module) for module in block.adn] == [nn.BatchNorm3d, nn.ReLU]


def test_bias_norm_and_relu_can_be_changed():
    block = conv_norm_act(2, 2, 8, relu=False, norm=("group", {"num_groups": 4}), bias=False)
    assert block.conv.bias is None
    assert [type(module) for module in block.adn] == [nn.GroupNorm]


@pytest.mark.parametrize("kernel", [2, 4])
def test_even_kernels_are_refused(kernel):
    with pytest.raises(ValueError, match=f"kernel_size must be odd, but is {kernel}. An even kernel shifts the map"):
        conv_norm_act(2, 1, 1, kernel)


def test_upsampling_interpolates_between_aligned_corners_by_default():
    x = torch.tensor([[[[0.0, 2.0], [4.0, 6.0]]]])
    row = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0])
    torch.testing.assert_close(upsample_to(x, (3, 5))[0, 0], torch.stack([row, row + 2, row + 4]))
    unaligned = torch.tensor([[[[0.0, 0.5, 1.5, 2.0]]]])
    torch.testing.assert_close(upsample_to(x[:, :, :1], (1, 4), align_corners=False), unaligned)


def test_upsampling_of_volumes_is_trilinear():
    x = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 1, 2).expand(1, 1, 2, 2, 2)
    expected = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0]).expand(1, 1, 3, 2, 5)
    torch.testing.assert_close(upsample_to(x, (3, 2, 5)), expected)


def norms(training: bool = True) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).train(training)


@pytest.mark.parametrize(("size", "factor"), [((8, 8), 8), ((1, 5), 8), ((64, 64), None)])
def test_a_single_value_per_channel_is_refused_in_training(size, factor):
    with pytest.raises(ValueError, match="batch size must be at least 2 in training at this image size, but is 1"):
        check_cells(norms(), torch.zeros(1, 1, *size), factor)


def test_more_cells_more_images_and_eval_mode_are_accepted():
    one_cell = torch.zeros(1, 1, 8, 8)
    check_cells(norms(), torch.zeros(1, 1, 9, 8), 8)
    check_cells(norms(), torch.zeros(1, 1, 8, 9), 8)
    check_cells(norms(), torch.zeros(2, 1, 8, 8), 8)
    check_cells(norms(training=False), one_cell, 8)
    check_cells(nn.Conv2d(1, 1, 1).train(), one_cell, 8)
    frozen = norms()
    frozen[1].eval()
    check_cells(frozen, one_cell, 8)
    block = norms(training=False)
    block[1].train()  # the block itself is in eval mode
    check_cells(block, one_cell, 8)


def test_nothing_is_checked_in_a_recorded_program(monkeypatch):
    monkeypatch.setattr("monai_pylon.networks.blocks.convolution.is_eager", lambda: False)
    check_cells(norms(), torch.zeros(1, 1, 8, 8), 8)
