"""Channel gates against their formula."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.blocks.channel_attention import ChannelGate
from tests.networks.tiny import shake_


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_gate_is_the_sigmoid_of_a_linear_layer_on_the_average(spatial_dims):
    gate, x = shake_(ChannelGate(spatial_dims, 4)), torch.randn(2, 4, *(3, 5, 2)[:spatial_dims])
    conv, norm = gate.conv.conv, gate.conv.adn.N
    z = x.flatten(2).mean(2) @ conv.weight.flatten(1).T + conv.bias
    z = (z - norm.running_mean) / (norm.running_var + norm.eps).sqrt() * norm.weight + norm.bias
    expected = torch.sigmoid(z).reshape(2, 4, *[1] * spatial_dims)
    assert z.min() < 0, "a ReLU would go unnoticed"
    torch.testing.assert_close(gate(x), expected)


def test_training_on_one_image_is_refused():
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        ChannelGate(2, 4).train()(torch.randn(1, 4, 64, 64))
