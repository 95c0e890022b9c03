"""Tests of the radiograph chest without findings: lung chords, bones and layers."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_chest import lung_chords, project_bones, project_chest

PARALLEL = PatientPose(distance=1e9)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("pose", [PARALLEL, PatientPose(turn=0.3, shift=(5.0, 9.0), distance=1e9)])
def test_lung_chords_are_the_integral_of_the_anatomy(side, pose):
    """Compare with an integral that does not use spans: count the millimeters of each ray with positive depth."""
    anatomy = make_anatomy(np.random.default_rng(5), arms="down")
    detector = Detector(40, 360.0, pose)
    found = lung_chords(detector, anatomy, side)
    ray = np.arange(-140.0, 140.0, 1.0)[:, None, None]
    # rays run straight from back to front through the rotated patient
    u, v = detector.u - pose.shift[0], detector.v - pose.shift[1] + 0.0 * detector.u
    x = np.cos(pose.turn) * u - np.sin(pose.turn) * ray
    y = np.sin(pose.turn) * u + np.cos(pose.turn) * ray
    depth = anatomy.lung_depth(x + 0.0 * v, y + 0.0 * v, v + 0.0 * ray, side)
    expected = (depth > 0).sum(axis=0)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.01)
    # a pixel is the mean over its width, the reference a ray through its middle
    assert np.abs(found - expected).mean() < 0.8
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.998


def test_bones_are_densest_at_the_spine():
    anatomy = make_anatomy(np.random.default_rng(5), arms="down")
    bones = project_bones(Detector(64, 400.0, PARALLEL), anatomy)
    assert bones.min() >= 0
    columns = bones[24:40].mean(axis=0)
    assert 28 <= np.argmax(columns) <= 35
    assert columns[30:34].min() > 2 * np.median(columns)


def test_gas_is_the_lung_without_tissue_and_vessels():
    anatomy, detector = make_anatomy(np.random.default_rng(5), arms="down"), Detector(48, 400.0, PARALLEL)
    grain = np.zeros((48, 48), np.float32)
    vessel = np.array([[60.0, 0, 0, 90.0, 0, 0, 4.0, 4.0]])
    bare, supplied = (project_chest(detector, anatomy, trees, grain, np.zeros(16)) for trees in (vessel[:0], vessel))
    np.testing.assert_array_equal(bare.solid, supplied.solid)
    assert (bare.gas <= bare.lungs).all()
    lost = (bare.gas - supplied.gas).sum(axis=(1, 2)) * detector.pixel**2
    radius = 0.75 * 4.0 + 0.75
    assert lost[0] == pytest.approx(np.pi * radius**2 * 30.0, rel=0.05)
    assert lost[1] == 0
