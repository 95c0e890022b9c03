"""Outside of the ribs: chest wall, but neither lung nor a bright heart between the lungs."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.rib_cage import outside_ribs

EDGE = (4.0, 4.0, 4.0)
RADIUS = np.hypot(*np.ogrid[-45:45, -45:45])[:, :, None] * np.ones(12)


def chest(ribs: bool = True) -> tuple[np.ndarray, np.ndarray]:
    ct = np.full(RADIUS.shape, 40.0)
    if ribs:
        ct[(RADIUS > 24) & (RADIUS < 27)] = 500.0
    ct[RADIUS < 8] = 400.0  # a heart with contrast
    lungs = (RADIUS < 22) & (RADIUS > 10)
    lungs[:, :, 8:] = False
    return ct, lungs


def test_the_chest_wall_is_outside_and_everything_between_the_lungs_inside() -> None:
    ct, lungs = chest()
    outside = outside_ribs(ct, lungs, EDGE)
    assert outside[..., :8][RADIUS[..., :8] > 30].all()
    assert not outside[..., :8][RADIUS[..., :8] < 25].any()


def test_high_above_the_lungs_everything_is_outside() -> None:
    ct, lungs = chest()
    lungs[:, :, 2:] = False
    assert outside_ribs(ct, lungs, EDGE)[:, :, 11].all()


def test_without_bone_the_upper_half_ends_near_the_lungs() -> None:
    ct, lungs = chest(ribs=False)
    outside = outside_ribs(ct, lungs, EDGE)
    assert outside[:, :, 6][RADIUS[:, :, 6] > 32].all()
    assert not outside[:, :, 1].any()


def test_without_lungs_nothing_is_outside() -> None:
    ct, lungs = chest()
    assert not outside_ribs(ct, np.zeros_like(lungs), EDGE).any()


#: Voxels of 1 x 1 x 4.1 mm; distances from the middle of the slice are in mm, and whole along the axes.
FINE, MIDDLE = (1.0, 1.0, 4.1), 80
DISTANCE = np.hypot(*np.ogrid[-80:81, -80:81])


def round_lungs(radii: dict[int, float], slices: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Make a volume of muscle, and lungs that are a disc with a radius in mm on each slice."""
    lungs = np.zeros((161, 161, slices), dtype=bool)
    for z, radius in radii.items():
        lungs[:, :, z] = radius >= DISTANCE
    return np.full(lungs.shape, 40.0), lungs


def first_outside(outside: np.ndarray, z: int) -> list[int | None]:
    """Return the least distance in mm outside on a slice in front of, behind, right and left of the middle."""
    plane = outside[:, :, z]
    arms = (plane[MIDDLE, MIDDLE:], plane[MIDDLE, MIDDLE::-1], plane[MIDDLE:, MIDDLE], plane[MIDDLE::-1, MIDDLE])
    return [int(arm.argmax()) if arm.any() else None for arm in arms]


def test_ribs_count_for_10_mm_and_are_10_mm_thick() -> None:
    """Ribs 60 mm from the middle on one slice in the lower half: two slices of 4.1 mm on each side have them, too."""
    ct, lungs = round_lungs(dict.fromkeys(range(2, 22), 48.0))
    ct[(DISTANCE >= 60) & (DISTANCE < 66), 6] = 500.0
    outside = outside_ribs(ct, lungs, FINE)
    assert [z for z in range(2, 12) if outside[:, :, z].any()] == [4, 5, 6, 7, 8]
    for z in (4, 6, 8):
        assert first_outside(outside, z) == [71] * 4
    assert not outside[:, :, :2].any()


def test_without_ribs_the_upper_half_ends_25_mm_beyond_the_lungs() -> None:
    """Lungs on slices 2 to 21: the middle is 11.5; above them the hull is that of slice 18, up to 30 mm, 7 slices."""
    radii = {**dict.fromkeys(range(2, 18), 40.0), 18: 48.0, **dict.fromkeys(range(19, 22), 30.0)}
    ct, lungs = round_lungs(radii)
    outside = outside_ribs(ct, lungs, FINE)
    assert not outside[:, :, :12].any()
    for z, radius in ((12, 40), (18, 48), (21, 30), (22, 48), (28, 48)):
        assert first_outside(outside, z) == [radius + 26] * 4
    assert outside[:, :, 29:].all()


def test_above_lungs_of_two_slices_their_lowest_counts() -> None:
    ct, lungs = round_lungs({2: 48.0, 3: 40.0})
    assert first_outside(outside_ribs(ct, lungs, FINE), 5) == [74] * 4


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("place", "expected"), [(49, None), (50, 61), (51, 62)])
def test_bone_up_to_50_mm_from_the_middle_is_no_rib(place: int, expected: int | None, turned: bool) -> None:
    """A bone of 13 mm beside flat lungs; at 50 mm only the voxels beside the axis are farther than that."""
    ct, lungs = round_lungs({})
    lungs[MIDDLE - 70 : MIDDLE + 71, MIDDLE - 20 : MIDDLE + 21, 2:12] = True
    ct[MIDDLE - 6 : MIDDLE + 7, MIDDLE + place, 4] = 500.0
    if turned:
        ct, lungs = ct.swapaxes(0, 1), lungs.swapaxes(0, 1)
    arms = first_outside(outside_ribs(ct, lungs, FINE), 4)
    assert arms.pop(2 if turned else 0) == expected
    assert arms == [None] * 3


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("place", "expected"), [(24, None), (25, 31), (-24, None), (-25, 31)])
def test_the_middle_is_that_of_the_lungs_wherever_they_lie(place: int, expected: int | None, turned: bool) -> None:
    """Bone 48 or 50 mm from the middle of the lungs, along an axis with voxels of 2 mm; 62 mm from it chest wall."""
    ct, lungs = round_lungs({})
    lungs[83 - 70 : 83 + 71, 70 - 10 : 70 + 11, 2:12] = True
    ct[83 - 6 : 83 + 7, 70 + place, 4] = 500.0
    edges = (1.0, 2.0, 4.1)
    if turned:
        ct, lungs, edges = ct.swapaxes(0, 1), lungs.swapaxes(0, 1), (2.0, 1.0, 4.1)
    plane = outside_ribs(ct, lungs, edges)[:, :, 4]
    line = plane[:, 83] if turned else plane[83]
    arm = line[70:] if place > 0 else line[70::-1]
    assert (int(arm.argmax()) if arm.any() else None) == expected


def test_bone_counts_in_its_direction_of_5_degrees_and_the_next_ones() -> None:
    """Bone at 1 degree: from -5 to 10 degrees, which are 6.6 mm to the back and 13.2 mm to the front at 75 mm."""
    ct, lungs = round_lungs({})
    lungs[MIDDLE - 20 : MIDDLE + 21, MIDDLE - 70 : MIDDLE + 71, 2:12] = True
    ct[MIDDLE + 51 : MIDDLE + 57, MIDDLE + 1, 3:6] = 500.0
    outside = outside_ribs(ct, lungs, FINE)[MIDDLE + 75, :, 4]
    assert np.flatnonzero(outside).tolist() == list(range(MIDDLE - 6, MIDDLE + 14))
