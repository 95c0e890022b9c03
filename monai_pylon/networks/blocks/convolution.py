"""Convolution, norm and ReLU as every decoder here has them, and resizing to a sibling's size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.modules.batchnorm import _BatchNorm

from monai_pylon.utils import check

__all__ = ["check_cells", "conv_norm_act", "upsample_to"]


def conv_norm_act(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 1,
    relu: bool = True,
    norm: str | tuple = "batch",
    bias: bool = True,
    dilation: int = 1,
) -> nn.Module:
    """MONAI's convolution, padded to keep the size, with a norm and by default a ReLU.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the input (N, C, *spatial).
        out_channels: C of the output.
        kernel_size: odd.
        relu: whether a ReLU follows.
        norm: as MONAI names norms.
        bias: whether the convolution has a bias (the authors' have, though a batch norm takes it away again).
        dilation: distance of the kernel's taps.

    Returns:
        the block.

    Raises:
        ValueError: where the kernel has an even size.

    Example:
        >>> conv_norm_act(2, 3, 8, kernel_size=5)(torch.zeros(1, 3, 6, 6)).shape
        torch.Size([1, 8, 6, 6])
    """
    check(kernel_size % 2 == 1, "kernel_size", "odd", kernel_size, "An even kernel shifts the map by half a cell.")
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        kernel_size=kernel_size,
        act=("relu", {"inplace": True}) if relu else None,
        norm=norm,
        bias=bias,
        dilation=dilation,
    )


def upsample_to(x: torch.Tensor, size: Sequence[int], align_corners: bool = True) -> torch.Tensor:
    """Resize a map (bi- or trilinear) to another's size, whatever the factor.

    Args:
        x: (N, C, *grid).
        size: the grid wanted.
        align_corners: whether the outermost cells' centres meet.

    Returns:
        (N, C, *size).

    Example:
        >>> upsample_to(torch.tensor([[[[0.0, 2.0]]]]), (1, 3))
        tensor([[[[0., 1., 2.]]]])
    """
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return F.interpolate(x, size=tuple(size), mode=mode, align_corners=align_corners)


def check_cells(block: nn.Module, x: torch.Tensor, factor: int | None) -> None:
    """Refuse to train a batch norm on a single value per channel: it would be normalised to nothing.

    Args:
        block: what is about to run.
        x: (N, C, *grid), its input.
        factor: how much smaller its smallest map is (rounded up); None where it pools the whole map to one cell.

    Raises:
        ValueError: where a batch norm in training mode would see one image of one cell.

    Example:
        >>> check_cells(nn.BatchNorm2d(1), torch.zeros(1, 1, 8, 8), factor=8)
        Traceback (most recent call last):
        ...
        ValueError: batch size must be at least 2 in training at this image size, but is 1. ...
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing() or not block.training or x.shape[0] != 1:
        return
    if factor is not None and any(size > factor for size in x.shape[2:]):
        return
    check(
        not any(isinstance(module, _BatchNorm) and module.training for module in block.modules()),
        "batch size",
        "at least 2 in training at this image size",
        1,
        f"{type(block).__name__} normalises over one cell there: give more images, or larger ones where it does not "
        "pool globally, or put the batch norms into eval mode.",
    )
