"""Tests of the conditions of a recorded pass: checkpointing, compiled code, recurrent layers, converted weights."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch
import torch.utils.checkpoint
from torch import nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from monai_pylon.visualize import HiResCAM, audit_explanation
from monai_pylon.visualize.pass_conditions import converted, differentiable, evaluating, readable_errors
from tests.visualize.nets import Call, image


class Checkpointed(nn.Module):
    """Network of two blocks, each of which may be checkpointed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())
        self.fc = nn.Linear(4, 3)
        self.reentrant: bool | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in (self.first, self.second):
            x = block(x) if self.reentrant is None else checkpoint(block, x, use_reentrant=self.reentrant)
        return self.fc(x.mean((2, 3)))


LAYERS = ["first", "first.0", "first.2", "second", "second.1", "second.3"]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_does_not_change_the_maps(reentrant: bool, layer: str) -> None:
    net, x = Checkpointed(), image()
    expected = HiResCAM(net, layer)(x, "all")
    audit = audit_explanation(net, layer, x)
    net.reentrant = reentrant
    torch.testing.assert_close(HiResCAM(net, layer)(x, "all"), expected)
    assert audit_explanation(net, layer, x) == audit


def test_checkpointing_of_a_sequence() -> None:
    net, x = Checkpointed(), image()
    expected = HiResCAM(net, "first.2")(x, "all")
    net.forward = lambda x: net.fc(
        checkpoint_sequential([*net.first, *net.second], 3, x, use_reentrant=True).mean((2, 3))
    )
    torch.testing.assert_close(HiResCAM(net, "first.2")(x, "all"), expected)


def test_checkpointing_is_on_again_after_the_pass() -> None:
    module, net = torch.utils.checkpoint, Checkpointed()
    before = module.CheckpointFunction, module._checkpoint_without_reentrant_generator
    with pytest.raises(ZeroDivisionError), differentiable(net):
        raise ZeroDivisionError
    assert (module.CheckpointFunction, module._checkpoint_without_reentrant_generator) == before
    calls: list[int] = []
    net.first.insert(0, Call(lambda x: calls.append(1) or x))
    net.reentrant = False
    HiResCAM(net, "second")(image())
    assert len(calls) == 1
    net(image()).sum().backward()
    assert len(calls) == 3  # training computes the block again in its backward pass


class CuDNN(torch.autograd.Function):
    """Identity that refuses a backward pass through a forward pass in evaluation mode, as cuDNN does."""

    @staticmethod
    def forward(ctx, x: torch.Tensor, training: bool) -> torch.Tensor:  # type: ignore[no-untyped-def]
        ctx.training = training
        return x.clone()

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:  # type: ignore[no-untyped-def]
        if not ctx.training:
            raise RuntimeError("cudnn RNN backward can only be called in training mode")
        return gradient, None


class GRU(nn.GRU):
    """Recurrent layer that uses cuDNN if it is enabled, as on a GPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        y, state = super().forward(x)
        return (CuDNN.apply(y, self.training) if torch.backends.cudnn.enabled else y), state


class Sequence(nn.Module):
    """Convolution of slices, then a recurrent layer over the slices (N, 1, 8, 8, S)."""

    def __init__(self, recurrent: nn.Module) -> None:
        super().__init__()
        self.convolution, self.recurrent, self.fc = nn.Conv2d(1, 6, 3), recurrent, nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slices = x.permute(0, 4, 1, 2, 3)
        features = self.convolution(slices.flatten(0, 1)).relu().mean((2, 3)).unflatten(0, slices.shape[:2])
        return self.fc(self.recurrent(features)[0].mean(1))


@pytest.mark.parametrize("layer", ["convolution", "recurrent"])
def test_recurrent_layers_have_a_gradient_in_evaluation_mode(layer: str) -> None:
    net, x = Sequence(GRU(6, 5, batch_first=True)), torch.rand(2, 1, 8, 8, 4)
    with torch.backends.cudnn.flags(enabled=False):
        expected = HiResCAM(net, layer)(x, "all")
    with torch.backends.cudnn.flags(enabled=True, benchmark=True):
        torch.testing.assert_close(HiResCAM(net, layer)(x, "all"), expected)
        assert torch.backends.cudnn.enabled
        assert torch.backends.cudnn.benchmark
    assert not net.recurrent._forward_hooks
    assert not net.recurrent._forward_pre_hooks


def test_cudnn_is_on_again_after_an_error_in_a_recurrent_layer() -> None:
    class Broken(nn.GRU):
        def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
            assert not torch.backends.cudnn.enabled
            raise ZeroDivisionError

    with torch.backends.cudnn.flags(enabled=True), pytest.raises(ZeroDivisionError):
        HiResCAM(Sequence(Broken(6, 5)), "convolution")(torch.rand(2, 1, 8, 8, 4))
    with torch.backends.cudnn.flags(enabled=True):
        assert torch.backends.cudnn.enabled


def test_other_recurrent_code_is_refused_with_the_remedy() -> None:
    class Custom(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (CuDNN.apply(x[..., :5], self.training),)

    with pytest.raises(ValueError, match=r"must have a gradient in evaluation mode.*flags\(enabled=False\)"):
        HiResCAM(Sequence(Custom()), "convolution")(torch.rand(2, 1, 8, 8, 4))


@pytest.fixture
def compiled() -> Iterator[nn.Module]:
    """Make a network of which one block, one layer and the whole are compiled."""
    net = Checkpointed()
    net.second = torch.compile(net.second, backend="eager")
    net.first[2].compile(backend="eager")
    net.compile(backend="eager")
    yield net
    torch.compiler.reset()


@pytest.mark.skipif(not hasattr(torch.compiler, "set_stance"), reason="PyTorch before 2.6")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_networks_run_as_plain_python(compiled: nn.Module) -> None:
    x = image()
    plain = Checkpointed()
    plain.load_state_dict({name.replace("_orig_mod.", ""): value for name, value in compiled.state_dict().items()})
    scores = compiled(x)
    implementation = compiled._compiled_call_impl
    for name, inner in (("first.2", "first.2"), ("second", "second"), ("second.2", "second._orig_mod.2")):
        torch.testing.assert_close(HiResCAM(compiled, inner)(x, "all"), HiResCAM(plain, name)(x, "all"))
    assert compiled._compiled_call_impl is implementation
    torch.testing.assert_close(compiled(x), scores)


def test_pytorchs_compiler_is_not_imported_for_networks_that_are_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """`set_stance` imports it, which takes seconds."""
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    monkeypatch.setattr(torch.compiler, "set_stance", lambda stance: pytest.fail("imported"), raising=False)
    with differentiable(Checkpointed()):
        pass


def test_converted_weights_are_put_back_in_modules_with_two_names() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = self.second = nn.Conv2d(1, 4, 3)
            self.recurrent = nn.LSTM(4, 3)
            self.tied = nn.Conv2d(1, 4, 3)
            self.tied.weight = self.first.weight
            self.norm = nn.BatchNorm2d(4)

    net = Shared()
    before = {name: id(tensor) for name, tensor in net.state_dict(keep_vars=True).items()}
    weights = [id(weight) for weight in net.recurrent._flat_weights]
    with suppress(ZeroDivisionError), converted(net, lambda t: t.double() if t.is_floating_point() else t):
        assert net.first.weight.dtype == net.norm.running_mean.dtype == torch.float64
        assert net.tied.weight is net.second.weight
        assert {weight.dtype for weight in net.recurrent._flat_weights} == {torch.float64}
        assert net.recurrent(torch.rand(2, 1, 4).double())[0].dtype == torch.float64
        raise ZeroDivisionError
    assert {name: id(tensor) for name, tensor in net.state_dict(keep_vars=True).items()} == before
    assert [id(weight) for weight in net.recurrent._flat_weights] == weights
    assert isinstance(net.first.weight, nn.Parameter)


def test_evaluating_restores_modes_and_flags() -> None:
    net = Checkpointed().train()
    net.second.eval()
    net.fc.weight.requires_grad_(False)
    before = [(m.training, [p.requires_grad for p in m.parameters()]) for m in net.modules()]
    with evaluating(net):
        assert not any(m.training for m in net.modules())
        assert not any(p.requires_grad for p in net.parameters())
    assert [(m.training, [p.requires_grad for p in m.parameters()]) for m in net.modules()] == before


def test_only_known_errors_get_a_remedy() -> None:
    with pytest.raises(RuntimeError, match=r"^broken$"), readable_errors():
        raise RuntimeError("broken")
    with pytest.raises(ValueError, match="use no_grad instead"), readable_errors():
        raise RuntimeError("Inference tensors cannot be saved for backward.")


class InferenceMode(nn.Module):
    """Network in which inference mode holds for the part before the layer, up to the layer, after it, or everywhere."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.before, self.layer, self.fc = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 3)
        self.where = where

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(self.where == "everywhere"):
            with torch.inference_mode(self.where in ("before", "to the layer", "everywhere")):
                features = self.before(x)
                features = self.layer(features) if self.where == "to the layer" else features
            features = features.clone() if self.where == "before" else features
            features = features if self.where == "to the layer" else self.layer(features)
            with torch.inference_mode(self.where in ("after", "everywhere")):
                return self.fc(features.square().mean((2, 3)))


def test_inference_mode_before_the_layer_does_not_matter() -> None:
    net, x = InferenceMode("nowhere"), image()
    expected = HiResCAM(net, "layer")(x, "all")
    net.where = "before"
    torch.testing.assert_close(HiResCAM(net, "layer")(x, "all"), expected)


@pytest.mark.parametrize("where", ["to the layer", "after", "everywhere"])
def test_inference_mode_after_the_layer_is_refused_with_the_remedy(where: str) -> None:
    with pytest.raises(ValueError, match="inference_mode"):
        HiResCAM(InferenceMode(where), "layer")(image())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_and_exported_networks_are_refused_with_the_remedy() -> None:
    net, x = Checkpointed().eval(), image()
    part = copy.deepcopy(net)
    part.second = torch.jit.script(part.second)
    torch.testing.assert_close(HiResCAM(part, "first")(x, "all"), HiResCAM(net, "first")(x, "all"))
    for other in (part, torch.jit.trace(net, x), torch.jit.script(net.second)):
        layer = "second" if hasattr(other, "second") else "0"
        with pytest.raises(ValueError, match=r"scripted or traced.*pass the original network"):
            HiResCAM(other, layer)(x if layer == "second" else torch.rand(2, 4, 8, 8))
    if hasattr(torch.compiler, "set_stance"):  # PyTorch 2.4 cannot export in all versions of Python
        exported = torch.export.export(net, (x,)).module()
        with pytest.raises(ValueError, match=r"never called.*pass the original network"):
            HiResCAM(exported, "second")(x)
