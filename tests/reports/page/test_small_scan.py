"""Tests of the reduced scan and of a map on its grid."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.page.small_scan import evidence_on_grid, reduce_labels, reduce_scan

AFFINE = np.array([[-0.8, 0, 0, 100], [0, -0.8, 0, 50], [0, 0, 2.5, -30], [0, 0, 0, 1.0]])


def test_a_small_scan_keeps_its_grid() -> None:
    hu = np.array([-2000.0, -1000, -996.1, 0, 1040, 5000, np.nan, np.inf]).reshape(2, 2, 2)
    small = reduce_scan(hu, AFFINE)
    assert small.factors == (1, 1, 1)
    assert np.array_equal(small.affine, AFFINE)
    assert small.hu.ravel().tolist() == [-1000, -1000, -1000, 0, 1040, 1040, -1000, 1040]


def test_a_ball_stays_where_it_is() -> None:
    """The center of mass of a ball, in mm, is the same on both grids, also if blocks reach over the edge."""
    shape = (41, 50, 23)
    index = np.moveaxis(np.indices(shape), 0, -1)
    world = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    center = np.array([84.0, 32.0, -2.0])
    hu = np.where(np.linalg.norm(world - center, axis=-1) < 8, 1000.0, -1000.0)
    small = reduce_scan(hu, AFFINE, most_voxels=9000)
    assert small.factors == (3, 2, 1), "the thick slices stay"
    assert small.stored.size <= 9000
    weight = small.hu + 1000
    at = np.moveaxis(np.indices(small.stored.shape), 0, -1) @ small.affine[:3, :3].T + small.affine[:3, 3]
    found = (at * weight[..., None]).sum((0, 1, 2)) / weight.sum()
    assert np.abs(found - center).max() < 0.25
    assert abs(small.hu.max() - 1000) <= 4
    labels = reduce_labels((hu > 0).astype(np.uint8) * 3, small.factors)
    assert labels.shape == small.stored.shape
    assert set(np.unique(labels)) == {0, 3}
    assert np.abs(at[labels == 3].mean(0) - center).max() < 1.0


def test_an_uneven_block_averages_the_voxels_it_has() -> None:
    small = reduce_scan(np.array([0.0, 80, 400]).reshape(3, 1, 1), np.eye(4), most_voxels=2)
    assert small.hu.ravel().tolist() == [40.0, 400.0]


def slow_evidence(cells: np.ndarray, to_map: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Interpolate voxel by voxel."""
    out = np.zeros(shape)
    for voxel in np.ndindex(*shape):
        at = (to_map @ [*voxel, 1])[:3]
        if any(x < -0.5 or x >= n - 0.5 for x, n in zip(at, cells.shape, strict=True)):
            continue
        for corner in np.ndindex(2, 2, 2):
            low = np.floor(at).astype(int)
            weight = np.prod([1 - abs(x - (k + c)) for x, k, c in zip(at, low, corner, strict=True)])
            cell = np.clip(low + corner, 0, np.array(cells.shape) - 1)
            out[voxel] += weight * cells[tuple(cell)]
    return out


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_evidence_lies_where_its_cells_are(order: tuple[int, ...]) -> None:
    cells = np.random.default_rng(1).normal(size=(3, 4, 2)).astype(np.float32)
    position = np.zeros((4, 4))
    for axis, world in enumerate(order):
        position[world, axis] = (-5.0, 4.0, 6.0)[axis]
    position[:, 3] = [8, 2, -3, 1]
    affine = np.diag([2.0, -1.5, 2.5, 1])
    affine[:3, 3] = [-6, 10, -9]
    found = evidence_on_grid(cells, position, (9, 10, 8), affine)
    expected = slow_evidence(cells, np.linalg.inv(position) @ affine, (9, 10, 8))
    assert np.abs(expected).max() > 0.5
    assert np.allclose(found, expected, atol=1e-5)
