"""Pooling inside organs: each grid cell counts by its voxels that lie in the label's organs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.tracing import is_eager
from monai_pylon.taxonomy.organs import are_organ_labels
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_array

__all__ = ["OrganPooling", "organ_shares", "organs_at_cells"]

#: Values of right lung, mediastinum and left lung in a label map.
_VALUES = (1, 2, 3)


def organ_shares(
    organs: torch.Tensor, slices_per_group: int, stride: int, first: int, cells: Sequence[int]
) -> torch.Tensor:
    """Compute the share of the voxels of each grid cell that lie in each organ.

    The voxels of a cell are those of the group's slices in a square of ``stride`` voxels around the position where the
    cell looks. Voxels outside the slice do not count.

    Args:
        organs: Organ labels (N, X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        slices_per_group: Slices in a group; copies of the last slice fill an incomplete last group.
        stride: Voxels from one cell to the next.
        first: Voxel at which the first cell looks, along x and along y.
        cells: Number of cells (rows, columns).

    Returns:
        Shares (N, G, 3, rows, columns) from 0 to 1, float32. 0 for a cell that looks outside the slice.

    Example:
        >>> organs = torch.tensor([1.0, 1, 1, 2, 2, 0]).reshape(1, 6, 1, 1)  # along x
        >>> organ_shares(organs, 1, stride=2, first=0, cells=(1, 3))[0, 0, :, 0]
        tensor([[1., 1., 0.],
                [0., 0., 1.],
                [0., 0., 0.]])
    """
    groups = group_slices(organs[:, None], slices_per_group)  # (N, G, S, rows, columns)
    each = torch.stack([(groups == value).float().mean(2) for value in _VALUES], 2).flatten(0, 1)
    inside = torch.ones_like(each[:1, :1])
    before = stride // 2 - first  # negative: the first cells of the map look further in
    after = [stride * n - before - size for n, size in zip(cells, each.shape[2:], strict=True)]
    pad = (before, after[1], before, after[0])
    sums, counts = (F.avg_pool2d(F.pad(part, pad), stride) for part in (each, inside))
    return (sums / counts.clamp_min(1e-6)).unflatten(0, groups.shape[:2])


def organs_at_cells(
    organs: torch.Tensor, slices_per_group: int, stride: int, first: int, cells: Sequence[int]
) -> torch.Tensor:
    """Find the organ of each grid cell: that of the voxel at which the cell looks, in the middle slice of its group.

    This is the rule of :func:`monai_pylon.transforms.allowed_regions` with "nearest" and the geometry of the map.

    Args:
        organs: Organ labels (N, X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        slices_per_group: Slices in a group; copies of the last slice fill an incomplete last group.
        stride: Voxels from one cell to the next.
        first: Voxel at which the first cell looks, along x and along y.
        cells: Number of cells (rows, columns).

    Returns:
        1 in the cells of an organ and 0 elsewhere (N, G, 3, rows, columns), float32. 0 for a cell that looks outside
        the slice.

    Example:
        >>> organs = torch.tensor([1.0, 1, 1, 2, 2, 0]).reshape(1, 6, 1, 1)  # along x; the cells look at 0, 2 and 4
        >>> organs_at_cells(organs, 1, stride=2, first=0, cells=(1, 3))[0, 0, :, 0]
        tensor([[1., 1., 0.],
                [0., 0., 1.],
                [0., 0., 0.]])
    """
    middle = group_slices(organs[:, None], slices_per_group)[:, :, slices_per_group // 2]  # (N, G, rows, columns)
    # Voxels to add to the slice, or to remove if negative, so that each axis has as many steps as cells.
    more = [first + stride * n - size for n, size in zip(cells, middle.shape[2:], strict=True)]
    seen = F.pad(middle, (0, more[1], 0, more[0]))[..., first::stride, first::stride]
    return torch.stack([(seen == value).float() for value in _VALUES], 2)


class OrganPooling(nn.Module):
    """Weights of grid cells, from the organs in which each label may lie.

    Args:
        label_organs: Whether each label may lie in right lung, mediastinum and left lung (M, 3), bool.
        num_classes: Number of labels M.

    The module turns the shares (N, G, 3, rows, columns) of :func:`organ_shares`, or the cells of
    :func:`organs_at_cells`, into weights (N, G, M, rows, columns) from 0 to 1. It has no parameters and adds nothing to
    the state of a network.

    Raises:
        ValueError: If label_organs has another shape or other values, or a label has no organ.

    Example:
        >>> pooling = OrganPooling([[True, False, True]], num_classes=1)
        >>> pooling(torch.tensor([0.25, 0.5, 0.125]).reshape(1, 1, 3, 1, 1)).flatten()
        tensor([0.3750])
    """

    label_organs: torch.Tensor

    def __init__(self, label_organs: Any, num_classes: int) -> None:
        super().__init__()
        table = as_array(label_organs) if hasattr(label_organs, "__array__") else np.array(label_organs)
        remedy = "Say for each label whether it may lie in right lung, mediastinum, left lung (possible_locations())."
        fits = table.shape == (num_classes, 3) and bool(np.isin(table, (0, 1)).all())
        check(fits, "label_organs", f"bool of shape ({num_classes}, 3)", label_organs, remedy)
        empty = np.flatnonzero(~table.astype(bool).any(1)).tolist()
        check(not empty, "label_organs", "at least one organ for each label", f"empty for the labels {empty}", remedy)
        self.register_buffer("label_organs", torch.from_numpy(table.astype(np.float32)), persistent=False)

    def forward(self, shares: torch.Tensor) -> torch.Tensor:
        """Compute the weights (N, G, M, rows, columns) of shares (N, G, 3, rows, columns)."""
        with torch.autocast(shares.device.type, enabled=False):
            return torch.einsum("ngoyx,mo->ngmyx", shares, self.label_organs.to(shares.dtype))

    @staticmethod
    def check_labels(organs: torch.Tensor, argument: str = "volume") -> None:
        """Raise an error if organ labels (N, X, Y, Z) are not 0, 1, 2 or 3; nothing is checked while tracing."""
        if is_eager():
            remedy = "Use the labels of partition_organs; resample and turn them by nearest neighbor."
            check(are_organ_labels(organs), argument, "with organ labels 0, 1, 2, 3 as second channel", organs, remedy)
