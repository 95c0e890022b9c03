"""Explained: the network's own numbers and state dict, and plain tuples for export."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from monai_pylon.networks import Explained, Explanation
from monai_pylon.networks.nets import PYLON, MaxPoolBackbone
from tests.networks.tiny import TinyEncoder, shake_


class SliceNet(nn.Module):
    """A network whose explanation has slice scores."""

    def explain(self, x):
        return Explanation(x.sum((2, 3)), x, x.sum(2))


@pytest.fixture
def net():
    return shake_(PYLON(encoder=TinyEncoder(), decoder_channels=16))


def test_forward_is_the_networks_explain(net):
    x = torch.randn(2, 1, 64, 64)
    given, expected = Explained(net)(x), net.explain(x)
    assert isinstance(given, Explanation)
    torch.testing.assert_close(given[:2], expected[:2], rtol=0, atol=0)


def test_checkpoints_hold_the_bare_network(net):
    explained = Explained(MaxPoolBackbone(encoder=TinyEncoder()))
    bare = MaxPoolBackbone(encoder=TinyEncoder())
    assert explained.state_dict().keys() == bare.state_dict().keys()
    explained.load_state_dict(bare.state_dict())
    bare.load_state_dict(explained.state_dict())
    torch.testing.assert_close(explained.net.head.weight, bare.head.weight, rtol=0, atol=0)


def test_state_has_no_prefix_inside_another_module():
    """DistributedDataParallel wraps the module in this way."""
    outer, other = nn.ModuleDict({"module": Explained(TinyNet())}), nn.ModuleDict({"module": TinyNet()})
    assert outer.state_dict().keys() == other.state_dict().keys()
    outer.load_state_dict(other.state_dict())
    torch.testing.assert_close(outer["module"].net.head.weight, other["module"].head.weight, rtol=0, atol=0)
    missing = other.state_dict()
    missing["module.other.weight"] = missing.pop("module.head.weight")
    with pytest.raises(RuntimeError, match=r"(?s)Missing.*head\.weight.*Unexpected.*other\.weight"):
        outer.load_state_dict(missing)


class TinyNet(MaxPoolBackbone):
    def __init__(self):
        super().__init__(encoder=TinyEncoder())


def test_strict_loading_names_the_bare_networks_keys(net):
    state = net.state_dict()
    state["other.weight"] = state.pop("head.weight")
    with pytest.raises(RuntimeError, match=r'(?s)Missing.*"head\.weight".*Unexpected.*"other\.weight"'):
        Explained(net).load_state_dict(state)


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
def test_tracing_gives_a_tuple_without_none(net):
    assert len(torch.jit.trace(Explained(net), torch.randn(1, 1, 64, 64))(torch.randn(1, 1, 64, 64))) == 2
    assert len(torch.jit.trace(Explained(SliceNet()), torch.randn(1, 1, 4, 4))(torch.randn(1, 1, 4, 4))) == 3


def test_training_mode_is_the_networks(net):
    assert not Explained(net.eval()).training
    assert Explained(net.train()).training


def test_it_can_be_copied(net):
    copied, x = copy.deepcopy(Explained(net)), torch.randn(1, 1, 64, 64)
    torch.testing.assert_close(copied(x).logits, net(x), rtol=0, atol=0)
    assert copied.net is not net


def test_a_network_without_explain_is_refused():
    with pytest.raises(ValueError, match="net must be a network with a method explain, but is 'ReLU'"):
        Explained(nn.ReLU())
