"""Shares of grid cells in organs against voxels counted one by one, and weights of labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.networks.blocks.organ_pooling import OrganPooling, organ_shares, organs_at_cells
from monai_pylon.networks.nets import AxialNet
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.transforms import allowed_regions
from monai_pylon.visualize import MapGeometry, map_geometry


def counted_shares(organs, slices, stride, first, cells):
    """Count the voxels of each cell with loops: those whose index is within half a stride of the cell's position."""
    samples, width, height, depth = organs.shape
    groups = -(-depth // slices)
    shares = np.zeros((samples, groups, 3, *cells))
    for n, g, row, column in np.ndindex(samples, groups, *cells):
        start = [first + stride * i - stride // 2 for i in (column, row)]
        xs, ys = (
            [v for v in range(a, a + stride) if 0 <= v < size] for a, size in zip(start, (width, height), strict=True)
        )
        zs = [min(z, depth - 1) for z in range(g * slices, (g + 1) * slices)]
        box = organs[n][np.ix_(xs, ys, zs)]
        for organ in (1, 2, 3) if box.size else ():
            shares[n, g, organ - 1, row, column] = (box == organ).mean()
    return shares


@pytest.mark.parametrize(
    ("slices", "stride", "first", "cells"),
    [
        (3, 8, 0, (3, 4)),
        (3, 8, 8, (1, 2)),
        (1, 4, 3, (5, 7)),
        (4, 2, 0, (10, 14)),
        (2, 8, 12, (1, 2)),
        (3, 1, 0, (4, 3)),
    ],
)
def test_shares_equal_counted_voxels(slices, stride, first, cells):
    organs = np.random.default_rng(0).integers(0, 4, (2, 27, 21, 7))
    found = organ_shares(torch.from_numpy(organs).float(), slices, stride, first, cells)
    np.testing.assert_allclose(found.numpy(), counted_shares(organs, slices, stride, first, cells), atol=1e-6)


@pytest.mark.parametrize(
    ("slices", "stride", "first", "cells"),
    [(3, 8, 0, (3, 4)), (3, 8, 12, (1, 2)), (1, 4, 3, (5, 7)), (2, 2, 0, (10, 14)), (3, 1, 0, (4, 3))],
)
def test_organs_at_cells_are_those_of_nearest_at_true_positions(slices, stride, first, cells):
    organs = np.random.default_rng(0).integers(0, 4, (2, 27, 21, 6))
    found = organs_at_cells(torch.from_numpy(organs).float(), slices, stride, first, cells)
    grid = (cells[1], cells[0], 6 // slices)
    geometry = MapGeometry((first, first, (slices - 1) / 2), (stride, stride, slices))
    expected = np.stack([allowed_regions(each, np.eye(3), grid, geometry=geometry) for each in organs])
    np.testing.assert_array_equal(found.permute(0, 2, 4, 3, 1).numpy(), expected)


def test_cell_outside_the_slice_has_no_organ():
    found = organs_at_cells(torch.ones(1, 6, 4, 3), 3, 4, 2, (2, 3))
    assert found[0, 0, 0].tolist() == [[1, 0, 0], [0, 0, 0]]


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("densenet121", "efficientnet_b0", "efficientnet_lite0")]


@pytest.mark.parametrize("encoder", ["conv5", "resnet18", *SLOW])
def test_cells_lie_where_the_network_looks(encoder):
    """Each cell of an organ that fills one plane only: the cell within half a stride of the plane has a share."""
    size = (160, 160, 6)
    net = AxialNet(1, encoder, 3, size[:2], (4,), label_organs=[[1, 0, 0]])
    geometry = map_geometry(AxialNet(1, net.encoder, 3, size[:2], (4,)), None, size)
    for axis in (0, 1):
        for plane in range(16, 144, 7):
            organs = torch.zeros(1, *size)
            organs[(slice(None),) * (axis + 1) + (plane,)] = 1
            weights = net._weights(organs)[0, 0, 0].T  # (x, y) of the first group
            seen = weights.amax(1 - axis) > 0
            centers = geometry.origin[axis] + geometry.spacing[axis] * np.arange(len(seen))
            near = np.abs(centers - plane)
            half = geometry.spacing[axis] / 2
            assert not seen[near > half].any()
            assert seen[near < half].all()


def test_weights_sum_the_organs_of_a_label():
    shares = torch.rand(2, 3, 3, 4, 5) / 3
    table = np.array([[True, False, True], [False, True, False], [True, True, True]])
    found = OrganPooling(table, 3)(shares)
    expected = torch.stack([shares[:, :, 0] + shares[:, :, 2], shares[:, :, 1], shares.sum(2)], 2)
    torch.testing.assert_close(found, expected)
    assert OrganPooling(possible_locations(), 80).state_dict() == {}


@pytest.mark.parametrize("table", [[[1, 0]], [[1, 0, 2]], [[0, 0, 0]], np.ones((2, 3)), "lung"])
def test_unusable_organs_are_refused(table):
    with pytest.raises(ValueError, match=r"label_organs must be .*possible_locations"):
        OrganPooling(table, 1)


@pytest.mark.parametrize("value", [-1.0, 4.0, 1.5, float("nan")])
def test_values_that_are_no_organ_are_refused(value):
    OrganPooling.check_labels(torch.tensor([0.0, 1, 2, 3]))
    with pytest.raises(ValueError, match="organ labels 0, 1, 2, 3"):
        OrganPooling.check_labels(torch.tensor([0.0, 1, value, 3]))
