"""The slice head: sizes of the reduction, and a linear layer whose map sums to its scores."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.networks.blocks.slice_head import MappedLinear, slice_reduction


def test_reduction_is_convolutions_with_relu():
    net, x = slice_reduction(5, (4, 3)), torch.randn(2, 5, 7, 6)
    expected = F.relu(F.conv2d(F.relu(F.conv2d(x, net[0].weight, net[0].bias)), net[2].weight, net[2].bias))
    torch.testing.assert_close(net(x), expected)
    assert net(x).shape == (2, 3, 3, 2)


def test_default_reduction_is_the_papers():
    convolutions = [layer for layer in slice_reduction(512) if isinstance(layer, nn.Conv2d)]
    assert [(layer.in_channels, layer.out_channels) for layer in convolutions] == [
        (512, 64),
        (64, 32),
        (32, 16),
        (16, 16),
    ]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.padding for layer in convolutions} == {(0, 0)}


def test_padding_keeps_the_size_and_no_channels_keep_the_map():
    x = torch.randn(1, 5, 7, 6)
    assert slice_reduction(5, (4, 3), padding=1)(x).shape == (1, 3, 7, 6)
    assert slice_reduction(5, ())(x) is x


def test_map_and_score_by_hand():
    head = MappedLinear(2, (1, 2), num_classes=1).double()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))  # features x rows x columns
        head.bias.fill_(0.5)
    z = torch.tensor([[[[1.0, 10.0]], [[100.0, 1000.0]]]], dtype=torch.float64)
    assert head.maps(z).tolist() == [[[[301.0, 4020.0]]]]
    assert head(z).tolist() == [[4321.5]]


def test_a_layer_for_one_cell_applies_to_every_cell():
    head, z = MappedLinear(3, (1, 1), num_classes=4), torch.randn(2, 3, 5, 6)
    expected = torch.einsum("gfyx,mf->gmyx", z, head.weight)
    torch.testing.assert_close(head.maps(z), expected)


@pytest.mark.parametrize("half", [True, False])
def test_computes_in_float32_in_half_precision_and_under_autocast(half):
    head, z = MappedLinear(16, (6, 6), num_classes=3), torch.randn(2, 16, 6, 6)
    if half:
        head, z = head.bfloat16(), z.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=not half):
        scores, maps = head(z), head.maps(z)
    assert scores.dtype == maps.dtype == torch.float32
    torch.testing.assert_close(maps.sum((2, 3)) + head.bias.float(), scores)
