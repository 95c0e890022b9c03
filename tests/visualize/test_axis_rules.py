"""Tests of the tracked places against the exact centroid of the gradient through layers of equal weights."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from monai_pylon.visualize.axis_factors import Factor, input_axes
from monai_pylon.visualize.axis_rules import Call, derived
from monai_pylon.visualize.axis_tracking import AxisTracker

SIZE = 48

Step = Callable[[torch.Tensor], torch.Tensor]


def _ones(layer: nn.Module) -> nn.Module:
    for parameter in layer.parameters():
        nn.init.ones_(parameter)
    return layer.double()


def _centroids(step: Step, dim: int = 2) -> list[tuple[int, float]]:
    """Return the mean position of the pixels that a cell sums, by autograd, for each cell that lies in the image."""
    image = torch.rand(1, 1, SIZE, dtype=torch.float64, requires_grad=True)
    result = step(image).movedim(dim, 0).flatten(1)
    found: list[tuple[int, float, float]] = []
    for cell in range(len(result)):
        weights = torch.autograd.grad(result[cell].sum(), image, retain_graph=True)[0][0, 0]
        found.append((cell, float(weights.sum()), float((weights * torch.arange(SIZE)).sum() / weights.sum())))
    whole = max(total for _, total, _ in found)
    return [(cell, position) for cell, total, position in found if total > whole - 1e-9]


STEPS: dict[str, Step] = {
    "convolution": _ones(nn.Conv1d(1, 2, 3)),
    "padded convolution": _ones(nn.Conv1d(1, 2, 3, padding=1)),
    "stride": _ones(nn.Conv1d(1, 2, 3, stride=2, padding=1)),
    "even kernel": _ones(nn.Conv1d(1, 2, 4, stride=3, padding=2)),
    "dilation": _ones(nn.Conv1d(1, 2, 3, dilation=3, padding=1)),
    "transposed": _ones(nn.ConvTranspose1d(1, 2, 3, stride=2, padding=1)),
    "transposed with dilation": _ones(nn.ConvTranspose1d(1, 2, 3, stride=2, padding=1, dilation=2)),
    "average pooling": nn.AvgPool1d(4, stride=2, padding=1),
    "adaptive pooling": nn.AdaptiveAvgPool1d(12),
    "interpolation": nn.Sequential(nn.AvgPool1d(4), nn.Upsample(scale_factor=2, mode="linear")),
    "corners": nn.Sequential(nn.AvgPool1d(4), nn.Upsample(size=23, mode="linear", align_corners=True)),
    "padding left": lambda x: functional.avg_pool1d(functional.pad(x, (3, 0)), 2),
    "cropping": lambda x: functional.avg_pool1d(x[..., 3:-2], 3, stride=1),
    "slicing with a step": lambda x: x[..., 1::3],
    "flip": lambda x: functional.avg_pool1d(x.flip(-1), 3),
    "residual": lambda x: x[..., ::2] + functional.avg_pool1d(x, 3, 2, 1),
    "split": lambda x: x.split(16, dim=-1)[1],
    "reversed roll": lambda x: functional.avg_pool1d(x.roll(5, -1).roll(-5, -1), 3),
}


@pytest.mark.parametrize("name", STEPS)
def test_position_is_the_centroid_of_the_gradient(name: str) -> None:
    image = torch.rand(1, 1, SIZE, dtype=torch.float64)
    with torch.no_grad(), AxisTracker(image) as tracker:
        result = STEPS[name](image)
    (factor,) = tracker.places_of(result)[2]
    assert (factor.role, factor.size) == ("0", result.shape[2])
    expected = _centroids(STEPS[name])
    assert len(expected) >= 3
    for cell, position in expected:
        if name in ("interpolation", "corners"):  # a cell between two others looks between them, to a part of a cell
            assert abs(factor.at(cell) - position) <= 1.0
        else:
            assert factor.at(cell) == pytest.approx(position, abs=1e-9)


def test_interpolated_positions_by_hand() -> None:
    """Blocks of 4 look at 1.5, 5.5, ...; twice as many cells look at 0.5, 2.5, ..., and 23 between 1.5 and 45.5."""
    image = torch.zeros(1, 1, SIZE)
    with torch.no_grad(), AxisTracker(image) as tracker:
        twice, corners = STEPS["interpolation"](image), STEPS["corners"](image)
    (half,), (even,) = tracker.places_of(twice)[2], tracker.places_of(corners)[2]
    assert (half.origin, half.spacing, half.detail) == (0.5, 2.0, 4.0)
    assert (even.origin, even.spacing) == (1.5, 2.0)
    assert even.at(22) == 45.5


def places(function: Step, *shape: int) -> list[tuple[str, float, float]]:
    """Return role, origin and spacing of the first factor of each axis of a function's result."""
    image = torch.zeros(*shape)
    with torch.no_grad(), AxisTracker(image) as tracker:
        return [axis[0][1:4] if axis else ("", 0.0, 1.0) for axis in tracker.places_of(function(image))]


def test_moved_cells_by_hand() -> None:
    """Rolled by 5, cell 0 holds what was at -5; 3 zeros before it, cell 3 is the first pixel."""
    assert places(lambda x: x.roll(5, 2), 1, 1, 48)[2] == ("0", -5.0, 1.0)
    assert places(lambda x: x.roll((5, -2), (2, 3)), 1, 1, 48, 8)[2:] == [("0", -5.0, 1.0), ("1", 2.0, 1.0)]
    assert places(lambda x: x.flip(3), 1, 1, 4, 9)[2:] == [("0", 0.0, 1.0), ("1", 8.0, -1.0)]
    assert places(lambda x: functional.pad(x, (3, 1, 0, 2)), 1, 1, 4, 9)[2:] == [("0", 0.0, 1.0), ("1", -3.0, 1.0)]
    assert places(lambda x: x.narrow(2, 3, 4)[..., -6::2], 1, 1, 8, 9)[2:] == [("0", 3.0, 1.0), ("1", 3.0, 2.0)]
    assert places(lambda x: x.split([2, 5, 1], 2)[1], 1, 1, 8)[2] == ("0", 2.0, 1.0)


def test_windows_of_unfold_by_hand() -> None:
    """Windows of 5 rows every 3: centers at 2, 5, 8, and rows at -2 to 2 within a window, on the last axis."""
    found = places(lambda x: x.unfold(2, 5, 3), 1, 1, 12, 7)
    assert found[2:] == [("0", 2.0, 3.0), ("1", 0.0, 1.0), ("0", -2.0, 1.0)]
    assert places(lambda x: x.unfold(1, 2, 1), 1, 3, 4)[1:] == [
        ("channel", 0.0, 1.0),
        ("0", 0.0, 1.0),
        ("other", 0.0, 1.0),
    ]
    blocks = places(lambda x: x.unfold(2, 4, 4).flatten(2), 1, 1, 12)
    assert blocks[2] == ("0", 0.0, 1.0)


def test_transposed_convolution_by_hand() -> None:
    """Kernel (3, 1), stride (2, 3): cell 0 of axis 0 looks half a pixel before pixel 0, cells 1/2 and 1/3 apart."""
    layer = nn.ConvTranspose2d(1, 4, (3, 1), stride=(2, 3))
    _, features, rows, columns = places(layer, 1, 1, 6, 6)
    assert features[0] == "feature"
    assert (rows, columns) == (("0", -0.5, 0.5), ("1", 0.0, pytest.approx(1 / 3)))


def test_a_roll_without_axes_leaves_no_place() -> None:
    """PyTorch rolls the values across the borders of all axes."""
    assert [role for role, *_ in places(lambda x: x.roll(3), 1, 2, 4, 6)] == ["other"] * 4


def test_the_first_axis_counts_where_an_operation_names_none() -> None:
    batch, channel, rows = ("batch", 0.0, 1.0), ("channel", 0.0, 1.0), ("0", 0.0, 1.0)
    assert places(lambda x: x.unbind()[1], 2, 3, 4) == [channel, rows]
    assert places(lambda x: x.split(3)[1], 6, 3, 4) == [batch, channel, rows]
    assert places(lambda x: torch.cat([x[0, 0], x[0, 0]]), 1, 1, 4, 5) == [rows, ("1", 0.0, 1.0)]
    assert places(lambda x: torch.stack([x, x]), 2, 3, 4) == [("other", 0.0, 1.0), batch, channel, rows]
    assert places(lambda x: x[0].t(), 1, 3, 4) == [rows, channel]
    assert places(lambda x: x[0, 0].t(), 1, 3, 4) == [rows]
    assert places(lambda x: x[0, 0].split(3)[1], 1, 1, 6) == [("0", 3.0, 1.0)]


def test_cells_selected_by_an_index_have_no_place() -> None:
    assert [p[0] for p in places(lambda x: x[:, :, [2, 0, 1]], 2, 1, 4)] == ["batch", "channel", "other"]
    assert [p[0] for p in places(lambda x: x[:, :, [[2, 0], [1, 1]]], 2, 1, 4)] == ["other"] * 4


@pytest.mark.parametrize("layer", [nn.Conv1d(3, 5, 1), nn.ConvTranspose1d(3, 5, 1)])
def test_convolutions_compute_features(layer: nn.Module) -> None:
    image = torch.zeros(2, 3, 8)
    with torch.no_grad(), AxisTracker(image) as tracker:
        assert tracker.places_of(layer(image)) == ((Factor(2, "batch"),), (Factor(5, "feature"),), (Factor(8, "0"),))


def test_a_convolution_is_not_transposed_unless_it_says_so() -> None:
    """Those of some backends have no such argument. Kernel 3, stride 2: cells look at pixels 1, 3, ..."""
    named = {"weight": torch.zeros(5, 1, 3), "stride": [2], "padding": [0], "dilation": [1]}
    call = Call(named, [((2, 1, 9), input_axes((2, 1, 9))), ((5, 1, 3), None)], (2, 5, 4))
    assert derived("cudnn_convolution", call)[2] == (Factor(4, "0", 1.0, 2.0, 2.0),)


def test_linear_and_recurrent_layers_compute_features() -> None:
    assert places(lambda x: nn.Linear(8, 5)(x[:, 0]), 2, 1, 8) == [("batch", 0.0, 1.0), ("feature", 0.0, 1.0)]
    sequence = Call({}, [((2, 7, 6), input_axes((2, 7, 6))), ((5, 6), None)], (2, 7, 5))
    assert derived("lstm", sequence) == ((Factor(2, "batch"),), (Factor(7, "other"),), (Factor(5, "feature"),))
    assert derived("lstm", sequence._replace(shape=(14, 5))) is None


def test_the_operand_of_the_same_shape_as_the_result_gives_the_roles() -> None:
    """The mean over the rows has one number for each column, which is multiplied by cells of the same row."""
    for product in (lambda x: x.mean(2) * x.mT, lambda x: x.mT * x.mean(2)):
        assert [role for role, *_ in places(product, 1, 1, 4, 4)] == ["batch", "channel", "1", "0"]


def test_stacked_and_inserted_axes() -> None:
    assert [p[0] for p in places(lambda x: torch.stack([x, x], 2), 2, 1, 4, 5)] == [
        "batch",
        "channel",
        "other",
        "0",
        "1",
    ]
    assert [p[0] for p in places(lambda x: x[:, None], 2, 1, 4)] == ["batch", "", "channel", "0"]
    assert [p[0] for p in places(lambda x: x[:, :, 2].unsqueeze(-1), 2, 1, 4, 5)] == ["batch", "channel", "1", ""]


def test_layer_norm_shows_where_a_sequence_has_its_features() -> None:
    image = torch.zeros(3, 7, 6)
    with torch.no_grad(), AxisTracker(image) as tracker:
        axes = tracker.places_of(nn.LayerNorm(6)(image))
        whole = tracker.places_of(nn.LayerNorm((7, 6))(image))
        last = tracker.places_of(nn.LayerNorm(7)(image.mT))
    assert [axis[0][:2] for axis in axes] == [(3, "batch"), (7, "other"), (6, "feature")]
    assert [axis[0][:2] for axis in whole] == [(3, "batch"), (7, "channel"), (6, "0")]
    assert [axis[0][:2] for axis in last] == [(3, "batch"), (6, "0"), (7, "channel")]


def test_attention_has_the_features_of_the_values() -> None:
    query = ((Factor(1, "batch"),), (Factor(2, "other"),), (Factor(5, "0"),), (Factor(3, "other"),))
    value = ((Factor(1, "batch"),), (Factor(2, "other"),), (Factor(9, "1"),), (Factor(4, "feature"),))
    call = Call({}, [((1, 2, 5, 3), query), ((1, 2, 9, 3), value), ((1, 2, 9, 4), value)], (1, 2, 5, 4))
    assert derived("scaled_dot_product_attention", call) == (*query[:-1], value[-1])
    assert derived("scaled_dot_product_attention", call._replace(known=[((1, 2, 5, 3), None), *call.known[1:]])) is None


def test_a_mean_that_is_kept_has_a_role_but_no_place() -> None:
    batch, rows = places(lambda x: x.mean(2, keepdim=True), 1, 1, 8)[::2]
    assert (batch[0], rows[0], math.isnan(rows[1])) == ("batch", "0", True)


def test_attention_of_a_layer_for_inference() -> None:
    """PyTorch computes it in one operation: tokens stay where the queries were; the weights are not tokens."""
    layer = nn.MultiheadAttention(6, 2, batch_first=True).eval()
    image = torch.zeros(2, 6, 7)
    with torch.no_grad(), AxisTracker(image) as tracker:
        tokens = image.transpose(1, 2)
        result, weights = layer(tokens, tokens, tokens)
    assert [axis[0].role for axis in tracker.places_of(result)][:2] == ["batch", "0"]
    assert tracker.axes_of(weights) is None


def test_finest_branch_gives_the_position() -> None:
    """The enlarged coarse branch looks at 0.5, 2.5, ...; the fine one at 0, 2, ..., whatever the order."""
    image = torch.zeros(1, 1, SIZE)
    with torch.no_grad(), AxisTracker(image) as tracker:
        coarse, fine = STEPS["interpolation"](image), image[..., ::2]
        sums = coarse + fine, fine + coarse, torch.cat([coarse, fine], 1)
    assert {tracker.places_of(s)[2][0].origin for s in sums} == {0.0}


def test_equal_branches_give_the_mean_position() -> None:
    """Even and odd pixels side by side, as patches are merged: 0.5, 2.5, ..."""
    image = torch.zeros(1, 1, SIZE)
    with torch.no_grad(), AxisTracker(image) as tracker:
        merged = torch.cat([image[..., ::2], image[..., 1::2]], 1)
    assert tracker.places_of(merged)[2][0].at(1) == 2.5


def test_groups_of_slices_in_the_batch() -> None:
    """Slices 0 to 14 in groups of 3, moved to the batch and back: groups look at 1, 4, ..."""
    image = torch.zeros(2, 1, 8, 10, 15)
    with torch.no_grad(), AxisTracker(image) as tracker:
        images = image[:, 0].permute(0, 3, 2, 1).unflatten(1, (5, 3)).flatten(0, 1)  # (N G, 3, rows, columns)
        cells = functional.avg_pool2d(images, 2)
        back = cells.unflatten(0, (2, 5)).mean(2).permute(0, 3, 2, 1)
    grid = tracker.places_of(back)
    assert [g[0].role for g in grid] == ["batch", "0", "1", "2"]
    assert [(g[0].origin, g[0].spacing) for g in grid[1:]] == [(0.5, 2.0), (0.5, 2.0), (1.0, 3.0)]
    folded = tracker.places_of(cells)
    assert [factor.role for factor in folded[0]] == ["batch", "2"]


def test_windows_and_back() -> None:
    """Cells cut into windows of 4 by 4 and put together again keep their place."""
    image = torch.zeros(1, 1, 8, 12)
    with torch.no_grad(), AxisTracker(image) as tracker:
        windows = image.reshape(1, 1, 2, 4, 3, 4).permute(0, 2, 4, 3, 5, 1).reshape(6, 16, 1)
        back = (windows * 2).reshape(1, 2, 3, 4, 4, 1).permute(0, 5, 1, 3, 2, 4).reshape(1, 1, 8, 12)
    assert tracker.places_of(back) == tracker.places_of(image)


def test_tokens_with_a_class_token() -> None:
    """The class token in front hides the grid of the tokens until it is cut off again."""
    image = torch.zeros(1, 1, 8, 12)
    with torch.no_grad(), AxisTracker(image) as tracker:
        tokens = torch.cat([torch.zeros(1, 1, 1), functional.avg_pool2d(image, 2).flatten(2).transpose(1, 2)], 1)
        cut = tokens[:, 1:].transpose(1, 2).reshape(1, 1, 4, 6)
    (factor,) = tracker.places_of(tokens)[1]
    assert (factor.size, factor.before, [t.size for t in factor.parts]) == (25, 1, [4, 6])
    assert [g[0][1:4] for g in tracker.places_of(cut)[2:]] == [("0", 0.5, 2.0), ("1", 0.5, 2.0)]


def test_attention_keeps_the_tokens_of_the_queries() -> None:
    image = torch.zeros(1, 4, 6)
    with torch.no_grad(), AxisTracker(image) as tracker:
        q = image.transpose(1, 2)[:, None]
        k = torch.zeros(1, 1, 9, 4)
        fused = functional.scaled_dot_product_attention(q, k, k)
        plain = (q @ k.transpose(-2, -1)).softmax(-1) @ k
    assert tracker.places_of(fused)[2] == tracker.places_of(plain)[2] == (Factor(6, "0"),)


@pytest.mark.parametrize("mix", ["matrix", "reshape", "index", "pooling"])
def test_mixed_axes_are_unknown(mix: str) -> None:
    steps: dict[str, Step] = {
        "matrix": lambda x: x @ torch.zeros(SIZE, 16),
        "reshape": lambda x: x.expand(1, 5, SIZE).reshape(1, 16, 15),
        "index": lambda x: x[..., torch.randperm(SIZE)[:16]],
        "pooling": lambda x: x.mean(-1, keepdim=True).expand(-1, -1, 16),
    }
    image = torch.zeros(1, 1, SIZE)
    with torch.no_grad(), AxisTracker(image) as tracker:
        result = steps[mix](image)
    assert not any(factor.spatial for axis in tracker.places_of(result) for factor in axis)
