"""Nodules on the grid of a network's maps."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_numpy

from monai_pylon.data.datasets.luna16 import nodule_voxels
from monai_pylon.utils import check
from monai_pylon.visualize import MapGeometry

__all__ = ["MOST_NODULES", "NodulesOnScand", "nodule_cells"]

#: Nodules of a scan, at most; batches hold as many rows for each scan.
MOST_NODULES = 64


class NodulesOnScand(Transform):
    """Transform that moves the nodules of an item to the voxels of its image.

    Put it after all spatial transforms. Items without nodules get rows of NaN, so that items of a batch fit.

    Args:
        image_key: Item with the scan, MetaTensor (1, X, Y, Z).
        nodules_key: Item with nodules (K, 5) [x, y, z, diameter, class], RAS mm. They become (64, 7) float32 [x, y, z,
            radius x, radius y, radius z, class] in voxels, 0 the center of the first one; rows that are not needed are
            NaN.

    Raises:
        ValueError: If a scan has more than 64 nodules.

    Example:
        >>> from monai.data import MetaTensor
        >>> scan = MetaTensor(torch.zeros(1, 8, 8, 8), affine=torch.diag(torch.tensor([-2.0, -2, 4, 1])))
        >>> NodulesOnScand()({"image": scan, "nodules": np.array([[-4.0, -6, 8, 8, 0]])})["nodules"][0].tolist()
        [2.0, 3.0, 2.0, 2.0, 2.0, 1.0, 0.0]
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, image_key: str = "image", nodules_key: str = "nodules") -> None:
        self.image_key, self.nodules_key = image_key, nodules_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Move the nodules in a copy of an item."""
        item = dict(data)
        table = np.asarray(item.get(self.nodules_key, np.zeros((0, 5))), dtype=np.float64)
        check(len(table) <= MOST_NODULES, "nodules", f"at most {MOST_NODULES}", len(table), "Keep the largest ones.")
        rows = np.full((MOST_NODULES, 7), np.nan, dtype=np.float32)
        if len(table):
            affine = convert_to_numpy(item[self.image_key].affine).astype(np.float64)
            rows[: len(table)] = np.concatenate([*nodule_voxels(table, affine), table[:, 4:]], axis=1)
        item[self.nodules_key] = torch.from_numpy(rows)
        return item


def nodule_cells(
    nodules: torch.Tensor, geometry: MapGeometry, grid: Sequence[int], num_classes: int, image_size: Sequence[int]
) -> torch.Tensor:
    """Find the cells of a map that nodules touch.

    A cell covers the voxels around the position where it looks, up to halfway to its neighbors. A nodule whose center
    is outside of the image, or that touches no cell, has none.

    Args:
        nodules: (K, 7) [x, y, z, radius x, radius y, radius z, class] in voxels; rows of NaN are left out.
        geometry: Where the cells look.
        grid: Cells along x, y and z.
        num_classes: Number of classes M.
        image_size: Voxels along x, y and z.

    Returns:
        (M, *grid) bool.

    Example:
        >>> cells = nodule_cells(torch.tensor([[9.0, 1, 1, 2, 2, 2, 0]]), MapGeometry((2,) * 3, (5,) * 3), (2, 2, 2), 1, [10] * 3)
        >>> cells[0].nonzero().tolist()
        [[1, 0, 0]]
    """  # noqa: E501
    found = torch.zeros(num_classes, *grid, dtype=torch.bool)
    axes = []
    for axis, size in enumerate(grid):
        middle = geometry.origin[axis] + geometry.spacing[axis] * torch.arange(size, dtype=torch.float64)
        shape = [-1 if k == axis else 1 for k in range(3)]
        axes.append((middle.reshape(shape), geometry.spacing[axis] / 2))
    for row in nodules[~nodules.isnan().any(dim=1)].double():
        inside = bool(((row[:3] >= -0.5) & (row[:3] <= torch.tensor(image_size) - 0.5)).all())
        if not inside:
            continue
        distance = torch.zeros(1, 1, 1, dtype=torch.float64)
        for axis, (middle, half) in enumerate(axes):
            beyond = ((middle - row[axis]).abs() - half).clamp(min=0)
            distance = distance + (beyond / row[3 + axis]).square()
        found[int(row[6])] |= distance <= 1
    return found
