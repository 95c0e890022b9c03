"""Left and right, up and down, millimetres and colours, on volumes small enough to read."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports import DisplaySlice, paint_labels, radiological_slice, square_pixels, window_to_gray

# The same patient, stored in several orientations: axis directions as RAS unit vectors, and what turns RAS into them.
ORIENTATIONS = {
    "RAS": (np.diag([1.0, 1, 1]), lambda a: a),
    "LPS": (np.diag([-1.0, -1, 1]), lambda a: a[::-1, ::-1]),
    "LAI": (np.diag([-1.0, 1, -1]), lambda a: a[::-1, :, ::-1]),
    "SRA": (np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]]), lambda a: a.transpose(2, 0, 1)),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_radiological_display_in_any_orientation(name: str) -> None:
    """A patient (right, anterior, superior) of 3 x 4 x 5 voxels with one bright voxel far right, front and top."""
    patient = np.zeros((3, 4, 5))
    patient[2, 3, 4] = 1
    directions, store = ORIENTATIONS[name]
    affine = np.eye(4)
    lengths_ras = np.array([2.0, 3.0, 7.0])
    affine[:3, :3] = directions * (lengths_ras @ np.abs(directions))
    axial = radiological_slice(store(patient), affine, "axial", 1.0)
    assert axial.image.shape == (4, 3)
    assert axial.image[0, 0] == 1, "front is up, the patient's right is left"
    assert axial.image.sum() == 1
    assert axial.spacing == pytest.approx((3.0, 2.0))
    coronal = radiological_slice(store(patient), affine, "coronal", 1.0)
    assert coronal.image.shape == (5, 3)
    assert coronal.image[0, 0] == 1, "the head is up, the patient's right is left"
    assert coronal.spacing == pytest.approx((7.0, 2.0))
    assert radiological_slice(store(patient), affine, "axial", 0.0).image.sum() == 0
    assert radiological_slice(store(patient), affine, "coronal", 0.0).image.sum() == 0


def test_a_slice_is_no_copy() -> None:
    volume = np.zeros((3, 4, 5))
    assert np.shares_memory(radiological_slice(volume, np.eye(4), "axial", 0.5).image, volume)


def test_unknown_planes_and_places_are_errors() -> None:
    with pytest.raises(ValueError, match="Did you mean 'coronal'"):
        radiological_slice(np.zeros((2, 2, 2)), np.eye(4), "cornal", 0.5)
    with pytest.raises(ValueError, match="position must be between 0 and 1, but is 7"):
        radiological_slice(np.zeros((2, 2, 2)), np.eye(4), "axial", 7)


def test_the_window() -> None:
    hu = np.array([-5000.0, -1000, -600, -200, 5000, np.nan])
    np.testing.assert_allclose(window_to_gray(hu, level=-600, width=800), [0, 0, 0.5, 1, 1, 0])
    assert window_to_gray(hu).dtype == np.float32
    with pytest.raises(ValueError, match="width must be positive"):
        window_to_gray(hu, width=0)


def test_square_pixels_keep_the_size_in_millimetres() -> None:
    thick = DisplaySlice(np.zeros((30, 100)), (8.0, 0.7))
    assert square_pixels(thick, 0.5, order=1).shape == (480, 140)
    assert square_pixels(DisplaySlice(np.zeros((1, 1)), (0.1, 0.1)), 5.0, order=0).shape == (1, 1)


def test_labels_are_never_mixed() -> None:
    labels = np.array([[1, 3], [3, 1]], dtype=np.uint8)
    assert set(np.unique(square_pixels(DisplaySlice(labels, (3.0, 5.0)), 0.7, order=0))) == {1, 3}


def test_square_pixels_do_not_shift_the_picture() -> None:
    """The centre of mass, in mm from the upper left corner, stays where it was."""
    image = np.zeros((10, 10))
    image[2:4, 6:8] = 1.0  # centre at rows 3, columns 7
    small = square_pixels(DisplaySlice(image, (4.0, 2.0)), 0.5, order=1)
    rows, columns = np.indices(small.shape) * 0.5 + 0.25
    assert (small * rows).sum() / small.sum() == pytest.approx(3 * 4.0, abs=0.05)
    assert (small * columns).sum() / small.sum() == pytest.approx(7 * 2.0, abs=0.05)


RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def test_tint_and_outline() -> None:
    gray = np.full((7, 7), 0.5)
    labels = np.zeros((7, 7), np.uint8)
    labels[1:6, 1:6] = 1
    painted = paint_labels(gray, labels, {1: RED}, alpha=0.5, contour=1)
    np.testing.assert_allclose(painted[0, 0], 0.5)  # outside: as it was
    np.testing.assert_allclose(painted[3, 3], [0.75, 0.25, 0.25])  # inside: half red
    np.testing.assert_allclose(painted[1, 1:6], np.tile(RED, (5, 1)))  # border: red
    assert (painted == np.float32(RED)).all(axis=-1).sum() == 16
    thicker = paint_labels(gray, labels, {1: RED}, alpha=0.5, contour=2)
    assert (thicker == np.float32(RED)).all(axis=-1).sum() == 24


def test_neighbours_keep_their_own_outlines_and_the_edge_of_the_picture_is_none() -> None:
    labels = np.array([[1, 1, 1, 2, 2, 2]] * 5, np.uint8)
    painted = paint_labels(np.zeros((5, 6)), labels, {1: RED, 2: GREEN}, alpha=0.0, contour=1)
    np.testing.assert_array_equal(painted[:, 2], np.tile(np.float32(RED), (5, 1)))
    np.testing.assert_array_equal(painted[:, 3], np.tile(np.float32(GREEN), (5, 1)))
    assert painted[:, [0, 1, 4, 5]].max() == 0


def test_unpainted_labels_and_the_input_stay_as_they_were() -> None:
    gray, labels = np.full((3, 3), 0.25), np.full((3, 3), 9)
    np.testing.assert_array_equal(paint_labels(gray, labels, {1: RED}), np.full((3, 3, 3), 0.25))
    assert (gray == 0.25).all()


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"labels must be of the image's shape \(2, 2\)"):
        paint_labels(np.zeros((2, 2)), np.zeros((2, 3), int), {})
    with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
        paint_labels(np.zeros((2, 2)), np.zeros((2, 2), int), {}, alpha=2)
