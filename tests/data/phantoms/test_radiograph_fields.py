"""Tests of the lung fields and the box sizes, by hand."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_chest import CLEAR_MM
from monai_pylon.data.phantoms.radiograph_fields import LungField, draw_extent

DETECTOR = Detector(8, 80.0, PatientPose())


@pytest.mark.parametrize(("side", "outer", "inner"), [(1, [40, 30], [20, 20]), (-1, [20, 20], [40, 30])])
def test_field_has_the_borders_of_the_deep_rays(side, outer, inner):
    chord = np.zeros((8, 8))
    chord[2, 0:2] = chord[3, 1:2] = CLEAR_MM + 1
    chord[5] = CLEAR_MM  # not deep enough
    field = LungField.of(DETECTOR, chord, side)
    assert (field.top, field.bottom, field.v.tolist()) == (15.0, 5.0, [15.0, 5.0])
    assert field.outer.tolist() == outer
    assert field.inner.tolist() == inner


def test_point_in_a_field_by_shares():
    field = LungField(1, 20.0, -20.0, np.array([20.0, 0.0, -20.0]), np.array([30.0, 40, 40]), np.array([10.0, 10, 20]))
    assert field.at(0.0, 0.0) == (30.0, 20.0)
    assert field.at(0.25, 0.5) == (22.5, 10.0)
    assert field.at(1.0, 1.0) == (20.0, -20.0)


def test_extent_has_median_area_and_aspect_and_is_limited():
    detector = Detector(8, 400.0, PatientPose())
    sides = np.array([draw_extent(np.random.default_rng(seed), detector, 1.0, 0.5, 1.5, 0.3) for seed in range(300)])
    assert np.median(sides.prod(axis=1)) == pytest.approx(0.01 * 400**2, rel=0.15)
    assert np.median(sides[:, 0] / sides[:, 1]) == pytest.approx(1.5, rel=0.1)
    width, height = draw_extent(np.random.default_rng(0), detector, 90.0, 0.0, 1.0, 0.0)
    assert (width, height) == (0.26 * 400, 0.55 * 400)
