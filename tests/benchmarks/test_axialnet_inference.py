"""AxialNet's inference on 24 slice groups of 352 x 352: the goal is twice the plain network's speed.

Absolute times vary on a shared machine. The benchmark therefore prints the ratios of alternating runs, in CPU time and
wall time, and never fails on them. It fails if the optimized copy computes something else.
"""

from __future__ import annotations

import statistics
import time

import pytest
import torch

from monai_pylon.networks import optimize_for_inference
from monai_pylon.networks.nets import AxialNet
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from tests.networks.tiny import shake_

ROUNDS = 5


def test_axialnet_against_itself(capsys: pytest.CaptureFixture[str]) -> None:
    net = shake_(AxialNet(in_plane_size=(352, 352)))
    runs = {
        "plain": net,
        "optimized": optimize_for_inference(net),
        "optimized, bfloat16": optimize_for_inference(net, torch.bfloat16),
    }
    x = torch.randn(1, 1, 352, 352, 72)
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    wall: dict[str, list[float]] = {name: [] for name in runs}
    memory, explained = {}, {}
    with torch.inference_mode():
        for name, run in runs.items():  # warm up
            before = peak_memory_mb() if restart_peak_memory() else float("nan")
            explained[name] = run.explain(x)
            memory[name] = peak_memory_mb() - before
        for _ in range(ROUNDS):
            for name, run in runs.items():
                start = time.process_time(), time.perf_counter()
                run.explain(x)
                cpu[name].append(time.process_time() - start[0])
                wall[name].append(time.perf_counter() - start[1])
    exact = explained["plain"]
    with capsys.disabled():
        print(f"\n24 groups of 352 x 352, {torch.get_num_threads()} threads, medians of {ROUNDS}, speed-up over plain")
        for name, given in explained.items():
            ratios = [statistics.median(t["plain"]) / statistics.median(t[name]) for t in (cpu, wall)]
            errors = [
                ((a - b).abs().max() / b.abs().max()).item()
                for a, b in ((given.logits, exact.logits), (given.attention, exact.attention))
            ]
            print(
                f"{name:20} CPU {ratios[0]:.2f}  wall {ratios[1]:.2f}  peak memory {memory[name]:+.0f} MB  "
                f"relative error of scores {errors[0]:.0e}, of maps {errors[1]:.0e}"
            )
    assert (explained["optimized"].logits - exact.logits).abs().max() < 1e-6 * exact.logits.abs().max()
