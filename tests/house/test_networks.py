"""Rules that hold for every network: two methods, one forward pass, and the same results in every mode.

Each rule is one test that checks all networks. Its message names the networks that break the rule.
"""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.utils import convert_to_tensor
from torch import nn

from monai_pylon.networks import Explained, Explanation, nets
from tests.networks.tiny import TinyEncoder, shake_


class Build(NamedTuple):
    """A function that makes a small network, and the shape of its input."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (2, 1, 96, 64)
    peak_is_logit: bool = True


#: Networks with ``explain``. `test_every_network_is_listed` fails if one is missing.
EXPLAINING = {
    "PYLON": Build(lambda: nets.PYLON(encoder=TinyEncoder(), decoder_channels=16)),
    "PYLON in 3D": Build(
        lambda: nets.PYLON(spatial_dims=3, encoder=TinyEncoder(3), decoder_channels=16), (2, 1, 64, 96, 64)
    ),
    "MaxPoolBackbone": Build(lambda: nets.MaxPoolBackbone(encoder=TinyEncoder())),
    "MaxPoolBackbone, average": Build(
        lambda: nets.MaxPoolBackbone(encoder=TinyEncoder(), pooling="average"), peak_is_logit=False
    ),
    "Li2018": Build(lambda: nets.Li2018(encoder=TinyEncoder(), hidden_channels=16), peak_is_logit=False),
    "DeepLabV3Plus": Build(
        lambda: nets.DeepLabV3Plus(encoder=TinyEncoder(strides=(2, 4, 8, 16, 16)), decoder_channels=16)
    ),
    "FPN": Build(lambda: nets.FPN(encoder=TinyEncoder(), segmentation_channels=32)),
    "PAN": Build(lambda: nets.PAN(encoder=TinyEncoder())),
    "AxialNet": Build(
        lambda: nets.AxialNet(
            encoder=TinyEncoder(in_channels=3), in_plane_size=(96, 70), reduction_channels=(8, 6), reduction_padding=1
        ),
        (2, 1, 96, 70, 8),
        peak_is_logit=False,
    ),
    "BodyCAM": Build(
        lambda: nets.BodyCAM(encoder=TinyEncoder(in_channels=3), reduction_channels=(6,)),
        (2, 1, 96, 70, 8),
        peak_is_logit=False,
    ),
}
#: Networks whose logits are not a function of a map: they have only ``forward``, and ``explain`` raises an error.
SILENT = {
    "BodyConv": Build(
        lambda: nets.BodyConv(encoder=TinyEncoder(in_channels=1), slices_per_group=1, volume_size=(161, 161, 27)),
        (1, 1, 161, 161, 27),
    ),
    "CTNet": Build(lambda: nets.CTNet(volume_size=(161, 161, 3)), (1, 1, 161, 161, 3)),
    "Conv3DNet": Build(lambda: nets.Conv3DNet(volume_size=(81, 81, 81)), (1, 1, 81, 81, 81)),
}


def for_each(builds: dict[str, Build]) -> Callable[[Callable], Callable[[], None]]:
    """Turn a rule ``rule(build, net, x)`` into a test that checks it for each network and names all that break it."""

    def decorate(rule: Callable[[Build, nn.Module, torch.Tensor], None]) -> Callable[[], None]:
        @functools.wraps(rule)
        def test() -> None:
            broken = []
            for name, build in builds.items():
                torch.manual_seed(0)
                net, x = shake_(build.make()), torch.randn(*build.shape)
                try:
                    rule(build, net, x)
                except (Exception, pytest.fail.Exception) as error:  # each network is reported
                    broken.append(f"{name}: {type(error).__name__}: {error}")
            assert not broken, "\n".join(broken)

        del test.__wrapped__  # type: ignore[attr-defined]  # pytest would take the rule's arguments for fixtures
        return test

    return decorate


def test_every_network_is_listed() -> None:
    assert {name.split(",")[0].split(" ")[0] for name in [*EXPLAINING, *SILENT]} == set(nets.__all__)


def test_a_broken_rule_names_the_network() -> None:
    @for_each({"PYLON": EXPLAINING["PYLON"], "PAN": EXPLAINING["PAN"]})
    def rule(build: Build, net: nn.Module, x: torch.Tensor) -> None:
        assert not isinstance(net, nets.PAN)
        with pytest.raises(ValueError, match="never"):
            net(x)

    with pytest.raises(AssertionError, match=r"(?s)PYLON: Failed: DID NOT RAISE.*PAN: AssertionError"):
        rule()


@for_each(SILENT)
def test_networks_without_an_explanation_refuse_to_explain(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    with torch.inference_mode():
        assert type(net(x)) is torch.Tensor
    with pytest.raises(NotImplementedError, match="HiResCAM"):
        net.explain(x)


@for_each(EXPLAINING)
def test_forward_returns_the_logits_of_explain(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    logits, explanation = net(x), net.explain(x)
    assert type(logits) is torch.Tensor
    assert isinstance(explanation, Explanation)
    torch.testing.assert_close(explanation.logits, logits, rtol=0, atol=0)
    assert logits.ndim == 2
    assert explanation.attention.shape[:2] == logits.shape
    assert explanation.attention.ndim == x.ndim
    peaks = explanation.attention.flatten(2).amax(2)
    assert torch.equal(peaks, logits) == build.peak_is_logit


@for_each(EXPLAINING)
def test_explaining_takes_one_forward_pass_and_leaves_no_hooks(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    calls: list[nn.Module] = []
    hook = net.encoder.register_forward_hook(lambda module, args, out: calls.append(module))
    net.explain(x)
    hook.remove()
    assert len(calls) == 1
    assert not [module for module in net.modules() if module._forward_hooks or module._backward_hooks]


@for_each(EXPLAINING)
def test_results_are_the_same_without_gradients(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            given = net.explain(x)
        assert not given.logits.requires_grad
        torch.testing.assert_close(given[:2], expected[:2], rtol=0, atol=0)


@for_each(EXPLAINING)
def test_a_frozen_network_passes_gradients_to_the_image(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x).attention
    frozen, x = net.requires_grad_(False), x.requires_grad_()
    attention = frozen.explain(x).attention
    torch.testing.assert_close(attention, expected, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(attention.sum(), x)
    assert gradient.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.parameters())


@for_each(EXPLAINING)
def test_results_are_at_least_float32(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    exact = net.explain(x).attention
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, attention, _ = net.explain(x)
    assert logits.dtype == attention.dtype == torch.float32
    assert 0 < (attention - exact).abs().max() < 0.1 * exact.abs().max()
    half, double = copy.deepcopy(net).bfloat16(), copy.deepcopy(net).double()
    assert {part.dtype for part in half.explain(x.bfloat16())[:2]} == {torch.float32}
    assert {part.dtype for part in double.explain(x.double())[:2]} == {torch.float64}


@for_each(EXPLAINING)
def test_a_batch_gives_the_results_of_its_images(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    together = net.explain(x)
    for i, image in enumerate(x):
        alone = net.explain(image[None])
        torch.testing.assert_close(alone.logits[0], together.logits[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.attention[0], together.attention[i], rtol=1e-4, atol=1e-5)


@for_each(EXPLAINING)
def test_bare_and_explained_networks_share_their_state(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x)
    bare, explained = build.make().eval(), Explained(build.make()).eval()
    explained.load_state_dict(net.state_dict())
    bare.load_state_dict(explained.state_dict())
    torch.testing.assert_close(bare.explain(x)[:2], expected[:2], rtol=0, atol=0)
    torch.testing.assert_close(explained(x)[:2], expected[:2], rtol=0, atol=0)


@for_each(EXPLAINING)
def test_explaining_does_not_change_the_state(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    before = copy.deepcopy(net.state_dict())
    net.explain(x)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


@for_each(EXPLAINING)
def test_copies_are_independent(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    copied = copy.deepcopy(net)
    expected = net(x)
    with torch.no_grad():
        net.head.weight.zero_()
    torch.testing.assert_close(copied(x), expected, rtol=0, atol=0)


@for_each(EXPLAINING)
def test_every_parameter_gets_a_gradient(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    """A parameter without a gradient stops distributed training."""
    net = build.make().train()
    net(x).sum().backward()
    assert not [name for name, parameter in net.named_parameters() if parameter.grad is None]


@for_each(EXPLAINING)
def test_compiled_networks_still_explain(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    compiled = torch.compile(net, backend="eager")
    torch.testing.assert_close(compiled.explain(x).attention, net.explain(x).attention, rtol=0, atol=0)


@for_each(EXPLAINING)
def test_monais_tensors_are_accepted(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    given = net.explain(MetaTensor(x))
    torch.testing.assert_close(convert_to_tensor(given.logits, track_meta=False), net(x), rtol=0, atol=0)


@for_each(EXPLAINING)
def test_images_that_are_too_small_are_refused(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"(image|volume) must be (at least \(?6[45]|of 65 to 96)"):
        net(torch.zeros(1, 1, *[63] * len(build.shape[2:])))


def test_monais_parser_makes_each_network_by_its_short_name() -> None:
    for name in nets.__all__:
        kind = getattr(nets, name)
        encoder = {"encoder": "resnet18"} if "encoder" in inspect.signature(kind).parameters else {}
        made = ConfigParser({"net": {"_target_": name, "num_classes": 3, **encoder}}).get_parsed_content("net")
        assert type(made) is kind, name
