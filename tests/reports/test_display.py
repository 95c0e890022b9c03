"""Radiological display, gray windows, square pixels and label overlays, on small volumes."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports import radiological_slice, square_pixels
from monai_pylon.reports.display import DisplaySlice, paint_labels, window_to_gray

# One patient in several orientations: the axis directions as RAS unit vectors, and the function from RAS to the array.
ORIENTATIONS = {
    "RAS": (np.diag([1.0, 1, 1]), lambda a: a),
    "LPS": (np.diag([-1.0, -1, 1]), lambda a: a[::-1, ::-1]),
    "LAI": (np.diag([-1.0, 1, -1]), lambda a: a[::-1, :, ::-1]),
    "SRA": (np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]), lambda a: a.transpose(2, 0, 1)),
}
RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_displays_any_orientation_radiologically(name: str) -> None:
    """One bright voxel lies far right, front and top in a patient of 3 x 4 x 5 voxels (right, anterior, superior)."""
    patient = np.zeros((3, 4, 5))
    patient[2, 3, 4] = 1
    directions, store = ORIENTATIONS[name]
    affine = np.eye(4)
    lengths_ras = np.array([2.0, 3.0, 7.0])
    affine[:3, :3] = directions * (lengths_ras @ np.abs(directions))
    axial = radiological_slice(store(patient), affine, "axial", 1.0)
    assert axial.image.shape == (4, 3)
    assert axial.image[0, 0] == 1, "the front is up, the patient's right is on the left"
    assert axial.image.sum() == 1
    assert axial.spacing == pytest.approx((3.0, 2.0))
    coronal = radiological_slice(store(patient), affine, "coronal", 1.0)
    assert coronal.image.shape == (5, 3)
    assert coronal.image[0, 0] == 1, "the head is up, the patient's right is on the left"
    assert coronal.spacing == pytest.approx((7.0, 2.0))
    assert radiological_slice(store(patient), affine, "axial", 0.0).image.sum() == 0
    assert radiological_slice(store(patient), affine, "coronal", 0.0).image.sum() == 0


def test_cuts_the_nearest_slice() -> None:
    heights = np.broadcast_to(np.arange(5.0), (3, 4, 5))
    cuts = [radiological_slice(heights, np.eye(4), "axial", position).image[0, 0] for position in (0.1, 0.5, 0.9)]
    assert cuts == [0, 2, 4]


def test_slice_is_a_view() -> None:
    volume = np.zeros((3, 4, 5))
    assert np.shares_memory(radiological_slice(volume, np.eye(4), "axial", 0.5).image, volume)


def test_rejects_unknown_planes_and_positions() -> None:
    with pytest.raises(ValueError, match="Did you mean 'coronal'"):
        radiological_slice(np.zeros((2, 2, 2)), np.eye(4), "cornal", 0.5)
    for position in (-0.1, 1.1):
        with pytest.raises(ValueError, match="position must be between 0 and 1"):
            radiological_slice(np.zeros((2, 2, 2)), np.eye(4), "axial", position)


def test_maps_hu_by_a_window() -> None:
    hu = np.array([-5000.0, -1000, -600, -200, 5000, np.nan])
    np.testing.assert_allclose(window_to_gray(hu, level=-600, width=800), [0, 0, 0.5, 1, 1, 0])
    np.testing.assert_allclose(window_to_gray(np.array([-1100.0, -300, 500])), [0, 0.5, 1])
    assert window_to_gray(hu).dtype == np.float32
    with pytest.raises(ValueError, match="width must be positive"):
        window_to_gray(hu, width=0)


def test_square_pixels_keep_the_size_in_mm() -> None:
    thick = DisplaySlice(np.zeros((30, 100)), (8.0, 0.7))
    assert square_pixels(thick, 0.5, order=1).shape == (480, 140)
    assert square_pixels(DisplaySlice(np.zeros((1, 1)), (0.1, 0.1)), 5.0, order=0).shape == (1, 1)
    with pytest.raises(ValueError, match="pixel_mm must be positive"):
        square_pixels(thick, 0, order=1)


def test_square_pixels_of_order_zero_keep_label_values() -> None:
    labels = np.array([[1, 3], [3, 1]], dtype=np.uint8)
    assert set(np.unique(square_pixels(DisplaySlice(labels, (3.0, 5.0)), 0.7, order=0))) == {1, 3}


def test_square_pixels_do_not_shift_the_image() -> None:
    """The center of mass, in mm from the upper left corner, stays the same."""
    image = np.zeros((10, 10))
    image[2:4, 6:8] = 1.0  # center at row 3, column 7
    small = square_pixels(DisplaySlice(image, (4.0, 2.0)), 0.5, order=1)
    rows, columns = np.indices(small.shape) * 0.5 + 0.25
    assert (small * rows).sum() / small.sum() == pytest.approx(3 * 4.0, abs=0.05)
    assert (small * columns).sum() / small.sum() == pytest.approx(7 * 2.0, abs=0.05)


def test_square_pixels_keep_constant_images_constant() -> None:
    np.testing.assert_allclose(square_pixels(DisplaySlice(np.ones((3, 4)), (2.0, 3.0)), 0.7, order=1), 1)


def test_paints_tint_and_outline() -> None:
    gray = np.full((7, 7), 0.5)
    labels = np.zeros((7, 7), np.uint8)
    labels[1:6, 1:6] = 1
    painted = paint_labels(gray, labels, {1: RED}, alpha=0.5, contour=1)
    np.testing.assert_allclose(painted[0, 0], 0.5)  # outside: unchanged
    np.testing.assert_allclose(painted[3, 3], [0.75, 0.25, 0.25])  # inside: half red
    np.testing.assert_allclose(painted[1, 1:6], np.tile(RED, (5, 1)))  # border: red
    assert (painted == np.float32(RED)).all(axis=-1).sum() == 16
    default = paint_labels(gray, labels, {1: RED})
    assert (default == np.float32(RED)).all(axis=-1).sum() == 24, "an outline of two pixels"
    np.testing.assert_allclose(default[3, 3], [0.625, 0.375, 0.375])


def test_outlines_do_not_mix_and_skip_the_edge_of_the_image() -> None:
    labels = np.array([[1, 1, 1, 2, 2, 2]] * 5, np.uint8)
    painted = paint_labels(np.zeros((5, 6)), labels, {1: RED, 2: GREEN, 3: RED}, alpha=0.0, contour=1)
    np.testing.assert_array_equal(painted[:, 2], np.tile(np.float32(RED), (5, 1)))
    np.testing.assert_array_equal(painted[:, 3], np.tile(np.float32(GREEN), (5, 1)))
    assert painted[:, [0, 1, 4, 5]].max() == 0


def test_keeps_labels_without_color_and_the_input() -> None:
    gray, labels = np.full((3, 3), 0.25), np.full((3, 3), 9)
    np.testing.assert_array_equal(paint_labels(gray, labels, {1: RED}), np.full((3, 3, 3), 0.25))
    assert (gray == 0.25).all()
    np.testing.assert_array_equal(paint_labels(gray, labels, {9: RED}, alpha=1, contour=0)[0, 0], RED)


def test_paint_labels_rejects_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"labels must be of the image's shape \(2, 2\)"):
        paint_labels(np.zeros((2, 2)), np.zeros((2, 3), int), {})
    for alpha in (-0.1, 1.1):
        with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
            paint_labels(np.zeros((2, 2)), np.zeros((2, 2), int), {}, alpha=alpha)
