"""EfficientNet-B0 and EfficientNet-Lite, from MONAI's blocks, with a feature map at every stride."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets import EfficientNet, EfficientNetBN
from torch import nn

from monai_pylon.networks.strides import STRIDES

__all__ = ["LITE_NAMES", "EfficientNetLitePyramid", "EfficientNetPyramid"]

#: Pixel at which cell 0 of the deepest map looks: MONAI pads these convolutions at the end, not on both sides.
_FIRST_CELL = 31
#: Widths and repeats of the seven stacks of blocks. Lite networks do not scale the first and the last stack's repeats.
_LITE = {
    "efficientnet_lite0": ((16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)),
    "efficientnet_lite1": ((16, 24, 40, 80, 112, 192, 320), (1, 3, 3, 4, 4, 5, 1)),
    "efficientnet_lite2": ((16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1)),
}

#: Names of the EfficientNet-Lite encoders.
LITE_NAMES = tuple(_LITE)


class EfficientNetPyramid(EfficientNetBN):
    """MONAI's EfficientNet-B0 with the last feature map of each stride.

    Args:
        name: "efficientnet_b0".
        spatial_dims: 2.
        in_channels: Channels C of the images (N, C, H, W).

    Example:
        >>> [map.shape[1] for map in EfficientNetPyramid("efficientnet_b0", 2, 1)(torch.zeros(2, 1, 64, 64))]
        [16, 24, 40, 112, 320]
    """

    __jit_unused_properties__ = ("stages",)

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        super().__init__("efficientnet-b0", pretrained=False, spatial_dims=spatial_dims, in_channels=in_channels)
        del self._conv_head, self._conv_head_padding, self._bn1, self._avg_pooling, self._dropout, self._fc
        self.name, self.strides, self.channels = name, STRIDES, (16, 24, 40, 112, 320)
        self.first_cell = _FIRST_CELL

    @property
    def stages(self) -> list[Sequence[nn.Module]]:
        """Modules that compute each map from the map before."""
        return _efficientnet_stages(self)

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Compute the feature maps of an image (N, C, *spatial)."""
        return _efficientnet_maps(self, inputs)


class EfficientNetLitePyramid(EfficientNet):
    """EfficientNet-Lite from MONAI's blocks, with the last feature map of each stride.

    It has ReLU6 for swish and no squeeze-and-excitation, so no global average: a cell of a map depends on nothing
    outside its receptive field. The last map is that of the last convolution, with 1280 channels.

    Args:
        name: One of :data:`LITE_NAMES`.
        spatial_dims: 2.
        in_channels: Channels C of the images (N, C, H, W).

    Example:
        >>> [map.shape[1] for map in EfficientNetLitePyramid("efficientnet_lite0", 2, 1)(torch.zeros(2, 1, 64, 64))]
        [16, 24, 40, 112, 1280]
    """

    __jit_unused_properties__ = ("stages",)

    def __init__(self, name: str, spatial_dims: int, in_channels: int) -> None:
        widths, repeats = _LITE[name]
        kinds = zip(repeats, (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1), (1, 6, 6, 6, 6, 6, 6), strict=True)
        before = (32, *widths)
        blocks = [
            f"r{repeat}_k{kernel}_s{stride}{stride}_e{expand}_i{before[i]}_o{widths[i]}"
            for i, (repeat, kernel, stride, expand) in enumerate(kinds)
        ]
        super().__init__(blocks, spatial_dims, in_channels)
        del self._avg_pooling, self._dropout, self._fc
        for module in self.modules():
            if hasattr(module, "_swish"):
                module._swish = nn.ReLU6(inplace=True)
        self.name, self.strides, self.first_cell = name, STRIDES, _FIRST_CELL
        self.channels = (*(widths[i] for i in (0, 1, 2, 4)), 1280)

    @property
    def stages(self) -> list[Sequence[nn.Module]]:
        """Modules that compute each map from the map before."""
        *first, last = _efficientnet_stages(self)
        return [*first, [*last, self._conv_head, self._bn1]]

    def forward(self, inputs: torch.Tensor) -> list[torch.Tensor]:
        """Compute the feature maps of an image (N, C, *spatial)."""
        *maps, last = _efficientnet_maps(self, inputs)
        return [*maps, self._swish(self._bn1(self._conv_head(self._conv_head_padding(last))))]


def _efficientnet_stages(net: EfficientNet) -> list[Sequence[nn.Module]]:
    """Return the modules of each stride of an EfficientNet; a stride has one or two stacks of blocks."""
    stack = list(net._blocks)
    return [[net._conv_stem, net._bn0, stack[0]], [stack[1]], [stack[2]], stack[3:5], stack[5:]]


def _efficientnet_maps(net: EfficientNet, x: torch.Tensor) -> list[torch.Tensor]:
    """Compute the output of the last stack of blocks of each stride of an EfficientNet."""
    x = net._swish(net._bn0(net._conv_stem(net._conv_stem_padding(x))))
    maps = []
    for stack, blocks in enumerate(net._blocks):
        x = blocks(x)
        if stack in (0, 1, 2, 4, 6):  # the last stack of each stride
            maps.append(x)
    return maps
