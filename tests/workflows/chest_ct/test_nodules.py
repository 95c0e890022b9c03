"""Tests of nodules on the grid of a network's maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation, Spacing

from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct import NodulesOnScand
from monai_pylon.workflows.chest_ct.nodules import MOST_NODULES, nodule_cells


def test_nodules_follow_the_scan() -> None:
    """A bright voxel stays under its nodule when axes and spacing change."""
    affine = torch.tensor([[2.0, 0, 0, -30], [0, 2, 0, 12], [0, 0, 3, 7], [0, 0, 0, 1]], dtype=torch.float64)
    scan = MetaTensor(torch.zeros(1, 20, 16, 12), affine=affine)
    scan[0, 13, 4, 6] = 1
    point = (affine @ torch.tensor([13.0, 4, 6, 1], dtype=torch.float64))[:3].tolist()
    moved = Spacing((1.0, 1.0, 1.5), mode="bilinear")(Orientation("LPI", labels=None)(scan))
    row = NodulesOnScand()({"image": moved, "nodules": np.array([[*point, 6, 2]])})["nodules"][0]
    brightest = np.unravel_index(int(moved[0].argmax()), moved.shape[1:])
    np.testing.assert_allclose(row[:3], brightest, atol=0.6)
    np.testing.assert_allclose(row[3:6], [3, 3, 2], rtol=1e-5)
    assert row[6] == 2


def test_items_without_nodules_have_rows_of_nan() -> None:
    item = NodulesOnScand()({"image": MetaTensor(torch.zeros(1, 2, 2, 2))})
    assert item["nodules"].shape == (MOST_NODULES, 7)
    assert item["nodules"].isnan().all()
    with pytest.raises(ValueError, match="nodules must be at most 64, but is 65"):
        NodulesOnScand()({"image": MetaTensor(torch.zeros(1, 2, 2, 2)), "nodules": np.zeros((65, 5))})


def test_cells_against_the_distance_of_each_voxel() -> None:
    """A cell is touched if one of the points around its position is in the ellipsoid."""
    draw = np.random.default_rng(0)
    geometry, grid = MapGeometry((3.0, 2.0, 1.0), (4.0, 5.0, 3.0)), (4, 3, 5)
    offsets = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 11)] * 3, indexing="ij"), -1).reshape(-1, 3)
    for _ in range(5):
        center, radius = draw.uniform(0, 14, 3), draw.uniform(0.5, 4, 3)
        row = torch.tensor([[*center, *radius, 0]])
        found = nodule_cells(row, geometry, grid, 1, (16, 16, 16))[0]
        for cell in np.ndindex(grid):
            points = np.array(geometry.origin) + (np.array(cell) + offsets) * np.array(geometry.spacing)
            nearest = (((points - center) / radius) ** 2).sum(1).min()
            if abs(nearest - 1) > 0.5:  # the points are up to 0.5 voxels apart
                assert bool(found[cell]) == (nearest < 1), (cell, nearest)


def test_nodules_outside_of_image_or_map_have_no_cell() -> None:
    geometry = MapGeometry((8.0,) * 3, (2.0,) * 3)
    rows = torch.tensor([[-3.0, 9, 9, 9, 9, 9, 0], [1, 1, 1, 1, 1, 1, 0], [float("nan")] * 7])
    assert not nodule_cells(rows, geometry, (2, 2, 2), 1, (20, 20, 20)).any()
