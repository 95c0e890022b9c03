"""What the networks for chest CT share: a volume's axial slices through one image encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks.blocks.convolution import check_cells
from monai_pylon.networks.blocks.slice_encoder import encode_slices, group_slices, map_cells, without_weights
from monai_pylon.networks.blocks.slice_head import slice_reduction
from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.nets.volume_size import check_positive, is_checked
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.utils import check, check_type

__all__ = ["ReducedSliceNetwork", "SliceNetwork", "check_volume", "refuse_to_explain"]

_STRIDES = (2, 4, 8, 16, 32)


def check_volume(x: torch.Tensor) -> None:
    """Refuse what is no batch of volumes. While a network is traced, compiled or exported nothing is checked.

    Args:
        x: the volume (N, 1, X, Y, Z).

    Raises:
        TypeError: where it is no tensor.
        ValueError: where it has other axes or channels, is empty, or of whole numbers.

    Example:
        >>> check_volume(torch.zeros(1, 3, 64, 64, 9))
        Traceback (most recent call last):
        ...
        ValueError: volume must be of 1 channel, (N, 1, X, Y, Z), but is Tensor of shape (1, 3, 64, 64, 9), float32. ...
    """
    if not is_checked():
        return
    check_type(x, torch.Tensor, "volume")
    remedy = "Add batch and channel axes to a single volume: x[None, None]."
    check(x.ndim == 5, "volume", "of shape (N, 1, X, Y, Z)", x, remedy)
    remedy = "Axial slices lie on the last axis; the network groups them itself."
    check(x.shape[1] == 1, "volume", "of 1 channel, (N, 1, X, Y, Z)", x, remedy)
    check(x.numel() > 0, "volume", "of at least one slice, (N, 1, X, Y, Z)", x)
    check(x.is_floating_point(), "volume", "of floating point numbers", x, "Scale intensities first.")


def refuse_to_explain(network: nn.Module, reason: str, layer: str) -> NoReturn:
    """Say why a network's scores are no sum over places, and what to use instead.

    Args:
        network: whose ``explain`` was called with a volume (N, 1, X, Y, Z).
        reason: a clause.
        layer: where HiResCAM can be computed.

    Raises:
        NotImplementedError: always.

    Example:
        >>> refuse_to_explain(nn.Identity(), "it does nothing", "")
        Traceback (most recent call last):
        ...
        NotImplementedError: Identity has no explanation in closed form: it does nothing. Use monai_pylon.visualize...
    """
    raise NotImplementedError(
        f"{type(network).__name__} has no explanation in closed form: {reason}. "
        f'Use monai_pylon.visualize.HiResCAM(net, "{layer}") and keep in mind that its map need not sum to the score; '
        "AxialNet and BodyCAM have maps that do."
    )


class SliceNetwork(nn.Module):
    """An image encoder over the axial slices of a volume, a group of neighbours at a time.

    Args:
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: S neighbouring slices are the channels of one image.
        chunk_size: groups that pass the encoder at once; None for all. With a number, training keeps the activations
            of that many groups only (gradient checkpointing), for about a third more time.

    Subclasses make scores of :meth:`features`.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range.

    Example:
        >>> net = SliceNetwork("resnet18").eval()
        >>> net.features(torch.zeros(1, 1, 64, 96, 7)).shape
        torch.Size([1, 3, 512, 3, 2])
    """

    def __init__(self, encoder: str | nn.Module, slices_per_group: int = 3, chunk_size: int | None = None) -> None:
        super().__init__()
        check_positive(slices_per_group=slices_per_group)
        if chunk_size is not None:
            check_positive(chunk_size=chunk_size)
        strides = tuple(getattr(encoder, "strides", _STRIDES))  # whichever: only the last map is used
        self.encoder = as_encoder(encoder, 2, slices_per_group, strides)
        self.slices_per_group, self.chunk_size = slices_per_group, chunk_size
        self._shapes = (without_weights(self.encoder),)  # in a tuple, so that it is no part of the network

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The deepest map of each group of a volume's slices: (N, 1, X, Y, Z) to (N, G, C, rows, columns)."""
        check_volume(x)
        if isinstance(x, MetaTensor):  # what is computed lies on another grid than its affine says
            x = x.as_tensor()
        images = group_slices(x, self.slices_per_group)
        groups = images.flatten(0, 1)
        check_cells(self.encoder, groups, factor=self.encoder.strides[-1])
        return encode_slices(self.encoder, groups, self.chunk_size).unflatten(0, images.shape[:2])

    def plane_cells(self) -> list[Callable[[int], int]]:
        """For x and for y: how many cells the encoder's deepest map has for how many voxels."""

        def cells(edge: int, axis: int) -> int:
            return map_cells(self._shapes[0], self.slices_per_group, (edge, edge))[axis]

        return [lambda edge: cells(edge, 1), lambda edge: cells(edge, 0)]

    def load(self, weights: str | Path | None) -> None:
        """Load weights, if any are named; see :func:`~monai_pylon.networks.pretrained.load_weights`."""
        if weights is not None:
            load_weights(self, weights)


class ReducedSliceNetwork(SliceNetwork):
    """An image encoder over the axial slices, and convolutions behind it: what AxialNet and BodyCAM share.

    Args:
        encoder: as in :class:`SliceNetwork`.
        slices_per_group: as there.
        chunk_size: as there.
        reduction_channels: after each of the 3x3 convolutions.
        reduction_padding: of these, 0 or 1.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range.

    Example:
        >>> net = ReducedSliceNetwork("resnet18", 3, None, (64, 16), reduction_padding=1).eval()
        >>> net.reduced(net.features(torch.zeros(1, 1, 64, 96, 7))).shape
        torch.Size([1, 3, 16, 3, 2])
    """

    #: What to do where the convolutions leave nothing.
    remedy = (
        "The unpadded convolutions leave no cell of a smaller slice: enlarge or pad it, use reduction_padding=1 or "
        "fewer reduction_channels."
    )

    def __init__(
        self,
        encoder: str | nn.Module,
        slices_per_group: int,
        chunk_size: int | None,
        reduction_channels: Sequence[int],
        reduction_padding: int,
    ) -> None:
        check_type(reduction_padding, int, "reduction_padding")
        check(reduction_padding in (0, 1), "reduction_padding", "0 or 1", reduction_padding)
        for width in reduction_channels:
            check_positive(reduction_channels=width)
        super().__init__(encoder, slices_per_group, chunk_size)
        channels = self.encoder.channels[-1]
        self.reduction = slice_reduction(channels, reduction_channels, reduction_padding)
        self.reduced_channels = (channels, *reduction_channels)[-1]
        self.cells_lost = 0 if reduction_padding else 2 * len(reduction_channels)

    def reduced(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, G, C, rows, columns) to few, in fewer cells: (N, G, F, rows, columns)."""
        return self.reduction(features.flatten(0, 1)).unflatten(0, features.shape[:2])

    def plane_cells(self) -> list[Callable[[int], int]]:
        """For x and for y: how many cells the reduced features have for how many voxels."""
        x, y = super().plane_cells()
        return [lambda edge: x(edge) - self.cells_lost, lambda edge: y(edge) - self.cells_lost]
