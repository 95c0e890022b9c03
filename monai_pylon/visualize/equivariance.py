"""Shift equivariance: whether a map moves with the image (the central claim of the PYLON paper, section 2.2).

A map says where evidence is only if the same findings at another place give the same map at that place. Global averages
and group normalization mix the whole image into every grid cell, and padding marks the border.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_type
from monai_pylon.utils.arrays import as_float64
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import find_layer

__all__ = ["ShiftEquivariance", "layer_output", "shift_equivariance"]

Explain = Callable[[torch.Tensor, nn.Module], torch.Tensor]


class ShiftEquivariance(NamedTuple):
    """Agreement of the map of a shifted image with the shifted map.

    Attributes:
        correlation: Correlation over the grid cells that both maps have (N, M), −1 to 1; 1 for a map that moves with
            the image. NaN if one of the two is constant.
        relative_difference: Root mean square difference (N, M), divided by the standard deviation of the shifted map.
            0 for a map that moves with the image, 1.41 for a map of the same strength that has nothing to do with it.
            NaN if the map is constant.
        cells: Shift in grid cells along each axis.

    Example:
        >>> ShiftEquivariance(torch.ones(1, 1), torch.zeros(1, 1), (2, 0)).cells
        (2, 0)
    """

    correlation: torch.Tensor
    relative_difference: torch.Tensor
    cells: tuple[int, ...]


def layer_output(target_layer: str | nn.Module) -> Explain:
    """Return the function that computes the output of a layer, for :func:`shift_equivariance`.

    Args:
        target_layer: Name of the layer in the network, or the module. Its output must be (N, C, *grid).

    Returns:
        Function (x, network) -> (N, C, *grid).

    Example:
        >>> layer_output("0")(torch.zeros(1, 1, 8, 8), nn.Sequential(nn.Conv2d(1, 3, 1))).shape
        torch.Size([1, 3, 8, 8])
    """

    def output(x: torch.Tensor, network: nn.Module) -> torch.Tensor:
        seen: list[Any] = []
        handle = find_layer(network, target_layer).register_forward_hook(lambda module, args, out: seen.append(out))
        try:
            network(x)
        finally:
            handle.remove()
        check(len(seen) == 1, "target_layer", "called once in a forward pass", f"called {len(seen)} times")
        return seen[0]

    return output


def shift_equivariance(
    network: nn.Module, explain: Explain, x: torch.Tensor, shift: int | Sequence[int], margin: int = 0
) -> ShiftEquivariance:
    """Compare the map of a shifted image with the shifted map of the image.

    Two windows are cut out of a larger image, one shifted against the other. So no pixel is invented, and the windows
    differ at their borders only. The maps are compared on the cells that look at the part that both windows show.

    Args:
        network: Any network. It is evaluated in evaluation mode, without gradients for its weights.
        explain: Function (x, network) -> maps (N, M, *grid): :func:`layer_output` of a layer,
            :class:`ActivationMapInferer`, or ``lambda x, network: network.explain(x).attention``.
        x: Images (N, C, *spatial). The windows are smaller by the shift.
        shift: Pixels along each axis, or one number for all; multiples of the map's stride.
        margin: Grid cells at each border of the common part that are left out. Without a margin, the padding of the
            layers counts as a part of what the network does.

    Returns:
        Correlation and relative difference of each map.

    Raises:
        TypeError: If x is not a tensor.
        ValueError: If the shift is negative, zero along all axes, half of the image or more, or no multiple of the
            stride, or nothing is left to compare.

    Example:
        >>> network = nn.Conv2d(1, 2, 3, padding=1)
        >>> image = torch.rand(1, 1, 24, 24)
        >>> found = shift_equivariance(network, lambda x, network: network(x), image, (4, 0), margin=1)
        >>> found.cells, bool((found.relative_difference < 1e-5).all())
        ((4, 0), True)
    """
    check_type(x, torch.Tensor, "x")
    axes = x.ndim - 2
    check(axes > 0, "x", "of shape (N, C, *spatial)", x)
    steps = (shift,) * axes if isinstance(shift, int) else tuple(shift)
    check(len(steps) == axes and min(steps) >= 0 and max(steps) > 0, "shift", f"{axes} numbers from 0", shift)
    check(margin >= 0, "margin", "0 or more", margin)
    sizes = tuple(x.shape[2:])
    room = all(2 * step < size for step, size in zip(steps, sizes, strict=True))
    check(room, "shift", f"less than half of the image {sizes}", shift)
    window = tuple(size - step for size, step in zip(sizes, steps, strict=True))
    first = _part(x, [slice(0, size) for size in window])
    second = _part(x, [slice(step, step + size) for step, size in zip(steps, window, strict=True)])
    with evaluating(network):
        maps, moved = (as_float64(explain(part.contiguous(), network).detach()) for part in (first, second))
    check(maps.ndim == x.ndim, "explain", f"a function that returns (N, M, *grid) with {axes} axes", maps)
    cells = []
    for step, size, edge in zip(steps, window, maps.shape[2:], strict=True):
        whole = step * edge % size == 0
        remedy = f"The map has {edge} cells for {size} pixels: choose image and shift as multiples of the stride."
        check(whole, "shift", "a multiple of the map's stride", shift, remedy)
        cells.append(step * edge // size)
    grid = zip(cells, maps.shape[2:], strict=True)
    left = all(edge - cell - 2 * margin > 0 for cell, edge in grid)
    check(left, "margin", "so small that grid cells are left to compare", margin)
    kept = [slice(margin, edge - cell - margin) for cell, edge in zip(cells, maps.shape[2:], strict=True)]
    there = [slice(part.start + cell, part.stop + cell) for part, cell in zip(kept, cells, strict=True)]
    return _compared(_part(moved, kept).flatten(2), _part(maps, there).flatten(2), tuple(cells))


def _part(x: torch.Tensor, slices: Sequence[slice]) -> torch.Tensor:
    """Return the part of (N, C, *spatial) at one slice along each spatial axis."""
    index = (slice(None), slice(None), *slices)
    return x[index]


def _compared(moved: torch.Tensor, maps: torch.Tensor, cells: tuple[int, ...]) -> ShiftEquivariance:
    """Compare maps (N, M, cells) of the same places."""
    a, b = moved - moved.mean(2, keepdim=True), maps - maps.mean(2, keepdim=True)
    spread = b.square().mean(2).sqrt()
    product = a.square().sum(2).sqrt() * b.square().sum(2).sqrt()
    correlation = (a * b).sum(2) / product  # 0 / 0, NaN, if one of the two is constant
    difference = (moved - maps).square().mean(2).sqrt()
    return ShiftEquivariance(correlation, torch.where(spread > 0, difference / spread, torch.nan), cells)
