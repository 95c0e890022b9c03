"""Hull of the body, enclosed air, and components of slices, by hand and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_pylon.transforms.robust_masks.body import (
    body_hull,
    component_centres,
    enclosed_air,
    label_slices,
    largest_component,
)

EDGE = (4.0, 4.0, 4.0)


def test_components_do_not_connect_slices_or_corners() -> None:
    mask = np.zeros((4, 4, 2), dtype=bool)
    mask[0, 0, :] = True  # the same place on two slices
    mask[1, 1, 0] = True  # touches by a corner
    mask[3, 1:3, 1] = True
    numbered, count = label_slices(mask)
    assert count == 4
    assert len(set(numbered[mask].tolist())) == 4
    assert numbered[3, 1, 1] == numbered[3, 2, 1]
    assert not numbered[~mask].any()


def test_slices_have_the_components_of_single_slices() -> None:
    mask = np.random.default_rng(0).random((12, 9, 7)) < 0.55
    numbered, count = label_slices(mask)
    assert count == sum(ndimage.label(mask[:, :, z])[1] for z in range(7))
    for z in range(7):
        alone, n = ndimage.label(mask[:, :, z])
        pairs = {(int(a), int(b)) for a, b in zip(alone.ravel(), numbered[:, :, z].ravel(), strict=True)}
        assert len(pairs) == n + (alone == 0).any()  # one number for each number


def test_centres_equal_scipy() -> None:
    numbered, count = ndimage.label(np.random.default_rng(1).random((9, 8, 7)) < 0.2)
    expected = ndimage.center_of_mass(numbered > 0, numbered, range(1, count + 1))
    centres = component_centres(numbered, count)
    assert centres.shape == (count + 1, 3)
    np.testing.assert_allclose(centres[1:], expected)


def test_a_missing_number_has_the_centre_nan() -> None:
    numbered = np.zeros((2, 2, 2), dtype=np.int32)
    assert np.isnan(component_centres(numbered, 1)).all()
    numbered[1, 0, 1] = 3
    centres = component_centres(numbered, 4)
    assert np.isnan(centres[[0, 1, 2, 4]]).all()
    assert centres[3].tolist() == [1, 0, 1]


def body(*boxes: tuple[slice, ...], shape: tuple[int, ...] = (30, 24, 5)) -> np.ndarray:
    ct = np.full(shape, -1000.0)
    for box in boxes:
        ct[box] = 40.0
    return ct


def test_the_hull_of_a_square_is_the_square() -> None:
    ct = body(np.s_[5:20, 4:18, 1:4])
    np.testing.assert_array_equal(body_hull(ct, EDGE), ct > 0)


def test_the_hull_bridges_a_hollow() -> None:
    ct = body(np.s_[5:25, 4:8, :], np.s_[5:9, 4:18, 0:1], np.s_[21:25, 4:18, 0:1])  # a U on the first slice
    hull = body_hull(ct, EDGE)
    np.testing.assert_array_equal(hull[:, :, 0], body(np.s_[5:25, 4:18, :])[:, :, 0] > 0)
    np.testing.assert_array_equal(hull[:, :, 1], ct[:, :, 1] > 0)


def test_slices_without_body_are_empty_and_the_table_is_excluded() -> None:
    ct = body(np.s_[5:20, 8:18, 1:4], np.s_[2:28, 2:4, :])
    hull = body_hull(ct, EDGE)
    np.testing.assert_array_equal(hull.any(axis=(0, 1)), [False, True, True, True, False])
    assert not hull[:, :7].any()
    assert not body_hull(body(), EDGE).any()


def test_tissue_is_denser_than_minus_300() -> None:
    ct = body(np.s_[5:20, 8:18, :])
    ct[20:25, 8:18], ct[2:5, 8:18] = -300.0, -299.0
    hull = body_hull(ct, EDGE)
    assert not hull[20:].any()
    assert hull[2:5, 8:18].all()


@pytest.mark.parametrize("spacing", [(1.0, 1.3, 5.0), (2.0, 0.7, 1.0)])
def test_the_hull_deviates_by_less_than_two_coarse_pixels(spacing) -> None:
    ct = np.full((101, 95, 3), -1000.0)
    x, y = np.ogrid[:101, :95]
    disc = (x - 50) ** 2 / 40**2 + (y - 47) ** 2 / 35**2 < 1
    ct[disc] = 40.0
    hull = body_hull(ct, spacing)
    assert hull.shape == ct.shape
    step = [round(4.0 / length) for length in spacing[:2]]
    pixels = np.repeat(np.repeat(hull[:: step[0], :: step[1]], step[0], axis=0), step[1], axis=1)
    np.testing.assert_array_equal(hull, pixels[:101, :95])  # drawn on pixels of 4 mm
    edge = disc ^ ndimage.binary_erosion(disc)
    away = ndimage.distance_transform_edt(~edge, sampling=spacing[:2])
    for z in range(3):
        assert away[hull[:, :, z] != disc].max() < 8.0


@pytest.mark.parametrize(
    "slice_", [np.s_[5:6, 5:6], np.s_[5:15, 5:6], np.s_[5:6, 5:15], np.s_[0:1, 0:1], np.s_[29:30, :]]
)
def test_a_slice_with_a_pixel_or_a_line_of_body_has_a_hull_without_warning(slice_) -> None:
    ct = body((*slice_, np.s_[0:2]), (*slice_, np.s_[4:5]))
    np.testing.assert_array_equal(body_hull(ct, EDGE)[:, :, 0], ct[:, :, 0] > 0)
    diagonal = np.where(np.eye(20)[:, :, None] * np.ones(2) > 0, 40.0, -1000.0)
    diagonal[3, 4] = diagonal[4, 3] = 40.0
    assert body_hull(diagonal, EDGE).any()


def ring(shape: tuple[int, int] = (40, 40)) -> tuple[np.ndarray, np.ndarray]:
    """Return air and hull (X, Y, 1) of a body with a hollow."""
    hull = np.zeros((*shape, 1), dtype=bool)
    hull[10:30, 10:30] = True
    air = ~hull
    air[14:20, 14:26] = True
    return air, hull


def enclosed(air: np.ndarray, hull: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    return enclosed_air(np.where(air, -1000.0, 40.0), air, hull, spacing)


def cut_corner() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return CT, air and hull (40, 40, 1) of a body whose corner, a lung of 30 by 30 pixels, has lost its wall."""
    ct = np.full((40, 40, 1), 40.0)
    ct[10:, 10:] = -850.0
    ct[:3, :3] = -1000.0
    return ct, ct < -300, body_hull(ct, EDGE)


def test_a_lung_whose_corner_is_cut_is_enclosed() -> None:
    ct, air, hull = cut_corner()
    assert not hull[39, 39, 0]
    found = enclosed_air(ct, air, hull, EDGE)
    assert found[10:, 10:].all()
    # air as dark as outside air has no lung to lose
    assert not enclosed_air(np.where(air, -1000.0, ct), air, hull, EDGE)[10:, 10:].any()


def reaches_out(box: tuple[slice, ...], within: int, hu: float = -850.0) -> tuple[np.ndarray, ...]:
    """Return CT, air and hull (40, 40, 1) with a box of air, of which the last ``within`` pixels lie in the hull."""
    ct, hull = np.full((40, 40, 1), 40.0), np.zeros((40, 40, 1), dtype=bool)
    ct[box] = hu
    hull[tuple(np.argwhere(ct < 0)[::-1][:within].T)] = True
    return ct, ct < 0, hull


@pytest.mark.parametrize("flips", [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize(
    ("box", "within", "found"),
    [
        (np.s_[:20, :20], 80, True),
        (np.s_[:20, :20], 79, False),
        (np.s_[1:20, :20], 200, False),
        (np.s_[:20, 1:20], 200, False),
        (np.s_[:, :20], 400, False),  # foam under the body, from side to side
        (np.s_[:20, :], 400, True),  # a lung without its wall in front and in the back
    ],
)
def test_air_at_one_side_and_in_front_or_back_is_a_lung_if_a_fifth_is_within_the_hull(
    box, within: int, found: bool, flips: tuple[int, ...]
) -> None:
    ct, air, hull = (np.flip(part, flips) for part in reaches_out(box, within))
    np.testing.assert_array_equal(enclosed_air(ct, air, hull, EDGE), air if found else air & False)


@pytest.mark.parametrize(("hu", "found"), [(-939.5, True), (-940.0, False)])
def test_a_lung_without_its_wall_is_brighter_than_minus_940_hu(hu: float, found: bool) -> None:
    assert enclosed_air(*reaches_out(np.s_[:20, :20], 80, hu), EDGE).any() == found


def test_the_median_of_all_air_that_is_connected_on_a_slice_decides() -> None:
    """Half of the first lung has -1000 HU, and one pixel more of the second: medians of -935 and -1000 HU."""
    ct, air, hull = (np.repeat(part, 2, axis=2) for part in reaches_out(np.s_[:20, :20], 200, -870.0))
    ct[:10, :20] = ct[10, 0, 1] = -1000.0
    assert enclosed_air(ct, air, hull, EDGE).sum(axis=(0, 1)).tolist() == [400, 0]


@pytest.mark.parametrize(("within", "found"), [(200, True), (199, False)])
def test_half_of_a_lung_that_borders_on_padding_is_within_the_hull(within: int, found: bool) -> None:
    ct, air, hull = reaches_out(np.s_[10:30, 10:30], within)
    unscanned = np.zeros((40, 40), dtype=bool)
    unscanned[:, 30:] = True
    assert enclosed_air(ct, air, hull, EDGE, unscanned).any() == found


def test_outside_air_that_is_too_bright_stays_outside() -> None:
    """Some scans have -900 HU beside the body; little of that air lies within the hull."""
    air, hull = ring()
    ct = np.where(air, -900.0, 40.0)
    assert enclosed_air(ct, air, hull, EDGE).sum() == 6 * 12


def test_a_lung_that_borders_on_padding_is_enclosed() -> None:
    air, hull = ring()
    air[14:20, 14:40] = True  # the wall is missing on one side, and padding follows
    ct = np.where(hull & air, -850.0, np.where(air, -1024.0, 40.0))
    unscanned = np.zeros((40, 40), dtype=bool)
    unscanned[:, 30:] = True
    assert not enclosed_air(ct, air, hull, EDGE)[14:20, 14:26].any()
    found = enclosed_air(ct, air, hull, EDGE, unscanned)
    assert found[14:20, 14:30].all()
    assert found.sum() == 6 * 16


def test_air_in_a_hollow_is_enclosed() -> None:
    air, hull = ring()
    found = enclosed(air, hull, EDGE)
    assert found[14:20, 14:26].all()
    assert found.sum() == 6 * 12
    air[20:40, 20] = True  # a way out through the wall
    assert not enclosed(air, hull, EDGE).any()


def test_without_air_none_is_enclosed() -> None:
    air, hull = ring()
    assert not enclosed(air & False, hull, EDGE).any()


@pytest.mark.parametrize(("voxels", "inside"), [(3, True), (4, False)])  # 12 mm and 16 mm beyond the hull
def test_a_lung_may_bulge_over_the_hull_by_15_mm(voxels: int, inside: bool) -> None:
    air, hull = ring()
    air &= hull
    air[20 : 30 + voxels, 16] = True
    assert enclosed(air, hull, EDGE)[15, 16, 0] == inside


def test_the_margin_is_in_mm() -> None:
    air, hull = ring()
    air &= hull
    air[20:33, 16] = True
    assert enclosed(air, hull, (4.0, 4.0, 9.0)).any()
    assert not enclosed(air, hull, (5.5, 1.0, 1.0)).any()
    assert enclosed(air, hull, (5.0, 1.0, 1.0)).any()


def test_a_lung_cut_off_by_the_field_of_view_is_enclosed() -> None:
    air, hull = ring()
    np.testing.assert_array_equal(enclosed(air[15:30], hull[15:30], EDGE)[:5, 14:26], True)


def test_enclosed_air_is_found_slice_by_slice() -> None:
    air, hull = ring()
    air, hull = np.repeat(air, 3, axis=2), np.repeat(hull, 3, axis=2)
    hull[:, :, 2] = False  # no body on this slice, so that all its air is outside air
    found = enclosed(air, hull, (4.0, 4.0, 1.0))
    assert found.sum(axis=(0, 1)).tolist() == [72, 72, 0]
    hull[:, :, 2] = True  # the hull may jump from slice to slice, as at the shoulders
    assert enclosed(air, hull, (4.0, 4.0, 1.0)).sum(axis=(0, 1)).tolist()[:2] == [72, 72]


def test_the_largest_component_is_6_connected() -> None:
    mask = np.zeros((6, 6, 2), dtype=bool)
    mask[0, 0:3] = True  # six voxels, over two slices
    mask[2:4, 2:4, 0] = mask[4, 4, 0] = mask[5, 5, 0] = True  # six voxels, of which four by faces
    expected = np.zeros_like(mask)
    expected[0, 0:3] = True
    np.testing.assert_array_equal(largest_component(mask), expected)


@pytest.mark.parametrize("value", [False, True])
def test_the_largest_component_of_an_empty_and_a_full_mask(value: bool) -> None:
    mask = np.full((2, 3, 2), value)
    np.testing.assert_array_equal(largest_component(mask), mask)


def test_the_first_of_equal_components_is_kept() -> None:
    assert largest_component(np.array([[[True, False, True]]])).ravel().tolist() == [True, False, False]
