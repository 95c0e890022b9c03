"""CTNet (Table 1 of the HiResCAM paper): 3D convolutions with the slice groups as channels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch
from torch import nn

from monai_pylon.networks.nets.convolved_slices import ConvolvedSliceNetwork
from monai_pylon.networks.nets.slice_network import refuse_to_explain

__all__ = ["CTNet"]


class CTNet(ConvolvedSliceNetwork):
    """A classifier of chest CT whose 3D convolutions run over rows, columns and features; slice groups are channels.

    Args:
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``;
            its deepest map must have at least 27 features.
        slices_per_group: neighbouring slices that are the channels of one image. An incomplete last group is filled by
            repeating the last slice.
        volume_size: (X, Y, Z) of the volumes. The layers are made for as many groups and cells as come of it; volumes
            of other sizes are taken if as many come of theirs.
        dropout: probability, between the fully connected layers.
        chunk_size: groups that pass the encoder at once, as in :class:`~monai_pylon.networks.nets.AxialNet`.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` gives the logits (N, M) of volumes (N, 1, X, Y, Z). There is no explanation in closed form, and behind
    the first 3D convolution none at all: it mixes features as if they were places (the paper gives no OrganIoU for it).

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range, or the size too small; the message names the smallest.

    Example:
        >>> CTNet(4, volume_size=(161, 161, 6)).eval()(torch.zeros(1, 1, 161, 161, 6)).shape
        torch.Size([1, 4])
    """

    def __init__(
        self,
        num_classes: int = 80,
        encoder: str | nn.Module = "resnet18",
        slices_per_group: int = 3,
        volume_size: Sequence[int] = (420, 420, 405),
        dropout: float = 0.5,
        chunk_size: int | None = None,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__(
            num_classes, encoder, slices_per_group, volume_size, dropout, chunk_size, weights, groups_are_channels=True
        )

    def explain(self, x: torch.Tensor) -> NoReturn:
        """There is none for volumes (N, 1, X, Y, Z).

        Raises:
            NotImplementedError: always; the message says why and what to use.
        """
        reason = "its 3D convolutions mix features as if they were places, and three fully connected layers follow"
        refuse_to_explain(self, reason, "encoder.layer4")
