"""Input sizes accepted by networks with a fully connected layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from monai_pylon.utils import check, check_type

__all__ = ["check_positive", "check_same_cells", "head_cells", "least_edge", "size_along"]

#: Function from the voxels to the grid cells along an axis. It may raise a RuntimeError if the axis is shorter than a
#: kernel.
Cells = Callable[[int], int]
_LARGEST_EDGE = 2**14


def check_positive(**numbers: Any) -> None:
    """Raise an error if an argument is not a positive integer.

    Args:
        numbers: Values by the names of the arguments.

    Raises:
        TypeError: If a value is not an integer.
        ValueError: If a value is not positive.

    Example:
        >>> check_positive(num_classes=0)
        Traceback (most recent call last):
        ...
        ValueError: num_classes must be positive, but is 0.
    """
    for name, number in numbers.items():
        check_type(number, int, name)
        check(number > 0, name, "positive", number)


def size_along(axes: str, size: Sequence[int], argument: str) -> tuple[int, ...]:
    """Convert a size to a tuple with one positive integer for each axis.

    Args:
        axes: Letters of the axes.
        size: Size to check.
        argument: Name of the argument that holds the size.

    Returns:
        The size as a tuple.

    Raises:
        TypeError: If the size is not a tuple or list of integers.
        ValueError: If its length differs from the number of axes, or a value is not positive.

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
    """Find the smallest number of voxels along an axis that gives a number of grid cells.

    Args:
        cells: Function from voxels to grid cells, non-decreasing.
        wanted: Number of grid cells, at least 1.

    Returns:
        Number of voxels.

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
    """Count the grid cells along an edge: 0 if it is shorter than a kernel."""
    try:
        return cells(edge)
    except RuntimeError:  # PyTorch's error for an input smaller than a kernel
        return 0


def head_cells(size: Sequence[int], cells: Sequence[Cells], argument: str, remedy: str) -> tuple[int, ...]:
    """Compute the grid cells of a volume's size, or raise an error that names the smallest accepted size.

    Args:
        size: Voxels along each axis.
        cells: Function from voxels to grid cells for each axis.
        argument: Name of the argument that holds the size.
        remedy: Sentence that ends the error message.

    Returns:
        Grid cells along each axis.

    Raises:
        ValueError: If an axis has no cells.

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
    """Raise an error if a volume has another number of grid cells than the network was made for.

    Args:
        x: Volume (N, 1, X, Y, Z).
        size: Voxels along the first spatial axes for which the network was made.
        cells: Function from voxels to grid cells for each of these axes.
        argument: Name of the network's argument that holds the size.

    Raises:
        ValueError: If the numbers of cells differ. The message names the accepted sizes.

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
        "The last axis must hold the axial slices."
    )
    check(fits, "volume", f"of {ranges} {where}, (N, 1, X, Y, Z)", x, remedy)
