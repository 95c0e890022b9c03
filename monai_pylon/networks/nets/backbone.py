"""The paper's baseline: an encoder whose last map is turned into one map a label and pooled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head
from monai_pylon.utils import check_choice

__all__ = ["MaxPoolBackbone"]


class DeepestMap(nn.Module):
    """The decoder that does nothing: of the encoder's maps it takes the last."""

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """The last of maps (N, C, *grid)."""
        return maps[-1]


class MaxPoolBackbone(HeatmapNetwork):
    """A plain encoder with a 1x1 convolution and a global pooling ("Backbone" in Table 2).

    With the maximum, the paper's choice, ``max(attention) == logits``. With the average it is the classic network for
    class activation maps: ``mean(attention) == logits``, and the attention is that map, bias included.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        pooling: "max" or "average".
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` gives the logits (N, M), ``net.explain(x)`` these and the map (N, M, *grid) of stride 32.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

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
    ) -> None:
        check_choice(pooling, ("max", "average"), "pooling")
        made = as_encoder(encoder, spatial_dims, in_channels)
        head = map_head(spatial_dims, made.channels[-1], num_classes)
        pool = Pool["adaptivemax" if pooling == "max" else "adaptiveavg", spatial_dims](1)
        super().__init__(spatial_dims, in_channels, made, DeepestMap(), head, pool, weights)
