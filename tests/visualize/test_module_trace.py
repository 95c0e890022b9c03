"""Tests of the trace of module calls: order, graph nodes, maxima, and the search for nonaffine modules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.visualize.module_trace import first_affine_layer, grid_maxima, nonaffine_modules, traced


def network() -> nn.Sequential:
    """Make a network with a block of two layers, the second of which is not affine."""
    block = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(inplace=True))
    return nn.Sequential(nn.Conv2d(3, 3, 1), block, nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 2))


def test_records_calls_in_the_order_in_which_they_end() -> None:
    net, x = network(), torch.randn(2, 3, 4, 4)
    with traced(net) as steps:
        scores = net(x)
    assert [step.name for step in steps] == ["0", "1.0", "1.1", "1", "2", "3", "4"]
    assert [step.kind for step in steps][:4] == ["Conv2d", "Conv2d", "ReLU", "Sequential"]
    assert [step.has_parts for step in steps] == [False, False, False, True, False, False, False]
    assert steps[0].before is None
    assert steps[1].before is steps[3].before is steps[0].after
    assert steps[3].after is steps[2].after
    assert steps[-1].after is scores.grad_fn
    torch.testing.assert_close(steps[0].maxima, net[0](x).amax((2, 3)).detach())
    assert [step.maxima is not None for step in steps] == [True] * 5 + [False] * 2


def test_ignores_arguments_and_outputs_that_are_no_tensors() -> None:
    class Pair(nn.Module):
        def forward(self, factor: float, x: torch.Tensor) -> tuple[torch.Tensor, float]:
            return factor * x, factor

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.pair, self.last = nn.Conv1d(1, 1, 1), Pair(), nn.Conv1d(1, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.pair(2.0, self.first(x))[0])

    with traced(net := Net()) as steps:
        net(torch.ones(1, 1, 2))
    assert [step.name for step in steps] == ["first", "last"]
    assert steps[1].before is not steps[0].after


def test_removes_its_hooks_after_an_error() -> None:
    net = network()
    with pytest.raises(RuntimeError), traced(net):
        net(torch.randn(2, 5, 4, 4))
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("shape", "expected"), [((2, 3), None), ((2, 3, 1), None), ((2, 3, 2), (2, 3)), ((2, 3, 1, 4), (2, 3))]
)
def test_maxima_need_two_grid_cells(shape: tuple[int, ...], expected: tuple[int, ...] | None) -> None:
    output = torch.randn(shape, requires_grad=True)
    maxima = grid_maxima(output)
    assert (None if maxima is None else maxima.shape) == expected
    if maxima is not None:
        assert torch.equal(maxima, output.flatten(2).amax(2))
        assert not maxima.requires_grad


def test_finds_nonaffine_modules_and_the_first_affine_layer() -> None:
    """The block and its ReLU end at the same node. The block is named as layer, the ReLU as nonaffine module."""
    net = network()
    with traced(net) as steps:
        scores = net(torch.randn(2, 3, 4, 4))
    root, entry = scores.grad_fn, steps[0].after
    assert [step.name for step in nonaffine_modules(steps, root, entry)] == ["1.1"]
    assert first_affine_layer(steps, root, entry) == "1"
    assert nonaffine_modules(steps, root, steps[3].after) == []
    assert first_affine_layer(steps, root, steps[3].after) == "2"
    assert first_affine_layer(steps, root, steps[4].after) is None  # after it there is no map


def test_first_affine_layer_needs_a_map() -> None:
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Flatten(), nn.ReLU(), nn.Linear(48, 2))
    with traced(net) as steps:
        scores = net(torch.randn(2, 3, 4, 4))
    assert first_affine_layer(steps, scores.grad_fn, steps[0].after) is None


def test_module_without_recorded_argument_starts_at_the_entry() -> None:
    """A module whose argument is no tensor of the graph is checked from the layer's output on."""

    class Holder(nn.Module):
        def forward(self, values: list[torch.Tensor]) -> torch.Tensor:
            return values[0].relu()

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.holder = nn.Conv1d(1, 1, 1), Holder()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.holder([self.layer(x)]).mean(2)

    with traced(net := Net()) as steps:
        scores = net(torch.ones(1, 1, 2))
    assert [step.name for step in nonaffine_modules(steps, scores.grad_fn, steps[0].after)] == ["holder"]
