"""Tests of HiResCAM and Grad-CAM: the equations as loops, the authors' numbers, and hand-computed values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from monai_pylon.visualize import grad_cam, hires_cam
from tests.references.class_activation import grad_cam_loop, gradient_by_differences, hires_cam_loop

METHODS = {"hires": (hires_cam, hires_cam_loop), "grad": (grad_cam, grad_cam_loop)}
GRIDS = [(5,), (3, 4), (2, 3, 4)]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("method", METHODS)
def test_matches_the_equations(method: str, grid: tuple[int, ...]) -> None:
    fast, loop = METHODS[method]
    activations, gradients = torch.randn(2, 2, 3, *grid, dtype=torch.float64)
    maps = fast(activations, gradients)
    assert maps.shape == (2, *grid)
    for one, a, g in zip(maps, activations, gradients, strict=True):
        np.testing.assert_allclose(one, loop(a.numpy(), g.numpy()), atol=1e-12)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("method", METHODS)
def test_many_scores_equal_single_scores(method: str, grid: tuple[int, ...]) -> None:
    fast, _ = METHODS[method]
    activations, gradients = torch.randn(2, 3, *grid), torch.randn(2, 4, 3, *grid)
    together = fast(activations, gradients)
    assert together.shape == (2, 4, *grid)
    for label in range(4):
        torch.testing.assert_close(together[:, label], fast(activations, gradients[:, label]))
    assert fast(activations, gradients[:, :0]).shape == (2, 0, *grid)


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_independent_and_flips_commute(method: str) -> None:
    fast, _ = METHODS[method]
    activations, gradients = torch.randn(2, 3, 4, 5, 6)
    maps = fast(activations, gradients)
    torch.testing.assert_close(maps[1:], fast(activations[1:], gradients[1:]))
    torch.testing.assert_close(maps.flip(2), fast(activations.flip(3), gradients.flip(3)))
    order = torch.randperm(4)
    torch.testing.assert_close(maps, fast(activations[:, order], gradients[:, order]))


def test_gradient_of_both_signs_as_in_figure_3() -> None:
    """HiResCAM keeps the sign of the gradient in each grid cell. Grad-CAM averages it."""
    activations = torch.tensor([[[[2.0, 2.0], [0.0, 3.0]]]])
    gradients = torch.tensor([[[[1.0, -1.0], [5.0, -1.0]]]])
    assert hires_cam(activations, gradients).tolist() == [[[2.0, -2.0], [0.0, -3.0]]]
    assert grad_cam(activations, gradients).tolist() == [[[2.0, 2.0], [0.0, 3.0]]]


def test_methods_agree_for_constant_gradients() -> None:
    activations, constant = torch.randn(2, 3, 4, 5), torch.randn(2, 6, 3, 1, 1).expand(2, 6, 3, 4, 5)
    torch.testing.assert_close(hires_cam(activations, constant), grad_cam(activations, constant))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("given", "result"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
    ],
)
def test_computes_in_float32_or_better(method: str, given: torch.dtype, result: torch.dtype) -> None:
    fast, _ = METHODS[method]
    activations, gradients = torch.randn(2, 2, 3, 8, 4, 4).to(given)
    one = fast(activations[0], gradients[0])
    assert one.dtype == result
    exact = fast(activations[0].double(), gradients[0].double())
    torch.testing.assert_close(one.double(), exact, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_autocast_does_not_reduce_precision(method: str) -> None:
    fast, _ = METHODS[method]
    activations, gradients = torch.randn(2, 3, 64, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        maps = fast(activations, gradients)
    torch.testing.assert_close(maps, fast(activations, gradients), atol=0, rtol=0)


@pytest.mark.parametrize("method", METHODS)
def test_maps_are_differentiable(method: str) -> None:
    """A loss of the maps has gradients for both arguments."""
    fast, _ = METHODS[method]
    activations, gradients = torch.randn(2, 2, 3, 4, dtype=torch.float64).unbind(0)
    inputs = (activations.requires_grad_(), gradients.requires_grad_())
    assert torch.autograd.gradcheck(fast, inputs)


@pytest.mark.parametrize("method", METHODS)
def test_rejects_invalid_arguments(method: str) -> None:
    fast, _ = METHODS[method]
    good = torch.zeros(2, 3, 4, 5)
    with pytest.raises(TypeError, match="activations must be of type Tensor"):
        fast(np.zeros((2, 3, 4, 5)), good)
    with pytest.raises(TypeError, match="gradients must be of type Tensor"):
        fast(good, None)
    with pytest.raises(ValueError, match=r"activations must be of shape \(N, C, \*grid\).*Keep the batch axis"):
        fast(good[0, :, :, 0], good[0, :, :, 0])
    for wrong in (torch.zeros(2, 3, 5, 4), torch.zeros(1, 3, 4, 5), torch.zeros(2, 7, 4, 3, 5), torch.zeros(2, 3)):
        with pytest.raises(ValueError, match="gradients must be of the activations' shape"):
            fast(good, wrong)


class GoldenAxialNetHead(nn.Module):
    """Part of AxialNet after its encoder, in the authors' axis order: slice groups are the batch."""

    def __init__(self, golden: dict[str, np.ndarray]) -> None:
        super().__init__()
        weights = [torch.from_numpy(golden[f"conv.{i}.weight"]) for i in (0, 2, 4, 6)]
        layers: list[nn.Module] = []
        for i, weight in zip((0, 2, 4, 6), weights, strict=True):
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, dtype=torch.float64)
            conv.weight.data, conv.bias.data = weight, torch.from_numpy(golden[f"conv.{i}.bias"])
            layers += [conv, nn.ReLU()]
        self.convolutions = nn.Sequential(*layers)
        weight = torch.from_numpy(golden["fc.weight"]).flatten(1)
        self.fc = nn.Linear(weight.shape[1], len(weight), dtype=torch.float64)
        self.fc.weight.data, self.fc.bias.data = weight, torch.from_numpy(golden["fc.bias"])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Compute volume scores (1, M) from one volume's features (groups, 512, 14, 14)."""
        return self.fc(self.convolutions(features).flatten(1)).mean(0, keepdim=True)


@pytest.fixture(scope="module")
def golden(golden_data: Path) -> dict[str, np.ndarray]:
    """Load the results of the authors' program for random features and weights."""
    return dict(np.load(golden_data / "axialnet_head.npz"))


@pytest.mark.parametrize(("method", "key"), [("hires", "hirescam"), ("grad", "gradcam")])
def test_matches_the_authors_maps(golden: dict[str, np.ndarray], method: str, key: str) -> None:
    head = GoldenAxialNetHead(golden)
    z = head.convolutions(torch.from_numpy(golden["features"]).double()).detach().requires_grad_()
    scores = head.fc(z.flatten(1)).mean(0)
    np.testing.assert_allclose(scores.detach(), golden["volume_scores"][0], atol=1e-12)
    gradients = torch.stack([torch.autograd.grad(s, z, retain_graph=True)[0] for s in scores])
    volume = z.detach().transpose(0, 1)[None]  # (1, features, groups, rows, columns)
    maps = METHODS[method][0](volume, gradients.transpose(1, 2)[None])[0]
    np.testing.assert_allclose(maps, golden[key], atol=1e-8, rtol=0)
    assert np.abs(golden[key]).max() > 1e-3


def test_reference_gradient_equals_the_weight_of_a_linear_layer(golden: dict[str, np.ndarray]) -> None:
    """Check the reference's gradient by differences on the golden fully connected layer."""
    weight = golden["fc.weight"][3]
    at = np.random.default_rng(0).normal(size=weight.shape)
    found = gradient_by_differences(lambda a: float((weight * a).sum() + golden["fc.bias"][3]), at)
    np.testing.assert_allclose(found, weight, atol=1e-8)
