"""Encoders: MONAI's ResNet, DenseNet and EfficientNet with a feature map at every stride, and small plain ones.

An encoder is any module that turns an image into a list of feature maps, shallow to deep, and has the attributes
``channels`` and ``strides`` with one number per map. ``first_cell`` is the pixel at which cell 0 of the deepest map
looks; pooling inside organs needs it. With the attribute ``stages``, the modules of each map, its first
stages can be frozen. The classes here keep the parameter names of MONAI's networks. For ResNets these are torchvision's
names too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.nets import DenseNet121, ResNet
from torch import nn

from monai_pylon.networks.ct_encoder import CTResNetPyramid
from monai_pylon.networks.efficientnet_encoders import LITE_NAMES, EfficientNetLitePyramid, EfficientNetPyramid
from monai_pylon.networks.plain_encoder import PLAIN_CHANNELS, PlainPyramid
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.networks.strides import DILATED_STRIDES, STRIDES
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["ENCODERS", "as_encoder", "dilate_last_stage", "make_encoder"]

_RESNETS = {
    "resnet18": ("basic", (2, 2, 2, 2)),
    "resnet34": ("basic", (3, 4, 6, 3)),
    "resnet50": ("bottleneck", (3, 4, 6, 3)),
}


class ResNetPyramid(ResNet):
    """MONAI's ResNet with the papers' first stride and shortcuts, which are not MONAI's defaults."""

    __jit_unused_properties__ = ("stages",)

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
        self.name, self.strides, self.first_cell = name, STRIDES, 0
        self.channels = (64, *(expansion * width for width in widths))

    @property
    def stages(self) -> list[Sequence[nn.Module]]:
        """Modules that compute each map from the map before."""
        return [[self.conv1, self.bn1], [self.layer1], [self.layer2], [self.layer3], [self.layer4]]

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:  # type: ignore[override]
        """Compute the feature maps of an image (N, C, *spatial)."""
        maps = [self.act(self.bn1(self.conv1(x)))]
        maps.append(self.layer1(self.maxpool(maps[-1])))
        for layer in (self.layer2, self.layer3, self.layer4):
            maps.append(layer(maps[-1]))
        return maps


class DenseNetPyramid(DenseNet121):
    """MONAI's DenseNet-121 with feature maps taken after norm and ReLU, as its next layers read them."""

    __jit_unused_properties__ = ("stages",)

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        super().__init__(spatial_dims, in_channels, out_channels=1)
        del self.class_layers  # DDP fails on parameters without a gradient
        self.name, self.strides, self.channels = name, STRIDES, (64, 256, 512, 1024, 1024)
        self.first_cell = 14  # each average of 2 x 2 cells looks half a cell further in
        self.relu = nn.ReLU(inplace=True)

    @property
    def stages(self) -> list[Sequence[nn.Module]]:
        """Modules that compute each map from the map before."""
        part = self.features.get_submodule
        middle = [[part(f"denseblock{i}"), part(f"transition{i}.norm")] for i in (1, 2, 3)]
        for i in (1, 2):
            middle[i].append(part(f"transition{i}.conv"))
        last = [part("transition3.conv"), part("denseblock4"), part("norm5")]
        return [[part("conv0"), part("norm0")], *middle, last]

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


#: Class of each encoder by its name.
ENCODERS: dict[str, Callable[[str, int, int], nn.Module]] = {
    **dict.fromkeys(_RESNETS, ResNetPyramid),
    "densenet121": DenseNetPyramid,
    "efficientnet_b0": EfficientNetPyramid,
    **dict.fromkeys(PLAIN_CHANNELS, PlainPyramid),
    **dict.fromkeys(LITE_NAMES, EfficientNetLitePyramid),
    "ct_resnet152": CTResNetPyramid,
}
_IN_3D = (*_RESNETS, "ct_resnet152")


def make_encoder(name: str, spatial_dims: int, in_channels: int, weights: str | Path | None = None) -> nn.Module:
    """Make an encoder by its name.

    Args:
        name: "resnet18", "resnet34" or "resnet50" (2D and 3D), "densenet121", "efficientnet_b0" or
            "efficientnet_lite0" to "efficientnet_lite2" (2D); "ct_resnet152" for whole chest CTs (3D); or a small one
            for short trainings, "conv9" or, for slices of CTs, "conv5" (2D).
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image.
        weights: None, "imagenet", "chest_ct" for ct_resnet152, or a file; see
            :func:`monai_pylon.networks.pretrained.load_weights`.

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
    check(spatial_dims == 2 or name in _IN_3D, "encoder", "a ResNet in 3D", name, f"Use one of {', '.join(_IN_3D)}.")
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
        strides: Required strides of the feature maps; None accepts any. For ``DILATED_STRIDES``, a named encoder
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
