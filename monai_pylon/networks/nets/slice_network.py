"""Base classes of the networks for chest CT: one image encoder for all axial slices of a volume."""

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
from monai_pylon.networks.nets.volume_size import check_positive
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils import check, check_type

__all__ = ["ReducedSliceNetwork", "SliceNetwork", "check_volume", "refuse_to_explain"]


def check_volume(x: torch.Tensor, channels: int = 1) -> None:
    """Raise an error if a tensor is not a batch of volumes.

    Nothing is checked while the network is traced, compiled or exported.

    Args:
        x: Volume (N, C, X, Y, Z).
        channels: Number C of channels: 1, or 2 with organ labels as second channel.

    Raises:
        TypeError: If the volume is not a tensor.
        ValueError: If axes or channels do not fit, the volume is empty, or its values are integers.

    Example:
        >>> check_volume(torch.zeros(1, 3, 64, 64, 9))
        Traceback (most recent call last):
        ...
        ValueError: volume must be of 1 channel, (N, 1, X, Y, Z), but is Tensor of shape (1, 3, 64, 64, 9), float32. ...
    """
    if not is_eager():
        return
    check_type(x, torch.Tensor, "volume")
    remedy = "Add batch and channel axes to a single volume: x[None, None]."
    shape = f"(N, {channels}, X, Y, Z)"
    check(x.ndim == 5, "volume", f"of shape {shape}", x, remedy)
    remedy = "The last axis must hold the axial slices. The network groups them itself."
    if channels == 2:
        remedy = "label_organs is set: the second channel must hold the organ labels of partition_organs."
    check(x.shape[1] == channels, "volume", f"of {channels} channel{'s' * (channels > 1)}, {shape}", x, remedy)
    check(x.numel() > 0, "volume", f"of at least one slice, {shape}", x)
    check(x.is_floating_point(), "volume", "of floating point numbers", x, "Scale intensities first.")


def refuse_to_explain(network: nn.Module, reason: str, layer: str) -> NoReturn:
    """Raise an error that says why a network has no explanation in closed form and names an alternative.

    Args:
        network: Network whose ``explain`` was called with a volume (N, 1, X, Y, Z).
        reason: Clause with the reason.
        layer: Layer for HiResCAM.

    Raises:
        NotImplementedError: Always.

    Example:
        >>> refuse_to_explain(nn.Identity(), "it has no scores", "")
        Traceback (most recent call last):
        ...
        NotImplementedError: Identity has no explanation in closed form: it has no scores. Use monai_pylon.visualize...
    """
    raise NotImplementedError(
        f"{type(network).__name__} has no explanation in closed form: {reason}. "
        f'Use monai_pylon.visualize.HiResCAM(net, "{layer}"), whose map need not sum to the score, or use AxialNet or '
        "BodyCAM, whose maps do."
    )


class SliceNetwork(nn.Module):
    """An image encoder for the axial slices of a volume, applied to groups of neighboring slices.

    Subclasses compute scores from :meth:`features`.

    Args:
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: Number S of neighboring slices that are the channels of one image.
        chunk_size: Groups that pass the encoder at once, or None for all. With a number, training keeps the activations
            of that many groups only (gradient checkpointing) and takes about a third more time.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range.

    Example:
        >>> net = SliceNetwork("resnet18").eval()
        >>> net.features(torch.zeros(1, 1, 64, 96, 7)).shape
        torch.Size([1, 3, 512, 3, 2])
    """

    #: Pixels of a chunk, if these are more than the groups of chunk_size; optimized copies set it.
    chunk_pixels = 0

    def __init__(self, encoder: str | nn.Module, slices_per_group: int = 3, chunk_size: int | None = None) -> None:
        super().__init__()
        check_positive(slices_per_group=slices_per_group)
        if chunk_size is not None:
            check_positive(chunk_size=chunk_size)
        self.encoder = as_encoder(encoder, 2, slices_per_group, None)  # any strides: only the last map is used
        self.slices_per_group, self.chunk_size = slices_per_group, chunk_size
        self._shapes = (without_weights(self.encoder),)  # the tuple keeps it out of the network's state

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the deepest maps (N, G, C, rows, columns) of the slice groups of a volume (N, 1, X, Y, Z)."""
        check_volume(x)
        if isinstance(x, MetaTensor):  # its affine does not hold for the maps
            x = x.as_tensor()
        images = group_slices(x, self.slices_per_group)
        groups = images.flatten(0, 1)
        check_cells(self.encoder, groups, factor=self.encoder.strides[-1])
        chunk = self.chunk_size
        if chunk is not None and self.chunk_pixels:
            chunk = max(chunk, self.chunk_pixels // groups[0, 0].numel())
        return encode_slices(self.encoder, groups, chunk).unflatten(0, images.shape[:2])

    def plane_cells(self) -> list[Callable[[int], int]]:
        """Return the functions from voxels to grid cells of the encoder's deepest map along x and y."""

        def cells(edge: int, axis: int) -> int:
            return map_cells(self._shapes[0], self.slices_per_group, (edge, edge))[axis]

        return [lambda edge: cells(edge, 1), lambda edge: cells(edge, 0)]

    def load(self, weights: str | Path | None) -> None:
        """Load weights unless they are None; see :func:`~monai_pylon.networks.pretrained.load_weights`."""
        if weights is not None:
            load_weights(self, weights)


class ReducedSliceNetwork(SliceNetwork):
    """Base class of AxialNet and BodyCAM: an image encoder for the axial slices, followed by convolutions.

    Args:
        encoder: Encoder as in :class:`SliceNetwork`.
        slices_per_group: Slices in a group as in :class:`SliceNetwork`.
        chunk_size: Groups in a chunk as in :class:`SliceNetwork`.
        reduction_channels: Channels after each of the 3x3 convolutions.
        reduction_padding: Padding of these convolutions, 0 or 1.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range.

    Example:
        >>> net = ReducedSliceNetwork("resnet18", 3, None, (64, 16), reduction_padding=1).eval()
        >>> net.reduced(net.features(torch.zeros(1, 1, 64, 96, 7))).shape
        torch.Size([1, 3, 16, 3, 2])
    """

    #: End of the error message for slices that are too small.
    remedy = (
        "The unpadded convolutions leave no cell of a smaller slice. Enlarge or pad it, or use reduction_padding=1 or "
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
        """Reduce features (N, G, C, rows, columns) to (N, G, F, rows, columns) with fewer channels and cells."""
        return self.reduction(features.flatten(0, 1)).unflatten(0, features.shape[:2])

    def plane_cells(self) -> list[Callable[[int], int]]:
        """Return the functions from voxels to grid cells of the reduced features along x and y."""
        x, y = super().plane_cells()
        return [lambda edge: x(edge) - self.cells_lost, lambda edge: y(edge) - self.cells_lost]
