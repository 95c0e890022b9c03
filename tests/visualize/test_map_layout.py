"""Tests of the layout of a layer's output: found from the operations, or given by the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from monai_pylon.visualize import ActivationMapInferer, HiResCAM, LayerGradCAM, audit_explanation
from monai_pylon.visualize.axis_factors import Factor
from monai_pylon.visualize.map_layout import Layout, _from_roles, check_arrangement, layout_of
from monai_pylon.visualize.visualizers import explain_by_methods
from tests.visualize.nets import Call

C, LABELS, GRID = 8, 3, (4, 6)


class Transformer(nn.Module):
    """Small transformer with patches of 4 pixels, extra tokens before and after them, and a layer to explain."""

    def __init__(self, before: int = 1, after: int = 0, head: str = "mean", order: str = "rows") -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, C, 4, 4)
        self.before, self.after = nn.Parameter(torch.randn(1, before, C)), nn.Parameter(torch.randn(1, after, C))
        self.layer = nn.LayerNorm(C)
        self.attention = nn.MultiheadAttention(C, 2, batch_first=True)
        self.fc = nn.Linear(C, LABELS)
        self.head, self.order = head, order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patch(x)
        patches = patches if self.order == "rows" else patches.transpose(2, 3)
        patches = patches.flatten(2).transpose(1, 2)
        tokens = self.layer(
            torch.cat([self.before.expand(len(x), -1, -1), patches, self.after.expand(len(x), -1, -1)], 1)
        )
        if self.head == "attention":
            return self.fc(self.attention(tokens, tokens, tokens)[0][:, 0])
        return self.fc(tokens[:, 0] if self.head == "class token" else tokens.mean(1))


def terms(net: nn.Module, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Compute gradient times activation (N, K, *shape of the layer's output), one score at a time."""
    kept: list[Any] = []
    handle = layer.register_forward_hook(lambda module, args, output: kept.append(output))
    scores = net(x)
    handle.remove()
    activations = kept[-1][0] if isinstance(kept[-1], tuple) else kept[-1]
    gradients = [torch.autograd.grad(scores[:, k].sum(), activations, retain_graph=True)[0] for k in range(LABELS)]
    return torch.stack([(gradient * activations).detach() for gradient in gradients], 1)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (5, 0), (0, 1), (1, 2)])
def test_tokens_become_the_grid_of_the_image(before: int, after: int) -> None:
    net, x = Transformer(before, after).eval(), torch.rand(2, 1, 16, 24)
    expected = terms(net, net.layer, x).sum(-1)[:, :, before : before + 24].unflatten(-1, GRID)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)


def test_tokens_in_another_order_have_the_axes_of_the_image() -> None:
    net, x = Transformer(1, order="columns").eval(), torch.rand(2, 1, 16, 24)
    expected = terms(net, net.layer, x).sum(-1)[:, :, 1:].unflatten(-1, (6, 4)).transpose(2, 3)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)


GIVEN: dict[str, dict[str, Any]] = {
    "grid": {"to_grid": GRID},
    "grid and axis": {"to_grid": list(GRID), "feature_axis": 2},
    "function": {"to_grid": lambda t: t[:, 1:].transpose(1, 2).unflatten(2, GRID)},
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("after", [0, 1])
def test_arguments_give_the_maps_that_are_found(given: str, after: int) -> None:
    if given != "grid" and after:
        return  # a list with an axis and a function say where the tokens are
    net, x = Transformer(1, after).eval(), torch.rand(2, 1, 16, 24)
    for visualizer in (HiResCAM, LayerGradCAM):
        found = visualizer(net, "layer")(x, [1, 0])
        torch.testing.assert_close(visualizer(net, "layer", **GIVEN[given])(x, [1, 0]), found)
    both = explain_by_methods(net, "layer", x, [1, 0], **GIVEN[given])
    torch.testing.assert_close(both["gradcam"].maps, found)
    inferer = ActivationMapInferer("layer", "gradcam", [1, 0], **GIVEN[given])
    torch.testing.assert_close(inferer(x, net), found)
    assert audit_explanation(net, "layer", x, **GIVEN[given]) == audit_explanation(net, "layer", x)


def test_gradcam_averages_over_the_grid_cells_without_the_class_token() -> None:
    net, x = Transformer(1, head="attention").eval(), torch.rand(2, 1, 16, 24)
    kept: list[torch.Tensor] = []
    handle = net.layer.register_forward_hook(lambda module, args, output: kept.append(output))
    scores = net(x)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores[:, 2].sum(), kept[0])
    weights = gradient[:, 1:].mean(1, keepdim=True)
    expected = (weights * kept[0][:, 1:]).sum(-1).detach().unflatten(1, GRID)
    torch.testing.assert_close(LayerGradCAM(net, "layer")(x, 2)[:, 0], expected)


def test_a_feature_axis_keeps_all_tokens() -> None:
    net, x = Transformer(1).eval(), torch.rand(2, 1, 16, 24)
    expected = terms(net, net.layer, x)
    torch.testing.assert_close(HiResCAM(net, "layer", feature_axis=-1)(x, "all"), expected.sum(-1))
    torch.testing.assert_close(HiResCAM(net, "layer", feature_axis=1)(x, "all"), expected.sum(2))


def test_a_class_token_alone_has_no_map() -> None:
    net, x = Transformer(1, head="class token").eval(), torch.rand(2, 1, 16, 24)
    with pytest.raises(ValueError, match=r"whose grid cells affect the scores, but is .*class token.*first norm"):
        HiResCAM(net, "layer")(x)
    audit = audit_explanation(net, "layer", x)
    assert audit.architecture == "other"
    assert not any(audit.provable.values())
    assert "from the class token alone" in audit.reason
    assert audit.residual > 0.01


def test_the_audit_of_mean_tokens() -> None:
    x = torch.rand(2, 1, 16, 24)
    audit = audit_explanation(Transformer(0), "layer", x)
    assert audit.architecture == "CAM architecture"
    assert audit.residual <= 1e-6
    audit = audit_explanation(Transformer(1), "layer", x)
    assert audit.architecture == "other"
    assert "the share of the class token is missing" in audit.reason
    assert audit.residual > 1e-3


def test_the_audit_suggests_no_layer_of_which_only_the_class_token_counts() -> None:
    class Deep(Transformer):
        def __init__(self) -> None:
            super().__init__(1, head="class token")
            self.first, self.mix = nn.Identity(), nn.Linear(25, 25)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = self.first(torch.cat([self.before.expand(len(x), -1, -1), self.patch(x).flatten(2).mT], 1))
            tokens = self.layer(tokens + self.mix(tokens.mT).mT)
            return self.fc(tokens[:, 0])

    audit = audit_explanation(Deep(), "first", torch.rand(2, 1, 16, 24))
    assert "LayerNorm at layer" in audit.reason
    assert "would be" not in audit.reason


def last(function: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """Make a network of a convolution, a function, a layer to explain without parameters, and a linear layer."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.layer, self.fc = nn.Conv2d(1, C, 2, 2), nn.Identity(), nn.LazyLinear(LABELS)
            self.function = Call(function)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(self.layer(self.function(self.convolution(x))).tanh().flatten(1))

    net = Last().eval()
    net(torch.rand(1, 1, 16, 16))
    return net


#: What is done with a map (N, 8, 8, 8), and the axes to sum for the reference.
ARRANGEMENTS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], tuple[int, ...]]] = {
    "channels first": (lambda a: a, (2,)),
    "channels last": (lambda a: a.permute(0, 2, 3, 1), (4,)),
    "channels in the middle": (lambda a: a.permute(0, 2, 1, 3), (3,)),
    "flat grid": (lambda a: a.flatten(2), (2,)),
    "heads": (lambda a: a.flatten(2).mT.unflatten(2, (2, 4)).transpose(1, 2), (2, 4)),
}


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_finds_the_features_whatever_the_shape(name: str) -> None:
    function, axes = ARRANGEMENTS[name]
    net, x = last(function), torch.rand(8, 1, 16, 16)
    expected = terms(net, net.layer, x).sum(axes)
    found = HiResCAM(net, "layer")(x, "all")
    torch.testing.assert_close(found, expected.reshape(found.shape))
    assert found.shape == ((8, LABELS, 64) if name == "flat grid" else (8, LABELS, 8, 8))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: torch.fft.fft2(a).real, r"whose feature axis is known.*feature_axis=-1.*to_grid=\(rows"),
        (lambda a: nn.functional.linear(a.flatten(2), torch.eye(64)).mT, r"batch, feature and grid axes are known"),
        (lambda a: a.flatten(2).mT @ a.flatten(2), r"batch, feature and grid axes are known"),
        (
            lambda a: a.permute(0, 2, 3, 1).view(8, 2, 4, 2, 4, C).transpose(2, 3).reshape(-1, 16, C),
            r"whose rows are samples or slices, but is 'of rows for windows'",
        ),
    ],
)
def test_unclear_axes_are_refused_with_the_remedy(function: Callable, message: str) -> None:
    net, x = last(lambda a: a), torch.rand(8, 1, 16, 16)
    net.function = Call(function)
    net.fc = Call(lambda flat: flat.reshape(8, -1)[:, :LABELS])
    with pytest.raises(ValueError, match=message):
        HiResCAM(net, "layer")(x)
    with pytest.raises(ValueError, match=message):
        audit_explanation(net, "layer", x)


def test_windows_with_a_function() -> None:
    net, x = last(lambda a: a), torch.rand(2, 1, 16, 16)
    net.function = Call(lambda a: a.permute(0, 2, 3, 1).view(-1, 2, 4, 2, 4, C).transpose(2, 3).reshape(-1, 16, C))
    net.fc = Call(lambda flat: flat.reshape(-1, 4, 16, C).square().mean((1, 2))[:, :LABELS])
    to_grid = lambda t: t.view(-1, 2, 2, 4, 4, C).transpose(2, 3).reshape(-1, 8, 8, C).movedim(-1, 1)  # noqa: E731
    found = HiResCAM(net, "layer", to_grid=to_grid)(x, "all")
    activations = net.convolution(x).detach()
    expected = 2 * activations.tanh() * (1 - activations.tanh().square()) * activations / 64
    torch.testing.assert_close(found, expected[:, :LABELS])


def test_a_network_with_another_layout_later_is_not_confused() -> None:
    net, x = last(lambda a: a), torch.rand(2, 1, 16, 16)
    cam = HiResCAM(net, "layer")
    for name in ("channels first", "channels last", "channels first", "flat grid"):
        function, axes = ARRANGEMENTS[name]
        net.function = Call(function)
        expected = terms(net, net.layer, x).sum(axes)
        for _ in range(2):
            torch.testing.assert_close(cam(x, "all"), expected)


@pytest.mark.parametrize(
    ("feature_axis", "to_grid", "error", "message"),
    [
        (0, None, ValueError, "feature_axis must be another axis than the batch axis, but is 0"),
        (1.0, None, TypeError, "feature_axis must be of type int"),
        (1, lambda t: t, ValueError, "feature_axis must be None if to_grid is a function, but is 1"),
        (None, (), ValueError, "to_grid must be one positive integer for each grid axis"),
        (None, (4, 0), ValueError, "to_grid must be one positive integer for each grid axis"),
        (None, (4.0, 4), ValueError, "to_grid must be one positive integer for each grid axis"),
        (None, 16, TypeError, "to_grid must be of type list or tuple"),
    ],
)
def test_rejects_wrong_arguments_before_the_pass(feature_axis: Any, to_grid: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        check_arrangement(feature_axis, to_grid)
    with pytest.raises(error, match=message):
        HiResCAM(Transformer(), "layer", feature_axis=feature_axis, to_grid=to_grid)
    with pytest.raises(error, match=message):
        ActivationMapInferer("layer", feature_axis=feature_axis, to_grid=to_grid)
    with pytest.raises(error, match=message):
        audit_explanation(Transformer(), "layer", torch.rand(1, 1, 8, 8), feature_axis=feature_axis, to_grid=to_grid)


@pytest.mark.parametrize(
    ("feature_axis", "to_grid", "message"),
    [
        (3, None, r"feature_axis must be an axis of the layer's output \(2, 25, 8\), not its first, but is 3"),
        (-3, None, r"feature_axis must be an axis of the layer's output"),
        (None, (5, 6), r"to_grid must be of at most 25 grid cells, the layer's tokens, but is \(5, 6\)"),
        (None, lambda t: 2 * t, "to_grid must be a function that moves the values .* without arithmetic"),
        (None, lambda t: t.mean(1), "to_grid must be a function that moves .* but raises: mean"),
        (None, lambda t: t[:, :4].repeat(1, 2, 1), "to_grid must be a function that moves"),
        (None, lambda t: t[:, 0], r"to_grid must be a function that moves the values .*\(N, C, \*grid\)"),
        (None, lambda t: t.unflatten(1, (4, 6)), "to_grid must be a function that moves .* but raises"),
        (None, lambda t: t + 1, "to_grid must be a function that moves the values .* without arithmetic"),
        (None, lambda t: t[:, :0].mT, "to_grid must be a function that moves the values"),
    ],
)
def test_rejects_arguments_that_do_not_fit_the_layer(feature_axis: Any, to_grid: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HiResCAM(Transformer(), "layer", feature_axis=feature_axis, to_grid=to_grid)(torch.rand(2, 1, 16, 24))


def test_a_grid_needs_tokens() -> None:
    with pytest.raises(ValueError, match=r"to_grid must be a function if the layer's output is not \(N, T, C\)"):
        layout_of(nn.Identity(), torch.zeros(2, 3, 4, 4), None, None, (4, 4))


def test_a_grid_of_a_flat_map_with_its_features_first() -> None:
    net, x = last(ARRANGEMENTS["flat grid"][0]), torch.rand(2, 1, 16, 16)
    found = HiResCAM(net, "layer")(x, "all").unflatten(2, (4, 16))
    torch.testing.assert_close(HiResCAM(net, "layer", to_grid=(4, 16))(x, "all"), found)


@pytest.mark.parametrize("grid", [(24,), (1, 24), (2, 3, 4)])
def test_a_grid_may_have_any_number_of_axes(grid: tuple[int, ...]) -> None:
    net, x = Transformer(1).eval(), torch.rand(2, 1, 16, 24)
    expected = terms(net, net.layer, x).sum(-1)[:, :, 1:].unflatten(-1, grid)
    torch.testing.assert_close(HiResCAM(net, "layer", to_grid=grid)(x, "all"), expected)


def test_a_grid_of_tokens_without_roles() -> None:
    """The features are on the last axis, and the class tokens first, unless the user names another axis."""
    output = torch.rand(2, 25, 25)
    layout = layout_of(nn.Identity(), output, None, None, GRID)
    torch.testing.assert_close(layout(output), output[:, 1:].mT.unflatten(2, GRID))
    features_last = ((SAMPLES,), (Factor(25, "other"),), (Factor(25, "feature"),))
    first = layout_of(nn.Identity(), output, features_last, 1, GRID)
    torch.testing.assert_close(first(output), output[:, :, 1:].unflatten(2, GRID))


def test_a_function_may_return_a_flat_grid_or_a_single_value() -> None:
    for output in (torch.rand(2, 3, 4), torch.rand(1, 1, 1)):
        assert torch.equal(layout_of(nn.Identity(), output, None, None, lambda t: t.mT)(output), output.mT)


def test_a_flat_layer_with_a_function() -> None:
    net = nn.Sequential(nn.Conv2d(1, C, 2, 2), nn.Flatten(), nn.Linear(C * 64, LABELS))
    x = torch.rand(2, 1, 16, 16)
    found = HiResCAM(net, "1", to_grid=lambda t: t.unflatten(1, (C, 8, 8)))(x, "all")
    torch.testing.assert_close(found, HiResCAM(net, "0")(x, "all"))


def test_an_axis_of_unknown_factors_is_one_grid_axis() -> None:
    axes = ((Factor(2, "batch"),), (Factor(3, "other"), Factor(4, "other")), (Factor(8, "feature"),))
    output = torch.rand(2, 12, 8)
    assert torch.equal(layout_of(nn.Identity(), output, axes, None, None)(output), output.transpose(1, 2))


def test_layers_of_pytorch_need_no_roles() -> None:
    for layer, shape in ((nn.Conv1d(1, 1, 1), (1, 2, 3)), (nn.Conv2d(1, 1, 1), (1, 2, 3, 3))):
        layout = layout_of(layer, torch.zeros(shape), None, None, None)
        assert layout == Layout()
        assert layout.complete
    with pytest.raises(ValueError, match="feature_axis must be an axis of the layer's output"):
        layout_of(nn.ReLU(), torch.zeros(1, 2, 3, 3), None, 0, None)
    with pytest.raises(ValueError, match="feature axis is known"):
        layout_of(nn.ReLU(), torch.zeros(1, 2, 3, 3), None, None, None)
    with pytest.raises(ValueError, match="feature axis is known"):
        layout_of(nn.Conv1d(1, 1, 1), torch.zeros(1, 2, 3, 3), None, None, None)


SAMPLES, COLORS = Factor(2, "batch"), Factor(3, "feature")


def test_a_single_feature_may_have_an_axis_without_role() -> None:
    """Two axes of 1 without a role: the first is the feature, the second a grid axis."""
    output = torch.rand(2, 1, 1)
    torch.testing.assert_close(_from_roles(((SAMPLES,), (), ()), output)(output), output)
    moved = _from_roles((((), (SAMPLES,), ())), output.movedim(0, 1))
    torch.testing.assert_close(moved(output.movedim(0, 1)), output)


ROWS, COLUMNS = Factor(4, "0"), Factor(5, "1")
UNCLEAR: dict[str, Any] = {
    "no batch": ((ROWS,), (COLORS,), (COLUMNS,)),
    "no batch, features last": ((ROWS,), (COLUMNS,), (COLORS,)),
    "two batches": ((SAMPLES,), (SAMPLES,), (COLORS,), (ROWS,)),
    "no grid": ((SAMPLES,), (COLORS,)),
    "pairs of cells among the features": ((SAMPLES,), (Factor(2, "2"), COLORS), (ROWS,)),
}


@pytest.mark.parametrize("axes", UNCLEAR.values(), ids=UNCLEAR)
def test_a_layer_without_batch_or_grid_has_no_layout(axes: Any) -> None:
    with pytest.raises(ValueError, match="whose batch, feature and grid axes are known"):
        _from_roles(axes, torch.rand([factors[0].size for factors in axes]))


def test_factors_of_size_one_do_not_count() -> None:
    """They are left over where an axis of size 1 is joined to another one."""
    one = Factor(1, "other")
    assert _from_roles(((SAMPLES,), (Factor(1, "2"), COLORS), (ROWS,)), torch.rand(2, 3, 4)) == Layout()
    slices = ((SAMPLES, Factor(5, "2"), one), (COLORS,), (ROWS,), (COLUMNS,))
    assert _from_roles(slices, torch.rand(10, 3, 4, 5)) == Layout()


def test_channels_of_the_image_are_features_where_there_are_no_others() -> None:
    axes = ((SAMPLES,), (ROWS,), (Factor(3, "channel"),))
    output = torch.rand(2, 4, 3)
    assert torch.equal(_from_roles(axes, output)(output), output.mT)


def test_tokens_within_each_slice_of_a_volume() -> None:
    """A class token and 5 x 4 cells in transposed order, on the last axis."""
    tokens = Factor(21, "tokens", parts=(Factor(5, "2"), Factor(4, "1")), before=1)
    axes = ((SAMPLES,), (COLORS,), (Factor(6, "0"),), (tokens,))
    output = torch.rand(2, 3, 6, 21)
    layout = _from_roles(axes, output)
    assert not layout.complete
    assert torch.equal(layout(output), output[..., 1:].unflatten(3, (5, 4)).transpose(3, 4))
