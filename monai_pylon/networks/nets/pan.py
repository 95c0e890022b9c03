"""Pyramid Attention Network (Li et al. 2018), PYLON's ancestor, with and without its global averages."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head

__all__ = ["PAN"]


class PAN(HeatmapNetwork):
    """A segmentation network used as PYLON is: the maximum of each map is the logit.

    Feature pyramid attention (FPA) on the deepest map and three global attention upsamplings (GAU). Both are PYLON's
    blocks with a global average more, and 3x3 instead of 1x1 convolutions; ``image_pooling=False`` is "No GAP" in
    Table 2: it drops FPA's pooling branch and GAU's gates.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        decoder_channels: width of the decoder.
        image_pooling: whether FPA's pooling branch and GAU's gates are there.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` gives the logits (N, M), ``net.explain(x)`` these and the map (N, M, *grid) of stride 4.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

    Example:
        >>> import torch
        >>> PAN(encoder="resnet18").eval().explain(torch.zeros(1, 1, 64, 64)).attention.shape
        torch.Size([1, 14, 16, 16])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        decoder_channels: int = 32,
        image_pooling: bool = True,
        weights: str | Path | None = None,
    ) -> None:
        made = as_encoder(encoder, spatial_dims, in_channels)
        decoder = PyramidDecoder(
            spatial_dims,
            made.channels,
            decoder_channels,
            image_pooling=image_pooling,
            channel_attention=image_pooling,
            up_layers=1,
            up_kernel_size=3,
        )
        head = map_head(spatial_dims, decoder_channels, num_classes, kernel_size=3)
        super().__init__(spatial_dims, in_channels, made, decoder, head, weights=weights)
