"""Checks of class activation maps for many architectures: equal to their definition, in every mode of a network.

The reference is the definition itself: the gradient of one score of one sample at a time, from the graph of the whole
network, multiplied by the activations and summed over the axis of the features, which the table gives.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from monai.networks import nets as monai_nets
from torch import nn
from torch.utils.checkpoint import checkpoint

from monai_pylon.networks import nets
from monai_pylon.visualize import HiResCAM
from tests.networks.tiny import TinyEncoder, shake_
from tests.references.pretend_device import PretendDevice

M = monai_nets
LABELS, SELECTED = 3, [2, 0]
#: Networks that are large, or whose smallest input is.
SLOW = {"VNet in 3D", "SENet in 3D", "BodyConv", "CTNet", "Conv3DNet", "PYLON in 3D"}


class Case(NamedTuple):
    """A small network, the layer to explain, and the axes of the layer's output.

    Attributes:
        make: Function that makes the network.
        shape: Shape of the input without the batch.
        layer: Name of the layer.
        features: Axis of the features.
        tokens: Grid of the tokens, None for a map.
    """

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    layer: str
    features: int = 1
    tokens: tuple[int, ...] | None = None


class Pooled(nn.Module):
    """Classifier that averages the output of a network (N, C, *spatial), or the last of several, over the grid."""

    def __init__(self, net: nn.Module, channels: int = LABELS) -> None:
        super().__init__()
        self.net, self.fc = net, nn.Linear(channels, LABELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output = self.net(x)
        output = output[-1] if isinstance(output, list | tuple) else output
        return self.fc(output.flatten(2).mean(2))


class MeanTokens(nn.Module):
    """Classifier of the mean token of a ViT without class token."""

    def __init__(self, net: nn.Module, features: int) -> None:
        super().__init__()
        self.net, self.fc = net, nn.Linear(features, LABELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.net(x)[0].mean(1))


class ConvNeXtBlock(nn.Module):
    """Block of ConvNeXt: depthwise convolution, then a norm and two linear layers with the features last."""

    def __init__(self, features: int, dims: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if dims == 2 else nn.Conv3d
        self.depthwise = convolution(features, features, 7, padding=3, groups=features)
        self.norm = nn.LayerNorm(features)
        self.mlp = nn.Sequential(nn.Linear(features, 2 * features), nn.GELU(), nn.Linear(2 * features, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.mlp(self.norm(self.depthwise(x).movedim(1, -1))).movedim(-1, 1)


def convnext(dims: int = 2) -> nn.Module:
    """Make a small ConvNeXt of 8 features, as many as its map has rows and columns."""
    stem = (nn.Conv2d if dims == 2 else nn.Conv3d)(1, 8, 4, 4)
    return Pooled(nn.Sequential(stem, ConvNeXtBlock(8, dims), ConvNeXtBlock(8, dims)), 8)


def vit(dims: int, class_token: bool) -> nn.Module:
    """Make a small ViT with patches of 8 pixels, which are not quadratic, so that rows and columns differ."""
    size, patch = (32, 16, 16)[:dims], (8, 4, 8)[:dims]
    options = {"hidden_size": 24, "mlp_dim": 16, "num_layers": 2, "num_heads": 2, "spatial_dims": dims}
    if class_token:
        return M.ViT(1, size, patch, classification=True, num_classes=LABELS, **options)
    return MeanTokens(M.ViT(1, size, patch, proj_type="perceptron", **options), 24)


def swin(dims: int) -> nn.Module:
    """Make a small Swin transformer, MONAI's without the decoder of SwinUNETR."""
    options = {"feature_size": 12, "depths": (2, 1, 1, 1), "num_heads": (2, 2, 2, 2), "window_size": 4}
    return Pooled(M.SwinUNETR(in_channels=1, out_channels=2, spatial_dims=dims, **options).swinViT, 192)


def resnet(dims: int) -> nn.Module:
    """Make a small ResNet."""
    options = {"block": "basic", "layers": [1, 1, 1, 1], "block_inplanes": [4, 4, 8, 8], "n_input_channels": 1}
    return M.ResNet(spatial_dims=dims, num_classes=LABELS, conv1_t_stride=2, **options)


def densenet(dims: int) -> nn.Module:
    """Make a small DenseNet."""
    return M.DenseNet(dims, 1, LABELS, init_features=8, growth_rate=4, block_config=(2, 2), bn_size=2)


def senet(dims: int) -> nn.Module:
    """Make a small SENet."""
    options = {"groups": 1, "reduction": 4, "dropout_prob": None, "inplanes": 8, "downsample_kernel_size": 1}
    return M.SENet(dims, 1, M.senet.SEResNetBottleneck, [1, 1, 1, 1], num_classes=LABELS, input_3x3=False, **options)


def unet(dims: int) -> nn.Module:
    """Make a small U-Net."""
    return M.UNet(dims, 1, LABELS, channels=(4, 8, 8), strides=(2, 2), num_res_units=1)


IMAGE, VOLUME = (1, 32, 24), (1, 32, 16, 16)
#: The networks of MONAI, each in 2D or 3D, and a layer.
MONAI = {
    "ViT, class token": Case(lambda: vit(2, True), (1, 32, 16), "blocks.1.norm1", -1, (4, 4)),
    "ViT in 3D, class token": Case(lambda: vit(3, True), VOLUME, "blocks.0", -1, (4, 4, 2)),
    "ViT, mean token": Case(lambda: vit(2, False), (1, 32, 16), "net.norm", -1, (4, 4)),
    "ViT in 3D, mean token": Case(lambda: vit(3, False), VOLUME, "net.blocks.1.norm1", -1, (4, 4, 2)),
    "Swin": Case(lambda: swin(2), (1, 64, 32), "net.layers1.0.blocks.0.norm1", -1),
    "Swin, last stage": Case(lambda: swin(2), (1, 64, 32), "net.layers4.0"),
    "Swin in 3D": Case(lambda: swin(3), (1, 32, 32, 32), "net.layers2.0.downsample", -1),
    "ConvNeXt-like, norm": Case(convnext, (1, 32, 32), "net.2.norm", -1),
    "ConvNeXt-like": Case(convnext, (1, 32, 32), "net.2"),
    "ConvNeXt-like in 3D": Case(lambda: convnext(3), VOLUME, "net.1.mlp", -1),
    "MedNeXt": Case(lambda: Pooled(M.MedNeXt(2, 4, 1, LABELS)), (1, 32, 32), "net.bottleneck"),
    "ResNet": Case(lambda: resnet(2), IMAGE, "layer4"),
    "ResNet in 3D": Case(lambda: resnet(3), VOLUME, "layer3"),
    "DenseNet": Case(lambda: densenet(2), IMAGE, "class_layers.relu"),
    "DenseNet in 3D": Case(lambda: densenet(3), VOLUME, "features"),
    "SENet": Case(lambda: senet(2), IMAGE, "layer4"),
    "SENet in 3D": Case(lambda: senet(3), VOLUME, "layer2"),
    "EfficientNet": Case(
        lambda: M.EfficientNetBN("efficientnet-b0", False, True, 2, 1, LABELS), (1, 64, 64), "_conv_head"
    ),
    "SegResNet": Case(lambda: Pooled(M.SegResNet(2, 8, 1, LABELS)), IMAGE, "net.down_layers.3"),
    "SegResNet in 3D": Case(lambda: Pooled(M.SegResNet(3, 8, 1, LABELS)), (1, 16, 16, 8), "net.down_layers.2"),
    "HighResNet": Case(lambda: Pooled(M.HighResNet(2, 1, LABELS)), IMAGE, "net.blocks.4"),
    "UNet": Case(lambda: Pooled(unet(2)), IMAGE, "net.model.1.submodule.0"),
    "UNet in 3D": Case(lambda: Pooled(unet(3)), VOLUME, "net.model.0"),
    "BasicUNet": Case(lambda: Pooled(M.BasicUNet(2, 1, LABELS, (4, 4, 4, 8, 8, 4))), IMAGE, "net.down_4"),
    "AttentionUnet": Case(lambda: Pooled(M.AttentionUnet(2, 1, LABELS, (4, 8, 8), (2, 2))), IMAGE, "net.model.0"),
    "VNet": Case(lambda: Pooled(M.VNet(2, 1, LABELS)), (1, 32, 16), "net.down_tr32"),
    "VNet in 3D": Case(lambda: Pooled(M.VNet(3, 1, LABELS)), (1, 16, 16, 16), "net.down_tr32"),
    "DynUNet": Case(
        lambda: Pooled(M.DynUNet(2, 1, LABELS, [3] * 3, [1, 2, 2], [2, 2], filters=[4, 8, 8])), IMAGE, "net.bottleneck"
    ),
    "UNETR": Case(
        lambda: Pooled(M.UNETR(1, LABELS, (32, 32), 4, 24, 16, 2, spatial_dims=2)),
        (1, 32, 32),
        "net.vit.norm",
        -1,
        (2, 2),
    ),
    "VarAutoEncoder": Case(lambda: Pooled(M.AutoEncoder(2, 1, LABELS, (4, 8), (2, 2))), IMAGE, "net.encode"),
    "Discriminator": Case(lambda: M.Classifier(IMAGE, LABELS, (4, 8), (2, 2)), IMAGE, "net"),
}
#: The networks of this package. PYLON and its relatives have their own map; the definition holds for them too.
OURS = {
    "PYLON": Case(lambda: nets.PYLON(encoder=TinyEncoder(), decoder_channels=16), (1, 96, 64), "head"),
    "PYLON in 3D": Case(
        lambda: nets.PYLON(spatial_dims=3, encoder=TinyEncoder(3), decoder_channels=8), (1, 64, 64, 64), "decoder"
    ),
    "MaxPoolBackbone": Case(lambda: nets.MaxPoolBackbone(encoder=TinyEncoder()), (1, 96, 64), "head"),
    "Li2018": Case(lambda: nets.Li2018(encoder=TinyEncoder(), hidden_channels=8), (1, 96, 64), "head"),
    "DeepLabV3Plus": Case(
        lambda: nets.DeepLabV3Plus(encoder=TinyEncoder(strides=(2, 4, 8, 16, 16)), decoder_channels=8),
        (1, 96, 64),
        "head",
    ),
    "FPN": Case(lambda: nets.FPN(encoder=TinyEncoder(), segmentation_channels=32), (1, 96, 64), "head"),
    "PAN": Case(lambda: nets.PAN(encoder=TinyEncoder()), (1, 96, 64), "head"),
    "AxialNet": Case(
        lambda: nets.AxialNet(
            encoder=TinyEncoder(in_channels=3), in_plane_size=(96, 70), reduction_channels=(8, 6), reduction_padding=1
        ),
        (1, 96, 70, 8),
        "reduction",
    ),
    "BodyCAM": Case(
        lambda: nets.BodyCAM(encoder=TinyEncoder(in_channels=3), reduction_channels=(6,)), (1, 96, 70, 8), "reduction"
    ),
    "BodyConv": Case(
        lambda: nets.BodyConv(encoder=TinyEncoder(in_channels=1), slices_per_group=1, volume_size=(161, 161, 27)),
        (1, 161, 161, 27),
        "convolutions",
    ),
    "CTNet": Case(lambda: nets.CTNet(volume_size=(161, 161, 3)), (1, 161, 161, 3), "convolutions"),
    "Conv3DNet": Case(lambda: nets.Conv3DNet(volume_size=(81, 81, 81)), (1, 81, 81, 81), "convolutions"),
}
CASES = {**MONAI, **OURS}


def by_definition(net: nn.Module, case: Case, x: torch.Tensor) -> torch.Tensor:
    """Compute HiResCAM (N, K, *grid) from the graph of the whole network, one sample and one score at a time."""
    kept: list[torch.Tensor] = []
    handle = net.get_submodule(case.layer).register_forward_hook(lambda module, args, output: kept.append(output))
    try:
        with torch.enable_grad():
            output = net(x.clone().requires_grad_())
    finally:
        handle.remove()
    scores = output[0] if isinstance(output, tuple) else output
    activations, samples = kept[-1], []
    rows = len(activations) // len(x)  # slices that are folded into the batch
    for i in range(len(x)):
        gradients = [torch.autograd.grad(scores[i, label], activations, retain_graph=True)[0] for label in SELECTED]
        maps = [(each * activations).detach()[i * rows : (i + 1) * rows].sum(case.features) for each in gradients]
        samples.append(torch.stack(maps)[:, 0] if rows == 1 else torch.stack(maps))
    found = torch.stack(samples)
    if case.tokens is None:
        return found
    cells = torch.Size(case.tokens).numel()
    return found[..., -cells:].unflatten(-1, case.tokens)


def small(case: Case) -> tuple[nn.Module, torch.Tensor]:
    """Make the network of a case in double precision, with statistics of batch norms, and two images."""
    torch.manual_seed(0)
    return shake_(case.make()).double(), torch.rand(2, *case.shape).double()


@functools.cache
def expected(name: str) -> torch.Tensor:
    """Compute the maps of a case by their definition."""
    net, x = small(CASES[name])
    return by_definition(net, CASES[name], x)


def assert_maps(found: torch.Tensor, maps: torch.Tensor, tolerance: float = 1e-6) -> None:
    """Assert that maps have their shape and precision, and are equal up to a share of the largest value."""
    assert found.shape == maps.shape
    assert found.dtype == maps.dtype
    assert (found - maps).abs().max() <= tolerance * maps.abs().max()
    assert maps.abs().max() > 0


def rule(check: Callable[[str], None]) -> Callable[[str], None]:
    """Check a rule for each case; the slowest of the package's networks only in the slow tests."""
    marked = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CASES]
    return pytest.mark.parametrize("name", marked)(check)


@rule
def test_maps_equal_their_definition(name: str) -> None:
    net, x = small(CASES[name])
    cam = HiResCAM(net, CASES[name].layer)
    assert_maps(cam(x, SELECTED), expected(name))
    assert_maps(cam(x[1:], SELECTED), expected(name)[1:])
    assert_maps(HiResCAM(net.requires_grad_(False), CASES[name].layer)(x[:1], SELECTED), expected(name)[:1])


@rule
def test_half_precision_gives_the_maps_of_the_same_weights(name: str) -> None:
    net, x = small(CASES[name])
    for dtype in (torch.float16, torch.bfloat16):
        half, images = copy.deepcopy(net).to(dtype), x[:1].to(dtype)
        maps = HiResCAM(half, CASES[name].layer)(images, SELECTED)
        single = copy.deepcopy(half).float()
        assert_maps(maps, HiResCAM(single, CASES[name].layer)(images.float(), SELECTED))
        assert maps.dtype == torch.float32
        assert {parameter.dtype for parameter in half.parameters()} == {dtype}


@rule
def test_activation_checkpointing_does_not_change_the_maps(name: str) -> None:
    path = CASES[name].layer.split(".")
    for reentrant in (False, True):
        net, x = small(CASES[name])
        for depth in range(1, len(path) + 1):
            part = net.get_submodule(".".join(path[:depth]))
            part.forward = functools.partial(checkpoint, part.forward, use_reentrant=reentrant)  # type: ignore[method-assign]
        assert_maps(HiResCAM(net, CASES[name].layer)(x[:1], SELECTED), expected(name)[:1])


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch says that this machine has no such device
def test_a_device_gives_the_same_maps() -> None:
    broken = []
    with PretendDevice("cuda") as device:
        for name in CASES.keys() - SLOW:
            net, x = small(CASES[name])
            try:
                maps = HiResCAM(net.to(device), CASES[name].layer)(x[:1].to(device), SELECTED)
                assert maps.device == device
                assert_maps(maps.cpu(), expected(name)[:1])
            except (AssertionError, RuntimeError, TypeError, ValueError) as error:  # each network is reported
                broken.append(f"{name}: {type(error).__name__}: {error}")
    assert not broken, "\n".join(broken)
