"""Tests of recorded passes: cases in which other libraries fail, and the restored state of the network."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, ResNet, SEResNet50, resnet10
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import RecordedLayer, find_layer, record
from monai_pylon.visualize.score_gradients import score_gradients
from tests.visualize.nets import FEATURES, HEADS, LABELS, Net, Output, image, make_net


def state(network: nn.Module) -> dict[str, Any]:
    """Collect all state that an explanation might change in a network."""
    found: dict[str, Any] = {"random numbers": torch.get_rng_state().tolist(), "grad mode": torch.is_grad_enabled()}
    for name, module in network.named_modules():
        hooks = {key: list(value) for key, value in vars(module).items() if "hooks" in key and hasattr(value, "keys")}
        found[name] = (module.training, getattr(module, "inplace", None), hooks)
    for name, parameter in network.named_parameters():
        gradient = parameter.grad
        found[name] = (parameter.requires_grad, id(gradient), None if gradient is None else gradient.tolist())
    for name, tensor in network.state_dict().items():
        found[f"value of {name}"] = (tensor.data_ptr(), tensor.tolist())
    return found


def half_trained() -> Net:
    """Make a network in training, with one part in evaluation mode, one frozen, gradients, and a user's hook."""
    head = nn.Sequential(nn.BatchNorm2d(FEATURES), nn.Dropout(0.5), *HEADS["in-place"](2))
    net = Net(2, head).train()
    net(image()).sum().backward()
    net.head[0].eval()
    net.layer.weight.requires_grad_(False)
    net.layer.register_forward_hook(lambda module, args, output: output * 2)
    return net


@pytest.mark.parametrize("class_idx", [None, 1, "all"])
def test_restores_the_network(class_idx: Any) -> None:
    net, x = half_trained(), image()
    before, pixels = state(net), x.clone()
    for cam in (HiResCAM(net, "layer"), LayerGradCAM(net, "layer")):
        cam(x, class_idx)
    assert state(net) == before
    assert torch.equal(x, pixels)


class Broken(nn.Module):
    """Module that fails in the forward or in the backward pass."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.where == "forward":
            raise RuntimeError("broken")
        x.register_hook(lambda gradient: 1 / 0)
        return x


@pytest.mark.parametrize("where", ["forward", "backward", "label"])
def test_restores_the_network_after_an_error(where: str) -> None:
    net = half_trained()
    if where != "label":
        net.head.insert(0, Broken(where))
        net.head[0].eval()
    x, before = image(), state(net)
    with pytest.raises((RuntimeError, ZeroDivisionError, ValueError)):
        HiResCAM(net, "layer")(x, 99 if where == "label" else 0)
    assert state(net) == before


def test_does_not_call_train_or_eval() -> None:
    """Some networks do more in ``train``, such as merging weights."""

    class Particular(Net):
        def train(self, mode: bool = True) -> Net:
            raise AssertionError("must not be called")

    net = Particular(2, HEADS["pooled"](2))
    assert HiResCAM(net, "layer")(image()).shape == (2, 1, 4, 4)
    assert net.training


def test_runs_dropout_and_batch_norm_in_evaluation_mode() -> None:
    net, x = half_trained(), image()
    maps = HiResCAM(net, "layer")(x, "all")
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), maps)
    torch.testing.assert_close(HiResCAM(copy.deepcopy(net).eval(), "layer")(x, "all"), maps)


CALLERS = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode, "enable_grad": torch.enable_grad}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("caller", CALLERS)
def test_works_in_any_grad_mode_of_the_caller(caller: str, kind: str) -> None:
    net, x = make_net(kind), image()
    expected = HiResCAM(net, "layer")(x, "all")
    with CALLERS[caller]():
        clone = x.clone()  # an inference tensor in inference mode
        maps = HiResCAM(net, "layer")(clone, "all")
        assert torch.is_grad_enabled() == (caller == "enable_grad")
        assert torch.is_inference_mode_enabled() == (caller == "inference_mode")
    torch.testing.assert_close(maps, expected)


def test_works_on_a_network_created_in_inference_mode() -> None:
    original = half_trained()
    with torch.inference_mode():
        net = copy.deepcopy(original)
        assert net.head[0].running_mean.is_inference()
        maps = HiResCAM(net, "layer")(image(), "all")
    torch.manual_seed(0)
    assert maps.abs().sum() > 0


def test_network_may_reuse_images_created_in_inference_mode() -> None:
    """Outside of inference mode, an inference tensor can neither be changed nor saved for a gradient."""

    class Again(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x.mul_(1)
            return self.head(self.layer(x) * x[..., ::2, ::2])

    net, x = Again(2, HEADS["deep"](2)), image()
    expected = HiResCAM(net, "layer")(x, "all")
    with torch.inference_mode():
        maps = HiResCAM(net, "layer")(x.clone(), "all")
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("trunk_only", [True, False])
def test_networks_that_disable_gradients_themselves(trunk_only: bool) -> None:
    class Off(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                features = self.layer(x)
                return self.head(features) if not trunk_only else self.head[1:](self.head[0](features))

    class TrunkOff(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                features = self.layer(x)
            return self.head(features)

    net, x = make_net("deep"), image()
    off = (TrunkOff if trunk_only else Off)(2, HEADS["deep"](2)).eval()
    off.load_state_dict(net.state_dict())
    torch.testing.assert_close(HiResCAM(off, "layer")(x, "all"), HiResCAM(net, "layer")(x, "all"))


@pytest.mark.parametrize("kind", HEADS)
def test_works_on_frozen_networks(kind: str) -> None:
    net, x = make_net(kind), image()
    expected = HiResCAM(net, "layer")(x, "all")
    torch.testing.assert_close(HiResCAM(net.requires_grad_(False), "layer")(x, "all"), expected)
    assert not any(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("method", [HiResCAM, LayerGradCAM])
def test_autocast_gives_float32_maps(method: type, kind: str) -> None:
    net, x = make_net(kind), image()
    exact = method(net, "layer")(x, "all")
    with torch.autocast("cpu", torch.bfloat16):
        maps = method(net, "layer")(x, "all")
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, exact, atol=0.03 * float(exact.abs().max()), rtol=0)


@pytest.mark.parametrize("narrow", ["autocast", "network", "network and image"])
def test_narrow_passes_are_recorded_in_float32(narrow: str) -> None:
    """The maps are those of the same weights and pixels in float32, up to its own rounding."""
    net, x = make_net("deep"), image().bfloat16()
    wide = copy.deepcopy(net if narrow == "autocast" else net.bfloat16()).float()
    expected = HiResCAM(wide, "layer")(x.float(), "all")
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow == "autocast"):
        torch.testing.assert_close(HiResCAM(net, "layer")(x if "image" in narrow else x.float(), "all"), expected)


def test_a_pass_in_float32_that_fails_is_not_repeated() -> None:
    calls = []

    class Failing(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            calls.append(x.dtype)
            raise ValueError("broken")

    with pytest.raises(ValueError, match=r"^broken$"):
        HiResCAM(Failing(2, HEADS["pooled"](2)), "layer")(image())
    assert calls == [torch.float32]


def test_training_after_an_explanation_within_autocast() -> None:
    """Autocast caches cast weights. Weights cached without a graph would break the next training step."""
    net, x = make_net("linear"), image()
    with torch.autocast("cpu", torch.bfloat16):
        HiResCAM(net, "layer")(x, "all")
        net(x).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_works_on_networks_of_other_precision(dtype: torch.dtype) -> None:
    net, x = make_net("linear"), image()
    exact = HiResCAM(net, "layer")(x, "all")
    maps = HiResCAM(net.to(dtype), "layer")(x.to(dtype), "all")
    assert maps.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(maps.float(), exact, atol=0.03 * float(exact.abs().max()), rtol=0)


@pytest.mark.parametrize("kind", ["tuple", "list", "NamedTuple"])
@pytest.mark.parametrize("of", ["network", "layer"])
def test_uses_the_first_tensor_of_an_output(of: str, kind: str) -> None:

    def parts(first: torch.Tensor, second: torch.Tensor) -> Any:
        return {"tuple": (first, second), "list": [first, second], "NamedTuple": Output(first, second)}[kind]

    class PartsLayer(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> Any:
            features = super().forward(x)
            return parts(features, features.mean())

    class Parts(Net):
        def __init__(self) -> None:
            super().__init__(2, HEADS["deep"](2))
            self.layer = PartsLayer(1, FEATURES, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> Any:
            output = self.layer(x)
            assert isinstance(output, type(parts(x, x)))
            scores = self.head(output[0])
            return parts(scores, output[0]) if of == "network" else scores

    net, x = Parts().eval(), image()
    plain = make_net("deep")
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), HiResCAM(plain, "layer")(x, "all"))


class Reused(nn.Module):
    """Network that calls one activation module twice, as MONAI's ResNet blocks do, with a bypass in between."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = HEADS["deep"](2)
        self.shrink = nn.AvgPool2d(2)

    def between(self, a: torch.Tensor) -> torch.Tensor:
        return self.second(a) + a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.shrink(self.act(self.between(self.act(self.first(x))))))


@pytest.mark.parametrize("call", [None, 0, 1])
def test_selects_a_call_of_a_layer_that_is_called_twice(call: int | None) -> None:
    net, x = Reused().double().eval(), image().double()
    maps = HiResCAM(net, "act", call=call)(x, "all")
    first = net.first(x).relu().detach().requires_grad_()
    second = net.between(first).relu()
    second.retain_grad()
    scores = net.head(net.shrink(second))
    at = first if call == 0 else second
    for label in range(LABELS):
        (gradient,) = torch.autograd.grad(scores[:, label].sum(), at, retain_graph=True)
        torch.testing.assert_close(maps[:, label], (gradient * at).sum(1).detach())


def test_rejects_independent_calls_of_a_layer() -> None:
    """In a network that processes chunks, the last call has only a part of the samples."""

    class Chunked(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.head(self.layer(chunk)) for chunk in x.split(2)])

    net, x = Chunked(2, HEADS["deep"](2)), image(samples=4)
    with pytest.raises(ValueError, match=r"a layer whose calls depend on each other, .*independently'\. Select"):
        HiResCAM(net, "layer")(x)
    one_piece = HiResCAM(net, "layer")(x[:2], "all")
    torch.testing.assert_close(HiResCAM(net, "layer", call=0)(x[:2], "all"), one_piece)


def test_rejects_calls_that_do_not_happen() -> None:
    with pytest.raises(ValueError, match=r"called in .* forward pass at least 3 times, but is 'called 2 times'"):
        HiResCAM(Reused(), "act", call=2)(image())
    with pytest.raises(ValueError, match="call must be 0 or more, or None for the last call, but is -1"):
        HiResCAM(Reused(), "act", call=-1)
    with pytest.raises(TypeError, match="call must be of type int"):
        HiResCAM(Reused(), "act", call="last")


@pytest.mark.parametrize(("call", "recorded"), [(None, 1), (0, 0), (1, 1)])
def test_records_activations_scores_and_the_call(call: int | None, recorded: int) -> None:
    net, x = Reused().eval(), image()
    with evaluating(net):
        recording = record(net, RecordedLayer(net.act, call), (x,), {})
    assert recording.call == recorded
    torch.testing.assert_close(recording.logits, net(x))
    assert recording.activations.is_leaf
    assert recording.activations.grad_fn is None
    (gradient,) = torch.autograd.grad(recording.logits.sum(), recording.activations)
    assert gradient.any()


def test_replaces_the_activations_of_the_recorded_call() -> None:
    net, x = make_net("linear"), image()
    other = torch.randn(2, FEATURES, 4, 4, dtype=torch.float64)  # converted to the network's type
    with evaluating(net):
        recording = record(net, RecordedLayer(net.layer), (x,), {}, other)
    assert torch.equal(recording.activations, other.float())
    torch.testing.assert_close(recording.logits, net.head(other.float()))


def test_first_tensor_may_follow_other_parts() -> None:
    class Parts(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> tuple:
            features = super().forward(x)
            return None, features, features.mean()

    class PartsNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Parts(1, 3, 3)

        def forward(self, x: torch.Tensor) -> tuple:
            nothing, features, mean = self.layer(x)
            assert nothing is None
            assert mean.ndim == 0
            return "scores", features.square().mean((2, 3)), mean

    net, x = PartsNet(), image()
    expected = 2 * net.layer(x)[1].square() / 36
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all").sum(1), expected.sum(1).detach())


@pytest.mark.parametrize("output", [torch.ones(2, 3, 4, dtype=torch.int64), torch.ones(2, 3), None])
def test_rejects_layers_without_maps(output: torch.Tensor | None) -> None:
    class Constant(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor | None:
            return output

    net = nn.Sequential(Constant())
    shown = "NoneType" if output is None else r"Tensor of shape \(2, 3"
    with pytest.raises(ValueError, match=rf"a layer with output \(N, C, \*grid\), but is '?{shown}"):
        HiResCAM(net, "0")(image())


def test_accepts_maps_with_one_grid_axis() -> None:
    assert HiResCAM(make_net("pooled", 1), "layer")(image(1)).shape == (2, 1, 4)


def test_a_function_may_make_a_map_of_flat_features() -> None:
    net, x = nn.Sequential(nn.Conv2d(1, 4, 2, 2), nn.Flatten(), nn.Linear(64, LABELS)), image()
    maps = HiResCAM(net, "1", to_grid=lambda t: t.unflatten(1, (4, 4, 4)))(x, "all")
    torch.testing.assert_close(maps, HiResCAM(net, "0")(x, "all"))


def test_a_layout_is_found_again_if_the_output_of_the_layer_changes() -> None:
    """Its axes are tracked once for each form, which takes longer than the pass itself."""

    class Turning(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.layer, self.turned = nn.Conv2d(1, 4, 2, 2), nn.Identity(), False

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            features = self.convolution(x)
            features = self.layer(features.movedim(1, -1) if self.turned else features)
            return (features.movedim(-1, 1) if self.turned else features).square().mean((2, 3))

    net, x = Turning(), image()
    cam = HiResCAM(net, "layer")
    expected = cam(x, "all")
    for turned in (True, True, False):
        net.turned = turned
        torch.testing.assert_close(cam(x, "all"), expected)


def test_axes_are_not_tracked_if_the_layout_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = nn.Sequential(nn.ReLU(), *make_net("linear").children()), image()
    cam = HiResCAM(net, "1")
    expected = cam(x, "all")
    monkeypatch.setattr("monai_pylon.visualize.recording.AxisTracker", lambda x: pytest.fail("tracked"))
    for known in (cam, HiResCAM(net, "1", feature_axis=1), HiResCAM(net, "1", to_grid=lambda t: t.clone())):
        torch.testing.assert_close(known(x, "all"), expected)


def test_layers_that_a_traced_graph_does_not_call_are_those_of_the_original_network() -> None:
    net = torch.fx.symbolic_trace(make_net("linear"))
    net.add_submodule("inlined", nn.Identity())
    with pytest.raises(ValueError, match=r"never called.*pass the original network"):
        HiResCAM(net, "inlined")(image())


def test_finds_layers_by_each_of_their_names() -> None:
    shared = nn.ReLU()
    net = nn.Sequential()
    net.add_module("first", shared)
    net.add_module("second", shared)
    assert find_layer(net, "second") is shared
    assert find_layer(net, shared) is shared


def test_suggests_at_most_three_similar_layers() -> None:
    blocks = nn.ModuleDict({f"block{i}": nn.Sequential(nn.ReLU(), nn.ReLU()) for i in range(4)})
    with pytest.raises(ValueError, match=r"Did you mean 'block\d' or 'block\d' or 'block\d'\?$"):
        find_layer(blocks, "blok")
    with pytest.raises(ValueError, match=r"Did you mean 'block0.1' or 'block1.1' or 'block2.1'\?$"):
        find_layer(blocks, "1")
    parts = nn.ModuleDict({f"x{i}": nn.Sequential() for i in range(4)})
    for part in parts.values():
        part.add_module("a_long_name", nn.ReLU())
    parts.add_module("a_long_names", nn.ReLU())
    with pytest.raises(ValueError, match=r"Did you mean 'a_long_names' or '\S+' or '\S+'\?$"):
        find_layer(parts, "a_long_name")
    with pytest.raises(ValueError, match=r"Its parts are block0, block1, block2, block3\.$"):
        find_layer(blocks, "x")


@pytest.mark.parametrize("count", [1, 2])
def test_gradients_of_weighted_sums_of_scores(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, grad = [], torch.autograd.grad
    monkeypatch.setattr(torch.autograd, "grad", lambda *args, **how: calls.append(1) or grad(*args, **how))
    x = torch.randn(2, 3, 4, requires_grad=True)
    weight = torch.arange(4.0)
    logits = (x * weight).sum(2)
    cotangents = torch.randn(count, 2, 3)
    found = score_gradients(logits, x, cotangents)
    torch.testing.assert_close(found, cotangents[..., None] * weight)
    assert len(calls) == 1
    torch.testing.assert_close(score_gradients(logits, x, cotangents), found)  # the graph is kept
    with pytest.raises(ValueError, match="a layer on which the scores depend"):
        score_gradients(logits, torch.zeros(2, requires_grad=True), cotangents)


class Unbatched(torch.autograd.Function):
    """Operator whose gradient depends on a comparison, which a batched gradient does not support."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return gradient * x.cos() if gradient.sum() > -1e9 else gradient


class Sine(nn.Module):
    """Module that calls the operator without batched gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Unbatched.apply(x)


class Checkpointed(nn.Sequential):
    """Sequence that recomputes its activations in the backward pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


@pytest.mark.parametrize("trait", [Sine, Checkpointed])
def test_works_on_heads_without_batched_gradients(trait: type) -> None:
    net, x = make_net("deep").double(), image().double()
    net.head = Checkpointed(*net.head) if trait is Checkpointed else nn.Sequential(Sine(), *net.head)
    maps = HiResCAM(net, "layer")(x, "all")
    leaf = net.layer(x).detach().requires_grad_()
    for label, score in enumerate(net.head(leaf).sum(0)):
        (gradient,) = torch.autograd.grad(score, leaf, retain_graph=True)
        torch.testing.assert_close(maps[:, label], (gradient * leaf).sum(1).detach())


def whole_graph_maps(network: nn.Module, layer: str, x: torch.Tensor) -> torch.Tensor:
    """Compute HiResCAM (N, M, *grid) from a graph of the whole pass, one sample and one label at a time.

    Activation modules are set to work out of place, so that they do not change the hooked output.
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if getattr(module, "inplace", False):
            module.inplace = False
    seen: list[torch.Tensor] = []

    def hook(module: nn.Module, args: Any, output: torch.Tensor) -> torch.Tensor:
        seen.append(output)
        return output.clone()

    network.get_submodule(layer).register_forward_hook(hook)
    maps = []
    for one in x:
        seen.clear()
        scores = network(one[None])[0]
        gradients = [torch.autograd.grad(score, seen[-1], retain_graph=True)[0] for score in scores]
        maps.append(torch.cat([(g * seen[-1]).sum(1) for g in gradients]))
    return torch.stack(maps).detach()


MONAI_CASES = {
    "DenseNet121": (lambda: DenseNet121(2, 1, LABELS), ["features", "features.norm5", "class_layers.relu"]),
    "ResNet": (
        lambda: resnet10(spatial_dims=2, n_input_channels=1, num_classes=LABELS),
        ["layer4", "layer4.0.bn2", "layer4.0.act", "layer4.0.conv1", "layer3"],
    ),
    "EfficientNet": (
        lambda: EfficientNetBN("efficientnet-b0", spatial_dims=2, in_channels=1, num_classes=LABELS, pretrained=False),
        ["_conv_head", "_bn1", "_blocks.6"],
    ),
    "SENet": (lambda: SEResNet50(spatial_dims=2, in_channels=1, num_classes=LABELS), ["layer4", "layer4.2.conv2"]),
}


@pytest.mark.parametrize(("name", "layer"), [(name, layer) for name, (_, ls) in MONAI_CASES.items() for layer in ls])
def test_matches_the_whole_graph_of_monais_networks(name: str, layer: str) -> None:
    network, x = MONAI_CASES[name][0]().eval(), torch.randn(2, 1, 64, 64)
    maps = HiResCAM(network, layer)(x, "all")
    expected = whole_graph_maps(network, layer, x)
    torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-4)


def test_matches_the_whole_graph_of_a_3d_resnet() -> None:
    network = ResNet(
        "basic", [1, 1, 1, 1], [4, 8, 8, 8], spatial_dims=3, n_input_channels=1, num_classes=LABELS
    ).train()
    x = torch.randn(2, 1, 32, 32, 32)
    expected = whole_graph_maps(network, "layer4.0.act", x)
    before = state(network)
    maps = HiResCAM(network, "layer4.0.act")(x, "all")
    torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-4)
    assert state(network) == before


@pytest.fixture
def one_process(tmp_path: Path) -> Iterator[None]:
    """Create a process group of this process alone."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_does_not_disturb_distributed_training(one_process: None) -> None:
    """DistributedDataParallel continues after an explanation between two training steps."""
    net, x = make_net("pooled").train(), image()
    parallel = DistributedDataParallel(net)
    expected = HiResCAM(net, "layer")(x, "all")
    for _ in range(2):
        parallel(x).sum().backward()
        torch.testing.assert_close(HiResCAM(parallel, "layer")(x, "all"), expected)
        parallel.zero_grad()


def test_unwraps_data_parallel_and_compiled_networks() -> None:
    net, x = make_net("pooled"), image()
    expected = HiResCAM(net, "layer")(x, "all")
    for wrapped in (DataParallel(net), torch.compile(net, backend="eager")):
        torch.testing.assert_close(HiResCAM(wrapped, "layer")(x, "all"), expected)


@pytest.mark.parametrize("context", [nullcontext(), torch.no_grad()])
def test_evaluating_restores_the_network_on_exit(context: AbstractContextManager) -> None:
    net = half_trained()
    before = state(net)
    with context, evaluating(net):
        assert not any(module.training for module in net.modules())
        assert not any(parameter.requires_grad for parameter in net.parameters())
    assert state(net) == before
