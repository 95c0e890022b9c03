"""Tests of the canvas: soft edges, structures, boxes and thin tubes, against hand-computed voxels."""

import numpy as np

from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES, Canvas
from monai_pylon.data.phantoms.shapes import Box, Grid


def make_canvas() -> Canvas:
    axis = np.arange(-4.0, 5.0, 2.0)
    return Canvas(Grid((axis, axis, axis)), edge=2.0)


def test_edge_is_a_partial_volume_and_structure_begins_at_the_surface():
    canvas = make_canvas()
    canvas.paint(1.0 - np.abs(canvas.grid.x) + 0 * canvas.grid.y + 0 * canvas.grid.z, 0.0, "heart")
    # depth 1 at x = 0, -1 at x = +-2; the surface between them covers half a voxel
    np.testing.assert_array_equal(canvas.image[:, 2, 2], [-1000, -1000, 0, -1000, -1000])
    canvas.paint(2.0 - np.abs(canvas.grid.x) + 0 * canvas.grid.y + 0 * canvas.grid.z, 100.0, "aorta")
    np.testing.assert_array_equal(canvas.image[:, 2, 2], [-1000, -450, 100, -450, -1000])
    names = [PHANTOM_STRUCTURES[name] for name in ("air", "air", "aorta", "air", "air")]
    assert canvas.structures[:, 2, 2].tolist() == names


def test_box_limits_the_painting():
    canvas = make_canvas()
    canvas.paint_in(Box((0, 0, 0), (2, 2, 2)), lambda x, y, z: 9.0 + 0 * (x + y + z), 40.0, "heart")
    assert (canvas.image == 40.0).sum() == (canvas.structures == PHANTOM_STRUCTURES["heart"]).sum() == 8
    canvas.paint_in(Box((50, 0, 0), (60, 2, 2)), lambda x, y, z: 9.0 + 0 * (x + y + z), 99.0, "heart")
    assert (canvas.image == 40.0).sum() == 8


def test_tubes_end_where_inside_is_negative_and_thin_ones_fill_a_share():
    canvas, inside = make_canvas(), np.full((5, 5, 5), 9.0, np.float32)
    inside[:, :, 3:] = -9.0
    canvas.paint_tubes(np.array([[0, 0, -9.0, 0, 0, 9.0, 1.5, 1.5]]), 0.0, "lung vessel", inside=inside)
    assert canvas.image[2, 2].tolist() == [0, 0, 0, -1000, -1000]
    thin = make_canvas()
    thin.paint_tubes(np.array([[0, 0, -9.0, 0, 0, 9.0, 0.3, 0.3]]), 0.0, "lung vessel")
    share = np.pi * 0.3**2 / 2.0**2
    np.testing.assert_allclose(thin.image[2, 2], -1000 + 1000 * share, rtol=1e-4)
    grown = make_canvas()
    grown.paint_tubes(np.array([[0, 0, -9.0, 0, 0, 9.0, 0.3, 0.3]]), 0.0, "lung vessel", grow=3.0)
    np.testing.assert_allclose(grown.image[:, 2, 2], [-850, 0, 0, 0, -850], atol=0.1)  # depth -0.7, 1.3, 3.3 mm
