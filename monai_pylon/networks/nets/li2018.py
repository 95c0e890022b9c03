"""Li et al. 2018 as the PYLON paper compares with it: a map of 20 x 20 cells, pooled as instances of a bag."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head
from monai_pylon.utils import check

__all__ = ["Li2018"]


class PatchGrid(nn.Module):
    """The deepest map on a grid of patches, and one convolution over it."""

    def __init__(self, spatial_dims: int, in_channels: int, out_channels: int, grid_size: int) -> None:
        super().__init__()
        self.size = (grid_size,) * spatial_dims
        self.conv = conv_norm_act(spatial_dims, in_channels, out_channels, kernel_size=3)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the encoder's maps (N, C, *grid) to (N, D, *patches)."""
        return self.conv(upsample_to(maps[-1], self.size))


class Li2018(HeatmapNetwork):
    """Every patch of a fixed grid is classified; the image is positive unless all its patches are negative.

    The logit is that of p = 1 - prod(q) over the patches, q = minimum + (1 - minimum) (1 - sigmoid(x)): see
    :func:`~monai_pylon.networks.blocks.noisy_or_logit`. The map holds the patches' logits x.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        grid_size: patches along each axis; the map is (N, M, 20, 20) by default.
        hidden_channels: of the convolution over the patches.
        minimum: of the factors q.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

    Example:
        >>> Li2018(encoder="resnet18").eval().explain(torch.zeros(1, 1, 64, 64)).attention.shape
        torch.Size([1, 14, 20, 20])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        grid_size: int = 20,
        hidden_channels: int = 512,
        minimum: float = 0.98,
        weights: str | Path | None = None,
    ) -> None:
        check(grid_size > 0, "grid_size", "positive", grid_size)
        made = as_encoder(encoder, spatial_dims, in_channels)
        decoder = PatchGrid(spatial_dims, made.channels[-1], hidden_channels, grid_size)
        head = map_head(spatial_dims, hidden_channels, num_classes)
        super().__init__(spatial_dims, in_channels, made, decoder, head, NoisyOrPool(minimum), weights)
