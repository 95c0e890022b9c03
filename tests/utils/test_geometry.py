"""Tests of the geometry: spacing, volume and orientation of affines, and RAS views of all orientations."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import torch
from nibabel.orientations import inv_ornt_aff

from monai_pylon.utils import axis_codes, check_affine, ras_view, voxel_spacing
from monai_pylon.utils.geometry import voxel_volume_ml

SHAPE = (3, 4, 5)
RAS = np.array([[0.7, 0, 0, -10], [0, 0.8, 0, 20], [0, 0, 2.5, -300], [0, 0, 0, 1]])
ORIENTATIONS = [np.column_stack([p, f]) for p in permutations(range(3)) for f in product((1, -1), repeat=3)]


def turned(orientation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a volume in another orientation, array and affine, whose values count the voxels in RAS order."""
    order, flips = orientation[:, 0], orientation[:, 1]
    volume = np.arange(60).reshape(SHAPE)[tuple(slice(None, None, flip) for flip in flips)].transpose(order)
    start = [0 if flip > 0 else size - 1 for flip, size in zip(flips, SHAPE, strict=True)]
    affine = np.eye(4)
    affine[:3, :3] = (RAS[:3, :3] * flips)[:, order]
    affine[:3, 3] = RAS[:3, :3] @ start + RAS[:3, 3]
    return volume, affine


def rotation(degrees: float) -> np.ndarray:
    """Return a rotation (4, 4) about the patient's long axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    return matrix


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_every_orientation_is_viewed_as_ras_and_restored(orientation: np.ndarray) -> None:
    volume, affine = turned(orientation)
    view = ras_view(volume, affine)
    np.testing.assert_array_equal(view.array, np.arange(60).reshape(SHAPE))
    np.testing.assert_allclose(view.affine, RAS, atol=1e-9)
    np.testing.assert_array_equal(view.restore(view.array), volume)
    assert np.shares_memory(view.array, volume)
    assert np.shares_memory(view.restore(view.array), volume)


@pytest.mark.parametrize("orientation", ORIENTATIONS[::5], ids=str)
def test_voxel_keeps_its_position_in_the_patient(orientation: np.ndarray) -> None:
    """Compare the position of each voxel of an oblique scan by the affines."""
    volume, affine = turned(orientation)
    affine = rotation(20) @ affine
    view = ras_view(volume, affine)
    for index in np.ndindex(volume.shape):
        at = view.affine @ (*np.argwhere(view.array == volume[index])[0], 1)
        np.testing.assert_allclose(at, affine @ (*index, 1), atol=1e-9)


def test_view_agrees_with_nibabel() -> None:
    volume, affine = turned(ORIENTATIONS[13])
    view = ras_view(volume, affine)
    np.testing.assert_allclose(view.affine @ np.linalg.inv(inv_ornt_aff(view.forward, volume.shape)), affine)


@pytest.mark.parametrize(
    ("diagonal", "codes"), [((1, 1, 1), "RAS"), ((-0.8, -0.8, 0.8), "LPS"), ((-1, 1, 1), "LAS"), ((1, 1, -3), "RAI")]
)
def test_axis_codes_by_hand(diagonal: tuple[float, ...], codes: str) -> None:
    assert axis_codes(np.diag([*diagonal, 1.0])) == codes


def test_axis_codes_of_a_volume_with_its_slices_first() -> None:
    affine = np.array([[0, 0, -0.8, 0], [0, -0.8, 0, 0], [-0.8, 0, 0, 0], [0, 0, 0, 1]])
    assert axis_codes(affine) == "IPL"


def test_spacing_and_volume_follow_the_array_axes() -> None:
    _, affine = turned(np.array([[2, -1], [0, 1], [1, -1]]))
    affine = rotation(33) @ affine
    assert voxel_spacing(affine) == pytest.approx((2.5, 0.7, 0.8))
    assert voxel_volume_ml(affine) == pytest.approx(0.7 * 0.8 * 2.5 / 1000)


def test_million_voxels_of_the_paper_are_512_ml() -> None:
    assert 1_000_000 * voxel_volume_ml(np.diag([-0.8, -0.8, -0.8, 1])) == pytest.approx(512)


@pytest.mark.parametrize("affine", [RAS.tolist(), tuple(map(tuple, RAS)), RAS.astype(np.float32), torch.tensor(RAS)])
def test_affine_may_be_a_list_an_array_or_a_tensor(affine: object) -> None:
    matrix = check_affine(affine)  # type: ignore[arg-type]
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix, RAS, rtol=1e-6)


@pytest.mark.parametrize("missing", [None, "RAS", 1.0])
def test_missing_affine_is_a_type_error(missing: object) -> None:
    with pytest.raises(TypeError, match=r"^affine must be of type ndarray or list or tuple, .* header"):
        check_affine(missing)  # type: ignore[arg-type]


SHEARED = np.eye(4)
SHEARED[0, 2] = 0.2
BOTTOM = np.eye(4)
BOTTOM[3, 0] = 1


@pytest.mark.parametrize(
    ("affine", "complaint"),
    [
        (np.eye(3), r"of shape \(4, 4\), but is ndarray of shape \(3, 3\)"),
        (np.full((4, 4), np.nan), "finite"),
        (BOTTOM, r"last row \(0, 0, 0, 1\), but is \[1.0, 0.0, 0.0, 1.0\]"),
        (np.diag([1.0, 0.0, 1.0, 1.0]), "invertible"),
        (np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "without shear"),
        (SHEARED, r"without shear .* cosine of 0\.196.* resampled to a rectangular grid"),
    ],
)
def test_invalid_affine_is_an_error(affine: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"^the_affine must be .*{complaint}"):
        check_affine(affine, "the_affine")


def test_rounding_of_headers_is_no_shear() -> None:
    affine = rotation(12) @ RAS
    affine[:3, :3] += 0.01  # a hundredth of a millimeter
    np.testing.assert_array_equal(check_affine(affine), affine)


def test_left_handed_grid_is_valid() -> None:
    assert voxel_volume_ml(check_affine(np.diag([-1.0, 1.0, 1.0, 1.0]))) == pytest.approx(0.001)


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5, 6)])
def test_view_of_other_arrays_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^array must be a volume \(X, Y, Z\), but is ndarray of shape"):
        ras_view(np.zeros(shape), RAS)
