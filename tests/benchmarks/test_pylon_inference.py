"""PYLON's inference time relative to its plain encoder (goal: 0.70 at batch 8, 256 pixels), and its rounding.

Absolute times vary on a shared machine. The benchmark therefore prints the median of the ratios of alternating runs, in
CPU time on one thread, and never fails on it. It fails if the optimized copy computes something else. The copy misses
another goal, agreement to 1e-6 of the largest value, as does the network itself on two threads: see the printed lines.
"""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Iterator

import pytest
import torch
from torch import nn

from monai_pylon.data import phantom_radiograph
from monai_pylon.networks import make_encoder, optimize_for_inference
from monai_pylon.networks.nets import PYLON
from monai_pylon.networks.optimize import HeadFirst, fold_batch_norms
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from tests.networks.tiny import calibrate_

ROUNDS = 7


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_pylon_against_its_plain_encoder(capsys: pytest.CaptureFixture[str]) -> None:
    net = PYLON(encoder="resnet50").eval()
    plain = "plain ResNet-50"
    runs = {
        plain: make_encoder("resnet50", 2, 1).eval(),
        "PYLON": net,
        "optimized": optimize_for_inference(net),
        "optimized, bfloat16": optimize_for_inference(net, torch.bfloat16),
    }
    x = torch.randn(8, 1, 256, 256)
    cpu: dict[str, list[float]] = {name: [] for name in runs}
    memory = {}
    with torch.inference_mode():
        for name, run in runs.items():  # warm up
            before = peak_memory_mb() if restart_peak_memory() else float("nan")
            run(x)
            memory[name] = peak_memory_mb() - before
        for _ in range(ROUNDS):
            for name, run in runs.items():
                start = time.process_time()
                run(x)
                cpu[name].append(time.process_time() - start)
        exact, given = net.explain(x).attention, runs["optimized"].explain(x).attention
    with capsys.disabled():
        print(f"\nbatch 8, 256 px, one thread, {ROUNDS} rounds: CPU time over that of the encoder")
        for name, times in cpu.items():
            ratios = [one / other for one, other in zip(times, cpu[plain], strict=True)]
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(f"{name:20} median {statistics.median(ratios):.2f} ({spread}), peak memory {memory[name]:+.0f} MB")
    assert (given - exact).abs().max() < 1e-5 * exact.abs().max()


def radiographs(first: int, count: int) -> torch.Tensor:
    images = [phantom_radiograph(seed, size=256).image for seed in range(first, first + count)]
    return (torch.stack([torch.as_tensor(image) for image in images]) - 0.4984) / 0.2483


@torch.inference_mode()
def test_rounding_errors_in_float32(capsys: pytest.CaptureFixture[str]) -> None:
    """Compare each step of the optimization, and the network on two threads, where sums have another order."""
    torch.manual_seed(0)
    net, x = calibrate_(PYLON(encoder="resnet50"), radiographs(0, 8)), radiographs(100, 2)
    first, folded = copy.deepcopy(net), fold_batch_norms(copy.deepcopy(net), x[:1])
    first.decoder, first.head = HeadFirst(first.decoder, first.head), nn.Identity()
    exact = copy.deepcopy(net).double().explain(x.double()).attention
    maps = {
        "the network": net.explain(x).attention,
        "its batch norms folded": folded.explain(x).attention,
        "its channels last": copy.deepcopy(net).to(memory_format=torch.channels_last).explain(x).attention,
        "its head first": first.explain(x).attention,
        "optimized": optimize_for_inference(net).explain(x).attention,
    }
    torch.set_num_threads(2)
    maps["the network, two threads"] = net.explain(x).attention

    def error(one: torch.Tensor, other: torch.Tensor) -> float:
        return float((one.double() - other).abs().max() / exact.abs().max())

    with capsys.disabled():
        print("\nlargest difference of the maps over the largest value: from float64, and from the network")
        for name, map in maps.items():
            print(f"{name:26} {error(map, exact):.1e}  {error(map, maps['the network'].double()):.1e}")
    assert error(maps["its head first"], maps["the network"].double()) < 1e-6
    assert error(maps["optimized"], exact) < 4 * error(maps["the network"], exact)
