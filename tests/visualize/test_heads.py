"""Tests of the three forms of a head: when each is chosen, and that its maps are those of all gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from monai_pylon.visualize import HiResCAM
from monai_pylon.visualize.heads import ArrangedHead, GeneralHead, LinearHead, PooledHead, graph_nodes, head_of
from monai_pylon.visualize.map_layout import Layout
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import RecordedLayer, Recording, record
from monai_pylon.visualize.score_gradients import score_gradients
from tests.visualize.nets import HEADS, LABELS, Call, Net, gradients_by_autograd, image, make_net


@pytest.mark.parametrize(
    ("kind", "form"),
    [("pooled", PooledHead), ("linear", LinearHead), ("in-place", GeneralHead), ("deep", GeneralHead)],
)
def test_finds_the_closed_form(kind: str, form: type) -> None:
    net = make_net(kind)
    with evaluating(net):
        assert type(head_of(record(net, RecordedLayer(net.layer), (image(),), {}))) is form


def test_closed_form_of_one_sample() -> None:
    net = make_net("linear")
    with evaluating(net):
        assert type(head_of(record(net, RecordedLayer(net.layer), (image(samples=1),), {}))) is LinearHead


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_closed_form_of_a_mean_over_negative_axes(dims: int) -> None:
    net = Net(dims, Call(lambda x: x.mean(tuple(range(-dims, 0)))))
    with evaluating(net):
        assert type(head_of(record(net, RecordedLayer(net.layer), (image(dims),), {}))) is PooledHead


@pytest.mark.parametrize("kind", ["pooled", "linear"])
def test_no_closed_form_if_the_activations_are_used_twice(kind: str) -> None:
    class Twice(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            activations = self.layer(x)
            return self.head(activations) + activations.square().flatten(1).sum(1, keepdim=True)

    net, x = Twice(2, HEADS[kind](2)).double(), image().double()
    with evaluating(net):
        assert type(head_of(record(net, RecordedLayer(net.layer), (x,), {}))) is GeneralHead
    activations, gradients = gradients_by_autograd(net, x)
    expected = (activations[:, None] * (gradients + 2 * activations[:, None])).sum(2)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)


def test_no_closed_form_for_a_linear_layer_over_the_cells_of_each_feature() -> None:
    """The linear layer takes rows of 16 grid cells and gives two scores per feature."""
    head = nn.Sequential(nn.Flatten(2), nn.Linear(16, 2), nn.Flatten())
    net, x = Net(2, head).double(), image().double()
    with evaluating(net):
        assert type(head_of(record(net, RecordedLayer(net.layer), (x,), {}))) is GeneralHead
    activations, gradients = gradients_by_autograd(net, x)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), (activations[:, None] * gradients).sum(2))


@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2), (2, 3), (1, 2, 3), (0, 2, 3), (-1, -2), (3, 2)])
def test_closed_form_of_means_needs_all_grid_axes(axes: tuple[int, ...]) -> None:
    """Features and grid have the same size: shapes alone do not show the averaged axes."""

    class MeanNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, 4, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            means = self.layer(x).mean(axes, keepdim=True)
            return (means * torch.arange(16.0).reshape(4, 4)).sum((1, 2))  # (N, 4)

    net, x = MeanNet().double(), image(samples=1).double()
    leaf = net.layer(x).detach().requires_grad_()
    means = leaf.mean(axes, keepdim=True)
    scores = (means * torch.arange(16.0).reshape(4, 4)).sum((1, 2))[0]
    expected = torch.cat([(torch.autograd.grad(s, leaf, retain_graph=True)[0] * leaf).sum(1) for s in scores])
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all")[0], expected.detach())


def test_splits_the_labels_of_a_large_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = make_net("deep"), image()
    cam = HiResCAM(net, "layer")
    whole = cam(x, "all")
    calls, grad = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **how: calls.append(1) or grad(*args, **how))
    monkeypatch.setattr("monai_pylon.visualize.heads._NUMBERS_AT_ONCE", 1)
    torch.testing.assert_close(cam(x, "all"), whole)
    assert len(calls) == LABELS


WEIGHT = torch.randn(3, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
FORMS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], type]] = {
    "matrix product": (lambda x: x.flatten(1) @ WEIGHT.T, LinearHead),
    "as many hidden features as labels": (lambda x: (x.flatten(1) @ WEIGHT.T).relu(), LinearHead),
    "more hidden features than labels": (lambda x: (x.flatten(1) @ WEIGHT.T)[:, :2], GeneralHead),
    "matrix on the left": (lambda x: (WEIGHT @ x.flatten(1).T).T, GeneralHead),
    "scaled product": (lambda x: torch.addmm(WEIGHT[:, 0], x.flatten(1), WEIGHT.T, alpha=2), GeneralHead),
    "as the added term": (lambda x: torch.addmm(x[:, :3, 0, 0], WEIGHT[:2, :5], WEIGHT[:, :5].T), GeneralHead),
    "as the right factor": (lambda x: torch.addmm(WEIGHT[0, :2], WEIGHT, x.flatten(1).T).T, GeneralHead),
    "clone and view before": (lambda x: x.clone().view(2, 64) @ WEIGHT.T, LinearHead),
    "part of the activations": (lambda x: x[:, :2].flatten(1) @ WEIGHT[:, :32].T, GeneralHead),
    "mean over the grid": (lambda x: x.mean((2, 3)) @ WEIGHT[:, :4].T, PooledHead),
    "mean over features": (lambda x: x.mean(1).flatten(1) @ WEIGHT[:, :16].T, GeneralHead),
    "mean over everything": (lambda x: x.mean((0, 2, 3)).expand(2, 4), GeneralHead),
}


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_give_the_maps_of_the_general_form(name: str) -> None:
    function, form = FORMS[name]
    net = Net(2, Call(function)).double()
    with evaluating(net):
        recording = record(net, RecordedLayer(net.layer), (image().double(),), {})
        head = head_of(recording)
    assert type(head) is form
    labels = recording.logits.shape[1]
    cotangents = torch.eye(labels, dtype=torch.float64)[:, None].expand(labels, 2, labels)
    all_gradients = score_gradients(recording.logits, recording.activations, cotangents)
    gradients = score_gradients(recording.logits, head.edge, cotangents)
    general = GeneralHead(recording)
    torch.testing.assert_close(head.hires_maps(gradients), general.hires_maps(all_gradients))
    torch.testing.assert_close(head.mean_gradients(gradients), general.mean_gradients(all_gradients))


def recorded(activations: torch.Tensor) -> Recording:
    """Make a recording of activations (R, C, *grid) without a graph."""
    return Recording(activations, torch.empty(0), None, 0, Layout())


def test_general_form_by_hand() -> None:
    activations = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # (1, 2, 2)
    gradients = torch.tensor([[[[1.0, 0.0], [0.0, -1.0]]], [[[2.0, 2.0], [0.0, 0.0]]]])  # of two labels (2, 1, 2, 2)
    head = GeneralHead(recorded(activations))
    assert head.hires_maps(gradients).tolist() == [[[1, -4], [2, 4]]]
    assert head.mean_gradients(gradients).tolist() == [[[0.5, -0.5], [2, 0]]]


#: Layout of tokens (N, 1 + T, C), of which the first is a class token.
TOKENS = Layout(lambda t: t[:, 1:].transpose(1, 2), complete=False)


def gradients_of_tokens(weight: torch.Tensor, layout: Layout = TOKENS) -> torch.Tensor:
    """Compute the gradients (1, 1, C, T) of a sum of tokens (1, 3, 2) with weights."""
    activations = torch.ones(1, 3, 2, requires_grad=True)
    logits = (activations * weight).sum((1, 2))[:, None]
    return ArrangedHead(Recording(activations, logits, None, 0, layout)).gradients(torch.ones(1, 1, 1))


def test_gradients_of_tokens_are_arranged_without_the_class_token() -> None:
    weight = torch.arange(6.0).view(3, 2)
    assert gradients_of_tokens(weight).tolist() == [[[[2, 4], [3, 5]]]]
    assert not gradients_of_tokens(torch.zeros(3, 2)).any()  # a constant score
    every_token = Layout(lambda t: t.transpose(1, 2))
    assert gradients_of_tokens(weight, every_token).tolist() == [[[[0, 2, 4], [1, 3, 5]]]]


def test_a_score_of_the_class_token_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="whose grid cells affect the scores, but is 'one of which only the class"):
        gradients_of_tokens(torch.tensor([[1.0], [0.0], [0.0]]))


def test_autocast_does_not_reduce_precision() -> None:
    activations, weight, gradients = torch.randn(2, 4, 5, 5), torch.randn(7, 100), torch.randn(3, 2, 7)
    head = LinearHead(recorded(activations), None, weight)
    with torch.autocast("cpu", torch.bfloat16):
        maps, means = head.hires_maps(gradients), head.mean_gradients(gradients)
    all_gradients = (gradients @ weight).reshape(3, 2, 4, 5, 5)
    torch.testing.assert_close(maps, (all_gradients * activations).sum(2).transpose(0, 1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(means, all_gradients.mean((3, 4)).transpose(0, 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("form", [GeneralHead, PooledHead])
def test_half_precision_gradients_are_averaged_in_float32(form: type) -> None:
    head = form(recorded(torch.ones(1, 1, 1, 3)), None)
    gradients = torch.full((1, 1, 1, 1, 3 if form is GeneralHead else 1), 1.0).bfloat16()
    expected = 1.0 if form is GeneralHead else 1 / 3
    found = head.mean_gradients(gradients)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.flatten(), torch.tensor([expected]))


def test_labels_at_once_bound_the_memory() -> None:
    assert GeneralHead(recorded(torch.empty(1, 2**10, 2**10)), None).labels_at_once == 8
    assert GeneralHead(recorded(torch.empty(1, 2**12, 2**12)), None).labels_at_once == 1
    assert GeneralHead(recorded(torch.empty(0, 4, 4)), None).labels_at_once == 2**23
    assert PooledHead(recorded(torch.empty(1, 2**12, 2**12)), None).labels_at_once == 2**23
    assert LinearHead(recorded(torch.empty(1, 2, 2)), None, torch.empty(3, 4)).labels_at_once == 2**23


def test_graph_nodes_are_listed_once() -> None:
    x = torch.ones(2, requires_grad=True)
    root = (x * 2 + x.exp() * x).sum().grad_fn
    nodes = list(graph_nodes(root))
    assert nodes[0] is root
    assert len(nodes) == len(set(nodes)) == 6  # sum, add, two products, exp, and the leaf
