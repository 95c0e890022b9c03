"""Which volumes a network with a fully connected layer takes: those of which as many cells come as it was made for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from monai_pylon.utils import check, check_type

__all__ = ["check_positive", "check_same_cells", "head_cells", "is_checked", "least_edge", "size_along"]

#: How many cells come of a number of voxels along an axis; a RuntimeError where there are too few for a kernel.
Cells = Callable[[int], int]
_LARGEST_EDGE = 2**14


def check_positive(**numbers: Any) -> None:
    """Refuse arguments that are not positive integers.

    Args:
        numbers: by the arguments' names.

    Raises:
        TypeError: where one is no integer.
        ValueError: where one is not positive.

    Example:
        >>> check_positive(num_classes=0)
        Traceback (most recent call last):
        ...
        ValueError: num_classes must be positive, but is 0.
    """
    for name, number in numbers.items():
        check_type(number, int, name)
        check(number > 0, name, "positive", number)


def is_checked() -> bool:
    """Whether inputs are to be checked: not while a network is traced, compiled or exported.

    Example:
        >>> is_checked()
        True
    """
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def size_along(axes: str, size: Sequence[int], argument: str) -> tuple[int, ...]:
    """A size as a tuple of positive integers, one for each axis.

    Args:
        axes: their letters.
        size: to be checked.
        argument: its name.

    Returns:
        the tuple.

    Raises:
        TypeError: where it is no sequence of integers.
        ValueError: where there are more or fewer, or one is not positive.

    Example:
        >>> size_along("XY", [420, 400], "in_plane_size")
        (420, 400)
    """
    check_type(size, (tuple, list), argument)
    check(len(size) == len(axes), argument, f"({', '.join(axes)})", size)
    for n in size:
        check_positive(**{argument: n})
    return tuple(size)


def least_edge(cells: Cells, wanted: int) -> int:
    """The fewest voxels along an axis of which so many cells come.

    Args:
        cells: how many come of how many; never fewer of more.
        wanted: number of cells.

    Returns:
        the number of voxels.

    Example:
        >>> least_edge(lambda voxels: voxels // 32, 3)
        96
    """
    low, high = 0, 32
    while _count(cells, high) < wanted and high < _LARGEST_EDGE:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _count(cells, middle) >= wanted else (middle, high)
    return high


def _count(cells: Cells, edge: int) -> int:
    try:
        return cells(edge)
    except RuntimeError:  # smaller than a kernel
        return 0


def head_cells(size: Sequence[int], cells: Sequence[Cells], argument: str, remedy: str) -> tuple[int, ...]:
    """The cells that come of a volume's size, or an error that names the smallest size with any.

    Args:
        size: voxels along each axis.
        cells: how many cells come of them, axis by axis.
        argument: the size's name.
        remedy: what to do about it.

    Returns:
        the cells along each axis.

    Raises:
        ValueError: where there are none along an axis.

    Example:
        >>> head_cells((64, 95), [lambda voxels: voxels // 32] * 2, "in_plane_size", "")
        (2, 2)
    """
    found = tuple(_count(count, edge) for edge, count in zip(size, cells, strict=True))
    if min(found) <= 0:
        least = ", ".join(str(least_edge(count, 1)) for count in cells)
        check(False, argument, f"at least ({least}) voxels", tuple(size), remedy)
    return found


def check_same_cells(x: torch.Tensor, size: Sequence[int], cells: Sequence[Cells], argument: str) -> None:
    """Refuse a volume of which other cells come than of the size that a network was made for.

    Args:
        x: the volume (N, 1, X, Y, Z).
        size: voxels along the first spatial axes, for which the network was made.
        cells: how many cells come of how many voxels, for these axes.
        argument: the name of the network's argument that says the size.

    Raises:
        ValueError: where other cells come; the message says which sizes fit.

    Example:
        >>> check_same_cells(torch.zeros(1, 1, 63, 65, 2), (64, 64), [lambda voxels: voxels // 32] * 2, "size")
        Traceback (most recent call last):
        ...
        ValueError: volume must be of 64 to 95 by 64 to 95 voxels in plane, (N, 1, X, Y, Z), but is ...
    """
    given = tuple(x.shape[2 : 2 + len(size)])
    wanted = [count(edge) for edge, count in zip(size, cells, strict=True)]
    low = [least_edge(count, n) for n, count in zip(wanted, cells, strict=True)]
    high = [least_edge(count, n + 1) - 1 for n, count in zip(wanted, cells, strict=True)]
    fits = all(a <= edge <= b for edge, a, b in zip(given, low, high, strict=True))
    ranges = " by ".join(f"{a} to {b}" if a < b else f"{a}" for a, b in zip(low, high, strict=True))
    where = "voxels in plane" if len(size) == 2 else "voxels"
    remedy = (
        f"Crop or pad it (monai.transforms.ResizeWithPadOrCrop), or make the network with {argument}={given}. "
        "Axial slices lie on the last axis."
    )
    check(fits, "volume", f"of {ranges} {where}, (N, 1, X, Y, Z)", x, remedy)
