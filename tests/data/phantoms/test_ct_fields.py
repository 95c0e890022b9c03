"""Axes of each field of view, and the circle that is reconstructed."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.ct_fields import FIELDS, crop_axes, outside_circle

ANATOMY = make_anatomy(np.random.default_rng(5))
AXIS = np.arange(-200.0, 201.0, 1.0)


def reach(field, shift=(0.0, 0.0, 0.0)):
    """Return the lowest and the highest millimeter of each axis."""
    return [(part[0], part[-1]) for part in crop_axes([AXIS] * 3, field, ANATOMY, shift)]


def test_the_whole_grid_stays():
    assert reach("whole") == [(-200, 200)] * 3
    assert FIELDS[0] == "whole"


def test_boxes_cut_45_mm_of_one_lung():
    width, depth = ANATOMY.chest
    x, y, z = reach("right_side_and_back")
    assert x == (-200, np.floor(width - 45))
    assert y == (np.ceil(45 - depth), 200)
    assert z == (-200, 200)
    assert reach("left_side_and_back")[0] == (np.ceil(45 - width), 200)


def test_levels():
    carina = ANATOMY.mediastinum.airways[0].points[-1][2]
    assert reach("upper")[2] == (np.ceil(carina), 200)
    assert reach("middle")[2] == (-50, 50)
    assert reach("lower")[2] == (-200, np.floor(max(ANATOMY.domes) + 30))


@pytest.mark.parametrize("field", FIELDS[1:])
def test_fields_move_with_the_patient(field):
    here, moved = reach(field), reach(field, (10.0, 20.0, -30.0))
    for (low, high), (low_moved, high_moved), shift in zip(here, moved, (10, 20, -30), strict=True):
        assert low_moved == (low if low == -200 else low + shift)
        assert high_moved == (high if high == 200 else high + shift)


def test_axes_may_run_downwards():
    parts = crop_axes([AXIS[::-1]] * 3, "upper", ANATOMY, (0, 0, 0))
    assert parts[2][0] == 200
    assert parts[2][-1] > 0


def test_an_empty_field_is_an_error():
    with pytest.raises(ValueError, match=r'shape must be a grid with voxels in the field "upper".*larger shape'):
        crop_axes([AXIS, AXIS, AXIS[:50]], "upper", ANATOMY, (0, 0, 0))


def test_the_circle_fits_the_shorter_side_in_mm():
    outside = outside_circle((10, 8), (1.0, 2.0))  # 10 mm by 16 mm
    x, y = np.meshgrid(np.arange(10) - 4.5, 2 * np.arange(8) - 7.0, indexing="ij")
    np.testing.assert_array_equal(outside, np.hypot(x, y) > 5)
