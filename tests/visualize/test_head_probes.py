"""Tests of the numerical tests of heads: passes with other activations, affinity, evenness and max-pooled maps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from monai_pylon.visualize.head_probes import (
    Pass,
    affine_gradients,
    is_even,
    max_pooled_map,
    other_passes,
    run_pass,
)
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import RecordedLayer
from tests.visualize.nets import LABELS, Call, Net, image, make_net


def passes_of(net: nn.Module, x: torch.Tensor) -> list[Pass]:
    """Run the first pass and the others, as the audit does."""
    with evaluating(net):
        first = run_pass(net, RecordedLayer(net.layer), x)
        return [first, *other_passes(net, RecordedLayer(net.layer), x, first.recording)]


def test_other_passes_replace_the_activations() -> None:
    net, x = make_net("linear").double(), image().double()
    first, flipped, noise, large, negative, even, opposite, zero = (each.recording for each in passes_of(net, x))
    own = first.activations
    torch.testing.assert_close(flipped.activations, -own.flip(1, 2, 3))
    assert noise.activations.abs().max() > own.abs().max()
    torch.testing.assert_close(large.activations, -10 * noise.activations.roll(1, 1))
    assert negative.activations.max() < 0
    normal = torch.randn(own.shape, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(noise.activations, own.abs().max() * normal)
    torch.testing.assert_close(negative.activations, -own.abs().max() / 2 - noise.activations.abs())
    assert even.activations.any()
    torch.testing.assert_close(even.activations, even.activations[:1, :, :1, :1].expand(own.shape))
    torch.testing.assert_close(opposite.activations, -even.activations)
    assert not zero.activations.any()
    for recording in (first, flipped, noise, large, negative, even, opposite, zero):
        torch.testing.assert_close(recording.logits, net.head(recording.activations))
        assert recording.call == 0


def test_even_activations_of_tokens_leave_out_the_class_token() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.LayerNorm(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = torch.cat([torch.ones(len(x), 1, 4), x.flatten(2).transpose(1, 2)], 1)
            return self.layer(tokens).mean(1)

    even = passes_of(Tokens(), torch.rand(2, 4, 3, 2))[5].recording.activations
    assert not even[:, 0].any()
    assert even[:, 1:].any()
    torch.testing.assert_close(even[:, 1:], even[:1, 1:2].expand(2, 6, 4))


def test_other_passes_of_zero_activations_are_not_zero() -> None:
    net = make_net("linear")
    nn.init.zeros_(net.layer.weight)
    nn.init.zeros_(net.layer.bias)
    noise = passes_of(net, image())[2].recording.activations
    assert 1e-4 < noise.abs().max() < 1e-2


def test_run_pass_records_module_calls() -> None:
    net = make_net("pooled")
    with evaluating(net):
        steps = run_pass(net, RecordedLayer(net.layer), image()).steps
    assert [step.name for step in steps] == ["layer", "head.0", "head.1", "head.2", "head"]


def gradients_of(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor | None:
    """Compute the affine gradients of a head that calls a function."""
    return affine_gradients([each.recording for each in passes_of(Net(2, Call(function)).double(), x)])


def test_affine_gradients_are_those_of_a_random_sum_of_scores() -> None:
    weight = torch.randn(4, 4, 4, dtype=torch.float64)
    x = image().double()
    found = gradients_of(lambda a: torch.stack([(a * weight).sum((1, 2, 3)) + 5, a.mean((1, 2, 3))], 1), x)
    assert found is not None
    assert found.shape == (2, 4, 4, 4)
    first, second = torch.randn(2, 2, generator=torch.Generator().manual_seed(1)).double().T[:, :, None, None, None]
    torch.testing.assert_close(found, first * weight + second / 64)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: a.relu().mean((2, 3)),
        lambda a: a.square().mean((2, 3)),
        lambda a: a.amax((2, 3)),
        lambda a: (a - a.detach() * 0.5 + a.detach().square()).mean((2, 3)),  # constant gradient, wrong sum
        lambda a: a.mean((2, 3)) * (1 + 1e-3 * a.sigmoid().mean((2, 3))),  # almost affine
        # The sum is right, but the gradient of the larger activations is not. Both are small.
        lambda a: 1e-9 * (a + (a - 5).relu() - (a - 5).relu().detach()).mean((2, 3)),
    ],
)
def test_affine_gradients_reject_other_heads(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    assert gradients_of(function, image().double()) is None


def test_affine_gradients_may_be_zero() -> None:
    assert not gradients_of(lambda a: 0 * a.mean((2, 3)), image().double()).any()


@pytest.mark.parametrize("factor", [1, 1e6])
def test_affine_gradients_allow_rounding_errors(factor: float) -> None:
    net = make_net("linear")
    net.head[1].weight.data *= factor
    assert affine_gradients([each.recording for each in passes_of(net, image())]) is not None


def test_affine_gradients_do_not_depend_on_the_bias() -> None:
    """Rounding errors grow with the score at zero activations."""
    net = make_net("linear")
    net.head[1].bias.data += 1e4
    assert affine_gradients([each.recording for each in passes_of(net, image())]) is not None


def test_even_gradients() -> None:
    even = torch.randn(2, 3, 1, 1).expand(2, 3, 4, 5).clone()
    assert is_even(even, 2)
    even[1, 2, 3, 4] += 1e-6
    assert is_even(even, 2)
    even[1, 2, 3, 4] += 1e-2
    assert not is_even(even, 2)
    assert not is_even(1e-3 * even, 2)
    assert is_even(torch.zeros(2, 3, 4, 5), 2)


def test_even_gradients_over_folded_slices() -> None:
    per_sample = torch.randn(2, 1, 3, 1, 1).expand(2, 5, 3, 4, 4).flatten(0, 1)  # 2 samples of 5 slices
    assert is_even(per_sample, 2)
    assert not is_even(per_sample, 1)
    assert is_even(torch.randn(10, 3, 1, 1).expand(10, 3, 4, 4), 10)


def pooled_net(*layers: nn.Module) -> Net:
    """Make a network whose scores are the maxima of the output of the given layers."""
    return Net(2, nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten()))


def test_finds_the_map_with_the_scores_as_maxima() -> None:
    found = max_pooled_map(passes_of(pooled_net(nn.Conv2d(4, 5, 1), nn.ReLU(), nn.Conv2d(5, LABELS, 1)), image()))
    assert found == ("head.2", 0)


def test_finds_a_map_of_zeros() -> None:
    assert max_pooled_map(passes_of(pooled_net(Call(lambda x: 0 * x)), image())) == ("head.0", 0)


def test_names_the_layer_itself_by_an_empty_name() -> None:
    assert max_pooled_map(passes_of(pooled_net(), image())) == ("", 0)


def test_allows_rounding_errors_and_returns_the_largest_difference() -> None:
    passes = passes_of(Net(2, Call(lambda x: x.float().amax((2, 3)).double())).double(), image().double())
    name, difference = max_pooled_map(passes)
    maxima = [each.recording.activations.amax((2, 3)) for each in passes]
    assert name == ""
    assert difference == max((m - m.float()).abs().max().item() for m in maxima)
    assert difference > 0


@pytest.mark.parametrize(
    "head",
    [
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        Call(lambda x: 1.01 * x.amax((2, 3))),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Hardtanh()),  # the maxima of small maps only
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.ReLU()),  # the positive maxima only
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.LeakyReLU()),
        nn.Sequential(nn.Conv2d(4, LABELS, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.ReLU()),
        Call(lambda x: x.amax((2, 3)).clamp(max=1e9)),  # no probe is as large
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 4)),
        nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, LABELS)),  # another number of scores
        nn.Sequential(nn.Conv2d(4, LABELS, 1), Call(lambda x: x.amax((2, 3)).clamp(max=1e9))),
        nn.Sequential(nn.MaxPool2d(3), nn.Flatten()),  # without the last row and column
    ],
)
def test_finds_no_map_in_other_heads(head: nn.Module) -> None:
    assert max_pooled_map(passes_of(Net(2, head), image())) is None


def test_maxima_over_folded_slices() -> None:
    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, LABELS, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scores = self.layer(x.transpose(1, 2).flatten(0, 1)).amax((2, 3))
            return scores.unflatten(0, (len(x), -1)).amax(1)

    assert max_pooled_map(passes_of(Folded(), torch.randn(2, 1, 5, 4, 4))) == ("", 0)
