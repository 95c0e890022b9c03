"""Feature pyramid network for segmentation (Kirillov et al. 2019) with the paper's max-pooled map."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import torch
from monai.networks.layers.factories import Conv, Dropout
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.networks.blocks.convolution import conv_norm_act, upsample_to
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.heatmap import HeatmapNetwork, map_head
from monai_pylon.utils import check, check_choice

__all__ = ["FPN"]

_GROUPS = 32


class FPNDecoder(nn.Module):
    """A pyramid of equally wide maps from deep to fine; each is convolved up to stride 4; their sum."""

    def __init__(
        self, spatial_dims: int, channels: Sequence[int], pyramid: int, width: int, norm: str | tuple, dropout: float
    ) -> None:
        super().__init__()
        deep_to_fine = channels[:0:-1]  # strides 32, 16, 8, 4
        self.lateral = nn.ModuleList(Conv["conv", spatial_dims](c, pyramid, 1) for c in deep_to_fine)
        self.segment = nn.ModuleList(
            nn.ModuleList(
                conv_norm_act(spatial_dims, pyramid if i == 0 else width, width, 3, norm=norm, bias=False)
                for i in range(max(1, ups))
            )
            for ups in range(len(deep_to_fine))[::-1]
        )
        self.dropout = Dropout["dropout", spatial_dims](dropout)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the encoder's maps (N, C, *grid) to (N, D, *grid) of stride 4."""
        deep_to_fine = maps[:0:-1]
        pyramid = [self.lateral[0](deep_to_fine[0])]
        for lateral, fine in zip(self.lateral[1:], deep_to_fine[1:], strict=True):
            pyramid.append(lateral(fine) + F.interpolate(pyramid[-1], size=fine.shape[2:], mode="nearest"))
        sizes = [x.shape[2:] for x in deep_to_fine]
        for i, blocks in enumerate(self.segment):
            targets = sizes[i + 1 :] or sizes[i:]  # the finest keeps its size
            for block, size in zip(blocks, targets, strict=True):  # type: ignore[call-overload]
                pyramid[i] = upsample_to(block(pyramid[i]), size)
        return self.dropout(functools.reduce(torch.add, pyramid))


class FPN(HeatmapNetwork):
    """A segmentation network used as PYLON is: the maximum of each map is the logit.

    ``norm="batch"`` is "(BN)" in Table 2; with group normalization, its own, the paper found its maps of no use.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        pyramid_channels: width of the pyramid.
        segmentation_channels: width of the convolutions on it, with "group" a multiple of 32.
        norm: "group" (32 groups) or "batch".
        dropout: probability with which a channel of the decoded map is dropped in training.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` gives the logits (N, M), ``net.explain(x)`` these and the map (N, M, *grid) of stride 4.

    Raises:
        ValueError: where an argument is out of its range, or the weights are another network's.

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
    ) -> None:
        check_choice(norm, ("group", "batch"), "norm")
        width = segmentation_channels
        fits = norm == "batch" or width % _GROUPS == 0
        check(fits, "segmentation_channels", f"a multiple of {_GROUPS} with group normalization", width)
        made = as_encoder(encoder, spatial_dims, in_channels)
        monais = ("group", {"num_groups": _GROUPS}) if norm == "group" else norm
        decoder = FPNDecoder(spatial_dims, made.channels, pyramid_channels, width, monais, dropout)
        super().__init__(
            spatial_dims, in_channels, made, decoder, map_head(spatial_dims, width, num_classes), weights=weights
        )
