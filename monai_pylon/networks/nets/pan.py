"""Pyramid Attention Network (Li et al. 2018), the predecessor of PYLON, with and without its global averages."""

from __future__ import annotations

import functools
from pathlib import Path

from torch import nn

from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork

__all__ = ["PAN"]


class PAN(HeatmapNetwork):
    """A segmentation network used as a classifier: each logit is its heatmap's maximum.

    The decoder applies feature pyramid attention (FPA) to the deepest map and three global attention upsamplings (GAU).
    Both are PYLON's blocks with an additional global average and 3x3 instead of 1x1 convolutions.
    ``image_pooling=False`` is "No GAP" in Table 2 of the PYLON paper: FPA without its pooling branch, GAU without its
    gates.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        decoder_channels: Channels of the decoder.
        image_pooling: Whether FPA has its pooling branch and GAU its gates.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    ``net(x)`` returns the logits (N, M). ``net.explain(x)`` also returns the heatmap (N, M, *grid) at stride 4.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

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
        frozen_stages: int = 0,
    ) -> None:
        decoder = functools.partial(
            PyramidDecoder,
            spatial_dims,
            width=decoder_channels,
            image_pooling=image_pooling,
            channel_attention=image_pooling,
            up_layers=1,
            up_kernel_size=3,
        )
        super().__init__(
            spatial_dims,
            in_channels,
            num_classes,
            encoder,
            decoder,
            head_kernel_size=3,
            weights=weights,
            frozen_stages=frozen_stages,
        )
