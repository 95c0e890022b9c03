"""What trips up class activation maps in other libraries, a test each; and that a network is left as it was found."""

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
from monai_pylon.visualize.recording import evaluating
from tests.visualize.nets import FEATURES, LABELS, TAILS, Net, Output, image, make_net


def state(network: nn.Module) -> dict[str, Any]:
    """All that an explanation might disturb in a network."""
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
    """In training, with one part kept in evaluation mode, one frozen, gradients waiting, a hook of the user's."""
    tail = nn.Sequential(nn.BatchNorm2d(FEATURES), nn.Dropout(0.5), *TAILS["in-place"](2))
    net = Net(2, tail).train()
    net(image()).sum().backward()
    net.tail[0].eval()
    net.layer.weight.requires_grad_(False)
    net.layer.register_forward_hook(lambda module, args, output: output * 2)
    return net


@pytest.mark.parametrize("class_idx", [None, 1, "all"])
def test_the_network_is_left_as_it_was(class_idx: Any) -> None:
    net, x = half_trained(), image()
    before, pixels = state(net), x.clone()
    for cam in (HiResCAM(net, "layer"), LayerGradCAM(net, "layer")):
        cam(x, class_idx)
    assert state(net) == before
    assert torch.equal(x, pixels)


class Broken(nn.Module):
    """Fails on its way forward, or only on the way back."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.where == "forward":
            raise RuntimeError("broken")
        x.register_hook(lambda gradient: 1 / 0)
        return x


@pytest.mark.parametrize("where", ["forward", "backward", "label"])
def test_and_so_it_is_after_an_error(where: str) -> None:
    net = half_trained()
    if where != "label":
        net.tail.insert(0, Broken(where))
        net.tail[0].eval()
    x, before = image(), state(net)
    with pytest.raises((RuntimeError, ZeroDivisionError, ValueError)):
        HiResCAM(net, "layer")(x, 99 if where == "label" else 0)
    assert state(net) == before


def test_evaluation_mode_does_not_go_through_train_and_eval() -> None:
    """Networks that do more in ``train`` (merge weights, refuse) are not asked to."""

    class Particular(Net):
        def train(self, mode: bool = True) -> Net:
            raise AssertionError("must not be called")

    net = Particular(2, TAILS["pooled"](2))
    assert HiResCAM(net, "layer")(image()).shape == (2, 1, 4, 4)
    assert net.training


def test_dropout_and_batch_norm_are_in_evaluation_mode_meanwhile() -> None:
    net, x = half_trained(), image()
    maps = HiResCAM(net, "layer")(x, "all")
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), maps)
    torch.testing.assert_close(HiResCAM(copy.deepcopy(net).eval(), "layer")(x, "all"), maps)


CALLERS = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode, "enable_grad": torch.enable_grad}


@pytest.mark.parametrize("kind", TAILS)
@pytest.mark.parametrize("caller", CALLERS)
def test_in_any_mode_of_the_caller(caller: str, kind: str) -> None:
    net, x = make_net(kind), image()
    expected = HiResCAM(net, "layer")(x, "all")
    with CALLERS[caller]():
        made_inside = x.clone()
        maps = HiResCAM(net, "layer")(made_inside, "all")
        assert torch.is_grad_enabled() == (caller == "enable_grad")
        assert torch.is_inference_mode_enabled() == (caller == "inference_mode")
    torch.testing.assert_close(maps, expected)


def test_a_network_that_was_made_in_inference_mode() -> None:
    kept = half_trained()
    with torch.inference_mode():
        net = copy.deepcopy(kept)
        assert net.tail[0].running_mean.is_inference()
        maps = HiResCAM(net, "layer")(image(), "all")
    torch.manual_seed(0)
    assert maps.abs().sum() > 0


def test_images_from_inference_mode_in_networks_that_use_them_again() -> None:
    """What was made in inference mode may neither be changed nor kept for a gradient outside of it."""

    class Again(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x.mul_(1)
            return self.tail(self.layer(x) * x[..., ::2, ::2])

    net, x = Again(2, TAILS["deep"](2)), image()
    expected = HiResCAM(net, "layer")(x, "all")
    with torch.inference_mode():
        maps = HiResCAM(net, "layer")(x.clone(), "all")
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("trunk_only", [True, False])
def test_networks_that_switch_gradients_off_themselves(trunk_only: bool) -> None:
    class Off(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                features = self.layer(x)
                return self.tail(features) if not trunk_only else self.tail[1:](self.tail[0](features))

    class TrunkOff(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                features = self.layer(x)
            return self.tail(features)

    net, x = make_net("deep"), image()
    off = (TrunkOff if trunk_only else Off)(2, TAILS["deep"](2)).eval()
    off.load_state_dict(net.state_dict())
    torch.testing.assert_close(HiResCAM(off, "layer")(x, "all"), HiResCAM(net, "layer")(x, "all"))


@pytest.mark.parametrize("kind", TAILS)
def test_frozen_networks(kind: str) -> None:
    net, x = make_net(kind), image()
    expected = HiResCAM(net, "layer")(x, "all")
    torch.testing.assert_close(HiResCAM(net.requires_grad_(False), "layer")(x, "all"), expected)
    assert not any(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize("kind", TAILS)
@pytest.mark.parametrize("method", [HiResCAM, LayerGradCAM])
def test_autocast(method: type, kind: str) -> None:
    net, x = make_net(kind), image()
    exact = method(net, "layer")(x, "all")
    with torch.autocast("cpu", torch.bfloat16):
        maps = method(net, "layer")(x, "all")
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, exact, atol=0.03 * float(exact.abs().max()), rtol=0)


def test_autocast_weights_for_training_are_not_spoiled() -> None:
    """Autocast keeps the cast weights: had ours no graph, the training step after it would not train."""
    net, x = make_net("linear"), image()
    with torch.autocast("cpu", torch.bfloat16):
        HiResCAM(net, "layer")(x, "all")
        net(x).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_networks_of_other_precision(dtype: torch.dtype) -> None:
    net, x = make_net("linear"), image()
    exact = HiResCAM(net, "layer")(x, "all")
    maps = HiResCAM(net.to(dtype), "layer")(x.to(dtype), "all")
    assert maps.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    torch.testing.assert_close(maps.float(), exact, atol=0.03 * float(exact.abs().max()), rtol=0)


@pytest.mark.parametrize("kind", ["tuple", "list", "NamedTuple"])
@pytest.mark.parametrize("of", ["network", "layer"])
def test_outputs_of_several_parts(of: str, kind: str) -> None:
    """The scores, or the activations, are the first tensor."""

    def parts(first: torch.Tensor, second: torch.Tensor) -> Any:
        return {"tuple": (first, second), "list": [first, second], "NamedTuple": Output(first, second)}[kind]

    class PartsLayer(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> Any:
            features = super().forward(x)
            return parts(features, features.mean())

    class Parts(Net):
        def __init__(self) -> None:
            super().__init__(2, TAILS["deep"](2))
            self.layer = PartsLayer(1, FEATURES, 3, stride=2, padding=1)

        def forward(self, x: torch.Tensor) -> Any:
            output = self.layer(x)
            assert isinstance(output, type(parts(x, x)))
            scores = self.tail(output[0])
            return parts(scores, output[0]) if of == "network" else scores

    net, x = Parts().eval(), image()
    plain = make_net("deep")
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), HiResCAM(plain, "layer")(x, "all"))


class Reused(nn.Module):
    """One activation module for two places, as MONAI's ResNet blocks have it, with a bypass in between."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = TAILS["deep"](2)
        self.shrink = nn.AvgPool2d(2)

    def between(self, a: torch.Tensor) -> torch.Tensor:
        return self.second(a) + a

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.shrink(self.act(self.between(self.act(self.first(x))))))


@pytest.mark.parametrize("call", [None, 0, 1])
def test_a_layer_that_is_called_twice(call: int | None) -> None:
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


def test_calls_side_by_side_are_not_taken_for_one_another() -> None:
    """A network that takes its slices in chunks: the last call saw only some of them."""

    class Chunked(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.cat([self.tail(self.layer(chunk)) for chunk in x.split(2)])

    net, x = Chunked(2, TAILS["deep"](2)), image(samples=4)
    with pytest.raises(ValueError, match=r"a layer whose calls follow from one another, .*side by side'\. Say"):
        HiResCAM(net, "layer")(x)
    one_piece = HiResCAM(net, "layer")(x[:2], "all")
    torch.testing.assert_close(HiResCAM(net, "layer", call=0)(x[:2], "all"), one_piece)


def test_calls_that_do_not_happen() -> None:
    with pytest.raises(ValueError, match=r"called in .* forward pass at least 3 times, but is 'called 2 times'"):
        HiResCAM(Reused(), "act", call=2)(image())
    with pytest.raises(ValueError, match="call must be 0 or more, or None for the last, but is -1"):
        HiResCAM(Reused(), "act", call=-1)
    with pytest.raises(TypeError, match="call must be of type int"):
        HiResCAM(Reused(), "act", call="last")


class Unbatched(torch.autograd.Function):
    """An operator whose gradient asks for numbers, which a batched gradient cannot give."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return gradient * x.cos() if gradient.sum() > -1e9 else gradient


class Sine(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Unbatched.apply(x)


class Checkpointed(nn.Sequential):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return checkpoint(super().forward, x, use_reentrant=False)


@pytest.mark.parametrize("trait", [Sine, Checkpointed])
def test_tails_that_cannot_be_differentiated_in_a_batch(trait: type) -> None:
    net, x = make_net("deep").double(), image().double()
    net.tail = Checkpointed(*net.tail) if trait is Checkpointed else nn.Sequential(Sine(), *net.tail)
    maps = HiResCAM(net, "layer")(x, "all")
    leaf = net.layer(x).detach().requires_grad_()
    for label, score in enumerate(net.tail(leaf).sum(0)):
        (gradient,) = torch.autograd.grad(score, leaf, retain_graph=True)
        torch.testing.assert_close(maps[:, label], (gradient * leaf).sum(1).detach())


def whole_graph_maps(network: nn.Module, layer: str, x: torch.Tensor) -> torch.Tensor:
    """HiResCAM (N, M, *grid) the plain way: a graph of the whole pass, one sample and one label at a time.

    Activation modules work out of place here, so that what the hook sees stays as it is.
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
def test_monais_networks(name: str, layer: str) -> None:
    network, x = MONAI_CASES[name][0]().eval(), torch.randn(2, 1, 64, 64)
    maps = HiResCAM(network, layer)(x, "all")
    expected = whole_graph_maps(network, layer, x)
    torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.abs().max()), rtol=1e-4)


def test_a_monai_resnet_in_three_dimensions() -> None:
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
    """A process group of this process alone."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_within_distributed_training(one_process: None) -> None:
    """Explained between two training steps, DistributedDataParallel goes on."""
    net, x = make_net("pooled").train(), image()
    parallel = DistributedDataParallel(net)
    expected = HiResCAM(net, "layer")(x, "all")
    for _ in range(2):
        parallel(x).sum().backward()
        torch.testing.assert_close(HiResCAM(parallel, "layer")(x, "all"), expected)
        parallel.zero_grad()


def test_out_of_other_wrappers() -> None:
    net, x = make_net("pooled"), image()
    expected = HiResCAM(net, "layer")(x, "all")
    for wrapped in (DataParallel(net), torch.compile(net, backend="eager")):
        torch.testing.assert_close(HiResCAM(wrapped, "layer")(x, "all"), expected)


@pytest.mark.parametrize("context", [nullcontext(), torch.no_grad()])
def test_evaluating_is_for_the_inside_only(context: AbstractContextManager) -> None:
    net = half_trained()
    before = state(net)
    with context, evaluating(net):
        assert not any(module.training for module in net.modules())
        assert not any(parameter.requires_grad for parameter in net.parameters())
    assert state(net) == before
