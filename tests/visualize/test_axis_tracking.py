"""Tests of the tracker: the roles of the axes after the operations of common layers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import monai_pylon
from monai_pylon.visualize.axis_factors import input_axes
from monai_pylon.visualize.axis_tracking import AxisTracker

C = 8  # as many features as rows and columns, so that the shape shows nothing
convolution, linear, norm = nn.Conv2d(1, C, 3, padding=1), nn.Linear(C, C), nn.LayerNorm(C)
class_token = torch.zeros(1, 1, C)


def tokens(x: torch.Tensor) -> torch.Tensor:
    """Turn an image into tokens (N, T, C)."""
    return convolution(x).flatten(2).transpose(1, 2)


def attention(x: torch.Tensor) -> torch.Tensor:
    """Compute scaled dot products of two heads."""
    heads = tokens(x).unflatten(2, (2, C // 2)).transpose(1, 2)
    return heads @ heads.transpose(2, 3)


def pointwise(x: torch.Tensor) -> torch.Tensor:
    """Convolve with a kernel of one pixel."""
    return nn.functional.conv2d(x, torch.rand(3, C, 1, 1))


def patches(x: torch.Tensor) -> torch.Tensor:
    """Turn an image into patches of 2 x 4 pixels (N, 8, 8)."""
    return x.reshape(2, 1, 4, 2, 2, 4).permute(0, 2, 4, 3, 5, 1).reshape(2, 8, 8)


def windows(x: torch.Tensor) -> torch.Tensor:
    """Divide a map into windows (N·W, T, C), as Swin does."""
    y = convolution(x).permute(0, 2, 3, 1)
    return y.view(len(x), 2, 4, 2, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, C)


def whole(x: torch.Tensor) -> torch.Tensor:
    """Put windows together again."""
    return windows(x).view(len(x), 2, 2, 4, 4, C).permute(0, 1, 3, 2, 4, 5).reshape(len(x), 8, 8, C)


#: Function of an image (2, 1, 8, 8) and the first letters of the roles of its result.
FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str | None]] = {
    "nothing": (lambda x: x, "b c 0 1"),
    "convolution": (convolution, "b f 0 1"),
    "transposed convolution": (nn.ConvTranspose2d(1, C, 2, stride=2), "b f 0 1"),
    "convolution of features as places": (lambda x: pointwise(convolution(x).transpose(1, 2)), "b f o 1"),
    "ReLU": (lambda x: convolution(x).relu_(), "b f 0 1"),
    "pooling": (lambda x: nn.functional.max_pool2d(convolution(x), 2), "b f 0 1"),
    "average": (lambda x: convolution(x).mean((2, 3)), "b f"),
    "average, kept": (lambda x: convolution(x).mean((2, 3), keepdim=True), "b f 0 1"),
    "enlarged": (lambda x: nn.functional.interpolate(convolution(x), scale_factor=2, mode="bilinear"), "b f 0 1"),
    "channels last": (lambda x: norm(convolution(x).permute(0, 2, 3, 1)), "b 0 1 f"),
    "norm inside": (lambda x: norm(convolution(x).movedim(1, -1)).movedim(-1, 1), "b f 0 1"),
    "group norm": (lambda x: nn.functional.group_norm(convolution(x), 2), "b f 0 1"),
    "moved and added": (lambda x: convolution(x) + linear(convolution(x).movedim(1, -1)).movedim(-1, 1), "b f 0 1"),
    "gate": (lambda x: linear(convolution(x).mean((2, 3)))[:, :, None, None] * convolution(x), "b f 0 1"),
    "gate first": (lambda x: convolution(x).mean((2, 3), keepdim=True).sigmoid() * convolution(x), "b f 0 1"),
    "gate of one feature": (lambda x: convolution(x)[:, :1] * torch.rand(1, C, 1, 1), "b o 0 1"),
    "tokens": (tokens, "b 01 f"),
    "linear": (lambda x: linear(tokens(x)), "b 01 f"),
    "linear of one image": (lambda x: linear(tokens(x[:1])), "b 01 f"),
    "class token": (lambda x: torch.cat([class_token.expand(2, -1, -1), tokens(x)], 1), "b t f"),
    "without class token": (lambda x: torch.cat([class_token.expand(2, -1, -1), tokens(x)], 1)[:, 1:], "b 01 f"),
    "split": (lambda x: torch.cat([class_token.expand(2, -1, -1), tokens(x)], 1).split([1, 64], 1)[1], "b 01 f"),
    "class token alone": (lambda x: torch.cat([class_token.expand(2, -1, -1), tokens(x)], 1)[:, 0], "b f"),
    "tokens first": (lambda x: tokens(x).transpose(0, 1), "01 b f"),
    "shuffled tokens": (lambda x: tokens(x)[:, torch.randperm(64)], "b o f"),
    "every second": (lambda x: convolution(x)[:, :, ::2, 1::2], "b f 0 1"),
    "patch merging": (lambda x: torch.cat([convolution(x)[:, :, i::2].movedim(1, 3) for i in (0, 1)], -1), "b 0 1 f"),
    "attention": (attention, "b f 01 01"),
    "windows": (windows, "b01 01 f"),
    "windows and back": (whole, "b 0 1 f"),
    "einsum": (lambda x: torch.einsum("bchw,dc->bhwd", convolution(x), torch.rand(5, C)), "b 0 1 f"),
    "unfolded patches": (lambda x: linear(patches(x)), "b 01 f"),
    "slices": (lambda x: nn.Conv1d(1, C, 1)(x.transpose(1, 2).reshape(16, 1, 8)), "b0 f 1"),
    "rows as columns": (lambda x: convolution(x).transpose(2, 3), "b f 1 0"),
    "unbind and stack": (lambda x: torch.stack(tokens(x).unbind(1), 1), "b o f"),
    "LSTM": (lambda x: nn.LSTM(C, 5, batch_first=True)(convolution(x).mean(3).transpose(1, 2))[0], "b 0 f"),
    "GRU, time first": (lambda x: nn.GRU(C, 5)(convolution(x).mean(3).permute(2, 0, 1))[0], "0 b f"),
    "Fourier transform": (lambda x: torch.fft.fft2(convolution(x)).real, None),
    "unknown number of axes": (lambda x: torch.view_as_complex(convolution(x).unflatten(3, (4, 2))), None),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("grad", [False, True])
def test_roles_after_common_operations(name: str, grad: bool) -> None:
    function, expected = FUNCTIONS[name]
    x = torch.rand(2, 1, 8, 8)
    with torch.set_grad_enabled(grad), AxisTracker(x) as tracker:
        result = function(x)
        axes = tracker.axes_of(result)
    if "stack" in name or "LSTM" in name or "GRU" in name:  # PyTorch may compute them step by step
        assert axes is not None
        found = ["".join(factor.role[0] for factor in axis) for axis in axes]
        assert [role if role in "bf" else "o" for role in found] == [r if r in "bf" else "o" for r in expected.split()]
        return
    found = None if axes is None else " ".join("".join(factor.role[0] for factor in axis) for axis in axes)
    assert found == expected
    if axes is not None and "pool" not in name:
        sizes = [torch.Size([factor.size for factor in axis]).numel() for axis in axes]
        assert sizes == list(result.shape)


def test_results_are_not_changed() -> None:
    x = torch.rand(2, 1, 8, 8)
    with AxisTracker(x):
        found = windows(x)
    assert torch.equal(found, windows(x))


def test_stops_when_not_active() -> None:
    x = torch.rand(2, 1, 8, 8)
    with AxisTracker(x) as tracker:
        tracker.active = False
        assert tracker.axes_of(convolution(x)) is None


def test_tensors_that_do_not_depend_on_the_input_have_no_roles() -> None:
    x = torch.rand(2, 1, 8, 8)
    with AxisTracker(x) as tracker:
        assert tracker.axes_of(torch.rand(2, 1, 8, 8) + 1) is None
        convolved = convolution(x)
        assert tracker.axes_of(convolved) is not None
        del convolved
        assert tracker.axes_of(torch.zeros(2, C, 8, 8) * 2) is None  # perhaps in the same memory


def test_tensors_without_memory_or_rule_have_axes_of_unknown_role() -> None:
    x = torch.rand(2, 1, 8, 8)
    with AxisTracker(x) as tracker:
        sparse = convolution(x).to_sparse()
        complex_numbers = torch.view_as_complex(convolution(x).unflatten(3, (4, 2)))
    assert tracker.axes_of(sparse) is None
    assert tracker.axes_of(complex_numbers) is None
    assert [axis[0][:2] for axis in tracker.places_of(complex_numbers)] == [(n, "other") for n in (2, C, 8, 4)]
    assert tracker.places_of(x) == tracker.axes_of(x) == input_axes(x.shape)


def test_does_not_import_pytorchs_compiler() -> None:
    """The packages are replaced by empty ones with the same folder, so that MONAI is not imported."""
    folder = Path(monai_pylon.__file__).parent
    program = f"""
import sys, torch, types
for name, path in (("monai_pylon", {str(folder)!r}), ("monai_pylon.visualize", {str(folder / "visualize")!r})):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from monai_pylon.visualize.axis_tracking import AxisTracker
x = torch.ones(1, 1, 2)
AxisTracker(x).__enter__()
x + 1
print("torch._dynamo" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
