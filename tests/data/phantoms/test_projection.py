"""Projection without a volume: hand-computed pixels, masses that must be kept, a slow integral of the same anatomy."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_chest import lung_chords
from monai_pylon.data.phantoms.shapes import Tube

PARALLEL = PatientPose(distance=1e9)
TILTED = PatientPose(turn=0.1, tip=0.05, lean=0.03, bend=6.0, shift=(7.0, -12.0), detector_at=-125.0, distance=1050.0)


@pytest.mark.parametrize("pose", [PARALLEL, PatientPose(), TILTED])
def test_a_point_is_found_again_from_its_picture(pose):
    x, y, z = np.random.default_rng(0).uniform(-100, 100, (3, 50))
    u, v = pose.cast(x, y, z)
    np.testing.assert_allclose(pose.height(v, y), z, atol=1e-4)
    np.testing.assert_allclose(pose.beside(u, v, y), x, atol=1e-4)


def test_what_lies_nearer_to_the_source_is_larger():
    pose = PatientPose(detector_at=100.0, distance=1000.0)
    assert pose.enlargement(100.0) == 1.0
    assert pose.enlargement(0.0) == pytest.approx(1000 / 900)
    assert PatientPose(detector_at=-100.0, distance=1000.0).enlargement(100.0) == pytest.approx(1000 / 800)


def test_a_span_counts_the_pixels_that_it_cuts_by_their_share():
    # columns from right to left: 20..10, 10..0, 0..-10, -10..-20
    radiograph = Detector(4, 40.0, PARALLEL)
    low, high = np.full((4, 1), -5.0), np.full((4, 1), 12.0)
    high[3] = low[3] - 1.0  # an empty row
    picture = radiograph.sum_spans([(low, high)], np.zeros(1), thickness=3.0)
    np.testing.assert_allclose(picture[0], [0.6, 3.0, 1.5, 0.0], atol=1e-5)
    np.testing.assert_array_equal(picture[3], 0.0)


def test_spans_beyond_the_radiograph_end_at_its_border():
    radiograph = Detector(4, 40.0, PARALLEL)
    picture = radiograph.sum_spans([(np.full((4, 1), -500.0), np.full((4, 1), 500.0))], np.zeros(1), thickness=2.0)
    np.testing.assert_allclose(picture, 2.0, atol=1e-5)


def test_sheets_of_a_ball_hold_its_volume():
    radiograph, y = Detector(64, 128.0, PARALLEL), np.arange(-39.5, 40.0)
    half = np.sqrt(np.maximum(40.0**2 - y**2 - radiograph.v**2, 0.0))
    picture = radiograph.sum_spans([(10.0 - half, 10.0 + half)], y, thickness=1.0)
    assert picture.sum() * radiograph.pixel**2 == pytest.approx(4 / 3 * np.pi * 40.0**3, rel=2e-3)
    assert picture.max() == pytest.approx(80.0, abs=1.0)


@pytest.mark.parametrize("radius", [0.4, 1.5, 6.0])
@pytest.mark.parametrize("end", [(40, 0, 30), (0, 0, 40), (2, 60, 1)])
@pytest.mark.parametrize("size", [64, 200])
def test_tubes_keep_their_mass(radius, end, size):
    radiograph = Detector(size, 200.0, PARALLEL)
    picture = radiograph.sum_tubes(np.array([[-10.0, 0, -5, *end, radius, radius]]))
    length = np.linalg.norm(np.subtract(end, (-10, 0, -5)))
    assert picture.sum() * radiograph.pixel**2 == pytest.approx(np.pi * radius**2 * length, rel=1e-3)


def test_tubes_lie_where_they_are_cast():
    radiograph = Detector(100, 200.0, TILTED)
    start, end = np.array([20.0, 10.0, -30.0]), np.array([24.0, 30.0, -26.0])
    picture = radiograph.sum_tubes(np.array([[*start, *end, 1.0, 1.0]]))
    u, v = radiograph.pose.cast(*(0.5 * (start + end)))
    assert (picture * radiograph.u).sum() / picture.sum() == pytest.approx(u, abs=0.2)
    assert (picture * radiograph.v).sum() / picture.sum() == pytest.approx(v, abs=0.2)


def test_a_tube_off_the_radiograph_is_lost():
    assert not Detector(32, 100.0, PARALLEL).sum_tubes(np.array([[500.0, 0, 0, 600, 0, 0, 2, 2]])).any()


def test_a_hollow_tube_by_hand():
    radiograph = Detector(101, 101.0, PARALLEL)
    part, tube, hollow = radiograph.tube_chord(
        Tube(np.array([[0, 0, -200.0], [0, 0, 200.0]]), np.array([5.0, 5.0])), shell=2.0
    )
    whole = np.zeros((2, 101, 101))
    whole[0][part], whole[1][part] = tube, hollow
    np.testing.assert_allclose(whole[:, 50, 50], [10.0, 6.0], atol=1e-4)
    np.testing.assert_allclose(whole[:, 50, 54], [6.0, 0.0], atol=1e-4)  # 4 mm beside: 2 sqrt(25 - 16)
    np.testing.assert_allclose(whole[:, 50, 56], [0.0, 0.0], atol=1e-4)


def test_a_lattice_is_spread_linearly():
    radiograph = Detector(9, 90.0, PARALLEL)
    rows, columns = np.mgrid[0:3, 0:4].astype(np.float32)
    expected = 2.0 * np.linspace(0, 2, 9)[:, None] - np.linspace(0, 3, 9)[None, :]
    np.testing.assert_allclose(radiograph.spread(2.0 * rows - columns), expected, atol=1e-5)


def test_a_part_is_every_pixel_that_touches_its_box_and_may_be_none():
    radiograph = Detector(50, 100.0, PARALLEL)
    touched = (radiograph.u > -11.5) & (radiograph.u < 13.5) & (radiograph.v > -7.5) & (radiograph.v < 21.5)
    found = np.zeros_like(touched)
    found[radiograph.part((-10.5, -6.5), (12.5, 20.5))] = True
    np.testing.assert_array_equal(found, touched)
    assert radiograph.u[:, radiograph.part((300.0, 0.0), (400.0, 10.0))[1]].size == 0


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("pose", [PARALLEL, PatientPose(turn=0.3, shift=(5.0, 9.0), distance=1e9)])
def test_lungs_on_the_radiograph_are_the_integral_of_the_anatomy(side, pose):
    """Independent of spans: count the millimetres at which each ray lies in the lung, by the depth field."""
    anatomy = make_anatomy(np.random.default_rng(5), arms="down")
    radiograph = Detector(40, 360.0, pose)
    found = lung_chords(radiograph, anatomy, side)
    ray = np.arange(-140.0, 140.0, 1.0)[:, None, None]
    # rays run straight from back to front; the patient is turned before them
    u, v = radiograph.u - pose.shift[0], radiograph.v - pose.shift[1] + 0.0 * radiograph.u
    x = np.cos(pose.turn) * u - np.sin(pose.turn) * ray
    y = np.sin(pose.turn) * u + np.cos(pose.turn) * ray
    depth = anatomy.lung_depth(x + 0.0 * v, y + 0.0 * v, v + 0.0 * ray, side)
    expected = (depth > 0).sum(axis=0)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.01)
    # a pixel of the radiograph holds the mean over its width, the reference is a ray through its middle
    assert np.abs(found - expected).mean() < 0.8
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.998
