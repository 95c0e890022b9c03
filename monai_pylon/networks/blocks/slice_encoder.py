"""Axial slices as images: neighbours grouped as channels, and one image encoder over all groups (section 3.2)."""

from __future__ import annotations

import contextlib
import copy
import itertools
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from monai_pylon.networks.explanation import is_traced_or_exported

__all__ = ["encode_slices", "group_slices", "map_cells", "without_weights"]


def group_slices(volume: torch.Tensor, slices_per_group: int = 3) -> torch.Tensor:
    """Axial slices in groups of neighbours, each group one image whose channels are the slices.

    Where the last group is incomplete, the last slice is repeated to fill it: nothing is lost, and no air is made up.

    Args:
        volume: (N, 1, X, Y, Z), axial slices on the last axis.
        slices_per_group: S.

    Returns:
        (N, G, S, rows = Y, columns = X) with G = Z / S, rounded up.

    Example:
        >>> group_slices(torch.arange(4.0).expand(1, 1, 2, 2, 4))[0, :, :, 0, 0]
        tensor([[0., 1., 2.],
                [3., 3., 3.]])
    """
    slices = volume[:, 0].permute(0, 3, 2, 1)
    groups = -(-_number(volume.shape[-1]) // slices_per_group)
    missing = groups * slices_per_group - _number(volume.shape[-1])
    if missing:
        slices = torch.cat([slices, slices[:, -1:].expand(-1, missing, -1, -1)], dim=1)
    return slices.unflatten(1, (groups, slices_per_group))


def _number(size: int) -> int:
    """A size as a number, while a network is traced too: a trace is for the slices of its example."""
    if not torch.jit.is_tracing():
        return size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return int(size)


def encode_slices(encoder: nn.Module, images: torch.Tensor, chunk_size: int | None = None) -> torch.Tensor:
    """The encoder's deepest map of each image, a chunk of the images at a time.

    Where gradients are wanted a chunk's inner activations are not kept but computed again on the way back (gradient
    checkpointing), so that memory grows with the chunk and not with the volume. In training a chunk takes images from
    all over the volume, so that batch norms see a fair sample of it.

    Within ``torch.compile`` nothing is computed again; in a traced or exported program all images go at once, for it
    would hold for one number of images only.

    Args:
        encoder: from images (G, S, H, W) to a list of maps, shallow to deep.
        images: (G, S, H, W).
        chunk_size: images at a time; None for all at once.

    Returns:
        (G, C, h, w).

    Example:
        >>> from monai_pylon.networks import make_encoder
        >>> encode_slices(make_encoder("resnet18", 2, 3).eval(), torch.zeros(5, 3, 64, 64), chunk_size=2).shape
        torch.Size([5, 512, 2, 2])
    """
    if chunk_size is None or is_traced_or_exported():
        return encoder(images)[-1]
    chunks = -(-len(images) // chunk_size)

    def deepest(chunk: torch.Tensor) -> torch.Tensor:
        return encoder(chunk)[-1]

    def again(chunk: torch.Tensor) -> torch.Tensor:
        return checkpoint(deepest, chunk, use_reentrant=False, context_fn=contexts)

    def contexts() -> tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]:
        return contextlib.nullcontext(), _without_counting(encoder)

    run = again if _wants_gradients(encoder, images) and not torch.compiler.is_compiling() else deepest
    if not encoder.training:
        return torch.cat([run(chunk) for chunk in images.tensor_split(chunks)])
    maps = torch.cat([run(images[i::chunks]) for i in range(chunks)])
    taken = torch.arange(len(images), device=images.device)
    return maps[torch.cat([taken[i::chunks] for i in range(chunks)]).argsort()]


def _wants_gradients(encoder: nn.Module, images: torch.Tensor) -> bool:
    tensors = itertools.chain([images], encoder.parameters())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


@contextlib.contextmanager
def _without_counting(encoder: nn.Module) -> Iterator[None]:
    """Batch norms normalise as before but do not count the same images into their running statistics again."""
    norms = [module for module in encoder.modules() if isinstance(module, _BatchNorm) and module.training]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    try:
        for norm in norms:
            norm.momentum, norm.num_batches_tracked = 0.0, None
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count


def without_weights(encoder: nn.Module) -> nn.Module:
    """A copy of an encoder that knows shapes but no numbers: it takes no memory, and running it costs next to nothing.

    Args:
        encoder: from images (G, S, H, W) to a list of maps.

    Returns:
        the copy, on PyTorch's meta device, in eval mode.

    Example:
        >>> without_weights(nn.Conv2d(1, 1, 3)).weight.device
        device(type='meta')
    """
    return copy.deepcopy(encoder).to("meta").eval()


def map_cells(shapes: nn.Module, in_channels: int, size: Sequence[int]) -> tuple[int, int]:
    """The cells of an encoder's deepest map for an image of a size.

    Args:
        shapes: of :func:`without_weights`.
        in_channels: S of the image (G, S, H, W).
        size: (H, W).

    Returns:
        (h, w).

    Example:
        >>> from monai_pylon.networks import make_encoder
        >>> map_cells(without_weights(make_encoder("resnet18", 2, 3)), 3, (420, 448))
        (14, 14)
    """
    dtype = next((p.dtype for p in shapes.parameters() if p.is_floating_point()), torch.float32)
    with torch.no_grad():
        deepest = shapes(torch.empty(1, in_channels, *size, dtype=dtype, device="meta"))[-1]
    rows, columns = deepest.shape[2:]
    return rows, columns
