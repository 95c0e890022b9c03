"""DeepLabV3+ (Chen et al. 2018) with max-pooled heatmaps, with and without its global average pooling."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.blocks.spatial_pyramid import AtrousSpatialPyramid, separable_conv
from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.networks.strides import DILATED_STRIDES

__all__ = ["DeepLabV3Plus"]


class DeepLabDecoder(nn.Module):
    """Atrous spatial pyramid pooling (ASPP) on the deepest map, upsampled and joined with the map of stride 4.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels of the encoder's feature maps, shallow to deep.
        out_channels: Channels D of the decoded map.
        low_level: Channels to which the map of stride 4 is reduced.
        rates: Dilations of the pyramid.
        image_pooling: Whether the image's global average is a branch of the pyramid.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: Sequence[int],
        out_channels: int,
        low_level: int,
        rates: Sequence[int],
        image_pooling: bool,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.context = nn.Sequential(
            AtrousSpatialPyramid(spatial_dims, channels[-1], out_channels, rates, image_pooling),
            separable_conv(spatial_dims, out_channels, out_channels),
        )
        self.low_level = conv_norm_act(spatial_dims, channels[1], low_level, bias=False)
        self.join = separable_conv(spatial_dims, out_channels + low_level, out_channels)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Decode the encoder's maps (N, C, *grid) into (N, D, *grid) at stride 4."""
        fine = self.low_level(maps[1])
        return self.join(torch.cat([upsample_to(self.context(maps[-1]), fine.shape[2:]), fine], dim=1))


class DeepLabV3Plus(HeatmapNetwork):
    """A segmentation network with a dilated encoder, used as a classifier: each logit is its heatmap's maximum.

    ``image_pooling=False`` is "No GAP" in Table 2 of the PYLON paper.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: "resnet18", "resnet34" or "resnet50", whose last stage is then dilated, or a module with ``channels``
            and ``strides`` (2, 4, 8, 16, 16).
        decoder_channels: Channels of the decoder.
        low_level_channels: Channels to which the map of stride 4 is reduced.
        rates: Dilations of the pyramid.
        image_pooling: Whether the image's global average is a branch of the pyramid.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    ``net(x)`` returns the logits (N, M). ``net.explain(x)`` also returns the heatmap (N, M, *grid) at stride 4.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

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
        frozen_stages: int = 0,
    ) -> None:
        decoder = functools.partial(
            DeepLabDecoder,
            spatial_dims,
            out_channels=decoder_channels,
            low_level=low_level_channels,
            rates=rates,
            image_pooling=image_pooling,
        )
        super().__init__(
            spatial_dims,
            in_channels,
            num_classes,
            encoder,
            decoder,
            strides=DILATED_STRIDES,
            weights=weights,
            frozen_stages=frozen_stages,
        )
