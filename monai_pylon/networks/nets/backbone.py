"""Baseline of the PYLON paper: an encoder whose deepest map becomes one heatmap per label and is pooled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.utils import check, check_choice

__all__ = ["MaxPoolBackbone"]


class DeepestMap(nn.Module):
    """A decoder without layers that returns the deepest of the encoder's feature maps.

    Args:
        channels: Channels of the encoder's feature maps, shallow to deep.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.out_channels = channels[-1]

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the last of the maps (N, C, *grid)."""
        return maps[-1]


class MaxPoolBackbone(HeatmapNetwork):
    """A plain encoder with a 1x1 convolution and a global pooling ("Backbone" in Table 2 of the PYLON paper).

    With the maximum, the paper's choice, ``max(attention) == logits``. With the average the network is the classic
    network for class activation maps: ``mean(attention) == logits``, and the attention is the class activation map
    including the bias.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        pooling: "max" or "average".
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    ``net(x)`` returns the logits (N, M). ``net.explain(x)`` also returns the heatmap (N, M, *grid) at stride 32.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

    Example:
        >>> MaxPoolBackbone(encoder="resnet18").eval()(torch.zeros(2, 1, 64, 64)).shape
        torch.Size([2, 14])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        pooling: str = "max",
        weights: str | Path | None = None,
        frozen_stages: int = 0,
    ) -> None:
        check_choice(pooling, ("max", "average"), "pooling")
        check(spatial_dims in (2, 3), "spatial_dims", "2 or 3", spatial_dims)
        pool = Pool["adaptivemax" if pooling == "max" else "adaptiveavg", spatial_dims](1)
        super().__init__(
            spatial_dims,
            in_channels,
            num_classes,
            encoder,
            DeepestMap,
            pool=pool,
            weights=weights,
            frozen_stages=frozen_stages,
        )
