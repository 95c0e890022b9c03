"""Tests of the audit on small networks, some of which look affine and are not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import nn

from monai_pylon.visualize import ExplanationAudit, HiResCAM, LayerGradCAM, audit_explanation
from tests.visualize.nets import FEATURES, HEADS, LABELS, Call, Folded, Mean, Net, image, make_net
from tests.visualize.test_recording import half_trained, state

CAM, AFFINE, MAX, OTHER = "CAM architecture", "affine head", "max-pooled map", "other"
PROVABLE = {CAM: {"CAM", "Grad-CAM", "HiResCAM"}, AFFINE: {"HiResCAM"}, MAX: {"map"}, OTHER: set()}


def flat(*layers: nn.Module) -> nn.Module:
    """Flatten the layer's output before the given layers."""
    return nn.Sequential(nn.Flatten(), *layers)


def after(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """Apply a function to the layer's output, followed by a CAM architecture."""
    return nn.Sequential(Call(function), *pooled(linear(FEATURES)))


def highest_cell(x: torch.Tensor) -> torch.Tensor:
    """Select the features (N, C) of the grid cell with the highest sum."""
    return x.flatten(2)[:, :, x.flatten(2).sum((0, 1)).argmax()]


CELLS = FEATURES * 16


def linear(inputs: int = CELLS, outputs: int = LABELS, bias: bool = True) -> nn.Module:
    """Make a linear layer, by default over all features and grid cells."""
    return nn.Linear(inputs, outputs, bias=bias)


def pooled(*layers: nn.Module) -> nn.Module:
    """Average over the grid before the given layers."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *layers)


def trained(norm: nn.Module) -> nn.Module:
    """Give a batch normalization random statistics and weights."""
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 2)
    norm.weight.data.normal_()
    return norm


#: Heads after a layer of 4 features on 4 x 4 grid cells, and the verdict.
SMALL: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "average, linear": (lambda: pooled(linear(FEATURES)), CAM),
    "average, dropout, linear": (lambda: pooled(nn.Dropout(0.5), linear(FEATURES)), CAM),
    "average, batch norm, linear": (lambda: pooled(trained(nn.BatchNorm1d(FEATURES)), linear(FEATURES)), CAM),
    "batch norm, average, linear": (
        lambda: nn.Sequential(trained(nn.BatchNorm2d(FEATURES)), *pooled(linear(FEATURES))), CAM,
    ),
    "1x1 convolution, mean": (lambda: nn.Sequential(nn.Conv2d(FEATURES, LABELS, 1), Mean()), CAM),
    "average, two linear": (lambda: pooled(linear(FEATURES, 5), linear(5)), CAM),
    "linear": (lambda: flat(linear()), AFFINE),
    "two linear": (lambda: flat(linear(CELLS, 5), linear(5)), AFFINE),
    "two linear without bias": (lambda: flat(linear(CELLS, 5, bias=False), linear(5, LABELS, bias=False)), AFFINE),
    "3x3 convolution, mean": (lambda: nn.Sequential(nn.Conv2d(FEATURES, LABELS, 3, padding=1), Mean()), AFFINE),
    "average of quarters, linear": (lambda: nn.Sequential(nn.AvgPool2d(2), *flat(linear(FEATURES * 4))), AFFINE),
    "enlarged, linear": (
        lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), *flat(linear(CELLS * 4))), AFFINE,
    ),
    "transposed convolution, linear": (
        lambda: nn.Sequential(nn.ConvTranspose2d(FEATURES, 2, 2, stride=2), *flat(linear(128))), AFFINE,
    ),
    "a constant mask": (lambda: after(lambda x: x * torch.arange(16.0).view(4, 4)), AFFINE),
    "highest of the map": (
        lambda: nn.Sequential(nn.Conv2d(FEATURES, LABELS, 1), nn.AdaptiveMaxPool2d(1), nn.Flatten()), MAX,
    ),
    "highest of the map, as a function": (
        lambda: nn.Sequential(nn.Conv2d(FEATURES, LABELS, 1), Call(lambda x: x.amax((2, 3)))), MAX,
    ),
    "highest of a deep map": (
        lambda: nn.Sequential(
            nn.Conv2d(FEATURES, 5, 3), nn.ReLU(), nn.Conv2d(5, LABELS, 1), Call(lambda x: x.flatten(2).max(-1).values)
        ), MAX,
    ),
    "highest features, linear": (lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), *flat(linear(FEATURES))), OTHER),
    "two linear, ReLU": (lambda: flat(linear(CELLS, 5), nn.ReLU(), linear(5)), OTHER),
    "two linear without bias, ReLU": (
        lambda: flat(linear(CELLS, 5, bias=False), nn.ReLU(), linear(5, LABELS, bias=False)), OTHER,
    ),
    "ReLU, average, linear": (lambda: nn.Sequential(nn.ReLU(inplace=True), *pooled(linear(FEATURES))), OTHER),
    "ReLU as a function": (lambda: after(torch.relu), OTHER),
    "ReLU by selection": (lambda: after(lambda x: torch.where(x > 0, x, 0)), OTHER),
    "ReLU by masking": (lambda: after(lambda x: x * (x > 0)), OTHER),
    "the highest cell by its index": (lambda: nn.Sequential(Call(highest_cell), linear(FEATURES)), OTHER),
    "bent far out, where no image reaches": (lambda: after(lambda x: x.clamp(-1e6, 1e6)), OTHER),
    "highest of the map, but not below zero": (
        lambda: nn.Sequential(nn.Conv2d(FEATURES, LABELS, 1), Call(lambda x: x.amax((2, 3)).relu())), OTHER,
    ),
    "part without gradient": (lambda: after(lambda x: x + x.detach().square()), OTHER),
    "gated by itself": (lambda: after(lambda x: x * x.sigmoid()), OTHER),
    "squeeze and excitation": (lambda: after(lambda x: x * x.mean((2, 3), keepdim=True)), OTHER),
    "instance norm": (lambda: nn.Sequential(nn.InstanceNorm2d(FEATURES), *flat(linear())), OTHER),
    "batch norm without statistics": (
        lambda: nn.Sequential(nn.BatchNorm2d(FEATURES, track_running_stats=False), *flat(linear())), OTHER,
    ),
    "sigmoid": (lambda: pooled(linear(FEATURES), nn.Sigmoid()), OTHER),
    "softmax": (lambda: pooled(linear(FEATURES), nn.Softmax(1)), OTHER),
    "local average, ReLU": (lambda: nn.Sequential(nn.AvgPool2d(2), nn.ReLU(), *flat(linear(FEATURES * 4))), OTHER),
    "max pooling, linear": (lambda: nn.Sequential(nn.MaxPool2d(2), *flat(linear(FEATURES * 4))), OTHER),
    "divided by its sum": (
        lambda: nn.Sequential(Call(lambda x: x / (x.abs().sum((2, 3), keepdim=True) + 1)), *flat(linear())), OTHER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name: str, samples: int) -> None:
    make, architecture = SMALL[name]
    net = Net(2, make())
    audit = audit_explanation(net, "layer", image(samples=samples))
    assert audit.architecture == architecture
    assert {method for method, proven in audit.provable.items() if proven} == PROVABLE[architecture]
    assert set(audit.provable) == {"CAM", "Grad-CAM", "HiResCAM", "map"}
    if architecture != OTHER:
        assert audit.residual <= 1e-5
    assert audit.reason.endswith(".")
    assert audit.reason.count(". ") == 0


@pytest.mark.parametrize("name", [name for name, (_, architecture) in SMALL.items() if architecture in (CAM, AFFINE)])
def test_maps_fulfil_the_guarantee(name: str) -> None:
    """The map's sum equals the score up to a constant for any image. Grad-CAM is equal for a CAM architecture."""
    net = Net(2, SMALL[name][0]()).double().eval()
    constants = []
    for _ in range(3):
        maps, _, logits = HiResCAM(net, "layer").explain(image(samples=1).double() * 3, "all")
        constants.append(logits - maps.sum((2, 3)))
    for other in constants[1:]:
        torch.testing.assert_close(other, constants[0])
    x = image().double()
    same = torch.allclose(HiResCAM(net, "layer")(x, "all"), LayerGradCAM(net, "layer")(x, "all"), rtol=1e-6)
    assert same == (SMALL[name][1] == CAM)


def test_zero_residual_is_no_guarantee() -> None:
    """Without biases, a ReLU or a global maximum has a residual of zero although it is not affine."""
    for name in ("two linear without bias, ReLU", "highest features, linear", "ReLU by masking"):
        audit = audit_explanation(Net(2, SMALL[name][0]()), "layer", image())
        assert audit.residual <= 1e-5
        assert not any(audit.provable.values())
    audit = audit_explanation(Net(2, SMALL["two linear, ReLU"][0]()), "layer", image() * 5)
    assert audit.residual > 1e-3


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_dimensions(dims: int) -> None:
    for kind, architecture in {
        "pooled": CAM,
        "linear": AFFINE,
        "deep": OTHER,
        "in-place": OTHER,
        "map": AFFINE,
    }.items():
        assert audit_explanation(make_net(kind, dims), "layer", image(dims)).architecture == architecture


@pytest.mark.parametrize(
    ("head", "join", "architecture"),
    [
        ("pooled", "mean", CAM),
        ("pooled", "weighted", AFFINE),
        ("linear", "mean", AFFINE),
        ("deep", "mean", OTHER),
        ("linear", "max", OTHER),
    ],
)
def test_slices_folded_into_the_batch(head: str, join: str, architecture: str) -> None:
    """The mean of the slice scores, as in AxialNet, is affine. The maximum is not."""
    net, x = Folded(head, join), torch.randn(2, 1, 5, 8, 8)
    audit = audit_explanation(net, "slices.layer", x)
    assert audit.architecture == architecture
    if architecture != OTHER:
        assert audit.residual < 1e-5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("two linear, ReLU", "ReLU at head.2"),
        ("ReLU as a function", "Call at head.0"),
        ("sigmoid", r"\(Sigmoid at head.3\), so that .*; explain the score before the sigmoid that squashes it"),
        ("softmax", "explain the score before the softmax that squashes it"),
        ("part without gradient", "a part without gradient"),
        ("highest of the map", r"a map that the network computes \(head.0\)"),
        ("highest of a deep map", r"a map that the network computes \(head.2\)"),
        ("ReLU, average, linear", r"\(ReLU at head.0\).*one of the layer head.0 would be"),
    ],
)
def test_reason_names_the_layer(name: str, words: str) -> None:
    assert re.search(words, audit_explanation(Net(2, SMALL[name][0]()), "layer", image()).reason)


def test_reason_names_functions_without_a_module() -> None:
    class Functional(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(torch.relu(self.layer(x)))

    reason = audit_explanation(Functional(2, HEADS["pooled"](2)), "layer", image()).reason
    assert "bends the evidence (relu)" in reason


def test_max_pooled_map_as_the_target_layer() -> None:
    head = SMALL["highest of the map"][0]()
    audit = audit_explanation(Net(2, head), "head.0", image())
    assert audit.architecture == MAX
    assert "this layer's output" in audit.reason
    assert audit.residual == 0


@pytest.mark.parametrize(
    ("used", "architecture", "words"),
    [
        (slice(None), OTHER, "the share of the class token is missing in it"),
        (slice(0, 1), OTHER, "computed from the class token alone"),
        (slice(1, None), CAM, "an average over all positions of this layer"),
        (slice(0, 0), CAM, "an average over all positions of this layer"),  # the score is a constant
    ],
)
def test_tokens_within_and_outside_of_the_grid(used: slice, architecture: str, words: str) -> None:
    class Tokens(nn.Module):
        """Sum of some tokens; the first one, a class token, lies at no place."""

        def __init__(self) -> None:
            super().__init__()
            self.layer, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = torch.cat([x.new_ones(len(x), 1, 4), x.flatten(2).transpose(1, 2)], 1)
            return self.last(self.layer(tokens)[:, used].sum(1))

    net, x = Tokens(), torch.rand(2, 4, 3, 3)
    audit = audit_explanation(net, "layer", x)
    assert audit.architecture == architecture
    assert words in audit.reason
    if "alone" in words:  # the map has no share in the score
        assert audit.residual == pytest.approx((net(x) - net.last.bias).abs().max().item(), rel=1e-5)


def test_restores_the_network() -> None:
    net, x = half_trained(), image()
    before = state(net)
    audit_explanation(net, "layer", x)
    assert state(net) == before
    with pytest.raises(ValueError, match="example must be an input with finite scores"):
        audit_explanation(net, "layer", x * float("nan"))
    assert state(net) == before


def test_works_in_inference_mode_autocast_and_double_precision() -> None:
    net, x = make_net("linear"), image()
    with torch.inference_mode():
        assert audit_explanation(net, "layer", x).architecture == AFFINE
    with torch.autocast("cpu", torch.bfloat16):
        assert audit_explanation(net, "layer", x).architecture == AFFINE
    assert audit_explanation(net.double(), "layer", x.double()).residual < 1e-12


def test_rejects_unknown_layers_and_calls() -> None:
    with pytest.raises(ValueError, match="Did you mean 'layer'"):
        audit_explanation(make_net("pooled"), "layr", image())
    with pytest.raises(ValueError, match=r"called in .* at least 2 times"):
        audit_explanation(make_net("pooled"), "layer", image(), call=1)
    assert isinstance(audit_explanation(make_net("pooled"), "layer", image(), call=0), ExplanationAudit)
