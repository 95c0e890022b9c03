"""PYLON, the Pyramid Localization Network (Preechakul et al., section 2.3), and by its arguments every ablation."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from monai_pylon.networks.blocks.upsampling_module import PyramidDecoder
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head

__all__ = ["PYLON"]


class PYLON(HeatmapNetwork):
    """A classifier whose fine heatmap is its explanation: the maximum of each label's map is that label's logit.

    Pyramid attention on an encoder's deepest map, upsampling modules up to stride 4, one 1x1 convolution; nowhere a
    global average, so that what the map shows at a place was seen there. The ablations of Table 2 are arguments:
    ``pyramid_attention=False`` (No PA), ``channel_attention=True`` (ATT), ``num_up=1`` and ``2`` (1UP, 2UP).

    Args:
        spatial_dims: 2, or 3 for volumes.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``
            (2, 4, 8, 16, 32).
        decoder_channels: width of the decoder.
        num_up: upsampling modules, 1 to 3; the map (N, M, *grid) has the stride 16, 8 or 4.
        pyramid_attention: whether the deepest map is attended to.
        channel_attention: whether upsampling modules weigh channels by a global average.
        up_layers: convolutions in an upsampling module, 1 or 2.
        up_kernel_size: their size.
        head_kernel_size: size of the last convolution.
        align_corners: of the bilinear enlargements.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network
            (torchvision, timm, the authors', ours).

    ``net(x)`` gives the logits (N, M), ``net.explain(x)`` these and the map. Images of any size from 64 on.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

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
    ) -> None:
        made = as_encoder(encoder, spatial_dims, in_channels)
        decoder = PyramidDecoder(
            spatial_dims,
            made.channels,
            decoder_channels,
            num_up=num_up,
            pyramid_attention=pyramid_attention,
            channel_attention=channel_attention,
            up_layers=up_layers,
            up_kernel_size=up_kernel_size,
            align_corners=align_corners,
        )
        head = map_head(spatial_dims, decoder_channels, num_classes, head_kernel_size)
        super().__init__(spatial_dims, in_channels, made, decoder, head, weights=weights)
