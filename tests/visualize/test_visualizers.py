"""Tests of HiResCAM and Grad-CAM of networks: a slow reference, all forms of class_idx, and error messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.visualize import ActivationMapInferer, HiResCAM, LayerGradCAM
from monai_pylon.visualize.visualizers import LabelMaps, explain_by_methods
from tests.references.class_activation import grad_cam_loop, gradient_by_differences, hires_cam_loop
from tests.visualize.nets import HEADS, LABELS, Folded, Net, gradients_by_autograd, image, make_net

METHODS = {"hires": (HiResCAM, hires_cam_loop), "grad": (LayerGradCAM, grad_cam_loop)}


def slow_maps(net: Net, x: torch.Tensor, method: str) -> np.ndarray:
    """Compute the maps (N, M, *grid) of all labels, one sample at a time, with gradients by differences."""

    def score(a: np.ndarray, label: int) -> float:
        return net.head(torch.from_numpy(a.copy())[None])[0, label].item()

    maps = []
    with torch.no_grad():
        for activations in net.layer(x).numpy():
            gradients = [gradient_by_differences(lambda a, m=m: score(a, m), activations) for m in range(LABELS)]
            maps.append([METHODS[method][1](activations, g) for g in gradients])
    return np.array(maps)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", [kind for kind in HEADS if kind != "residual"])
def test_matches_the_slow_reference(kind: str, method: str) -> None:
    net, x = make_net(kind).double(), image().double()
    maps = METHODS[method][0](net, "layer")(x, "all")
    assert maps.shape == (2, LABELS, 4, 4)
    assert maps.dtype == torch.float64
    np.testing.assert_allclose(maps, slow_maps(net, x, method), atol=1e-7)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", HEADS)
def test_works_in_one_two_and_three_dimensions(kind: str, dims: int) -> None:
    net, x = make_net(kind, dims).double(), image(dims).double()
    activations, gradients = gradients_by_autograd(net, x)
    expected = (activations[:, None] * gradients).sum(2)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)
    weights = gradients.flatten(3).mean(-1)
    expected = torch.einsum("nmc,nc...->nm...", weights, activations)
    torch.testing.assert_close(LayerGradCAM(net, "layer")(x, "all"), expected)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", HEADS)
def test_all_forms_of_class_idx_give_the_same_maps(kind: str, method: str) -> None:
    net, x = make_net(kind), image()
    cam = METHODS[method][0](net, net.layer)
    all_maps, labels, logits = cam.explain(x, "all")
    torch.testing.assert_close(logits, net(x).detach())
    assert labels.tolist() == [[0, 1, 2], [0, 1, 2]]
    torch.testing.assert_close(cam(x, 1), all_maps[:, [1]])
    torch.testing.assert_close(cam(x, np.int64(1)), all_maps[:, [1]])
    torch.testing.assert_close(cam(x, [2, 0, 2]), all_maps[:, [2, 0, 2]])
    torch.testing.assert_close(cam(x, range(2)), all_maps[:, :2])
    own = torch.tensor([[2, 0], [1, 2]])
    for class_idx in (own, own.numpy(), own.tolist()):
        torch.testing.assert_close(cam(x, class_idx), torch.stack([all_maps[0, [2, 0]], all_maps[1, [1, 2]]]))
    best = logits.argmax(1)
    torch.testing.assert_close(cam(x), all_maps[[0, 1], best][:, None])
    assert cam.explain(x, None).labels.tolist() == best[:, None].tolist()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", HEADS)
def test_batch_equals_single_samples(kind: str, method: str) -> None:
    net, x = make_net(kind), image(samples=3)
    cam = METHODS[method][0](net, "layer")
    torch.testing.assert_close(cam(x, "all"), torch.cat([cam(one[None], "all") for one in x]))
    torch.testing.assert_close(cam(x), torch.cat([cam(one[None]) for one in x]))


@pytest.mark.parametrize("join", ["mean", "max"])
@pytest.mark.parametrize("head", ["pooled", "linear", "deep"])
def test_slices_folded_into_the_batch(head: str, join: str) -> None:
    """The grid is (S, *grid). Each slice's map is multiplied by the weight of its score in the sample's score."""
    net, x = Folded(head, join).double(), torch.randn(2, 1, 5, 8, 8, dtype=torch.float64)
    maps = HiResCAM(net, "slices.layer")(x, "all")
    assert maps.shape == (2, LABELS, 5, 4, 4)
    slices = x.transpose(1, 2).flatten(0, 1)
    alone = HiResCAM(net.slices, "layer")(slices, "all").unflatten(0, (2, 5)).transpose(1, 2)
    scores = net.slices(slices).unflatten(0, (2, 5)).transpose(1, 2)
    weight = torch.full_like(scores, 1 / 5) if join == "mean" else (scores == scores.amax(-1, keepdim=True)).double()
    torch.testing.assert_close(maps, alone * weight[..., None, None].detach())
    torch.testing.assert_close(maps[1:], HiResCAM(net, "slices.layer")(x[1:], "all"))


@pytest.mark.parametrize("join", ["mean", "max"])
@pytest.mark.parametrize("head", ["pooled", "linear", "deep"])
def test_gradcam_averages_gradients_over_folded_slices(head: str, join: str) -> None:
    net, x = Folded(head, join).double(), torch.randn(2, 1, 5, 8, 8, dtype=torch.float64)
    slices = x.transpose(1, 2).flatten(0, 1)
    activations, _ = gradients_by_autograd(net.slices, slices)
    volume = activations.unflatten(0, (2, 5)).requires_grad_()  # (N, S, C, h, w)
    scores = net.slices.head(volume.flatten(0, 1)).unflatten(0, (2, 5))
    scores = scores.mean(1) if join == "mean" else scores.amax(1)
    for label in range(LABELS):
        (gradient,) = torch.autograd.grad(scores[:, label].sum(), volume, retain_graph=True)
        expected = (gradient.mean((1, 3, 4))[:, None, :, None, None] * volume).sum(2).detach()
        torch.testing.assert_close(LayerGradCAM(net, "slices.layer")(x, label)[:, 0], expected)


def test_rejects_layers_with_another_number_of_rows() -> None:
    class Averaged(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.layer(x[:2])).mean(0).expand(len(x), -1)

    with pytest.raises(ValueError, match="one row for each of the 3 samples, or S rows for S slices, but is Tensor"):
        HiResCAM(Averaged(2, HEADS["pooled"](2)), "layer")(image(samples=3))


def test_rejects_slices_that_are_mixed_in_the_batch() -> None:
    class SlicesFirst(Folded):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            samples, _, depth = x.shape[:3]
            return self.slices(x.permute(2, 0, 1, 3, 4).flatten(0, 1)).unflatten(0, (depth, samples)).mean(0)

    net, x = SlicesFirst(), torch.randn(2, 1, 5, 8, 8)
    with pytest.raises(ValueError, match=r"the slices of one sample after the other.*Explain one sample at a time"):
        HiResCAM(net, "slices.layer")(x)
    assert HiResCAM(net, "slices.layer")(x[:1]).shape == (1, 1, 5, 4, 4)


@pytest.mark.parametrize("channels_last", [False, True])
def test_channels_last_gives_the_same_maps(channels_last: bool) -> None:
    net, x = make_net("linear"), image()
    expected = HiResCAM(net, "layer")(x, "all")
    if channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)


def test_maps_do_not_keep_the_images_metadata() -> None:
    net, x = make_net("pooled"), image()
    maps = HiResCAM(net, "layer")(MetaTensor(x, affine=np.diag([2.0, 2, 2, 1])), "all")
    assert type(maps) is torch.Tensor
    torch.testing.assert_close(maps, HiResCAM(net, "layer")(x, "all"))


def test_results_have_no_graph() -> None:
    for kind in HEADS:
        maps = HiResCAM(make_net(kind), "layer").explain(image().requires_grad_(), "all")
        assert not any(part.requires_grad for part in maps)


def test_maps_have_no_graph_of_weights_outside_parameters() -> None:
    class Loose(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.weight = nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.randn(64, 3, requires_grad=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x).flatten(1) @ self.weight

    for visualizer in (HiResCAM, LayerGradCAM):
        net = Loose()
        assert not visualizer(net, "layer")(image(), "all").requires_grad
        assert net.weight.requires_grad


def test_passes_further_arguments_to_the_network() -> None:
    class Scaled(Net):
        def forward(self, x: torch.Tensor, scale: float, shift: float = 0.0) -> torch.Tensor:
            return scale * self.head(self.layer(x) + shift)

    net, x = Scaled(2, HEADS["pooled"](2)), image()
    cam = HiResCAM(net, "layer")
    torch.testing.assert_close(cam(x, "all", 3.0), 3 * cam(x, "all", 1.0))
    torch.testing.assert_close(cam(x, "all", scale=3.0, shift=7.0), 3 * cam(x, "all", 1.0))


@pytest.mark.parametrize("kind", HEADS)
def test_explain_by_methods_uses_one_forward_pass(kind: str) -> None:
    net, x, passes = make_net(kind), image(), []
    hook = net.register_forward_hook(lambda *_: passes.append(1))
    found = explain_by_methods(net, "layer", x, [2, 0])
    hook.remove()
    assert len(passes) == 1
    for name, (method, _) in (("hirescam", METHODS["hires"]), ("gradcam", METHODS["grad"])):
        alone = method(net, "layer").explain(x, [2, 0])
        for part, expected in zip(found[name], alone, strict=True):
            torch.testing.assert_close(part, expected)


def test_call_selects_a_call_of_the_layer() -> None:
    net, x = make_net("deep"), image()
    torch.testing.assert_close(HiResCAM(net, "layer", call=0)(x, "all"), HiResCAM(net, "layer")(x, "all"))
    with pytest.raises(ValueError, match="at least 2 times"):
        ActivationMapInferer("layer", call=1)(x, net)
    with pytest.raises(ValueError, match="call must be 0 or more, or None for the last call, but is -1"):
        HiResCAM(net, "layer", call=-1)


def test_one_label_at_a_time_gives_the_same_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = make_net("deep"), image()
    together = explain_by_methods(net, "layer", x, methods=["gradcam"])["gradcam"]
    monkeypatch.setattr("monai_pylon.visualize.heads._NUMBERS_AT_ONCE", 1)
    for part, expected in zip(LayerGradCAM(net, "layer").explain(x, "all"), together, strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("methods", [[], ["hirescam", "cam"]])
def test_explain_by_methods_rejects_unknown_methods(methods: list[str]) -> None:
    with pytest.raises(ValueError, match="methods must be"):
        explain_by_methods(make_net("deep"), "layer", image(), methods=methods)


@pytest.mark.parametrize("visualizer", [HiResCAM, LayerGradCAM])
@pytest.mark.parametrize("kind", HEADS)
def test_computes_all_labels_with_one_gradient(kind: str, visualizer: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """One gradient per label would be slow."""
    calls, grad = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **how: calls.append(1) or grad(*args, **how))
    visualizer(make_net(kind), "layer")(image(), "all")
    assert len(calls) == 1
    visualizer(Folded(), "slices.layer")(torch.randn(1, 1, 5, 8, 8), "all")
    assert len(calls) == 2


def test_part_before_the_layer_has_no_graph() -> None:
    """Neither its parameters nor the image require gradients. A graph of the whole network would need much memory."""

    class Trunk(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            trunk = x.sin()
            graphs.append(trunk.requires_grad or self.layer.weight.mul(1).requires_grad)
            return self.head(self.layer(trunk))

    graphs: list[bool] = []
    HiResCAM(Trunk(2, HEADS["deep"](2)), "layer")(image().requires_grad_(), "all")
    assert graphs == [False]


class Asked(nn.Module):
    """Network with layers that cannot be explained."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.unused = nn.Conv2d(1, 1, 1)
        self.aside = nn.Conv2d(4, 4, 1)
        self.out = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.encoder(x)
        self.aside(features)
        return self.out(self.pool(features).flatten(1))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("encodr.1", r"the name of a layer of Asked, but is 'encodr.1'. Did you mean 'encoder.1'"),
        ("quatsch", r"the name of a layer of Asked, but is 'quatsch'. Its parts are encoder, pool, unused, aside, out"),
        ("", r"the name of a layer of Asked, but is ''"),
        ("unused", r"called in the network's forward pass, but is 'never called'. Choose a layer that"),
        ("aside", r"a layer on which the scores depend, but is 'without effect on them'"),
        ("out", r"a layer with output \(N, C, \*grid\), but is Tensor of shape \(2, 2\).*before the pooling"),
    ],
)
def test_rejects_layers_that_cannot_be_explained(layer: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"target_layer must be {message}"):
        HiResCAM(Asked(), layer)(image())


def test_suggests_layers_with_the_same_last_part_of_the_name() -> None:
    with pytest.raises(ValueError, match=r"Did you mean 'slices.head.1'"):
        HiResCAM(Folded(), "head.1")


def test_rejects_modules_of_another_network_and_wrong_types() -> None:
    with pytest.raises(
        ValueError, match=r"target_layer must be a layer of Net, but is 'Conv2d'\. Pass its name instead"
    ):
        HiResCAM(make_net("pooled"), make_net("pooled").layer)
    with pytest.raises(TypeError, match="target_layer must be of type str or Module"):
        HiResCAM(make_net("pooled"), 3)
    with pytest.raises(TypeError, match="network must be of type Module"):
        HiResCAM(lambda x: x, "layer")
    with pytest.raises(TypeError, match="x must be of type Tensor"):
        HiResCAM(make_net("pooled"), "layer")(np.zeros((1, 1, 8, 8)))


@pytest.mark.parametrize(
    ("class_idx", "error", "message"),
    [
        (3, ValueError, "class_idx must be between 0 and 2, but is 3. The network has 3 labels, counted from 0"),
        (-1, ValueError, "class_idx must be between 0 and 2"),
        ([0, 7], ValueError, "class_idx must be between 0 and 2"),
        ([], ValueError, "class_idx must be one or more integers"),
        ([0.5], ValueError, "class_idx must be one or more integers"),
        ([[0], [1], [2]], ValueError, "class_idx must be of 2 rows, one per sample"),
        ([[0, 1], [2]], ValueError, "class_idx must be one or more integers"),
        (torch.zeros(0, dtype=torch.int64), ValueError, "class_idx must be one or more integers"),
        (torch.tensor([0.0]), ValueError, "class_idx must be one or more integers"),
        (torch.tensor([True]), ValueError, "class_idx must be one or more integers"),
        (torch.tensor([1j]), ValueError, "class_idx must be one or more integers"),
        (torch.zeros(2, 1, 1, dtype=torch.int64), ValueError, "class_idx must be one or more integers"),
        ("every", ValueError, 'class_idx must be an integer, integers, "all" or None'),
        (1.0, TypeError, "class_idx must be of type int"),
        (True, TypeError, "class_idx must be of type int"),
    ],
)
def test_rejects_invalid_class_idx(class_idx: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        HiResCAM(make_net("pooled"), "layer")(image(), class_idx)


@pytest.mark.parametrize("wrong", ["map", "vector", "dictionary"])
def test_rejects_networks_without_scores(wrong: str) -> None:
    class Wrong(Net):
        def forward(self, x: torch.Tensor) -> object:
            features = self.layer(x)
            return {"map": features, "vector": features.mean((1, 2, 3)), "dictionary": {"logits": features}}[wrong]

    with pytest.raises(ValueError, match=r"network must be a module with output \(N, M\), but is .*Wrap the network"):
        HiResCAM(Wrong(2, nn.Identity()), "layer")(image())


def test_label_maps_are_a_named_tuple() -> None:
    maps, labels, logits = LabelMaps(*torch.zeros(3, 1, 1))
    assert maps.shape == labels.shape == logits.shape


@pytest.mark.parametrize("axes", [2, 3])
def test_hirescam_at_the_input_is_gradient_times_input(axes: int) -> None:
    conv = torch.nn.Conv2d if axes == 2 else torch.nn.Conv3d
    network = torch.nn.Sequential(
        torch.nn.Identity(), conv(3, 4, 3, stride=2), torch.nn.ReLU(), torch.nn.Flatten(1), torch.nn.LazyLinear(2)
    )
    x = torch.randn(2, 3, *[9] * axes)
    network(x)
    maps = HiResCAM(network, "0")(x, "all")
    for label in range(2):
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(network(leaf)[:, label].sum(), leaf)
        torch.testing.assert_close(maps[:, label], (gradient * x).sum(1))
