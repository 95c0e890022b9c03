"""The head of BodyConv, CTNet and Conv3DNet: kernels, strides and sizes of the paper."""

from __future__ import annotations

import torch
from torch import nn

from monai_pylon.networks.blocks.volume_head import dense_classifier, volume_convolutions


def test_convolutions_have_the_papers_kernels_and_strides():
    net = volume_convolutions(5)
    layers = [layer for layer in net if isinstance(layer, nn.Conv3d)]
    assert [(layer.in_channels, layer.out_channels) for layer in layers] == [(5, 64), (64, 32), (32, 16)]
    assert [layer.kernel_size for layer in layers] == [(3, 3, 3), (3, 3, 3), (2, 2, 3)]
    assert [layer.stride for layer in layers] == [(1, 1, 3), (1, 1, 3), (2, 2, 3)]
    assert [type(layer) for layer in net[1::2]] == [nn.ReLU] * 3


def test_convolutions_halve_the_plane_and_divide_the_last_axis_by_27():
    for x, y, z in ((6, 9, 27), (7, 8, 53), (13, 12, 54)):
        shape = volume_convolutions(2, (4, 3, 5))(torch.zeros(1, 2, x, y, z)).shape
        assert shape == (1, 5, (x - 4) // 2, (y - 4) // 2, z // 27)


def test_classifier_has_three_linear_layers_with_relu_and_dropout_between():
    net = dense_classifier(8, 5, dropout=0.3)
    widths = [(layer.in_features, layer.out_features) for layer in net if isinstance(layer, nn.Linear)]
    assert widths == [(8, 128), (128, 96), (96, 5)]
    assert [layer.p for layer in net if isinstance(layer, nn.Dropout)] == [0.3, 0.3]
    assert [type(layer) for layer in net] == [nn.Flatten, *[nn.Linear, nn.ReLU, nn.Dropout] * 2, nn.Linear]
    assert net(torch.zeros(2, 2, 1, 2, 2)).shape == (2, 5)
