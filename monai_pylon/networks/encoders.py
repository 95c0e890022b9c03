"""Encoders: MONAI's ResNet, DenseNet and EfficientNet with a feature map at every stride, and small plain ones.

An encoder is any module that turns an image into a list of feature maps, shallow to deep, and has the attributes
``channels`` and ``strides`` with one number per map. The classes here keep the parameter names of MONAI's networks. For
ResNets these are torchvision's names too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import DenseNet121, EfficientNetBN, ResNet
from torch import nn

from monai_pylon.networks.pretrained import load_weights
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["DILATED_STRIDES", "ENCODERS", "STRIDES", "as_encoder", "dilate_last_stage", "make_encoder"]

#: Strides of the feature maps, shallow to deep.
STRIDES = (2, 4, 8, 16, 32)
#: Strides after :func:`dilate_last_stage`.
DILATED_STRIDES = (2, 4, 8, 16, 16)
_RESNETS = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
}
#: Channels of the plain encoders at the strides 2, 4, 8 ... The number in the name is that of the convolutions.
_PLAIN = {"conv5": (16, 32, 64), "conv9": (16, 32, 64, 128, 256)}


class ResNetPyramid(ResNet):
    """MONAI's ResNet with the papers' first stride and shortcuts, which are not MONAI's defaults."""

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        block, layers = _RESNETS[name]
        widths = [64, 128, 256, 512]
        super().__init__(
            block,
            list(layers),
            widths,
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_stride=2,
            shortcut_type="B",
            bias_downsample=False,
            feed_forward=False,
        )
        expansion = 4 if block == "bottleneck" else 1
        self.name, self.strides = name, STRIDES
        self.channels = (64, *(expansion * width for width in widths))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:  # type: ignore[override]
        """Compute the feature maps of an image (N, C, *spatial)."""
        maps = [self.act(self.bn1(self.conv1(x)))]
        maps.append(self.layer1(self.maxpool(maps[-1])))
        for layer in (self.layer2, self.layer3, self.layer4):
            maps.append(layer(maps[-1]))
        return maps


class DenseNetPyramid(DenseNet121):
    """MONAI's DenseNet-121 with feature maps taken after norm and ReLU, as its next layers read them."""

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        super().__init__(spatial_dims, in_channels, out_channels=1)
        del self.class_layers  # DDP fails on parameters without a gradient
        self.name, self.strides, self.channels = name, STRIDES, (64, 256, 512, 1024, 1024)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:  # type: ignore[override]
        """Compute the feature maps of an image (N, C, *spatial)."""
        layers = self.features
        x = layers.relu0(layers.norm0(layers.conv0(x)))  # type: ignore[operator]
        maps, x = [x], layers.pool0(x)  # type: ignore[operator]
        for i in (1, 2, 3):
            transition = layers.get_submodule(f"transition{i}")
            x = layers.get_submodule(f"denseblock{i}")(x)
            x = transition.relu(transition.norm(x))  # type: ignore[operator]
            maps.append(x)
            x = transition.pool(transition.conv(x))  # type: ignore[operator]
        return [*maps, self.relu(layers.norm5(layers.denseblock4(x)))]  # type: ignore[operator]


class EfficientNetPyramid(EfficientNetBN):
    """MONAI's EfficientNet-B0 with the last feature map of each stride."""

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        super().__init__("efficientnet-b0", pretrained=False, spatial_dims=spatial_dims, in_channels=in_channels)
        del self._conv_head, self._conv_head_padding, self._bn1, self._avg_pooling, self._dropout, self._fc
        self.name, self.strides, self.channels = name, STRIDES, (16, 24, 40, 112, 320)

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Compute the feature maps of an image (N, C, *spatial)."""
        x = self._swish(self._bn0(self._conv_stem(self._conv_stem_padding(inputs))))
        maps = []
        for stack, blocks in enumerate(self._blocks):
            x = blocks(x)
            if stack in (0, 1, 2, 4, 6):  # the last stack of each stride
                maps.append(x)
        return maps


class PlainPyramid(nn.Module):
    """Plain convolutions with batch norm and ReLU: a 5x5 one with stride 2, then two 3x3 ones for each further stride.

    It suits small images and short trainings from random weights.

    Args:
        name: "conv5" with strides 2 to 8, "conv9" with strides 2 to 32, or any name if channels are given.
        spatial_dims: 2.
        in_channels: Channels C of the images (N, C, H, W).
        channels: Channels of the maps; those of the name if None.

    Example:
        >>> [tuple(map.shape) for map in PlainPyramid("conv5", 2, 3)(torch.zeros(1, 3, 80, 80))]
        [(1, 16, 40, 40), (1, 32, 20, 20), (1, 64, 10, 10)]
    """

    def __init__(self, name: str, spatial_dims: int, in_channels: int, channels: Sequence[int] | None = None) -> None:
        super().__init__()
        self.name, self.channels = name, tuple(_PLAIN[name] if channels is None else channels)
        self.strides = tuple(2 ** (i + 1) for i in range(len(self.channels)))

        def layer(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
            convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
            return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        first = layer(in_channels, self.channels[0], 5, 2)
        pairs = itertools.pairwise(self.channels)
        others = [layer(inputs, outputs, 3, 2) + layer(outputs, outputs, 3, 1) for inputs, outputs in pairs]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in (first, *others))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Compute the feature maps of images (N, C, H, W)."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


#: Class of each encoder by its name.
ENCODERS: dict[str, Callable[[str, int, int], nn.Module]] = {
    **dict.fromkeys(_RESNETS, ResNetPyramid),
    "densenet121": DenseNetPyramid,
    "efficientnet_b0": EfficientNetPyramid,
    **dict.fromkeys(_PLAIN, PlainPyramid),
}


def make_encoder(name: str, spatial_dims: int, in_channels: int, weights: str | Path | None = None) -> nn.Module:
    """Make an encoder by its name.

    Args:
        name: "resnet18", "resnet34" or "resnet50" (2D and 3D), "densenet121" or "efficientnet_b0" (2D); or a small one
            for short trainings, "conv9" or, for slices of CTs, "conv5" (2D).
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image.
        weights: None, "imagenet", or a file; see :func:`monai_pylon.networks.pretrained.load_weights`.

    Returns:
        Module with ``channels`` and ``strides`` = (2, 4, 8, 16, 32), (2, 4, 8) for "conv5", that turns an image
        (N, C, *spatial) into the list of its feature maps, shallow to deep.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the encoder is unknown, an argument is out of range, or the weights do not fit the encoder.

    Example:
        >>> encoder = make_encoder("resnet18", 2, 1)
        >>> [tuple(map.shape) for map in encoder(torch.zeros(1, 1, 64, 64))]
        [(1, 64, 32, 32), (1, 64, 16, 16), (1, 128, 8, 8), (1, 256, 4, 4), (1, 512, 2, 2)]
    """
    check_type(name, str, "encoder", "Name one of " + ", ".join(ENCODERS) + ", or give a module.")
    name = name.replace("-", "_")
    check_choice(name, ENCODERS, "encoder")
    check(spatial_dims in (2, 3), "spatial_dims", "2 or 3", spatial_dims)
    check(
        spatial_dims == 2 or name in _RESNETS, "encoder", "a ResNet in 3D", name, "Use resnet18, resnet34 or resnet50."
    )
    check_type(in_channels, int, "in_channels")
    check(in_channels > 0, "in_channels", "positive", in_channels)
    encoder = ENCODERS[name](name, spatial_dims, in_channels)
    if weights is not None:
        load_weights(encoder, weights)
    return encoder


def as_encoder(
    encoder: str | nn.Module, spatial_dims: int, in_channels: int, strides: tuple[int, ...] | None = STRIDES
) -> Any:
    """Make an encoder from a name, or check a module that is given as the encoder.

    Args:
        encoder: Name for :func:`make_encoder`, or a module from (N, C, *spatial) to a list of feature maps.
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image, used with a name.
        strides: Required strides of the feature maps; None accepts any. For :data:`DILATED_STRIDES`, a named encoder
            is dilated.

    Returns:
        The encoder.

    Raises:
        TypeError: If encoder is neither a name nor a module.
        ValueError: If the name is unknown, or the module lacks channels or has other strides.

    Example:
        >>> as_encoder(nn.Identity(), 2, 1)
        Traceback (most recent call last):
        ...
        ValueError: encoder.strides must be (2, 4, 8, 16, 32), but is None. ...
    """
    if isinstance(encoder, str):
        made = make_encoder(encoder, spatial_dims, in_channels)
        if strides == DILATED_STRIDES:
            return dilate_last_stage(made)
        remedy = f"The encoder {encoder!r} is too shallow for this network. Use conv9 or resnet18, for example."
        check(strides in (None, made.strides), "encoder.strides", str(strides), made.strides, remedy)
        return made
    check(spatial_dims in (2, 3), "spatial_dims", "2 or 3", spatial_dims)
    check_type(encoder, nn.Module, "encoder", "Give a name, or a module with channels and strides.")
    found, channels = (getattr(encoder, name, None) for name in ("strides", "channels"))
    remedy = "An encoder has .channels and .strides, one per map, and returns the list of its maps, shallow to deep."
    wanted = "a stride for each map" if strides is None else str(strides)
    check(found is not None and strides in (None, tuple(found)), "encoder.strides", wanted, found, remedy)
    number = len(tuple(found or ()))
    enough = channels is not None and len(channels) == number
    check(enough, "encoder.channels", f"{number} numbers", channels, remedy)
    return encoder


def dilate_last_stage(encoder: nn.Module) -> nn.Module:
    """Replace the last stride of a ResNet by dilated convolutions, in place.

    Args:
        encoder: ResNet from :func:`make_encoder`.

    Returns:
        The same encoder, now with strides (2, 4, 8, 16, 16): its last map has the grid of the one before.

    Raises:
        ValueError: If the encoder is not a ResNet.

    Example:
        >>> dilate_last_stage(make_encoder("resnet18", 2, 1))(torch.zeros(1, 1, 64, 64))[-1].shape
        torch.Size([1, 512, 4, 4])
    """
    name = type(encoder).__name__
    check(isinstance(encoder, ResNetPyramid), "encoder", "a ResNet", name, "Use resnet18, resnet34 or resnet50.")
    for module in encoder.layer4.modules():  # type: ignore[union-attr]
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            module.stride = (1,) * len(module.kernel_size)
            module.dilation = (2,) * len(module.kernel_size)
            module.padding = tuple(2 * (size // 2) for size in module.kernel_size)
    encoder.strides = DILATED_STRIDES  # type: ignore[assignment]
    return encoder
