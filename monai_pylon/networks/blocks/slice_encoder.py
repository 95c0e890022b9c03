"""Axial slices as images: groups of neighboring slices as channels of one image encoder (section 3.2)."""

from __future__ import annotations

import contextlib
import copy
import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from monai_pylon.networks.tracing import is_eager, is_observed, is_traced_or_exported

__all__ = ["encode_slices", "group_slices", "map_cells", "without_weights"]


def group_slices(volume: torch.Tensor, slices_per_group: int = 3) -> torch.Tensor:
    """Split a volume into groups of neighboring axial slices; each group is an image with the slices as channels.

    If the last group is incomplete, copies of the last slice fill it, so that no slice is lost and no air is added.

    Args:
        volume: Volume (N, 1, X, Y, Z) with the axial slices on the last axis.
        slices_per_group: Slices S in a group.

    Returns:
        Images (N, G, S, rows = Y, columns = X) with G = Z / S, rounded up.

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
    """Return a size as a plain number, also while tracing: a trace holds for the number of slices of its example."""
    if not torch.jit.is_tracing():
        return size
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", torch.jit.TracerWarning)
        return int(size)


def encode_slices(encoder: nn.Module, images: torch.Tensor, chunk_size: int | None = None) -> torch.Tensor:
    """Compute the encoder's deepest map of each image, one chunk of images at a time.

    If gradients are needed, the backward pass computes a chunk's inner activations again instead of keeping them
    (gradient checkpointing), so that memory grows with the chunk and not with the volume. In training, a chunk holds
    images from the whole volume, so that batch norms see a representative sample.

    Under ``torch.compile`` nothing is computed again. A traced or exported program processes all images at once,
    because a program with chunks would hold for one number of images only.

    Args:
        encoder: Module from images (G, S, H, W) to a list of maps, shallow to deep.
        images: Images (G, S, H, W).
        chunk_size: Images in a chunk, or None for all at once.

    Returns:
        Deepest maps (G, C, rows, columns).

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

    def checkpointed(chunk: torch.Tensor) -> torch.Tensor:
        return checkpoint(deepest, chunk, use_reentrant=False, context_fn=contexts)

    def contexts() -> tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]:
        return contextlib.nullcontext(), _without_counting(encoder)

    needs_gradients = _needs_gradients(encoder, images)
    run = checkpointed if needs_gradients and not torch.compiler.is_compiling() else deepest
    if not encoder.training:
        parts = images.tensor_split(chunks)
        if needs_gradients or not is_eager() or is_observed():
            return torch.cat([run(chunk) for chunk in parts])
        return _joined(map(deepest, parts), len(images))
    maps = torch.cat([run(images[i::chunks]) for i in range(chunks)])
    numbers = torch.arange(len(images), device=images.device)
    return maps[torch.cat([numbers[i::chunks] for i in range(chunks)]).argsort()]


def _joined(parts: Iterable[torch.Tensor], count: int) -> torch.Tensor:
    """Join parts (K, C, rows, columns) to ``count`` maps like `torch.cat`, without holding all parts beside them."""
    maps, done = torch.empty(0), 0
    for part in parts:
        if done == 0:
            last = part.is_contiguous(memory_format=torch.channels_last)
            order = torch.channels_last if last else torch.contiguous_format
            size = (count, *part.shape[1:])
            maps = torch.empty(size, dtype=part.dtype, device=part.device, memory_format=order)
        maps[done : done + len(part)] = part
        done += len(part)
    return maps


def _needs_gradients(encoder: nn.Module, images: torch.Tensor) -> bool:
    """Return whether a gradient can flow to the images or to the encoder's parameters."""
    tensors = itertools.chain([images], encoder.parameters())
    return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)


@contextlib.contextmanager
def _without_counting(encoder: nn.Module) -> Iterator[None]:
    """Let batch norms normalize without updating their running statistics, which have seen the same images before."""
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
    """Copy an encoder without its weights: the copy computes shapes only, almost without memory and time.

    Args:
        encoder: Module from images (G, S, H, W) to a list of maps.

    Returns:
        Copy on PyTorch's meta device, in eval mode.

    Example:
        >>> without_weights(nn.Conv2d(1, 1, 3)).weight.device
        device(type='meta')
    """
    return copy.deepcopy(encoder).to("meta").eval()


def map_cells(shapes: nn.Module, in_channels: int, size: Sequence[int]) -> tuple[int, int]:
    """Compute the grid of an encoder's deepest map for a given image size.

    Args:
        shapes: Encoder from :func:`without_weights`.
        in_channels: Channels S of the image (G, S, H, W).
        size: Size (H, W) of the image.

    Returns:
        Rows and columns of the map.

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
