"""Grids of the attention of networks for chest CT, and where their cells look."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from monai_pylon.networks.nets.slice_network import SliceNetwork
from monai_pylon.utils import check
from monai_pylon.visualize import MapGeometry, map_geometry

__all__ = ["attention_geometry", "attention_grid", "evaluation_grid"]


def attention_grid(
    network: nn.Module, image_size: Sequence[int], otherwise: Sequence[int] | None = None
) -> tuple[int, int, int]:
    """Return the grid of a network's attention, which is that of its allowed regions.

    Args:
        network: Network for volumes (N, 1, X, Y, Z).
        image_size: Voxels (X, Y, Z).
        otherwise: Grid cells (x, y) instead of the network's own. A network without attention has the paper's 6 x 6, in
            groups of three slices.

    Returns:
        The grid (x, y, groups).

    Raises:
        ValueError: If the slices are no multiple of the group size: regions and groups would not match.

    Example:
        >>> from monai_pylon.networks.nets import BodyCAM
        >>> attention_grid(BodyCAM(), (420, 420, 405))
        (6, 6, 135)
    """
    check(len(image_size) == 3, "image_size", "(X, Y, Z)", image_size)
    per_group = getattr(network, "slices_per_group", 3)
    groups, rest = divmod(image_size[2], per_group)
    check(rest == 0 and groups > 0, "image_size", f"of a multiple of {per_group} slices", tuple(image_size))
    x, y = (6, 6) if otherwise is None else otherwise
    if otherwise is None and isinstance(network, SliceNetwork) and hasattr(network, "reduction"):
        columns, rows = network.plane_cells()
        x, y = columns(image_size[0]), rows(image_size[1])
    return x, y, groups


def attention_geometry(
    network: nn.Module, image_size: Sequence[int], true_positions: bool = False
) -> MapGeometry | None:
    """Return where the cells of a network's attention look, for its allowed regions.

    Args:
        network: Network for volumes (N, 1, X, Y, Z) with ``explain``.
        image_size: Voxels (X, Y, Z).
        true_positions: Whether the regions lie where the cells look. The paper stretches the cells evenly.

    Returns:
        The geometry; None for an even stretch.

    Example:
        >>> from monai_pylon.networks.nets import BodyCAM
        >>> attention_geometry(BodyCAM(), (420, 420, 405), true_positions=True)
        MapGeometry(origin=(128.0, 128.0, 1.0), spacing=(32.0, 32.0, 3.0))
    """
    return map_geometry(network, None, tuple(image_size)) if true_positions else None


def evaluation_grid(network: nn.Module, image_size: Sequence[int]) -> tuple[int, int, int]:
    """Return the grid on which OrganIoU evaluates a network.

    It is the grid of the network's attention. For AxialNet without its convolutions (NoCustomConv) it is the paper's
    6 x 6, to which the authors bring the maps of 14 x 14.

    Args:
        network: Network for volumes (N, 1, X, Y, Z).
        image_size: Voxels (X, Y, Z).

    Returns:
        The grid (x, y, groups).

    Example:
        >>> from monai_pylon.networks.nets import AxialNet
        >>> evaluation_grid(AxialNet(reduction_channels=()), (420, 420, 405))
        (6, 6, 135)
    """
    reduction = getattr(network, "reduction", None)
    return attention_grid(network, image_size, (6, 6) if reduction is not None and len(reduction) == 0 else None)
