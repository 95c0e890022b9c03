"""Frozen stages: no gradient, no changed statistics, also after train(); the rest of the network learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.networks.encoders import ENCODERS
from monai_pylon.networks.freezing import freeze_stages
from monai_pylon.networks.nets import FPN, PAN, PYLON, DeepLabV3Plus, Li2018, MaxPoolBackbone
from tests.networks.tiny import TinyEncoder

NETWORKS = {
    "PYLON": lambda **a: PYLON(decoder_channels=8, **a),
    "MaxPoolBackbone": MaxPoolBackbone,
    "Li2018": lambda **a: Li2018(hidden_channels=8, **a),
    "DeepLabV3Plus": lambda **a: DeepLabV3Plus(decoder_channels=8, **a),
    "FPN": lambda **a: FPN(segmentation_channels=32, **a),
    "PAN": PAN,
}


#: The encoder of chest CTs is for volumes alone.
IN_2D = sorted(set(ENCODERS) - {"ct_resnet152"})


def encoder_for(name: str) -> TinyEncoder:
    return TinyEncoder(strides=(2, 4, 8, 16, 16)) if name == "DeepLabV3Plus" else TinyEncoder()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_training_step_changes_all_but_the_frozen_stages(name):
    network = NETWORKS[name](encoder=encoder_for(name), frozen_stages=2)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.eval().train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    network(torch.randn(4, 1, 64, 64)).sum().backward()
    optimizer.step()
    same = {key for key, value in network.state_dict().items() if torch.equal(value, before[key])}
    frozen = {key for key in before if key.startswith(("encoder.stages.0.", "encoder.stages.1."))}
    assert frozen <= same
    assert not {key for key in same - frozen if key.startswith("encoder.") and key.endswith(("mean", "weight"))}


def test_evaluation_mode_is_restored_and_training_mode_leaves_frozen_norms_alone():
    network = PYLON(encoder=TinyEncoder(), decoder_channels=8, frozen_stages=3)
    modes = [stage[1].training for stage in network.encoder.stages]
    assert network.training
    assert modes == [False, False, False, True, True]
    assert [stage[1].training for stage in network.eval().encoder.stages] == [False] * 5
    assert [stage[1].training for stage in network.train().encoder.stages] == modes


@pytest.mark.parametrize("name", IN_2D)
def test_stages_hold_every_weight_once_and_make_their_map(name):
    """Map k depends on the weights of the stages up to k, and on no others."""
    encoder = make_encoder(name, 2, 1).eval()
    stages = [{id(p) for part in stage for p in part.parameters()} for stage in encoder.stages]
    assert sum(len(stage) for stage in stages) == len(set.union(*stages)) == len(list(encoder.parameters()))
    maps = encoder(torch.randn(1, 1, 64, 64))
    for number, made in enumerate(maps, start=1):
        gradients = torch.autograd.grad(made.sum(), list(encoder.parameters()), retain_graph=True, allow_unused=True)
        used = {id(p) for p, g in zip(encoder.parameters(), gradients, strict=True) if g is not None}
        assert used == set.union(*stages[:number])


@pytest.mark.parametrize(
    ("encoder", "number", "error", "message"),
    [
        (TinyEncoder(), 6, ValueError, "frozen_stages must be at most 5, the encoder's stages, but is 6"),
        (TinyEncoder(), -1, ValueError, "frozen_stages must be 0 or more, but is -1"),
        (TinyEncoder(), 1.5, TypeError, "frozen_stages must be of type int"),
        (nn.Identity(), 1, ValueError, "frozen_stages must be 0 for Identity, which has no stages, but is 1. Give the"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(encoder, number, error, message):
    with pytest.raises(error, match=message):
        freeze_stages(encoder, number)


def test_nothing_is_frozen_without_a_number():
    encoder = nn.Conv2d(1, 1, 1)
    freeze_stages(encoder, 0)
    assert encoder.weight.requires_grad
