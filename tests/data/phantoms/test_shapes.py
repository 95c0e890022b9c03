"""Tests of the shapes, against hand-computed depths and the nearest point of a densely sampled surface."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.shapes import (
    Box,
    Ellipsoid,
    Grid,
    Tube,
    cone_depth,
    cover,
    superellipse_depth,
    superellipse_reach,
)


def at(*points):
    """Return points as three arrays (K,) of coordinates."""
    return np.array(points, dtype=float).T


@pytest.mark.parametrize(
    ("depth", "edge", "share"), [(0.0, 2.0, 0.5), (1.0, 2.0, 1.0), (-1.0, 2.0, 0.0), (0.5, 4.0, 0.625), (9.0, 1.0, 1.0)]
)
def test_cover_by_hand(depth, edge, share):
    assert cover(np.array(depth), edge) == share


def test_depth_in_an_ellipsoid_by_hand():
    ball = Ellipsoid((10, 20, 30), (4, 6, 8))
    points = at((14, 20, 30), (10, 26, 30), (10, 20, 38), (11, 20, 30), (10, 20, 40), (16, 20, 30))
    # on an axis the depth is the distance to the surface, at the center the smallest radius
    np.testing.assert_allclose(ball.depth(*points), [0, 0, 0, 3, -2, -2], atol=1e-6)
    assert ball.depth(*at((10, 20, 30)))[0] == 4


def test_ellipsoid_rotates_anticlockwise_seen_from_the_head():
    ball = Ellipsoid((0, 0, 0), (10, 2, 2), angle=np.pi / 2)
    np.testing.assert_allclose(ball.depth(*at((0, 10, 0), (0, 9, 0), (2, 0, 0))), [0, 1, 0], atol=1e-6)
    aslant = Ellipsoid((0, 0, 0), (10, 2, 2), angle=np.pi / 4)
    end = 10 / np.sqrt(2)
    np.testing.assert_allclose(aslant.depth(*at((end, end, 0))), 0.0, atol=1e-6)
    assert aslant.depth(*at((end, -end, 0))) < -3


def test_depth_near_the_surface_is_nearly_the_distance():
    radii = np.array([20.0, 30.0, 45.0])
    rng = np.random.default_rng(0)
    surface = rng.normal(size=(200_000, 3))
    surface *= 1 / np.linalg.norm(surface / radii, axis=1, keepdims=True)
    points = surface[:40] * rng.uniform(0.93, 1.07, (40, 1))
    distance = np.array([np.linalg.norm(surface - point, axis=1).min() for point in points])
    inside = np.linalg.norm(points / radii, axis=1) < 1
    depth = Ellipsoid((0, 0, 0), radii).depth(*points.T)
    np.testing.assert_allclose(depth, np.where(inside, distance, -distance), atol=0.3)


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_box_contains_its_ellipsoid(angle):
    ball = Ellipsoid((5, -3, 2), (10, 4, 7), angle)
    low, high = ball.box(margin=1.0)
    points = np.random.default_rng(1).uniform(-30, 30, (5000, 3))
    inside = points[ball.depth(*points.T) > 0]
    assert (inside >= low).all()
    assert (inside <= high).all()


def test_depth_in_a_cone_by_hand():
    cone = np.array([0, 0, 0, 10, 0, 0, 2, 4.0])
    points = at((5, 0, 0), (5, 3, 0), (0, 2, 0), (-1, 0, 0), (13, 0, 0), (15, 0, 0), (10, 0, -6))
    depth, radius = cone_depth(cone, *points)
    np.testing.assert_allclose(depth, [3, 0, 0, 1, 1, -1, -2], atol=1e-6)
    np.testing.assert_allclose(radius, [3, 3, 2, 2, 4, 4, 4], atol=1e-6)


def test_cone_without_length_is_a_sphere():
    depth, _ = cone_depth(np.array([1, 2, 3, 1, 2, 3, 5, 5.0]), *at((1, 2, 3), (1, 2, 9)))
    np.testing.assert_allclose(depth, [5, -1])


def test_a_tube_is_as_deep_as_the_deepest_of_its_cones():
    tube = Tube(np.array([[0, 0, 0], [10, 0, 0], [10, 10, 0.0]]), np.array([1.0, 2.0, 2.0]))
    assert tube.segments().shape == (2, 8)
    np.testing.assert_allclose(tube.depth(*at((5, 0, 0), (10, 5, 0), (10, 5, 3))), [1.5, 2.0, -1.0], atol=1e-6)


def test_spheres_along_a_tube():
    tube = Tube(np.array([[0, 0, 0], [30, 0, 0], [30, 40, 0.0]]), np.array([1.0, 4.0, 4.0]))
    balls = tube.spheres(step=10.0)
    assert balls.shape == (8, 4)
    np.testing.assert_allclose(balls[[0, 1, -1]], [[0, 0, 0, 1], [10, 0, 0, 2], [30, 40, 0, 4]])
    np.testing.assert_allclose(np.linalg.norm(np.diff(balls[:, :3], axis=0), axis=1), 10.0)


def test_a_superellipse_by_hand():
    np.testing.assert_allclose(superellipse_depth(*at((90, 0, 0), (0, 45, 0), (105, 0, 0))[:2], 100, 50), [10, 5, -5])
    # |x/a|^2.5 + |y/b|^2.5 = 1 at x = y for a = b = 1: 0.5 ** 0.4
    corner = 100 * 0.5**0.4
    assert superellipse_depth(np.array(corner), np.array(corner), 100, 100) == pytest.approx(0, abs=1e-9)


def test_reach_and_depth_of_a_superellipse_agree():
    x = np.linspace(-99, 99, 41)
    border = superellipse_reach(x, 100.0, 60.0)
    np.testing.assert_allclose(superellipse_depth(x, border, 100.0, 60.0), 0, atol=1e-9)
    np.testing.assert_allclose(superellipse_depth(x, -border, 100.0, 60.0), 0, atol=1e-9)
    assert superellipse_reach(np.array([101.0, 5.0]), np.array([100.0, -3.0]), 60.0).tolist() == [0.0, 0.0]
    assert superellipse_reach(np.array(5.0), 100.0, -1.0) == 0.0


def test_grid_has_patient_coordinates():
    grid = Grid([np.arange(3.0), np.arange(2.0), np.arange(4.0)], shift=(1.0, 0.0, -2.0))
    assert grid.shape == (3, 2, 4)
    assert grid.x.ravel().tolist() == [-1, 0, 1]
    assert grid.z.ravel().tolist() == [2, 3, 4, 5]
    assert grid.up is grid.y


def test_angle_turns_the_patient_to_the_left():
    quarter = Grid([np.array([0.0, 5.0]), np.array([0.0, 7.0]), np.zeros(1)], angle=np.pi / 2)
    # the front of the scanner is the right side of a patient who is turned to the left
    np.testing.assert_allclose(quarter.x[0, :, 0], [0, 7], atol=1e-5)
    np.testing.assert_allclose(quarter.y[:, 0, 0], [0, -5], atol=1e-5)
    # gravity follows the scanner
    np.testing.assert_allclose(quarter.up[:, :, 0], [[0, 7], [0, 7]], atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_crop_contains_all_voxels_in_a_box(angle):
    rng = np.random.default_rng(3)
    grid = Grid([np.arange(-20.0, 20, 2), np.arange(20.0, -20, -2), np.arange(-9.0, 9, 3)], angle, (2.0, -1.0, 0.5))
    for _ in range(20):
        low = rng.uniform(-12, 6, 3)
        box = Box(low, low + rng.uniform(1, 12, 3))
        inside = np.ones(grid.shape, dtype=bool)
        for axis, a, b in zip((grid.x, grid.y, grid.z), *box, strict=True):
            inside &= (axis >= a) & (axis <= b)
        part = grid.crop(box)
        if part is None:
            assert not inside.any()
            continue
        where, cropped = part
        assert inside[where].sum() == inside.sum()
        np.testing.assert_array_equal(cropped.x + 0 * cropped.y, (grid.x + 0 * grid.y)[where[:2]])


def test_crop_beside_the_grid_is_none():
    assert Grid([np.arange(3.0)] * 3).crop(Box((50, 0, 0), (60, 1, 1))) is None
