"""Classification heads of several linear layers, rebuilt with a single one (HiResCAM paper, footnote 3).

In a VGG-like network several linear layers and ReLUs follow the last map, so no map of a convolution shows the terms of
a score. The paper recommends one linear layer. To keep the depth, the others become 1x1 convolutions before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from monai_pylon.utils import check, check_type

__all__ = ["single_linear_head"]

_KEPT = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity)
_CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
_DROPOUTS = {2: nn.Dropout2d, 3: nn.Dropout3d}


def single_linear_head(head: nn.Sequential, channels: int, grid: Sequence[int]) -> nn.Sequential:
    """Turn all but the last linear layer of a head into 1x1 convolutions, before the map is flattened.

    The new head has as many layers with weights as the old one, but only its last layer mixes grid cells. HiResCAM at
    its last activation is therefore exact; :func:`~monai_pylon.visualize.audit_explanation` confirms it.

    **It computes another function and must be trained.** It starts near the old one: a 1x1 convolution has the old
    weights (the first one their sum over the grid cells), and the last layer the old weights divided among the grid
    cells. For a map that is the same in all cells and without dropout, both heads give the same scores.

    Args:
        head: Linear layers for features (N, C * cells), with activations and dropout between them; a leading Flatten
            may be part of it.
        channels: Channels C of the map (N, C, *grid) before it.
        grid: Grid of that map, 2D or 3D, such as (7, 7).

    Returns:
        Head from (N, C, *grid) to (N, M).

    Raises:
        TypeError: If the head is not a Sequential, or has another kind of layer.
        ValueError: If it has no linear layer, or the first one does not take C * cells features.

    Example:
        >>> old = nn.Sequential(nn.Linear(8 * 9, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 4))
        >>> new = single_linear_head(old, channels=8, grid=(3, 3))
        >>> [type(layer).__name__ for layer in new], new(torch.zeros(2, 8, 3, 3)).shape
        (['Conv2d', 'ReLU', 'Dropout2d', 'Flatten', 'Linear'], torch.Size([2, 4]))
    """
    check_type(head, nn.Sequential, "head")
    axes, cells = len(grid), math.prod(grid)
    check(axes in _CONVOLUTIONS and min(grid) > 0, "grid", "two or three positive numbers", grid)
    layers = [layer for layer in head if not isinstance(layer, nn.Flatten)]
    for layer in layers:
        if not isinstance(layer, (nn.Linear, nn.Dropout, *_KEPT)):
            remedy = "Convert the layers around it yourself."
            check_type(layer, (nn.Linear, nn.Dropout, nn.ReLU), "head", f"It has a {type(layer).__name__}. {remedy}")
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    check(bool(linear), "head", "of at least one linear layer", [type(layer).__name__ for layer in layers])
    check(isinstance(layers[-1], nn.Linear), "head", "a head that ends in a linear layer", type(layers[-1]).__name__)
    wanted, first = channels * cells, linear[0].in_features
    check(first == wanted, "head", f"of {channels} x {cells} = {wanted} features", first, "Give channels and grid.")
    new: list[nn.Module] = []
    for layer in layers[:-1]:
        if isinstance(layer, nn.Linear):
            new.append(_convolution(layer, cells if layer is linear[0] else 1, axes))
        else:
            new.append(_DROPOUTS[axes](layer.p) if isinstance(layer, nn.Dropout) else type(layer)())
    last = linear[-1]
    spread = last.weight if last is linear[0] else last.weight.repeat_interleave(cells, 1) / cells
    flat = nn.Linear(spread.shape[1], last.out_features, bias=last.bias is not None)
    _copy(flat, spread, last.bias)
    return nn.Sequential(*new, nn.Flatten(), flat).to(last.weight.device, last.weight.dtype).train(head.training)


def _convolution(layer: nn.Linear, cells: int, axes: int) -> nn.Module:
    """Return the 1x1 convolution with a linear layer's weights, summed over the cells of its features."""
    weight = layer.weight.unflatten(1, (-1, cells)).sum(2)
    made = _CONVOLUTIONS[axes](weight.shape[1], layer.out_features, 1, bias=layer.bias is not None)
    _copy(made, weight.reshape(made.weight.shape), layer.bias)
    return made


@torch.no_grad()
def _copy(layer: Any, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
    layer.weight.copy_(weight)
    if bias is not None and layer.bias is not None:
        layer.bias.copy_(bias)
