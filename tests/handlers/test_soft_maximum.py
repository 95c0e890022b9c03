"""The soft maximum becomes sharper step by step, resumes, and is off in evaluation and for "maximum"."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from monai_pylon.handlers import SoftMaximumSchedule
from monai_pylon.handlers.soft_maximum import soft_maximum_sharpness
from monai_pylon.networks.nets import PYLON, Li2018
from tests.networks.tiny import TinyEncoder


def network() -> PYLON:
    return PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=2)


def test_sharpness_grows_geometrically_and_ends_with_the_maximum():
    values = [soft_maximum_sharpness(step / 10) for step in range(11)]
    assert values[0] == 1
    assert all(b / a == pytest.approx(math.sqrt(2)) for a, b in itertools.pairwise(values[:8]))
    assert values[8:] == [math.inf] * 3


def test_every_step_has_its_sharpness_also_after_resuming():
    net, seen = network(), []
    trainer = Engine(lambda engine, batch: seen.append(net.pool.sharpness))
    SoftMaximumSchedule(net, "soft").attach(trainer)
    trainer.run([0] * 5, max_epochs=2)
    assert seen == pytest.approx([soft_maximum_sharpness(step / 10) for step in range(10)])
    seen.clear()
    resumed = Engine(lambda engine, batch: seen.append(net.pool.sharpness))
    SoftMaximumSchedule(net, "soft").attach(resumed)
    resumed.load_state_dict({"iteration": 5, "epoch_length": 5, "max_epochs": 2})
    resumed.run([0] * 5, max_epochs=2)
    assert seen == pytest.approx([soft_maximum_sharpness(step / 10) for step in range(5, 10)])


def test_training_is_soft_and_evaluation_is_not():
    net, x = network(), torch.randn(2, 1, 64, 64)
    SoftMaximumSchedule(net, "soft").set_progress(0)
    logits, attention, _ = net.eval().explain(x)
    assert torch.equal(logits, attention.amax((2, 3)))
    logits, attention, _ = net.train().explain(x)
    assert bool((logits < attention.amax((2, 3))).all())
    assert not [key for key in net.state_dict() if "pool" in key]


def test_maximum_changes_nothing():
    net = network()
    pool = net.pool
    trainer = Engine(lambda engine, batch: None)
    SoftMaximumSchedule(net, "maximum").attach(trainer)
    trainer.run([0], max_epochs=1)
    assert net.pool is pool
    SoftMaximumSchedule(nn.Conv2d(1, 1, 1), "maximum")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SoftMaximumSchedule(network(), "mean"), ValueError, "training_pool must be one of 'maximum', 'soft'"),
        (lambda: SoftMaximumSchedule(network(), last=1), ValueError, "last must be above 1"),
        (lambda: SoftMaximumSchedule(network(), share=0), ValueError, "share must be above 0"),
        (lambda: SoftMaximumSchedule(nn.ReLU()), TypeError, "network must be of type HeatmapNetwork"),
        (
            lambda: SoftMaximumSchedule(Li2018(encoder=TinyEncoder(), hidden_channels=4)),
            ValueError,
            "training_pool must be 'maximum' for a network with the pooling NoisyOrPool",
        ),
    ],
)
def test_arguments_out_of_range_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_the_progress_is_that_of_the_steps_done():
    net = network()
    schedule = SoftMaximumSchedule(net, "soft")
    schedule(SimpleNamespace(state=SimpleNamespace(iteration=5, max_epochs=2, epoch_length=5)))
    assert net.pool.sharpness == pytest.approx(4.0)
