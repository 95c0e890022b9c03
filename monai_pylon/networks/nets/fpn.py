"""Feature pyramid network for segmentation (Kirillov et al. 2019) with max-pooled heatmaps."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from monai.networks.layers.factories import Conv, Dropout
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.utils import check, check_choice

__all__ = ["FPN"]

_GROUPS = 32


class FPNDecoder(nn.Module):
    """A top-down pyramid of maps with equal channels, each convolved and upsampled to stride 4, then summed.

    Args:
        spatial_dims: 2 or 3.
        channels: Channels of the encoder's feature maps, shallow to deep.
        pyramid_channels: Channels of the pyramid.
        out_channels: Channels D of the convolutions on it and of the sum.
        norm: Normalization of these convolutions, as MONAI names it.
        dropout: Probability with which a channel of the sum is dropped in training.
    """

    def __init__(
        self,
        spatial_dims: int,
        channels: Sequence[int],
        pyramid_channels: int,
        out_channels: int,
        norm: str | tuple,
        dropout: float,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        deep_to_fine = channels[:0:-1]  # strides 32, 16, 8, 4
        self.lateral = nn.ModuleList(Conv["conv", spatial_dims](c, pyramid_channels, 1) for c in deep_to_fine)
        self.segment = nn.ModuleList(
            nn.ModuleList(
                conv_norm_act(
                    spatial_dims, pyramid_channels if i == 0 else out_channels, out_channels, 3, norm=norm, bias=False
                )
                for i in range(max(1, ups))
            )
            for ups in range(len(deep_to_fine))[::-1]
        )
        self.dropout = Dropout["dropout", spatial_dims](dropout)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Decode the encoder's maps (N, C, *grid) into (N, D, *grid) at stride 4."""
        deep_to_fine = maps[:0:-1]
        pyramid = [self.lateral[0](deep_to_fine[0])]
        for lateral, fine in zip(self.lateral[1:], deep_to_fine[1:], strict=True):
            pyramid.append(lateral(fine) + F.interpolate(pyramid[-1], size=fine.shape[2:], mode="nearest"))
        sizes = [x.shape[2:] for x in deep_to_fine]
        for i, blocks in enumerate(self.segment):
            targets = sizes[i + 1 :] or sizes[i:]  # the finest map keeps its size
            for block, size in zip(blocks, targets, strict=True):  # type: ignore[call-overload]
                pyramid[i] = upsample_to(block(pyramid[i]), size)
        return self.dropout(functools.reduce(torch.add, pyramid))


class FPN(HeatmapNetwork):
    """A segmentation network used as a classifier: each logit is its heatmap's maximum.

    ``norm="batch"`` is "(BN)" in Table 2 of the PYLON paper. With group normalization, the network's own, the paper
    found its heatmaps useless.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        pyramid_channels: Channels of the pyramid.
        segmentation_channels: Channels of the convolutions on it. With ``norm="group"`` a multiple of 32.
        norm: "group" (32 groups) or "batch".
        dropout: Probability with which a channel of the decoded map is dropped in training.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode.

    ``net(x)`` returns the logits (N, M). ``net.explain(x)`` also returns the heatmap (N, M, *grid) at stride 4.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit the network.

    Example:
        >>> FPN(encoder="resnet18").eval().explain(torch.zeros(1, 1, 64, 64)).attention.shape
        torch.Size([1, 14, 16, 16])
    """

    def __init__(
        self,
        spatial_dims: int = 2,
        in_channels: int = 1,
        num_classes: int = 14,
        encoder: str | nn.Module = "resnet50",
        pyramid_channels: int = 256,
        segmentation_channels: int = 128,
        norm: str = "group",
        dropout: float = 0.2,
        weights: str | Path | None = None,
        frozen_stages: int = 0,
    ) -> None:
        check_choice(norm, ("group", "batch"), "norm")
        fits = norm == "batch" or segmentation_channels % _GROUPS == 0
        requirement = f"a multiple of {_GROUPS} with group normalization"
        check(fits, "segmentation_channels", requirement, segmentation_channels)
        decoder = functools.partial(
            FPNDecoder,
            spatial_dims,
            pyramid_channels=pyramid_channels,
            out_channels=segmentation_channels,
            norm=("group", {"num_groups": _GROUPS}) if norm == "group" else norm,
            dropout=dropout,
        )
        super().__init__(
            spatial_dims, in_channels, num_classes, encoder, decoder, weights=weights, frozen_stages=frozen_stages
        )
