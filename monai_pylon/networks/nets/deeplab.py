"""DeepLabV3+ (Chen et al. 2018) with the paper's max-pooled map, with and without its global average."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.blocks.spatial_pyramid import AtrousSpatialPyramid, separable_conv
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head

__all__ = ["DeepLabV3Plus"]


class DeepLabDecoder(nn.Module):
    """ASPP on the deepest map, enlarged to stride 4 and joined with what the encoder saw there."""

    def __init__(
        self,
        spatial_dims: int,
        channels: Sequence[int],
        width: int,
        low_level: int,
        rates: Sequence[int],
        image_pooling: bool,
    ) -> None:
        super().__init__()
        self.context = nn.Sequential(
            AtrousSpatialPyramid(spatial_dims, channels[-1], width, rates, image_pooling),
            separable_conv(spatial_dims, width, width),
        )
        self.low_level = conv_norm_act(spatial_dims, channels[1], low_level, bias=False)
        self.join = separable_conv(spatial_dims, width + low_level, width)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the encoder's maps (N, C, *grid) to (N, D, *grid) of stride 4."""
        fine = self.low_level(maps[1])
        return self.join(torch.cat([upsample_to(self.context(maps[-1]), fine.shape[2:]), fine], dim=1))


class DeepLabV3Plus(HeatmapNetwork):
    """A segmentation network with a dilated encoder, used as PYLON is: the maximum of each map is the logit.

    ``image_pooling=False`` is "No GAP" in Table 2.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: "resnet18", "resnet34" or "resnet50", whose last stage is then dilated, or a module with ``channels``
            and ``strides`` (2, 4, 8, 16, 16).
        decoder_channels: width of the decoder.
        low_level_channels: to which the map of stride 4 is reduced.
        rates: dilations of the pyramid.
        image_pooling: whether the image's global average is a branch of the pyramid.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` gives the logits (N, M), ``net.explain(x)`` these and the map (N, M, *grid) of stride 4.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

    Example:
        >>> DeepLabV3Plus(encoder="resnet18").eval().explain(torch.zeros(1, 1, 64, 64)).attention.shape
        torch.Size([1, 14, 16, 16])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        decoder_channels: int = 256,
        low_level_channels: int = 48,
        rates: Sequence[int] = (12, 24, 36),
        image_pooling: bool = True,
        weights: str | Path | None = None,
    ) -> None:
        made = as_encoder(encoder, spatial_dims, in_channels, strides=(2, 4, 8, 16, 16))
        decoder = DeepLabDecoder(
            spatial_dims, made.channels, decoder_channels, low_level_channels, rates, image_pooling
        )
        head = map_head(spatial_dims, decoder_channels, num_classes)
        super().__init__(spatial_dims, in_channels, made, decoder, head, weights=weights)
