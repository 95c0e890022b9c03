"""Li et al. 2018 as compared in the PYLON paper: a heatmap of 20 x 20 patches and multiple instance pooling."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool
from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.utils import check

__all__ = ["Li2018"]


class PatchGrid(nn.Module):
    """The deepest map resampled to a grid of patches, followed by one convolution.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels of the encoder's feature maps, shallow to deep.
        out_channels: Channels D of the convolution.
        grid_size: Patches along each axis.
    """

    def __init__(self, spatial_dims: int, channels: Sequence[int], out_channels: int, grid_size: int) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.size = (grid_size,) * spatial_dims
        self.conv = conv_norm_act(spatial_dims, channels[-1], out_channels, kernel_size=3)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Compute (N, D, *patches) from the encoder's maps (N, C, *grid)."""
        return self.conv(upsample_to(maps[-1], self.size))


class Li2018(HeatmapNetwork):
    """A classifier of the patches of a fixed grid; the image is positive unless all its patches are negative.

    The logit is that of p = 1 - prod(q) over the patches, q = minimum + (1 - minimum) (1 - sigmoid(x)): see
    :func:`~monai_pylon.networks.blocks.multi_instance_pool.noisy_or_logit`. The heatmap holds the patches' logits x.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        grid_size: Patches along each axis. The default gives heatmaps (N, M, 20, 20).
        hidden_channels: Channels of the convolution over the patches.
        minimum: Lower bound of the factors q, between 0 and 1.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

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
        frozen_stages: int = 0,
    ) -> None:
        check(grid_size > 0, "grid_size", "positive", grid_size)
        decoder = functools.partial(PatchGrid, spatial_dims, out_channels=hidden_channels, grid_size=grid_size)
        pool = NoisyOrPool(minimum)
        super().__init__(
            spatial_dims,
            in_channels,
            num_classes,
            encoder,
            decoder,
            pool=pool,
            weights=weights,
            frozen_stages=frozen_stages,
        )
