"""Tests of gradients of scores: independent and linked samples, and float16."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.visualize.score_gradients import _weights, is_half, own_gradients, score_gradients
from tests.old_versions import needs_torch_2_5
from tests.visualize.nets import FEATURES, LABELS, Call, Net, image


def by_sample(net: Net, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute activations (N, C, *grid) and the gradients (N, M, C, *grid) of each sample's own scores."""
    activations = net.layer(x).detach().requires_grad_()
    scores = net.head(activations)
    rows = [[torch.autograd.grad(s, activations, retain_graph=True)[0][i] for s in scores[i]] for i in range(len(x))]
    return activations.detach(), torch.stack([torch.stack(row) for row in rows])


def batch_statistics() -> nn.Module:
    """Make a head whose batch norm uses the statistics of the batch, also in evaluation mode."""
    norm = nn.BatchNorm2d(FEATURES, track_running_stats=False)
    return nn.Sequential(norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(FEATURES, LABELS))


#: Heads in which the scores of a sample depend on other samples.
LINKED: dict[str, Callable[[], nn.Module]] = {
    "statistics of the batch": batch_statistics,
    "after the average": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(FEATURES, track_running_stats=False)
    ),
    "linear, then statistics": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(64, LABELS), nn.BatchNorm1d(LABELS, track_running_stats=False)
    ),
    "earlier samples": lambda: Call(lambda a: (a + 0.1 * a.cumsum(0).tanh()).square().mean((2, 3))),
    "the last sample alone": lambda: Call(lambda a: torch.cat([a[:-1], a[-1:] * a[:1].sigmoid()]).mean((2, 3))),
    "neighbors": lambda: Call(lambda a: (a * a.roll(1, 0)).mean((2, 3))),
    "one label": lambda: Call(lambda a: torch.cat([a[:, :2].mean((2, 3)), (a[:, 2:] * a.mean(0)[2:]).mean((2, 3))], 1)),
}


@pytest.mark.parametrize("kind", LINKED)
@pytest.mark.parametrize("samples", [2, 5])
def test_each_sample_has_its_own_gradient(kind: str, samples: int) -> None:
    net, x = Net(2, LINKED[kind]()).eval().double(), image(samples=samples).double()
    activations, gradients = by_sample(net, x)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), (activations[:, None] * gradients).sum(2))
    expected = torch.einsum("nmc,nc...->nm...", gradients.flatten(3).mean(3), activations)
    torch.testing.assert_close(LayerGradCAM(net, "layer")(x, "all"), expected)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, 1), (activations[:, None] * gradients).sum(2)[:, [1]])


@pytest.mark.parametrize("order", [[1, 2, 0], [1, 0, 2]])
def test_refuses_samples_that_change_places(order: list[int]) -> None:
    """The head takes the features of other samples: their own gradients are 0, and so would the maps be."""
    net = Net(2, Call(lambda a: a[order].square().mean((2, 3)))).eval()
    x = image(samples=3)
    with pytest.raises(ValueError, match=r"samples in the order of the input.*one sample at a time"):
        HiResCAM(net, "layer")(x, "all")


def test_independent_samples_take_one_gradient() -> None:
    calls = []

    def gradients_of(cotangents: torch.Tensor) -> torch.Tensor:
        calls.append(len(cotangents))
        return cotangents @ weight

    weight = torch.randn(LABELS, 6)
    cotangents = torch.rand(4, 3, LABELS)
    torch.testing.assert_close(own_gradients(gradients_of, cotangents), cotangents @ weight)
    assert calls == [5]
    own_gradients(gradients_of, cotangents[:, :1])
    assert calls == [5, 4]


def test_no_samples_have_no_maps() -> None:
    net = Net(2, batch_statistics()).eval()
    net.head[0] = nn.Identity()
    assert HiResCAM(net, "layer")(torch.zeros(0, 1, 8, 8), "all").shape == (0, LABELS, 4, 4)


def test_slices_of_linked_samples_keep_their_rows() -> None:
    mixing = torch.tensor([[1.0, 0.0], [0.5, 1.0]])  # the second sample depends on the first

    def gradients_of(cotangents: torch.Tensor) -> torch.Tensor:
        return (mixing.T @ cotangents).repeat_interleave(2, 1) * torch.tensor([1.0, 2.0, 3.0, 4.0])[:, None]

    found = own_gradients(gradients_of, torch.ones(1, 2, 1))
    assert found.flatten().tolist() == [1, 2, 3, 4]


class Large(nn.Module):
    """Network with a large map, whose mean has a gradient that is too small for float16."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, LABELS)
        )
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * self.head(self.layer(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 1e-4])
@pytest.mark.parametrize("size", [8, 300])
def test_half_precision_at_any_map_size(size: int, scale: float, dtype: torch.dtype) -> None:
    net = Large(scale).to(dtype)
    x = torch.rand(1, 1, size, size).to(dtype)
    expected = HiResCAM(copy.deepcopy(net).float(), "layer")(x.float(), "all")
    found, _, logits = HiResCAM(net, "layer").explain(x, "all")
    assert found.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(found, expected)
    assert expected.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_has_no_effect_on_maps(dtype: torch.dtype) -> None:
    net, x = Large(), torch.rand(2, 1, 40, 40)
    expected = HiResCAM(net, "layer")(x, "all")
    with torch.autocast("cpu", dtype):
        torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected, rtol=1e-6, atol=0)


class OwnPrecision(Large):
    """Network that runs in its own precision only."""

    def __init__(self, dtype: torch.dtype, scale: float = 1.0) -> None:
        super().__init__(scale)
        self.to(dtype)
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert self.layer.weight.dtype == self.dtype
        return super().forward(x.to(self.dtype))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_networks_that_run_in_half_precision_only(dtype: torch.dtype) -> None:
    net, x = OwnPrecision(dtype), torch.rand(2, 1, 300, 300)
    single = Large()
    single.load_state_dict(net.state_dict())
    found, expected = HiResCAM(net, "layer")(x, "all"), HiResCAM(single, "layer")(x.to(dtype).float(), "all")
    assert found.dtype == torch.float32
    assert (found - expected).norm() <= 0.02 * expected.norm()


def test_float16_gradients_that_are_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match=r"whose gradients float16 can represent.*float32 or bfloat16"):
        HiResCAM(OwnPrecision(torch.float16, 1e-5), "layer")(torch.rand(1, 1, 300, 300))


def test_float16_gradients_that_are_large_are_scaled_down() -> None:
    x = torch.ones(1, 4, dtype=torch.float16, requires_grad=True)
    logits = (x * 1000).sum(1, keepdim=True)
    found = score_gradients(logits, x, torch.ones(1, 1, 1, dtype=torch.float16), half=True)
    assert found.dtype == torch.float32
    assert found.tolist() == [[[1000] * 4]]


def half_gradient(*factors: float) -> torch.Tensor:
    """Compute the gradient of a float16 value multiplied by factors one after the other: their product."""
    x = torch.ones(1, 1, dtype=torch.float16, requires_grad=True)
    logits = x
    for factor in factors:
        logits = logits * factor
    return score_gradients(logits, x, torch.ones(1, 1, 1, dtype=torch.float16), half=True).flatten()


@pytest.mark.parametrize(
    "factors",
    [
        (2.0**-13, 2.0**-13),  # the smallest that is a normal number after scaling by the largest scale, 2^12
        ((1 + 2.0**-9) * 2.0**-10, 2.0**-10),  # no float16 without the scale, which is a power of 2 and leaves no trace
        (2.0**12, 2.0**11),  # the largest that the smallest scale, 2^-8, brings below 2^16
        (0.0,),
        (-3.0, 2.0),
    ],
)
def test_scaled_float16_gradients_are_exact(factors: tuple[float, ...]) -> None:
    assert half_gradient(*factors).tolist() == [math.prod(factors)]


def test_gradients_are_scaled_on_request_only() -> None:
    x = torch.ones(1, 1, dtype=torch.float16, requires_grad=True)
    logits, cotangents = x * 2.0**-13 * 2.0**-13, torch.ones(1, 1, 1, dtype=torch.float16)
    plain = score_gradients(logits, x, cotangents)
    assert plain.dtype == torch.float16
    assert not plain.any()  # too small for float16


def test_refuses_scores_that_do_not_depend_on_the_activations() -> None:
    logits, other = torch.ones(1, 2, requires_grad=True) * 2, torch.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match="target_layer must be a layer on which the scores depend"):
        score_gradients(logits, other, torch.ones(1, 1, 2))


def test_no_samples_have_no_gradients_in_half_precision() -> None:
    x = torch.ones(0, 3, dtype=torch.float16, requires_grad=True)
    found = score_gradients(x * 2, x, torch.ones(2, 0, 3, dtype=torch.float16), half=True)
    assert (found.shape, found.dtype) == ((2, 0, 3), torch.float32)


@pytest.mark.parametrize("factors", [(2.0**-13, 2.0**-14), (2.0**12, 2.0**12), (2.0**15, 2.0**15)])
def test_float16_gradients_beyond_all_scales_are_refused(factors: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="whose gradients float16 can represent"):
        half_gradient(*factors)


@pytest.mark.parametrize("sums", [2, 3])
def test_all_sums_take_one_backward_pass(sums: int) -> None:
    passes = []
    x = torch.rand(2, 3, requires_grad=True)
    hidden = x * 2
    hidden.register_hook(lambda gradient: passes.append(len(gradient)))
    cotangents = torch.rand(sums, 2, 3)
    logits = hidden.square()
    found = score_gradients(logits, x, cotangents)
    torch.testing.assert_close(found, 8 * x * cotangents)
    assert len(passes) == 1
    assert not found.requires_grad
    torch.testing.assert_close(score_gradients(logits, x, cotangents), found)  # the graph is kept


@pytest.mark.parametrize(
    ("dtype", "link"),
    [(torch.float64, 1e-7), (torch.float32, 1e-3), (torch.float16, 0.1), (torch.bfloat16, 0.25)],
)
def test_weak_links_between_samples_are_found(dtype: torch.dtype, link: float) -> None:
    """The first sample's activations have an effect on the second one's scores: it is no part of the gradient."""
    mixing = torch.tensor([[1.0, link], [0.0, 1.0]], dtype=dtype)

    def gradients_of(cotangents: torch.Tensor) -> torch.Tensor:
        return mixing @ cotangents

    assert own_gradients(gradients_of, torch.ones(1, 2, 1, dtype=dtype)).flatten().tolist() == [1, 1]


def test_scores_without_effect_take_one_gradient() -> None:
    calls = []

    def gradients_of(cotangents: torch.Tensor) -> torch.Tensor:
        calls.append(len(cotangents))
        return cotangents * 0

    assert not own_gradients(gradients_of, torch.ones(2, 3, LABELS)).any()
    assert calls == [3]


def test_weights_of_samples_differ() -> None:
    weights = _weights(500)
    assert weights.min() == 1
    assert 1.99 < weights.max() < 2
    assert weights.sort().values.diff().min() > 1e-4


@needs_torch_2_5
def test_one_float16_operation_makes_a_head_half() -> None:
    x = torch.ones(2, requires_grad=True)
    half = x.half() * 2
    assert is_half(half, [])
    assert is_half(half.float(), [half.float().grad_fn, half.grad_fn])
    assert not is_half(x * 2, [(x * 2).grad_fn, None])
