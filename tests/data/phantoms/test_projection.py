"""Tests of the projection: hand-computed pixels, and conservation of mass."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.shapes import Tube

PARALLEL = PatientPose(distance=1e9)
TILTED = PatientPose(turn=0.1, tip=0.05, lean=0.03, bend=6.0, shift=(7.0, -12.0), detector_at=-125.0, distance=1050.0)


@pytest.mark.parametrize("pose", [PARALLEL, PatientPose(), TILTED])
def test_height_and_beside_invert_cast(pose):
    x, y, z = np.random.default_rng(0).uniform(-100, 100, (3, 50))
    u, v = pose.cast(x, y, z)
    np.testing.assert_allclose(pose.height(v, y), z, atol=1e-4)
    np.testing.assert_allclose(pose.beside(u, v, y), x, atol=1e-4)


def test_magnification_increases_towards_the_source():
    pose = PatientPose(detector_at=100.0, distance=1000.0)
    assert pose.enlargement(100.0) == 1.0
    assert pose.enlargement(0.0) == pytest.approx(1000 / 900)
    assert PatientPose(detector_at=-100.0, distance=1000.0).enlargement(100.0) == pytest.approx(1000 / 800)


def test_span_counts_cut_pixels_by_their_share():
    # columns from right to left: 20..10, 10..0, 0..-10, -10..-20
    detector = Detector(4, 40.0, PARALLEL)
    low, high = np.full((4, 1), -5.0), np.full((4, 1), 12.0)
    high[3] = low[3] - 1.0  # an empty row
    image = detector.sum_spans([(low, high)], np.zeros(1), thickness=3.0)
    np.testing.assert_allclose(image[0], [0.6, 3.0, 1.5, 0.0], atol=1e-5)
    np.testing.assert_array_equal(image[3], 0.0)


def test_spans_end_at_the_border_of_the_detector():
    detector = Detector(4, 40.0, PARALLEL)
    image = detector.sum_spans([(np.full((4, 1), -500.0), np.full((4, 1), 500.0))], np.zeros(1), thickness=2.0)
    np.testing.assert_allclose(image, 2.0, atol=1e-5)


def test_sheets_of_a_sphere_have_its_volume():
    detector, y = Detector(64, 128.0, PARALLEL), np.arange(-39.5, 40.0)
    half = np.sqrt(np.maximum(40.0**2 - y**2 - detector.v**2, 0.0))
    image = detector.sum_spans([(10.0 - half, 10.0 + half)], y, thickness=1.0)
    assert image.sum() * detector.pixel**2 == pytest.approx(4 / 3 * np.pi * 40.0**3, rel=2e-3)
    assert image.max() == pytest.approx(80.0, abs=1.0)


@pytest.mark.parametrize("radius", [0.4, 1.5, 6.0])
@pytest.mark.parametrize("end", [(40, 0, 30), (0, 0, 40), (2, 60, 1)])
@pytest.mark.parametrize("size", [64, 200])
def test_tubes_keep_their_mass(radius, end, size):
    detector = Detector(size, 200.0, PARALLEL)
    image = detector.sum_tubes(np.array([[-10.0, 0, -5, *end, radius, radius]]))
    length = np.linalg.norm(np.subtract(end, (-10, 0, -5)))
    assert image.sum() * detector.pixel**2 == pytest.approx(np.pi * radius**2 * length, rel=1e-3)


def test_tubes_lie_at_their_cast_position():
    detector = Detector(100, 200.0, TILTED)
    start, end = np.array([20.0, 10.0, -30.0]), np.array([24.0, 30.0, -26.0])
    image = detector.sum_tubes(np.array([[*start, *end, 1.0, 1.0]]))
    u, v = detector.pose.cast(*(0.5 * (start + end)))
    assert (image * detector.u).sum() / image.sum() == pytest.approx(u, abs=0.2)
    assert (image * detector.v).sum() / image.sum() == pytest.approx(v, abs=0.2)


def test_tube_off_the_detector_is_dropped():
    assert not Detector(32, 100.0, PARALLEL).sum_tubes(np.array([[500.0, 0, 0, 600, 0, 0, 2, 2]])).any()


def test_a_hollow_tube_by_hand():
    detector = Detector(101, 101.0, PARALLEL)
    part, tube, hollow = detector.tube_chord(
        Tube(np.array([[0, 0, -200.0], [0, 0, 200.0]]), np.array([5.0, 5.0])), shell=2.0
    )
    whole = np.zeros((2, 101, 101))
    whole[0][part], whole[1][part] = tube, hollow
    np.testing.assert_allclose(whole[:, 50, 50], [10.0, 6.0], atol=1e-4)
    np.testing.assert_allclose(whole[:, 50, 54], [6.0, 0.0], atol=1e-4)  # 4 mm beside: 2 sqrt(25 - 16)
    np.testing.assert_allclose(whole[:, 50, 56], [0.0, 0.0], atol=1e-4)


def test_lattice_is_interpolated_linearly():
    detector = Detector(9, 90.0, PARALLEL)
    rows, columns = np.mgrid[0:3, 0:4].astype(np.float32)
    expected = 2.0 * np.linspace(0, 2, 9)[:, None] - np.linspace(0, 3, 9)[None, :]
    np.testing.assert_allclose(detector.spread(2.0 * rows - columns), expected, atol=1e-5)


def test_part_is_every_pixel_that_touches_the_box():
    detector = Detector(50, 100.0, PARALLEL)
    touched = (detector.u > -11.5) & (detector.u < 13.5) & (detector.v > -7.5) & (detector.v < 21.5)
    found = np.zeros_like(touched)
    found[detector.part((-10.5, -6.5), (12.5, 20.5))] = True
    np.testing.assert_array_equal(found, touched)
    assert detector.u[:, detector.part((300.0, 0.0), (400.0, 10.0))[1]].size == 0
