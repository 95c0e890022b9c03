"""Convolution with norm and ReLU for all decoders, and resampling of a map to the size of another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.blocks import Convolution
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.modules.batchnorm import _BatchNorm

from monai_pylon.networks.tracing import is_eager
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
    """Make MONAI's convolution with a norm and an optional ReLU, padded to keep the size.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels of the input (N, C, *grid).
        out_channels: Channels of the output.
        kernel_size: Size of the kernel, odd.
        relu: Whether a ReLU follows.
        norm: Normalization as MONAI names it.
        bias: Whether the convolution has a bias. The authors' convolutions have one, although a batch norm cancels it.
        dilation: Distance between the kernel's elements, in cells.

    Returns:
        Block that keeps the grid.

    Raises:
        ValueError: If the kernel size is even.

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
    """Resample a map to a given size by bilinear or trilinear interpolation.

    Args:
        x: Map (N, C, *grid).
        size: Size of the new grid.
        align_corners: Whether the centers of the corner cells of both grids coincide.

    Returns:
        Map (N, C, *size).

    Example:
        >>> upsample_to(torch.tensor([[[[0.0, 2.0]]]]), (1, 3))
        tensor([[[[0., 1., 2.]]]])
    """
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return F.interpolate(x, size=tuple(size), mode=mode, align_corners=align_corners)


def check_cells(block: nn.Module, x: torch.Tensor, factor: int | None) -> None:
    """Raise an error if a batch norm would be trained on a single value per channel.

    Normalizing a single value gives zero, whatever the value. Nothing is checked while the block is traced, compiled or
    exported.

    Args:
        block: Block that is about to run.
        x: Its input (N, C, *grid).
        factor: Ratio of the input's edge to that of the block's smallest map, which is rounded up. None if the block
            pools the whole map to one cell.

    Raises:
        ValueError: If a batch norm in training mode would see one image of one cell.

    Example:
        >>> check_cells(nn.BatchNorm2d(1), torch.zeros(1, 1, 8, 8), factor=8)
        Traceback (most recent call last):
        ...
        ValueError: batch size must be at least 2 in training at this image size, but is 1. ...
    """
    if not is_eager() or not block.training or x.shape[0] != 1:
        return
    if factor is not None and any(size > factor for size in x.shape[2:]):
        return
    remedy = (
        f"{type(block).__name__} would normalize over a single cell. Increase the batch size, put the batch norms into "
        "eval mode or, unless the block pools globally, use larger images."
    )
    trained = any(isinstance(module, _BatchNorm) and module.training for module in block.modules())
    check(not trained, "batch size", "at least 2 in training at this image size", 1, remedy)
