"""Tests of deletion and insertion curves with scores that can be computed by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.visualize import HiResCAM, perturbation_curve
from monai_pylon.visualize.perturbation import _highest_first
from tests.visualize.nets import image, make_net
from tests.visualize.test_recording import half_trained, state


class Sums(nn.Module):
    """Network whose score 0 is the sum of the image and score 1 its negative."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = x.flatten(1).sum(1)
        return torch.stack([total, -total], 1)


X = torch.tensor([[[[4.0, 1.0], [3.0, 2.0]]], [[[1.0, 2.0], [3.0, 4.0]]]])


def test_hand_computed_deletion_and_insertion() -> None:
    maps = X[:, 0]  # the map is the image: the highest pixels are deleted first
    deletion = perturbation_curve(Sums(), X, maps, 0, steps=4)
    assert deletion.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert deletion.scores.tolist() == [[10, 6, 3, 1, 0], [10, 6, 3, 1, 0]]
    assert deletion.area.tolist() == pytest.approx([3.75, 3.75])
    insertion = perturbation_curve(Sums(), X, maps, 0, mode="insertion", steps=4)
    assert insertion.scores.tolist() == [[0, 4, 7, 9, 10], [0, 4, 7, 9, 10]]
    worst = perturbation_curve(Sums(), X, -maps, 0, steps=4)
    assert worst.scores.tolist() == [[10, 9, 7, 4, 0], [10, 9, 7, 4, 0]]


def test_one_label_per_sample_and_fewer_steps() -> None:
    curve = perturbation_curve(Sums(), X, X[:, 0], [[0], [1]], steps=2)
    assert curve.scores.tolist() == [[10, 3, 0], [-10, -3, 0]]


def test_labels_mean_the_same_as_in_hirescam() -> None:
    """A list names labels for every sample: each curve follows the label of its own map."""
    both = perturbation_curve(Sums(), X, torch.stack([X[:, 0], -X[:, 0]], 1), [1, 0], steps=2)
    assert both.scores.tolist() == [[[-10, -3, 0], [10, 7, 0]]] * 2
    assert both.area.shape == (2, 2)
    net, x = make_net("linear"), image()
    for class_idx in (None, 2, [2], [2, 0], [[0, 1], [2, 0]], torch.tensor([1, 2]), "all"):
        explained = HiResCAM(net, "layer").explain(x, class_idx)
        curve = perturbation_curve(net, x, explained.maps, class_idx, steps=2)
        expected = explained.logits.gather(1, explained.labels)
        torch.testing.assert_close(curve.scores[..., 0], expected)
        torch.testing.assert_close(curve.area, torch.trapezoid(curve.scores, curve.fractions))


def test_one_map_for_several_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"maps must be one for each of the 2 labels of class_idx.*\[\[0\], \[1\]\]"):
        perturbation_curve(Sums(), X, X[:, 0], [0, 1], steps=2)
    with pytest.raises(ValueError, match="maps must be finite"):
        perturbation_curve(Sums(), X, X[:, 0] * torch.nan, 0)


def test_number_of_steps() -> None:
    one = perturbation_curve(Sums(), X, X[:, 0], 0, steps=1)
    assert one.scores.tolist() == [[10, 0], [10, 0]]
    default = perturbation_curve(Sums(), X, X[:, 0], 0)
    torch.testing.assert_close(default.fractions, torch.linspace(0, 1, 21))


def test_default_seed_is_0() -> None:
    flat = torch.zeros(2, 8, 8)
    x = image()
    default = perturbation_curve(Sums(), x, flat, 0)
    assert torch.equal(default.scores, perturbation_curve(Sums(), x, flat, 0, seed=0).scores)


@pytest.mark.parametrize("baseline", [1.0, torch.ones(1, 1, 2, 2), torch.ones(2, 1, 2, 2)])
def test_baseline_replaces_deleted_pixels(baseline: float | torch.Tensor) -> None:
    curve = perturbation_curve(Sums(), X, X[:, 0], 0, steps=4, baseline=baseline)
    assert curve.scores[0].tolist() == [10, 7, 5, 4, 4]


def test_deletes_all_channels_of_a_pixel() -> None:
    x = torch.cat([X, 10 * X], 1)
    assert perturbation_curve(Sums(), x, X[:, 0], 0, steps=4).scores[0].tolist() == [110, 66, 33, 11, 0]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_enlarges_coarse_maps(dims: int) -> None:
    x = torch.zeros(1, 1, *[4] * dims)
    x[(0, 0, *[slice(2, None)] * dims)] = 1
    maps = torch.zeros(1, *[2] * dims)
    maps[(0, *[1] * dims)] = 1
    curve = perturbation_curve(Sums(), x, maps, 0, steps=2**dims)
    assert curve.scores[0, 0] == 2**dims
    assert curve.scores[0, 1] <= 1 if dims < 3 else curve.scores[0, 1] <= 4
    assert curve.scores[0, -1] == 0


def test_order_of_equal_values_is_random() -> None:
    values = torch.tensor([[0.0, 1.0, 1.0, 1.0, 2.0]])
    orders = {tuple(_highest_first(values, torch.Generator().manual_seed(s))[0].tolist()) for s in range(60)}
    assert all(order[0] == 4 and order[-1] == 0 for order in orders)
    assert len(orders) == 6  # all orders of the three equal values
    flat = torch.zeros(2, 2, 2)

    def scores(seed: int | torch.Generator) -> list:
        return perturbation_curve(Sums(), X, flat, 0, steps=4, seed=seed).scores.tolist()

    assert scores(1) == scores(1)
    assert scores(1) == scores(torch.Generator().manual_seed(1))
    assert any(scores(1) != scores(seed) for seed in range(2, 9))


def test_insertion_by_hirescam_raises_the_score_faster_than_by_a_random_map() -> None:
    net, x = make_net("linear"), image(samples=4)
    maps = HiResCAM(net, "layer")(x, 1)[:, 0]
    area = perturbation_curve(net, x, maps, 1, mode="insertion").area
    random = perturbation_curve(net, x, torch.rand(4, 8, 8), 1, mode="insertion").area
    assert (area - random).mean() > 0


def test_restores_the_network_and_the_image(capsys: pytest.CaptureFixture) -> None:
    net, x = half_trained(), image()
    before, pixels = state(net), x.clone()
    curve = perturbation_curve(net, x, x[:, 0], 0, steps=3, progress=True)
    assert "deletion: 100%" in capsys.readouterr().err
    perturbation_curve(net, x, x[:, 0], 0, steps=3)
    assert capsys.readouterr().err == ""
    assert not curve.scores.requires_grad
    assert state(net) == before
    assert torch.equal(x, pixels)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"mode": "deletoin"}, ValueError, "Did you mean 'deletion'"),
        ({"steps": 0}, ValueError, "steps must be positive, but is 0"),
        ({"maps": X[0, 0]}, ValueError, r"maps must be of shape \(2, \*grid\) or \(2, K, \*grid\) with 2 grid axes"),
        ({"maps": X.numpy()}, TypeError, "maps must be of type Tensor"),
        ({"maps": X[:1, 0]}, ValueError, "maps must be"),
        ({"class_idx": 2}, ValueError, "class_idx must be between 0 and 1, but is 2"),
        ({"class_idx": [0, -1]}, ValueError, "class_idx must be between 0 and 1"),
        ({"network": nn.Flatten(0)}, ValueError, r"network must be a module with output \(N, M\)"),
    ],
)
def test_rejects_invalid_arguments(change: dict, error: type[Exception], message: str) -> None:
    arguments = {"network": Sums(), "x": X, "maps": X[:, 0], "class_idx": 0} | change
    with pytest.raises(error, match=message):
        perturbation_curve(**arguments)
