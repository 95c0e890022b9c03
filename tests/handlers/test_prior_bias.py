"""A new training starts at the frequencies of the labels; a resumed one keeps its bias."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from monai_pylon.handlers import PriorBias
from monai_pylon.networks.nets import PYLON
from tests.networks.tiny import TinyEncoder

LABELS = torch.tensor([[1.0, 0, torch.nan], [0, 0, torch.nan], [0, torch.nan, torch.nan], [0, 1, torch.nan]])


def start(epoch: int = 0, enabled: bool = True, images: int = 4) -> tuple[PYLON, torch.Tensor, torch.Tensor]:
    """Start a training of three labels; return the network, its images, and the bias before."""
    torch.manual_seed(0)
    net, x = PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=3), torch.randn(4, 1, 64, 64)
    before = net.head.bias.detach().clone()
    batches = [{"image": x[:2], "label": LABELS[:2]}, {"image": x[2:], "label": LABELS[2:]}]
    trainer = Engine(lambda engine, batch: None)
    PriorBias(net, enabled, images).attach(trainer)
    if epoch:
        trainer.load_state_dict({"epoch": epoch, "epoch_length": 2, "max_epochs": 2})
    trainer.run(batches, max_epochs=2)
    return net, x, before


def test_mean_logits_are_those_of_the_known_labels():
    net, x, before = start()
    target = torch.tensor([1 / 4, 1 / 3, 1 / 2]).logit()
    torch.testing.assert_close(net.train()(x).mean(0), target, rtol=0, atol=1e-4)
    assert not torch.equal(net.head.bias, before)


def test_a_few_images_may_do():
    net, x, _ = start(images=2)
    target = torch.tensor([1 / 2, 1e-3, 1 / 2]).logit()
    torch.testing.assert_close(net.train()(x[:2]).mean(0), target, rtol=0, atol=1e-4)


@pytest.mark.parametrize("how", [{"epoch": 1}, {"enabled": False}])
def test_a_resumed_training_and_a_disabled_handler_keep_the_bias(how):
    net, _, before = start(**how)
    assert torch.equal(net.head.bias, before)


def test_other_networks_are_refused_unless_disabled():
    with pytest.raises(TypeError, match=r"network must be of type HeatmapNetwork.*prior_bias to False"):
        PriorBias(nn.Conv2d(1, 1, 1))
    PriorBias(nn.Conv2d(1, 1, 1), enabled=False)
    with pytest.raises(ValueError, match="images must be positive, but is 0"):
        PriorBias(nn.Conv2d(1, 1, 1), enabled=False, images=0)
