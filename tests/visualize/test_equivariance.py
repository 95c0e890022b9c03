"""Convolutions move with the image; global averages, group norms and positions do not."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from monai_pylon.networks.nets import PYLON
from monai_pylon.visualize.equivariance import layer_output, shift_equivariance
from tests.networks.tiny import TinyEncoder


def own(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    return network(x)


def strided(*more: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=4, padding=1), nn.ReLU(), *more, nn.Conv2d(8, 3, 1)).double()


class PlusMean(nn.Module):
    """Weigh features by their global average, as channel attention does."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(9 * x.mean((2, 3), keepdim=True))


class PlusPosition(nn.Module):
    """Add the row of each cell."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.arange(x.shape[2], dtype=x.dtype)[:, None]


X = torch.randn(2, 1, 96, 80, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).cumsum(2)


def test_convolutions_are_equivariant_inside_and_not_at_the_border() -> None:
    torch.manual_seed(0)
    network = strided()
    inside = shift_equivariance(network, own, X, (16, 8), margin=1)
    assert inside.cells == (4, 2)
    assert inside.correlation.shape == (2, 3)
    torch.testing.assert_close(inside.correlation, torch.ones(2, 3, dtype=torch.float64))
    assert bool((inside.relative_difference < 1e-12).all())
    assert bool((shift_equivariance(network, own, X, (16, 8)).relative_difference > 1e-6).any()), "padding"


@pytest.mark.parametrize("layer", [PlusMean(), nn.GroupNorm(2, 8), PlusPosition()])
def test_layers_that_see_the_whole_image_or_the_place_are_not_equivariant(layer: nn.Module) -> None:
    torch.manual_seed(0)
    found = shift_equivariance(strided(layer), own, X, (16, 0), margin=1)
    assert bool((found.relative_difference > 1e-3).any())


def test_values_by_hand() -> None:
    """The map is the image; the function adds a pattern to the second window only."""
    calls = []

    def explain(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
        calls.append(x)
        return x if len(calls) == 1 else -3 * x

    image = torch.arange(12, dtype=torch.float64).view(1, 1, 12).square()
    found = shift_equivariance(nn.Identity(), explain, image, 2)
    assert torch.equal(calls[0][0, 0], image[0, 0, :10])
    assert torch.equal(calls[1][0, 0], image[0, 0, 2:])
    common = image[0, 0, 2:10]
    assert found.correlation.item() == pytest.approx(-1)
    expected = (4 * common).square().mean().sqrt() / common.std(correction=0)
    assert found.relative_difference.item() == pytest.approx(expected.item())


def test_the_strength_of_a_map_does_not_matter() -> None:
    torch.manual_seed(0)
    network = strided(PlusPosition())
    strong = shift_equivariance(network, own, X, (16, 8))
    for factor in (1e-6, 1e6):
        found = shift_equivariance(network, lambda x, net, factor=factor: factor * net(x), X, (16, 8))
        torch.testing.assert_close(found[:2], strong[:2])


@pytest.mark.parametrize("constant", [1, 2])
def test_one_constant_map_has_no_correlation(constant: int) -> None:
    """The map of the first or of the second window is constant, the other one is not."""
    calls = []

    def explain(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
        calls.append(x)
        return torch.zeros_like(x) if len(calls) == constant else x

    found = shift_equivariance(nn.Identity(), explain, torch.arange(6.0).view(1, 1, 6), 2)
    assert found.correlation.isnan().all()
    # Both windows show the pixels 2 and 3, of standard deviation 0.5. The difference is relative to the first map.
    expected = math.nan if constant == 1 else ((2**2 + 3**2) / 2) ** 0.5 / 0.5
    assert found.relative_difference.item() == pytest.approx(expected, nan_ok=True)


def test_shift_and_margin_may_leave_a_single_cell() -> None:
    """Of 5 pixels, two windows of 4 show 3 pixels both, of which a margin of 1 leaves one."""
    assert shift_equivariance(nn.Identity(), own, torch.rand(1, 1, 5), 1, margin=1).cells == (1,)
    assert shift_equivariance(nn.Identity(), own, torch.rand(1, 1, 9), 4).cells == (4,)
    with pytest.raises(ValueError, match="margin must be so small"):
        shift_equivariance(nn.Identity(), own, torch.rand(1, 1, 4), 1, margin=1)


def test_constant_maps_have_no_value() -> None:
    found = shift_equivariance(nn.Identity(), lambda x, _: torch.ones_like(x), X, 8)
    assert bool(found.correlation.isnan().all())
    assert bool(found.relative_difference.isnan().all())


def test_any_layer_of_a_network_without_changing_it() -> None:
    network = PYLON(encoder=TinyEncoder(), decoder_channels=8, num_classes=2).train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    x = torch.randn(1, 1, 128, 160)
    found = shift_equivariance(network, layer_output("encoder.stages.2"), x, (0, 32))
    assert found.correlation.shape == (1, 8)
    attention = shift_equivariance(network, lambda x, network: network.explain(x).attention, x, (0, 32))
    assert attention.cells == (0, 8)
    assert network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not [m for m in network.modules() if m._forward_hooks]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"shift": 0}, "shift must be 2 numbers from 0"),
        ({"shift": (4,)}, "shift must be 2 numbers from 0"),
        ({"shift": 60}, r"shift must be less than half of the image \(96, 80\)"),
        ({"shift": (0, 40)}, r"shift must be less than half of the image \(96, 80\)"),
        ({"shift": (6, 0)}, "shift must be a multiple of the map's stride"),
        ({"shift": 8, "margin": -1}, "margin must be 0 or more"),
        ({"shift": 8, "margin": 99}, "margin must be so small"),
        ({"shift": (16, 0), "margin": 8}, "margin must be so small"),  # 80 rows are 20 cells, of which 4 + 2 * 8
    ],
)
def test_shifts_that_do_not_fit_are_refused(how: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shift_equivariance(strided(), own, X, **how)


def test_images_and_maps_need_grid_axes() -> None:
    with pytest.raises(ValueError, match=r"x must be of shape \(N, C, \*spatial\)"):
        shift_equivariance(nn.Identity(), own, torch.rand(2, 3), 1)
    with pytest.raises(ValueError, match=r"explain must be a function that returns \(N, M, \*grid\) with 2 axes"):
        shift_equivariance(nn.Identity(), lambda x, net: x.flatten(2), X, 8)


def test_a_layer_that_is_called_twice_is_refused() -> None:
    layer = nn.Conv2d(1, 1, 1)
    with pytest.raises(ValueError, match="target_layer must be called once in a forward pass, but is 'called 2 times'"):
        layer_output("0")(torch.zeros(1, 1, 4, 4), nn.Sequential(layer, layer))
