"""What holds for every network: the same two methods, one forward pass, in every mode that its users run it in."""

from __future__ import annotations

import copy
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
    """How to make a small one of a network, and an image for it."""

    make: Callable[[], nn.Module]
    image: tuple[int, ...] = (2, 1, 96, 64)
    peak_is_score: bool = True


#: A network that comes must be entered here; `test_every_network_is_here` asks for it.
BUILDS = {
    "PYLON": Build(lambda: nets.PYLON(encoder=TinyEncoder(), decoder_channels=16)),
    "PYLON in 3D": Build(
        lambda: nets.PYLON(spatial_dims=3, encoder=TinyEncoder(3), decoder_channels=16), (2, 1, 64, 96, 64)
    ),
    "MaxPoolBackbone": Build(lambda: nets.MaxPoolBackbone(encoder=TinyEncoder())),
    "MaxPoolBackbone, average": Build(
        lambda: nets.MaxPoolBackbone(encoder=TinyEncoder(), pooling="average"), peak_is_score=False
    ),
    "Li2018": Build(lambda: nets.Li2018(encoder=TinyEncoder(), hidden_channels=16), peak_is_score=False),
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
        peak_is_score=False,
    ),
    "BodyCAM": Build(
        lambda: nets.BodyCAM(encoder=TinyEncoder(in_channels=3), reduction_channels=(6,)),
        (2, 1, 96, 70, 8),
        peak_is_score=False,
    ),
}
#: Networks whose scores are no function of a map alone: they say so, and forward is all that they have.
SILENT = {
    "BodyConv": Build(
        lambda: nets.BodyConv(encoder=TinyEncoder(in_channels=1), slices_per_group=1, volume_size=(161, 161, 27)),
        (1, 1, 161, 161, 27),
    ),
    "CTNet": Build(lambda: nets.CTNet(volume_size=(161, 161, 3)), (1, 1, 161, 161, 3)),
    "Conv3DNet": Build(lambda: nets.Conv3DNet(volume_size=(81, 81, 81)), (1, 1, 81, 81, 81)),
}


@pytest.fixture(params=BUILDS)
def build(request: pytest.FixtureRequest) -> Build:
    return BUILDS[request.param]


@pytest.fixture
def net(build: Build) -> nn.Module:
    return shake_(build.make())


@pytest.fixture
def x(build: Build) -> torch.Tensor:
    return torch.randn(*build.image)


def test_every_network_is_here() -> None:
    assert {name.split(",")[0].split(" ")[0] for name in [*BUILDS, *SILENT]} == set(nets.__all__)


@pytest.mark.parametrize("name", SILENT)
def test_a_network_without_an_explanation_scores_and_says_so(name: str) -> None:
    net, x = shake_(SILENT[name].make()), torch.randn(*SILENT[name].image)
    with torch.inference_mode():
        assert type(net(x)) is torch.Tensor
    with pytest.raises(NotImplementedError, match="HiResCAM"):
        net.explain(x)


def test_forward_gives_a_plain_tensor_and_explain_the_same_logits(net: nn.Module, x: torch.Tensor) -> None:
    logits, explanation = net(x), net.explain(x)
    assert type(logits) is torch.Tensor
    assert isinstance(explanation, Explanation)
    torch.testing.assert_close(explanation.logits, logits, rtol=0, atol=0)
    assert logits.ndim == 2
    assert explanation.attention.shape[:2] == logits.shape
    assert explanation.attention.ndim == x.ndim


def test_the_peak_of_a_map_is_the_score(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    logits, attention, _ = net.explain(x)
    same = torch.equal(attention.flatten(2).amax(2), logits)
    assert same == build.peak_is_score


def test_explaining_takes_one_forward_pass_and_leaves_no_hooks(net: nn.Module, x: torch.Tensor) -> None:
    calls: list[nn.Module] = []
    hook = net.encoder.register_forward_hook(lambda module, args, out: calls.append(module))
    net.explain(x)
    hook.remove()
    assert len(calls) == 1
    assert not [module for module in net.modules() if module._forward_hooks or module._backward_hooks]


def test_it_works_without_gradients(net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            given = net.explain(x)
        assert not given.logits.requires_grad
        torch.testing.assert_close(given[:2], expected[:2], rtol=0, atol=0)


def test_frozen_it_still_explains_and_passes_gradients_to_the_image(net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x).attention
    frozen, x = net.requires_grad_(False), x.requires_grad_()
    attention = frozen.explain(x).attention
    torch.testing.assert_close(attention, expected, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(attention.sum(), x)
    assert gradient.abs().sum() > 0
    assert all(parameter.grad is None for parameter in net.parameters())


def test_under_autocast_maps_and_scores_are_float32(net: nn.Module, x: torch.Tensor) -> None:
    exact = net.explain(x).attention
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, attention, _ = net.explain(x)
    assert logits.dtype == attention.dtype == torch.float32
    assert 0 < (attention - exact).abs().max() < 0.1 * exact.abs().max()


def test_half_weights_give_float32_and_doubles_stay_doubles(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    half, double = copy.deepcopy(net).bfloat16(), copy.deepcopy(net).double()
    assert {part.dtype for part in half.explain(x.bfloat16())[:2]} == {torch.float32}
    assert {part.dtype for part in double.explain(x.double())[:2]} == {torch.float64}


def test_a_batch_is_a_loop_over_images(net: nn.Module, x: torch.Tensor) -> None:
    together = net.explain(x)
    for i, image in enumerate(x):
        alone = net.explain(image[None])
        torch.testing.assert_close(alone.logits[0], together.logits[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.attention[0], together.attention[i], rtol=1e-4, atol=1e-5)


def test_state_goes_round_bare_and_explained(build: Build, net: nn.Module, x: torch.Tensor) -> None:
    expected = net.explain(x)
    bare, explained = build.make().eval(), Explained(build.make()).eval()
    explained.load_state_dict(net.state_dict())
    bare.load_state_dict(explained.state_dict())
    torch.testing.assert_close(bare.explain(x)[:2], expected[:2], rtol=0, atol=0)
    torch.testing.assert_close(explained(x)[:2], expected[:2], rtol=0, atol=0)


def test_evaluation_changes_nothing(net: nn.Module, x: torch.Tensor) -> None:
    before = copy.deepcopy(net.state_dict())
    net.explain(x)
    torch.testing.assert_close(net.state_dict(), before, rtol=0, atol=0)


def test_it_can_be_copied(net: nn.Module, x: torch.Tensor) -> None:
    copied = copy.deepcopy(net)
    expected = net(x)
    with torch.no_grad():
        net.head.weight.zero_()
    torch.testing.assert_close(copied(x), expected, rtol=0, atol=0)


def test_every_parameter_is_trained(build: Build, x: torch.Tensor) -> None:
    """A parameter without a gradient stops distributed training."""
    net = build.make().train()
    net(x).sum().backward()
    assert not [name for name, parameter in net.named_parameters() if parameter.grad is None]


def test_compiled_it_still_explains(net: nn.Module, x: torch.Tensor) -> None:
    compiled = torch.compile(net, backend="eager")
    torch.testing.assert_close(compiled.explain(x).attention, net.explain(x).attention, rtol=0, atol=0)


@pytest.mark.parametrize("name", sorted(nets.__all__))
def test_monais_parser_makes_it_by_its_short_name(name: str) -> None:
    kind = getattr(nets, name)
    encoder = {"encoder": "resnet18"} if "encoder" in inspect.signature(kind).parameters else {}
    made = ConfigParser({"net": {"_target_": name, "num_classes": 3, **encoder}}).get_parsed_content("net")
    assert type(made) is kind


def test_it_takes_monais_tensors(net: nn.Module, x: torch.Tensor) -> None:
    given = net.explain(MetaTensor(x))
    torch.testing.assert_close(convert_to_tensor(given.logits, track_meta=False), net(x), rtol=0, atol=0)


def test_an_image_that_is_too_small_is_refused(build: Build, net: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"(image|volume) must be (at least \(?6[45]|of 65 to 96)"):
        net(torch.zeros(1, 1, *[63] * len(build.image[2:])))
