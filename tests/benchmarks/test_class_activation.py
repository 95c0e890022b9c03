"""CPU time and extra memory of all label maps of one input, relative to the forward pass.

`make bench` runs it. Times are printed and asserted with a margin for a shared machine. Memory is asserted.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.networks.nets import DenseNet121, ResNet
from monai.visualize import GradCAM
from torch import nn

from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory

CHECKOUT = Path(__file__).resolve().parents[2]


class SliceNet(nn.Module):
    """Short form of AxialNet: a 2D network on each of S slice images, one linear layer, and the mean over slices.

    Without the four convolutions of AxialNet it is the paper's NoCustomConv, which has the largest linear layer.
    """

    def __init__(self, custom_conv: bool, labels: int = 80, cells: int = 10) -> None:
        super().__init__()
        self.encoder = resnet("basic", [2, 2, 2, 2], 3, None)
        self.encoder.avgpool = nn.Identity()
        widths = [512, 64, 32, 16, 16] if custom_conv else [512]
        self.reduction = nn.Sequential(nn.Identity())
        for before, after in pairwise(widths):
            self.reduction.extend([nn.Conv2d(before, after, 3), nn.ReLU(inplace=True)])
        self.cells = cells
        self.fc = nn.Linear(widths[-1] * (cells - 2 * (len(widths) - 1)) ** 2, labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute scores (N, M) from slice images (N, S, 3, h, w)."""
        features = self.encoder(x.flatten(0, 1)).unflatten(1, (512, self.cells, self.cells))
        return self.fc(self.reduction(features).flatten(1)).unflatten(0, x.shape[:2]).mean(1)


def resnet(block: str, layers: list[int], channels: int, labels: int | None) -> nn.Module:
    """Make MONAI's ResNet with stride 2 in the first convolution, as in the papers."""
    return ResNet(
        block, layers, [64, 128, 256, 512], spatial_dims=2, n_input_channels=channels, conv1_t_size=7, conv1_t_stride=2,
        bias_downsample=False, num_classes=labels or 1, feed_forward=labels is not None,
    )  # fmt: skip


#: Network, input shape, layer, and largest CPU time of the maps of all labels as a multiple of the forward pass.
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], str, float]] = {
    "ResNet-50, 14 labels": (lambda: resnet("bottleneck", [3, 4, 6, 3], 1, 14), (1, 1, 256, 256), "layer4", 1.05),
    "ResNet-50, 14 labels, batch 4": (
        lambda: resnet("bottleneck", [3, 4, 6, 3], 1, 14), (4, 1, 256, 256), "layer4", 1.05
    ),
    "DenseNet-121, 14 labels": (lambda: DenseNet121(2, 1, 14), (1, 1, 256, 256), "class_layers.relu", 1.05),
    "DenseNet-121, 14 labels, before ReLU": (lambda: DenseNet121(2, 1, 14), (1, 1, 256, 256), "features", 1.10),
    "AxialNet, 80 labels": (lambda: SliceNet(True), (1, 16, 3, 320, 320), "reduction", 1.05),
    "AxialNet NoCustomConv, 80 labels": (lambda: SliceNet(False), (1, 16, 3, 320, 320), "reduction", 1.05),
}  # fmt: skip
MAX_MEMORY = 1.5
#: Margin of a ratio for the clock and for other processes on the machine.
MARGIN = 0.03


def forward_pass(network: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Run the network without gradients."""
    with torch.inference_mode():
        return network(x)


def cpu_seconds(call: Callable[[], object]) -> float:
    """Measure the CPU time of one call."""
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[str, nn.Module, torch.Tensor]:
    make, shape, _, _ = CASES[request.param]
    return request.param, make().eval(), torch.randn(shape)


def test_cpu_time(case: tuple[str, nn.Module, torch.Tensor], capsys: pytest.CaptureFixture) -> None:
    name, network, x = case
    _, _, layer, limit = CASES[name]
    # One visualizer for all calls: its first call with an input size also follows the axes of every tensor.
    hirescam, gradcam = HiResCAM(network, layer), LayerGradCAM(network, layer)
    calls = {
        "forward": lambda: forward_pass(network, x),
        "HiResCAM": lambda: hirescam(x, "all"),
        "Grad-CAM": lambda: gradcam(x, "all"),
    }
    for call in calls.values():
        call()
    # The calls alternate, so that other processes slow all of them equally.
    rounds = np.array([[cpu_seconds(call) for call in calls.values()] for _ in range(9)])
    ratios = np.median(rounds / rounds[:, :1], axis=0)
    with capsys.disabled():
        print(
            f"\n{name}: forward {np.median(rounds[:, 0]):.3f} CPU s, HiResCAM {ratios[1]:.3f}, Grad-CAM {ratios[2]:.3f}"
        )
    assert ratios[1] <= limit + MARGIN
    assert ratios[2] <= limit + MARGIN


def test_monais_gradcam_for_comparison(capsys: pytest.CaptureFixture) -> None:
    """MONAI's GradCAM computes one label at a time. The network is one that it supports."""
    network, x = CASES["ResNet-50, 14 labels"][0]().eval(), torch.randn(1, 1, 256, 256)
    monais = GradCAM(network, "layer4")
    forward = min(cpu_seconds(lambda: forward_pass(network, x)) for _ in range(3))
    all_labels = cpu_seconds(lambda: [monais(x, class_idx=label) for label in range(14)])
    with capsys.disabled():
        print(f"\nMONAI's GradCAM, 14 labels of ResNet-50: {all_labels / forward:.0f} forward passes")


def print_extra_memory(name: str, method: str) -> None:
    """Print the extra resident memory of a call in MB. Run it in a separate process."""
    torch.set_num_threads(1)
    make, shape, layer, _ = CASES[name]
    network, x = make().eval(), torch.randn(shape)
    call = forward_pass if method == "forward" else lambda net, image: HiResCAM(net, layer)(image, "all")
    forward_pass(network, x[:, :1] if x.ndim == 5 else x[..., :64, :64])  # loads libraries, keeps little memory
    if not restart_peak_memory():
        print("nan")
        return
    before = peak_memory_mb()
    call(network, x)
    print(peak_memory_mb() - before)


def extra_memory_mb(name: str, method: str) -> float:
    """Measure the extra memory of a call in a separate process."""
    script = f"from tests.benchmarks.test_class_activation import print_extra_memory as p; p({name!r}, {method!r})"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_extra_memory(name: str, capsys: pytest.CaptureFixture) -> None:
    extra = {method: extra_memory_mb(name, method) for method in ("forward", "HiResCAM")}
    with capsys.disabled():
        print(f"\n{name}: forward {extra['forward']:.0f} MB, all label maps {extra['HiResCAM']:.0f} MB")
    if math.isnan(extra["HiResCAM"]):
        pytest.skip("this system cannot reset a process's peak memory")
    assert extra["HiResCAM"] <= MAX_MEMORY * extra["forward"]
