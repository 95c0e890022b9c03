"""PYLON, the Pyramid Localization Network (Preechakul et al., section 2.3), and its ablations as arguments."""

from __future__ import annotations

import functools
from pathlib import Path

from torch import nn

from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork

__all__ = ["PYLON"]


class PYLON(HeatmapNetwork):
    """A classifier that explains itself by a fine heatmap: the maximum of each label's heatmap is the label's logit.

    The decoder applies pyramid attention to the encoder's deepest map and upsampling modules up to stride 4. A 1x1
    convolution computes the heatmaps. The network has no global average, so the heatmap shows evidence where the
    network found it. The ablations of Table 2 are arguments: ``pyramid_attention=False`` (No PA),
    ``channel_attention=True`` (ATT), ``num_up=1`` and ``2`` (1UP, 2UP).

    Args:
        spatial_dims: 2, or 3 for volumes.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``
            (2, 4, 8, 16, 32).
        decoder_channels: Channels of the decoder.
        num_up: Number of upsampling modules, 1 to 3. The heatmap (N, M, *grid) has stride 16, 8 or 4.
        pyramid_attention: Whether pyramid attention weighs the deepest map.
        channel_attention: Whether the upsampling modules weigh channels by a global average.
        up_layers: Convolutions in an upsampling module, 1 or 2.
        up_kernel_size: Kernel size of these convolutions, odd.
        head_kernel_size: Kernel size of the last convolution, odd.
        align_corners: Whether bilinear upsampling aligns the centers of the corner cells.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network (from
            torchvision, timm, the PYLON authors or this package).
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    ``net(x)`` returns the logits (N, M). ``net.explain(x)`` also returns the heatmap. Images may have any size from 64.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

    Example:
        >>> import torch
        >>> logits, heatmap, _ = PYLON(encoder="resnet18").eval().explain(torch.zeros(1, 1, 96, 64))
        >>> heatmap.shape, bool((heatmap.amax((2, 3)) == logits).all())
        (torch.Size([1, 14, 24, 16]), True)
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        decoder_channels: int = 128,
        num_up: int = 3,
        pyramid_attention: bool = True,
        channel_attention: bool = False,
        up_layers: int = 2,
        up_kernel_size: int = 1,
        head_kernel_size: int = 1,
        align_corners: bool = True,
        weights: str | Path | None = None,
        frozen_stages: int = 0,
    ) -> None:
        decoder = functools.partial(
            PyramidDecoder,
            spatial_dims,
            width=decoder_channels,
            num_up=num_up,
            pyramid_attention=pyramid_attention,
            channel_attention=channel_attention,
            up_layers=up_layers,
            up_kernel_size=up_kernel_size,
            align_corners=align_corners,
        )
        super().__init__(
            spatial_dims,
            in_channels,
            num_classes,
            encoder,
            decoder,
            head_kernel_size,
            weights=weights,
            frozen_stages=frozen_stages,
        )
