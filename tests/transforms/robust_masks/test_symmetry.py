"""Plane of symmetry of drawn ribs, and masks mirrored about planes."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.symmetry import (
    SymmetryPlane,
    bone_without_blood,
    find_symmetry_plane,
    mirror_mask,
)


def rib_ring(
    angle: float, offset: float, spacing: tuple[float, float, float] = (4.0, 4.0, 4.0), size_mm: float = 400.0
) -> np.ndarray:
    """Draw ribs, spine and breastbone that are symmetric about a plane, and one bone without a mirror image.

    The plane's normal is rotated by ``angle`` degrees towards the front. The plane lies ``offset`` mm along it.
    """
    n = [round(size_mm / edge) for edge in (*spacing[:2], 10 * spacing[2])]
    x, y = np.meshgrid(np.arange(n[0]) * spacing[0], np.arange(n[1]) * spacing[1], indexing="ij")
    a = np.deg2rad(angle)
    across = np.cos(a) * x + np.sin(a) * y - offset
    along = -np.sin(a) * x + np.cos(a) * y
    along = along - (-np.sin(a) * size_mm / 2 + np.cos(a) * size_mm / 2)  # from the middle of the field
    round_ = np.hypot(across / 120, along / 85)
    bone = (np.abs(round_ - 1) < 0.06) & (np.abs(np.arctan2(along, np.abs(across))) < 1.3)  # open in front and behind
    bone |= np.hypot(across, along + 80) < 18  # spine
    bone |= (np.abs(across) < 16) & (np.abs(along - 88) < 6)  # breastbone
    ct = np.where(bone, 600.0, 40.0)[:, :, None] * np.ones(n[2])
    ct[np.hypot(across - 45, along + 20) < 10, :3] = 600.0
    return ct


def middle_offset(angle: float, aside: float, size_mm: float = 400.0) -> float:
    """Return the offset of a plane that passes ``aside`` mm beside the middle of the field."""
    a = np.deg2rad(angle)
    return float((np.cos(a) + np.sin(a)) * size_mm / 2 + aside)


@pytest.mark.parametrize("angle", [-37, -24, -5, 0, 10, 25, 38])
@pytest.mark.parametrize("aside", [-40.0, 0.0, 26.0])
def test_the_plane_of_a_drawn_rib_ring_is_found(angle: int, aside: float) -> None:
    offset = middle_offset(angle, aside)
    plane = find_symmetry_plane(rib_ring(angle, offset), (4.0, 4.0, 4.0))
    assert abs(np.rad2deg(plane.angle) - angle) <= 1.001
    # The planes may differ by a degree, so compare their positions at the middle of the field and not at voxel 0.
    assert abs(plane.offset - middle_offset(np.rad2deg(plane.angle), aside)) <= 4.0


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (2.0, 3.0, 5.0)])
@pytest.mark.parametrize("aside", [-79.0, -40.0, -17.5, 0.0, 26.0, 55.0])
def test_an_upright_plane_up_to_80_mm_aside_is_exact_to_1_mm(aside: float, spacing) -> None:
    plane = find_symmetry_plane(rib_ring(0, middle_offset(0, aside), spacing), spacing)
    assert plane.angle == 0.0
    assert abs(plane.offset - middle_offset(0, aside)) <= 1.0


@pytest.mark.parametrize(
    ("first", "second", "aside"), [(40, 60, 0), (60, 80, 80), (20, 40, -80), (62, 80, 80), (20, 38, -80)]
)
def test_the_plane_lies_at_most_80_mm_aside(first: int, second: int, aside: float) -> None:
    """Two equal bones in a field whose middle is column 50; those of the last cases are symmetric about 84 mm."""
    ct = np.zeros((101, 61, 4))
    ct[first - 1 : first + 2, 28:33] = ct[second - 1 : second + 2, 28:33] = 900.0
    plane = find_symmetry_plane(ct, (4.0, 4.0, 4.0))
    assert plane.angle == 0.0
    assert plane.offset == pytest.approx(200.0 + aside, abs=1e-3)


@pytest.mark.parametrize(("angle", "found"), [(40, 40), (-40, -40), (43, 43), (-43, -43), (45, 43), (-45, -43)])
def test_a_plane_rotated_by_40_degrees_is_refined_by_3_degrees(angle: int, found: int) -> None:
    plane = find_symmetry_plane(rib_ring(angle, middle_offset(angle, 0.0)), (4.0, 4.0, 4.0))
    assert np.rad2deg(plane.angle) == pytest.approx(found)


def test_a_patient_on_the_side_has_another_plane() -> None:
    plane = find_symmetry_plane(rib_ring(60, middle_offset(60, 0.0)), (4.0, 4.0, 4.0))
    assert abs(np.rad2deg(plane.angle)) < 43.1


def test_thin_bones_between_the_pixels_of_the_search_count() -> None:
    """Plates of 1 mm at 40 mm, on a pixel of 4 mm, and at 62 mm."""
    ct = np.zeros((101, 61, 2))
    ct[[40, 62], 20:40] = 900.0
    plane = find_symmetry_plane(ct, (1.0, 1.0, 4.0))
    assert plane.angle == 0.0
    assert plane.offset == pytest.approx(51.0, abs=1.0)


def bright(*boxes: tuple[slice, ...], shape: tuple[int, int, int] = (40, 80, 40)) -> np.ndarray:
    """Make a volume with boxes as bright as blood with contrast, and a bone in its first and its last row."""
    ct = np.zeros(shape)
    for box in boxes:
        ct[box] = 300.0
    ct[0, [0, -1], 0] = 700.0
    return ct


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("spacing", "radii"), [((2.0, 2.0, 2.0), (4, 4, 4)), ((4.0, 1.6, 2.7), (2, 5, 3))])
def test_bone_is_at_most_16_mm_wide(axis: int, spacing, radii: tuple[int, int, int]) -> None:
    """A heart that is wider, by the voxel in its middle, is blood."""
    widths = [2 * radius + 1 for radius in radii]
    for less in (0, 1):
        widths[axis] -= less
        heart = tuple(slice(start, start + width) for start, width in zip((12, 50, 12), widths, strict=True))
        ct = bright(heart)
        np.testing.assert_array_equal(bone_without_blood(ct, spacing), ct > (300.0 if less == 0 else 0.0))


def test_the_rim_of_blood_is_two_voxels_wide() -> None:
    heart, calcified = np.s_[12:21, 50:59, 12:21], np.s_[21:25, 54, 16]
    bone = bone_without_blood(bright(heart, calcified), (2.0, 2.0, 2.0))
    assert bone[12:25, 54, 16].tolist() == [False] * 11 + [True] * 2


@pytest.mark.parametrize(("start", "blood_from"), [(39, 39), (38, 39), (34, 39)])
def test_in_the_rear_half_of_the_bones_everything_bright_is_bone(start: int, blood_from: int) -> None:
    """The bones have rows 0 to 79, so the rear half ends with row 38."""
    heart = np.s_[12:21, start : start + 9, 12:21]
    bone = bone_without_blood(bright(heart), (2.0, 2.0, 2.0))
    assert np.flatnonzero(bone[16, :, 16]).tolist() == list(range(start, blood_from))


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_bone_that_the_field_of_view_cuts_is_no_blood(place: str) -> None:
    """Only 8 voxels of 2 mm of a plate are in the field."""
    ct = bright(np.s_[:8, 50:70, 12:30] if place == "first" else np.s_[-8:, 50:70, 12:30])
    np.testing.assert_array_equal(bone_without_blood(ct, (2.0, 2.0, 2.0)), ct > 0)


def test_the_middle_of_the_bones_does_not_depend_on_the_field() -> None:
    ct = np.pad(bright(np.s_[12:21, 36:45, 12:21]), ((0, 0), (30, 0), (0, 0)))
    bone = bone_without_blood(ct, (2.0, 2.0, 2.0))
    assert np.flatnonzero(bone[16, :, 16]).tolist() == list(range(66, 69))


@pytest.mark.parametrize("spacing", [(2.0, 3.0, 5.0), (4.5, 2.5, 8.0), (1.7, 1.7, 1.0)])
def test_the_plane_is_in_mm(spacing) -> None:
    plane = find_symmetry_plane(rib_ring(12, middle_offset(12, 15.0), spacing), spacing)
    assert abs(np.rad2deg(plane.angle) - 12) <= 1.001
    assert abs(plane.offset - middle_offset(np.rad2deg(plane.angle), 15.0)) <= 4.0


def test_a_mirrored_patient_has_the_mirrored_plane() -> None:
    ct = rib_ring(14, middle_offset(14, 20.0))
    plane, mirrored = (find_symmetry_plane(volume, (4.0, 4.0, 4.0)) for volume in (ct, ct[::-1]))
    assert mirrored.angle == pytest.approx(-plane.angle, abs=np.deg2rad(1))
    distances = plane.distances(ct.shape[:2], (4.0, 4.0))
    turned = mirrored.distances(ct.shape[:2], (4.0, 4.0))[::-1]
    assert np.abs(distances + turned).max() < 8.0


def test_a_rod_through_every_slice_weighs_no_more_than_ribs() -> None:
    """Here ribs cross one of ten slices. A rod on one side, if counted ten times, would move the plane."""
    ct = rib_ring(8, middle_offset(8, 0.0))
    ct[:, :, 1:] = 40.0
    x, y = np.ogrid[: ct.shape[0], : ct.shape[1]]
    ct[np.hypot((x - 65) * 4, (y - 50) * 4) < 8] = 600.0
    plane = find_symmetry_plane(ct, (4.0, 4.0, 4.0))
    assert abs(np.rad2deg(plane.angle) - 8) <= 1.001
    assert abs(plane.offset - middle_offset(np.rad2deg(plane.angle), 0.0)) <= 4.0


def test_without_bones_there_is_no_plane() -> None:
    assert find_symmetry_plane(np.full((30, 20, 5), 200.0), (4.0, 4.0, 4.0)) is None
    assert find_symmetry_plane(np.full((30, 20, 5), 200.5), (4.0, 4.0, 4.0)) is not None


def test_one_voxel_of_bone_gives_a_plane() -> None:
    ct = np.zeros((30, 20, 5))
    ct[11, 10, 2] = 900.0
    plane = find_symmetry_plane(ct, (4.0, 4.0, 4.0))
    assert abs(plane.distances((30, 20), (4.0, 4.0))[11, 10]) < 6.0


def test_an_image_raises_an_error() -> None:
    with pytest.raises(ValueError, match=r"ct must be a volume \(X, Y, Z\), but is ndarray of shape \(3, 3\)"):
        find_symmetry_plane(np.zeros((3, 3)), (1.0, 1.0, 1.0))


def test_distances_and_heights_by_hand() -> None:
    plane = SymmetryPlane(np.deg2rad(90), 10.0)  # the patient's right points along y
    np.testing.assert_allclose(plane.normal, [0, 1], atol=1e-12)
    np.testing.assert_allclose(plane.distances((2, 3), (5.0, 4.0)), [[-10, -6, -2], [-10, -6, -2]], atol=1e-12)
    np.testing.assert_allclose(plane.heights((2, 3), (5.0, 4.0)), [[0, 0, 0], [-5, -5, -5]], atol=1e-12)
    plane = SymmetryPlane(0.0, 5.0)
    np.testing.assert_allclose(plane.distances((3, 1), (5.0, 4.0)).ravel(), [-5, 0, 5])
    np.testing.assert_allclose(plane.heights((1, 3), (5.0, 4.0)).ravel(), [0, 4, 8])


@pytest.mark.parametrize(("offset", "index"), [(20.0, 4), (15.0, 3), (17.5, None)])
def test_a_mirror_image_by_hand(offset: float, index: int | None) -> None:
    mask = np.zeros((9, 3, 2), dtype=bool)
    mask[2, 1, 0] = True  # 10 mm
    mirrored = mirror_mask(mask, SymmetryPlane(0.0, offset), (5.0, 7.0, 9.0))
    where = np.argwhere(mirrored)
    assert where[:, 1:].tolist() == [[1, 0]]
    if index is None:  # 25 mm
        assert where[0, 0] == 5
    else:
        assert where[0, 0] == 2 * index - 2


def test_beyond_the_field_of_view_there_is_no_mirror_image() -> None:
    mask = np.ones((9, 3, 2), dtype=bool)
    mirrored = mirror_mask(mask, SymmetryPlane(0.0, 5.0), (5.0, 7.0, 9.0))
    assert mirrored.any(axis=(1, 2)).tolist() == mirrored.all(axis=(1, 2)).tolist() == [True] * 3 + [False] * 6


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (2.0, 5.0, 3.0)])
@pytest.mark.parametrize("half_voxels", [20, 21])
def test_mirrored_twice_is_the_mask_itself(spacing, half_voxels: int) -> None:
    mask = np.random.default_rng(0).random((22, 9, 4)) < 0.4
    plane = SymmetryPlane(0.0, half_voxels * spacing[0] / 2)
    mask[half_voxels + 1 :] = False  # no counterpart on the grid
    once = mirror_mask(mask, plane, spacing)
    np.testing.assert_array_equal(once[: half_voxels + 1], mask[half_voxels::-1])
    np.testing.assert_array_equal(mirror_mask(once, plane, spacing), mask)


def test_an_oblique_mirror_image_lies_on_the_other_side_at_the_same_distance() -> None:
    spacing = (4.0, 3.0, 5.0)
    plane = SymmetryPlane(np.deg2rad(20), 190.0)
    distance, height = (of((90, 80), spacing) for of in (plane.distances, plane.heights))
    ball = np.hypot(distance - 50, height - height[45, 40]) < 25
    mirrored = mirror_mask(np.repeat(ball[:, :, None], 2, axis=2), plane, spacing)
    np.testing.assert_array_equal(mirrored[..., 0], mirrored[..., 1])
    from_centre = np.hypot(distance + 50, height - height[45, 40])
    wrong = mirrored[..., 0] ^ (from_centre < 25)
    assert np.abs(from_centre - 25)[wrong].max() < 2.5  # exact to half the diagonal of a voxel
