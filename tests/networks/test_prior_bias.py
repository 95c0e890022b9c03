"""The head's bias starts at the frequencies of the labels, and nothing else changes."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks.blocks.soft_maximum import SoftMaximumPool
from monai_pylon.networks.nets import PYLON, Li2018, MaxPoolBackbone
from monai_pylon.networks.prior_bias import set_prior_bias
from tests.networks.tiny import TinyEncoder

FREQUENCIES = torch.tensor([0.0, 0.1, 0.5])


def soft() -> PYLON:
    network = PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=3)
    network.pool = SoftMaximumPool(2, 4.0)
    return network


@pytest.mark.parametrize(
    "make",
    [
        lambda: PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=3),
        lambda: MaxPoolBackbone(encoder=TinyEncoder(), num_classes=3, pooling="average"),
        lambda: Li2018(encoder=TinyEncoder(), hidden_channels=8, num_classes=3),
        soft,
    ],
)
def test_mean_logits_in_training_are_those_of_the_frequencies(make):
    network, images = make(), torch.randn(6, 1, 64, 64)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    set_prior_bias(network, images, FREQUENCIES)
    assert {key for key, value in network.state_dict().items() if not torch.equal(value, before[key])} == {"head.bias"}
    mean = network.train()(images).mean(0)
    torch.testing.assert_close(mean, FREQUENCIES.clamp(1e-3, 1 - 1e-3).logit(), rtol=0, atol=1e-3)


def test_images_of_monai_and_the_mode_are_kept():
    network = soft().eval()
    set_prior_bias(network, MetaTensor(torch.randn(4, 1, 64, 64)), MetaTensor(FREQUENCIES))
    assert not network.training
    assert type(network.head.bias) is nn.Parameter


@pytest.mark.parametrize(
    ("frequencies", "message"),
    [
        (torch.zeros(2), r"frequencies must be of shape \(3,\), one per label"),
        (torch.tensor([0.1, 0.2, torch.nan]), "frequencies must be between 0 and 1"),
        (torch.tensor([0.1, 0.2, 1.1]), "frequencies must be between 0 and 1"),
    ],
)
def test_frequencies_out_of_range_are_refused(frequencies, message):
    with pytest.raises(ValueError, match=message):
        set_prior_bias(soft(), torch.randn(2, 1, 64, 64), frequencies)


def test_other_networks_are_refused():
    with pytest.raises(TypeError, match="network must be of type HeatmapNetwork"):
        set_prior_bias(nn.Conv2d(1, 1, 1), torch.randn(2, 1, 64, 64), FREQUENCIES)
