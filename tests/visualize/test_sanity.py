"""Tests of randomization on networks with known maps before and after their parameters are shuffled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.networks.nets import resnet10
from scipy.stats import spearmanr
from torch import nn

from monai_pylon.data import phantom_radiograph
from monai_pylon.visualize import ActivationMapInferer, label_randomization, parameter_randomization
from monai_pylon.visualize.sanity import rank_correlation
from tests.visualize.nets import LABELS, image, make_net
from tests.visualize.test_recording import half_trained, state


@pytest.mark.parametrize("grid", [(7,), (4, 5), (2, 3, 4)])
def test_rank_correlation_matches_scipy(grid: tuple[int, ...]) -> None:
    maps, others = torch.randint(0, 6, (2, 2, 3, *grid)).float()  # with ties
    found = rank_correlation(maps, others)
    assert found.shape == (2, 3)
    for n, k in np.ndindex(2, 3):
        expected = spearmanr(maps[n, k].flatten(), others[n, k].flatten()).statistic
        assert found[n, k].item() == pytest.approx(expected, abs=1e-12)


def test_hand_computed_rank_correlation() -> None:
    rising = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert rank_correlation(rising, rising.exp()).item() == pytest.approx(1)
    assert rank_correlation(rising, -rising).item() == pytest.approx(-1)
    assert rank_correlation(rising[..., :2], rising[..., 1:]).item() == pytest.approx(1)
    assert rank_correlation(rising, torch.ones(1, 1, 3)).isnan().item()
    assert rank_correlation(rising, torch.tensor([[[1.0, float("nan"), 3.0]]])).isnan().item()
    with pytest.raises(ValueError, match=r"others must be of the maps' shape \(1, 1, 3\)"):
        rank_correlation(rising, torch.ones(1, 1, 4))
    with pytest.raises(ValueError, match=r"maps must be of shape \(N, K, \*grid\)"):
        rank_correlation(rising[0], rising[0])


def explain_by_weight(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Return the weight of the network's last layer as map (N, 1, 4)."""
    return network[-1].weight[None, :1].expand(len(x), -1, -1).detach()


def explain_by_image(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Return a map that does not depend on the network."""
    return x[:, :1]


def stack() -> nn.Sequential:
    """Make two linear layers. The first has a constant bias."""
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    nn.init.ones_(net[0].bias)
    return net


def test_randomizes_from_the_output_backwards() -> None:
    network, x = stack(), torch.rand(2, 1, 4)
    curve = parameter_randomization(network, explain_by_weight, x, seed=1)
    assert curve.layers == ("2", "0")
    assert curve.similarity.shape == (2, 2, 1)
    assert (curve.similarity[0] < 1).all()
    # Shuffling the first layer does not change the last layer's weight.
    assert torch.equal(curve.similarity[1], curve.similarity[0])
    forwards = parameter_randomization(network, explain_by_weight, x, layers=["0", "2"], seed=1)
    assert torch.allclose(forwards.similarity[0], torch.ones(2, 1).double())
    assert (forwards.similarity[1] < 1).all()
    constant = parameter_randomization(network, explain_by_image, x)
    assert torch.allclose(constant.similarity, torch.ones(2, 2, 1).double())


def test_shuffles_values_in_a_copy() -> None:
    network, x = half_trained(), image()
    seen: list[nn.Module] = []

    def explain(x: torch.Tensor, net: nn.Module) -> torch.Tensor:
        seen.append(net)
        return x.flatten(2)[..., :4]

    before = state(network)
    parameter_randomization(network, explain, x)
    assert state(network) == before
    assert seen[0] is network
    copied = seen[-1]
    assert copied is not network
    for name, parameter in network.named_parameters():
        other = copied.get_parameter(name)
        assert sorted(other.flatten().tolist()) == sorted(parameter.flatten().tolist())
        assert torch.equal(other, parameter) == bool((parameter == parameter.flatten()[0]).all())


def test_shuffles_own_parameters_only() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift, self.part = nn.Parameter(torch.arange(4.0)), nn.Linear(4, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.part(x) + self.shift

    def explain(x: torch.Tensor, net: nn.Module) -> torch.Tensor:
        return torch.stack([net[0].shift, net[0].part.weight[0]])[None].detach()

    found = parameter_randomization(nn.Sequential(Block()), explain, torch.rand(1, 4), layers=["0"]).similarity
    assert found[0, 0, 0] < 1
    assert found[0, 0, 1] == pytest.approx(1)


def test_seed_determines_the_shuffling() -> None:
    network, x = make_net("linear"), image()
    explain = ActivationMapInferer("layer", class_idx="all")
    state_before = torch.get_rng_state()

    def similarity(seed: int | torch.Generator) -> torch.Tensor:
        return parameter_randomization(network, explain, x, seed=seed).similarity

    assert torch.equal(similarity(3), similarity(3))
    assert torch.equal(similarity(3), similarity(torch.Generator().manual_seed(3)))
    assert not torch.equal(similarity(3), similarity(4))
    assert torch.equal(torch.get_rng_state(), state_before)


def test_default_seed_is_0() -> None:
    network, x = stack(), torch.rand(2, 1, 4)
    default = parameter_randomization(network, explain_by_weight, x)
    assert torch.equal(default.similarity, parameter_randomization(network, explain_by_weight, x, seed=0).similarity)


def test_randomizes_all_layers_of_monais_resnet_in_order() -> None:
    network = resnet10(spatial_dims=2, n_input_channels=1, num_classes=LABELS)
    explain = ActivationMapInferer("layer4", class_idx=[0, 2])
    curve = parameter_randomization(network, explain, torch.rand(1, 1, 32, 32))
    assert curve.layers[0] == "fc"
    assert curve.layers[-1] == "conv1"
    assert len(curve.layers) == sum(1 for m in network.modules() if next(m.parameters(recurse=False), None) is not None)
    assert curve.similarity.shape == (len(curve.layers), 1, 2)


def test_shows_a_progress_bar(capsys: pytest.CaptureFixture) -> None:
    parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4), progress=True)
    assert "randomized layers: 100%" in capsys.readouterr().err
    parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4))
    assert capsys.readouterr().err == ""


def test_progress_bar_needs_tqdm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_pylon.visualize.sanity.has_tqdm", False)
    parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4))
    with pytest.raises(ValueError, match=r"progress must be False without tqdm, but is True\. Install tqdm"):
        parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4), progress=True)


def test_label_randomization_compares_two_networks() -> None:
    network, other, x = make_net("linear"), make_net("linear"), image()
    explain = ActivationMapInferer("layer")
    assert torch.allclose(label_randomization(network, network, explain, x), torch.ones(2, LABELS).double())
    assert (label_randomization(network, other, explain, x) < 0.9).all()


def test_rejects_invalid_arguments() -> None:
    with pytest.raises(ValueError, match=r"layers must be names of layers with parameters of their own, but is '1'"):
        parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4), layers=["1"])
    blocks = nn.Sequential(stack(), nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r"parameters of their own, but is '0'. For a block, name its layers"):
        parameter_randomization(blocks, explain_by_image, torch.rand(1, 1, 4), layers=["0"])
    with pytest.raises(ValueError, match="target_layer must be the name of a layer"):
        parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4), layers=["fc"])
    with pytest.raises(TypeError, match="seed must be of type int"):
        parameter_randomization(stack(), explain_by_image, torch.rand(1, 1, 4), seed="x")


def vgg_like(seed: int) -> nn.Sequential:
    """Make convolutions with ReLUs and a linear head for images of 64 pixels; the last map is layer 9."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for before, after, pool in ((1, 8, False), (8, 8, True), (8, 16, True), (16, 16, False)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 16 * 16, 2)).eval()


def guided_backpropagation(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
    """Return the magnitude of the gradient at the input, with every ReLU passing positive gradients only."""

    def clip(module: nn.Module, inner: tuple[torch.Tensor], outer: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        return (inner[0].clamp(min=0),)

    handles = [m.register_full_backward_hook(clip) for m in network.modules() if isinstance(m, nn.ReLU)]
    try:
        image = x.detach().requires_grad_()
        scores = network(image).sum(0)
        each = [torch.autograd.grad(score, image, retain_graph=True)[0].abs().sum(1) for score in scores]
        return torch.stack(each, 1)
    finally:
        for handle in handles:
            handle.remove()


def test_guided_backpropagation_hardly_depends_on_the_head_and_hirescam_does() -> None:
    """Section 2 of the HiResCAM paper, after Adebayo et al.: guided backpropagation shows the edges of the image."""
    x = torch.stack([torch.from_numpy(phantom_radiograph(seed, size=64).image) for seed in (0, 1)]).float() * 4 - 2
    guided, hires = [], []
    for seed in range(3):
        network = vgg_like(seed)
        layers = ["11", "8"]
        guided.append(parameter_randomization(network, guided_backpropagation, x, layers).similarity[-1].mean())
        explain = ActivationMapInferer("9", class_idx=[0, 1])
        hires.append(parameter_randomization(network, explain, x, layers).similarity[-1].mean())
    assert float(torch.stack(guided).mean()) > 0.5
    assert abs(float(torch.stack(hires).mean())) < 0.1
