"""Modes in which a network runs: eager, traced, exported and compiled."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from monai_pylon.networks.tracing import is_eager, is_observed, is_traced_or_exported


class Modes(nn.Module):
    """Records both answers while it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[bool, bool]] = []

    def forward(self, x):
        self.seen.append((is_eager(), is_traced_or_exported()))
        return x + 1


def test_a_network_that_runs_normally_is_eager():
    net = Modes()
    net(torch.zeros(1))
    assert net.seen == [(True, False)]


@pytest.mark.filterwarnings("ignore:.torch.jit.trace:DeprecationWarning")
def test_a_traced_network_is_not_eager():
    net = Modes()
    torch.jit.trace(net, torch.zeros(1), check_trace=False)
    assert set(net.seen) == {(False, True)}


def test_an_exported_network_is_not_eager(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True, raising=False)
    assert (is_eager(), is_traced_or_exported()) == (False, True)


def test_a_compiled_network_is_neither_eager_nor_exported(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: False, raising=False)
    assert (is_eager(), is_traced_or_exported()) == (False, False)


def test_a_mode_that_sees_each_operation_observes():
    assert not is_observed()
    with FlopCounterMode(display=False):
        assert is_observed()
    assert not is_observed()
