"""Time of the mask loss in a training step of AxialNet (at most 2 %), and memory of the step.

The additional work of the mask loss is timed separately: the maps of 80 labels from the reduced features, their loss,
and its gradient for these features. The difference of two whole steps would be smaller than the noise.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import torch

from monai_pylon.losses import mask_loss
from monai_pylon.networks.nets import AxialNet

GROUPS = 24


def cpu_seconds(function: Callable, rounds: int) -> float:
    """Measure the median CPU time of several calls."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def test_mask_loss_adds_at_most_2_percent(capsys: pytest.CaptureFixture[str]) -> None:
    net = AxialNet(in_plane_size=(352, 352)).train()
    x = torch.randn(1, 1, 352, 352, 3 * GROUPS)
    labels = (torch.rand(1, 80) < 0.1).float()
    features = net.reduced(net.features(x)).detach()
    allowed = (torch.rand(1, 80, *features.shape[:2:-1], GROUPS) < 0.3) & (labels[..., None, None, None] == 1)

    def step() -> None:
        torch.nn.functional.binary_cross_entropy_with_logits(net(x), labels).backward()

    def addition() -> None:
        z = features[0].requires_grad_()
        attention = net.head.maps(z).permute(1, 3, 2, 0)[None]
        mask_loss(attention, allowed).backward()

    whole, added = cpu_seconds(step, 3), cpu_seconds(addition, 20)
    with capsys.disabled():
        print(f"\nmask loss: {1000 * added:.1f} ms beside a step of {whole:.1f} s, {100 * added / whole:.2f} %")
    assert added < 0.02 * whole


SCRIPT = """
import sys, time
import torch
from monai_pylon.losses import MaskLoss
from monai_pylon.networks import Explained
from monai_pylon.networks.nets import AxialNet
from monai_pylon.workflows.cohort.memory import peak_memory_mb# ru_maxrss would include the parent process

edge, slices, chunk = (int(text) for text in sys.argv[1:])
net = Explained(AxialNet(in_plane_size=(edge, edge), chunk_size=chunk or None)).train()
x, labels = torch.randn(1, 1, edge, edge, slices), torch.zeros(1, 80)
before, start = peak_memory_mb(), time.process_time()
explanation = net(x)
MaskLoss()(explanation, labels, torch.zeros_like(explanation.attention)).backward()
print(f"{peak_memory_mb() - before:.0f} MB more than the volume and the weights, {time.process_time() - start:.0f} s")
"""


@pytest.mark.parametrize(("edge", "slices", "chunk"), [(352, 72, 0), (352, 72, 4), (420, 405, 15)])
def test_memory_of_a_training_step(edge: int, slices: int, chunk: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A separate process avoids memory freed by other tests. The memory for 405 x 420 x 420 must stay below 16 GB."""
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, *map(str, (edge, slices, chunk))]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    with capsys.disabled():
        print(f"\na training step on {edge} x {edge} x {slices}, chunk_size={chunk or None}: {printed}")
    assert float(printed.split()[0]) < 15_000
