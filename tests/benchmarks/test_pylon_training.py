"""PYLON's training: a step with channels last relative to a plain step (goal: 0.80), and the speed of the data loader.

All times are CPU times on one thread, because wall times vary on a shared machine. Steps alternate, and the benchmark
reports the median of their ratios. It runs the bundle's data loader on radiographs of 1024 pixels, the size of
ChestX-ray14, and takes the rate of two workers as twice the rate of one. A step on a GPU is many times faster, so the
result does not apply to GPUs. The steps need 3 GB of memory.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow
from PIL import Image
from torch import nn

from monai_pylon.data import phantom_radiograph
from monai_pylon.networks.nets import PYLON
from monai_pylon.workflows.bundle.folders import bundle_folder
from tests.data.xray14_files import write_root

# With fewer than 16 images on one thread, PyTorch chooses other convolutions than for the paper's 64 images.
BATCH, EDGE, ROUNDS = 16, 256, 3


def training_step(net: nn.Module, x: torch.Tensor, optimizer: torch.optim.Optimizer) -> float:
    """Measure the CPU seconds of forward, backward and update."""
    labels = (torch.arange(len(x) * 14).reshape(len(x), 14) % 5 == 0).float()
    start = time.process_time()
    optimizer.zero_grad()
    nn.functional.binary_cross_entropy_with_logits(net(x), labels).backward()
    optimizer.step()
    return time.process_time() - start


@pytest.fixture(scope="module")
def step_seconds() -> dict[str, list[float]]:
    """Measure the CPU seconds of alternating steps without the first step of each network."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    x = torch.randn(BATCH, 1, EDGE, EDGE)
    nets = {"plain": PYLON(), "channels last": PYLON().to(memory_format=torch.channels_last)}
    runs = {name: (net.train(), torch.optim.Adam(net.parameters(), 1e-4)) for name, net in nets.items()}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS + 1):
        for name, (net, optimizer) in runs.items():
            seconds[name].append(training_step(net, x, optimizer))
    torch.set_num_threads(before)
    return {name: times[1:] for name, times in seconds.items()}


def test_a_step_with_channels_last(step_seconds: dict[str, list[float]], capsys: pytest.CaptureFixture[str]) -> None:
    ratios = [one / other for one, other in zip(step_seconds["channels last"], step_seconds["plain"], strict=True)]
    with capsys.disabled():
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        plain = statistics.median(step_seconds["plain"])
        print(f"\nbatch {BATCH}, {EDGE} px: a plain step takes {plain:.1f} s of CPU")
        print(f"channels last over plain: median {statistics.median(ratios):.2f} ({spread}), goal 0.80")


def chest_xray14(folder: Path, patients: int = 12) -> Path:
    """Write a folder like ChestX-ray14 with noisy radiographs of 1024 pixels, which decode as slowly as real ones."""
    root = write_root(folder, patients)
    random = np.random.default_rng(0)
    radiograph = Image.fromarray((phantom_radiograph(1, size=256).image[0] * 255).astype(np.uint8)).resize((1024, 1024))
    for file in root.rglob("*.png"):
        noisy = np.asarray(radiograph, np.float32) + random.normal(0, 3, (1024, 1024))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file)
    return root


def test_the_loader_is_no_bottleneck(
    step_seconds: dict[str, list[float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(bundle_folder("chest_xray_classification_pylon") / "configs" / "train.json")
    root = chest_xray14(tmp_path / "data")
    given = {"dataset_dir": str(root), "weights": "scratch", "encoder": "resnet18", "bundle_root": str(tmp_path)}
    workflow = ConfigWorkflow(file, logging_file=False, batch_size=4, num_workers=2, **given)
    workflow.initialize()
    loader = workflow.parser.get_parsed_content("train#dataloader")
    for batch in loader:  # run both workers
        assert batch["image"].shape[1:] == (1, EDGE, EDGE)
    dataset = loader.dataset
    start = time.process_time()
    for k in range(len(dataset)):
        dataset[k]
    item = (time.process_time() - start) / len(dataset)
    step = statistics.median(step_seconds["channels last"]) / BATCH
    with capsys.disabled():
        print(f"\nan image takes {1000 * item:.0f} ms to load, {1000 * step:.0f} ms of a step with channels last (CPU)")
        print(f"two workers load {2 * step / item:.1f} times as fast as one thread trains, goal 2")
    assert 2 * step / item > 2
