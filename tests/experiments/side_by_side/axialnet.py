"""AxialNet and its optimized copies on slice groups of 420 x 420."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from monai_pylon.networks import optimize_for_inference
from monai_pylon.networks.nets import AxialNet
from tests.experiments.side_by_side.measurement import Call, explained, in_a_child, measured

#: Slice groups of the paper's scans, 405 slices.
ALL = 135
COPIES: dict[str, dict[str, Any]] = {
    "optimize_for_inference": {},
    "optimize_for_inference, bfloat16": {"dtype": torch.bfloat16},
    "optimize_for_inference, OpenVINO": {"backend": "openvino"},
    "optimize_for_inference, OpenVINO, bfloat16": {"backend": "openvino", "dtype": torch.bfloat16},
}


def networks(network: Callable[[], nn.Module], openvino: bool) -> dict[str, Callable[[], nn.Module]]:
    """Return functions that make a network and each of its optimized copies, always with the same weights."""

    def plain() -> nn.Module:
        torch.manual_seed(0)
        return network().eval()

    made: dict[str, Callable[[], nn.Module]] = {"plain": plain}
    for name, settings in COPIES.items():
        if openvino or "backend" not in settings:
            made[name] = lambda settings=settings: optimize_for_inference(plain(), **settings)
    return made


def rows(groups: int, openvino: bool) -> dict[str, Callable[[], Call]]:
    """Return by name the function that builds the call."""
    made = networks(AxialNet, openvino)
    if groups < ALL:
        made["AxialNet"] = made["plain"]
    del made["plain"]

    def build(make: Callable[[], nn.Module]) -> Call:
        net = make()
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(1, 1, 420, 420, 3 * groups, generator=generator)
        return lambda: explained(net, x)

    return {name: lambda make=make: build(make) for name, make in made.items()}


def compare(groups: int, rounds: int, openvino: bool) -> dict[str, Any]:
    """Compare all rows: a few groups in turn with errors, or the paper's size, a process for each row."""
    settings = {"groups": groups, "openvino": openvino}
    builders = rows(**settings)
    if groups == ALL:
        return {name: in_a_child("axialnet", name, rounds, **settings) for name in builders}
    calls = {name: build() for name, build in builders.items()}
    found: dict[str, Any] = measured(calls, rounds)
    exact = calls["AxialNet"]()
    for name, call in calls.items():
        parts = list(zip(call(), exact, strict=True))
        logits, attention = (float((a - b).abs().max() / b.abs().max()) for a, b in parts[:2])
        found[name] |= {"logits_from_network": logits, "attention_from_network": attention}
    return found
