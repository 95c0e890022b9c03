"""Sides by components and midline, and the mediastinum between the lungs, on boxes and on a drawn chest."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.organ_split import mediastinum_between_lungs, split_lungs
from tests.transforms.drawn_chest import drawn_chest

EDGE = (5.0, 5.0, 5.0)


def boxes(*where: tuple[slice, ...], shape: tuple[int, ...] = (30, 12, 12)) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    for box in where:
        mask[box] = True
    return mask


LEFT, RIGHT = np.s_[2:12, 2:10, 2:10], np.s_[16:28, 2:10, 2:10]


def check_sides(lungs: np.ndarray, right: np.ndarray, left: np.ndarray) -> None:
    assert not (right & left).any()
    np.testing.assert_array_equal(right | left, lungs)


@pytest.mark.parametrize("midline", [0.0, 14.0, 29.0])
def test_two_components_are_two_sides_for_any_midline(midline: float) -> None:
    lungs = boxes(LEFT, RIGHT)
    right, left = split_lungs(lungs, lungs, EDGE, midline)
    check_sides(lungs, right, left)
    np.testing.assert_array_equal(right, boxes(RIGHT))


@pytest.mark.parametrize("thickness", [1, 2])
def test_lungs_that_touch_are_separated_by_erosion(thickness: int) -> None:
    bridge = np.s_[12:16, 4 : 4 + thickness, 2:10]  # a junction line in front that looks like air
    lungs = boxes(LEFT, RIGHT, bridge)
    right, left = split_lungs(lungs, lungs, EDGE, 20.0)
    check_sides(lungs, right, left)
    assert right[RIGHT].all()
    assert left[LEFT].all()
    assert left[12:14][lungs[12:14]].all()  # each half of the bridge goes to the nearer lung
    assert right[14:16][lungs[14:16]].all()


def joined_lungs(bridge_mm: float, lung_mm: float) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Two lungs joined by a bridge, and the spacing: no erosion by ``bridge_mm`` leaves the bridge, none by ``lung_mm``
    the lungs.

    One voxel along z limits the depth of the lungs, one voxel along y that of the bridge.
    """
    lungs = boxes(np.s_[0:4, 0:9, :], np.s_[5:9, 0:9, :], np.s_[4:5, 4:5, :], shape=(9, 9, 1))
    return lungs, (100.0, bridge_mm, lung_mm)


@pytest.mark.parametrize(
    ("radius", "bridge_mm"),
    [(2.0, 1.5), (3.0, 2.5), (4.0, 3.5), (6.0, 5.0), (8.0, 7.0), (11.0, 9.5), (15.0, 13.0)],
)
def test_each_erosion_radius_separates_lungs(radius: float, bridge_mm: float) -> None:
    lungs, spacing = joined_lungs(bridge_mm, radius + 0.5)
    right, left = split_lungs(lungs, lungs, spacing, midline=-1.0)
    check_sides(lungs, right, left)
    assert right.any(axis=(1, 2)).tolist() == [False] * 4 + [True] * 5  # the middle is as near to both: right
    whole, none = split_lungs(lungs, lungs, (100.0, bridge_mm, radius - 0.01), midline=-1.0)  # eroded with the bridge
    np.testing.assert_array_equal(whole, lungs)
    assert not none.any()


def test_thin_lungs_that_do_not_touch_need_no_erosion() -> None:
    lungs = boxes(LEFT, RIGHT)
    right, left = split_lungs(lungs, lungs, (0.5, 0.1, 0.1), midline=-1.0)
    check_sides(lungs, right, left)
    np.testing.assert_array_equal(left, boxes(LEFT))


def test_the_core_leads_and_other_voxels_follow_the_nearest_seed() -> None:
    lungs = boxes(np.s_[2:28, 2:10, 2:10])
    core = boxes(np.s_[2:8, 2:10, 2:10], np.s_[20:28, 2:10, 2:10])
    right, left = split_lungs(lungs, core, EDGE, 3.0)
    check_sides(lungs, right, left)
    assert np.flatnonzero(left.any(axis=(1, 2))).tolist() == list(range(2, 14))
    assert np.flatnonzero(right.any(axis=(1, 2))).tolist() == list(range(14, 28))  # 6 voxels from either


def test_voxels_beyond_the_core_follow_their_lung() -> None:
    core = boxes(np.s_[4:8, 4:8, 4:8], np.s_[20:26, 4:8, 4:8])
    lungs = boxes(LEFT, RIGHT)
    right, left = split_lungs(lungs, core, EDGE, 3.0)
    check_sides(lungs, right, left)
    np.testing.assert_array_equal(right, boxes(RIGHT))


@pytest.mark.parametrize(("x", "is_right"), [(14, False), (15, True), (16, True)])
def test_a_loose_voxel_between_small_voxels_follows_the_nearer_seed(x: int, is_right: bool) -> None:
    """Both lungs lie within 10 mm of it, 20 voxels of 0.5 mm; in the middle it is right."""
    core = boxes(np.s_[0:3, 2:10, 2:10], np.s_[27:30, 2:10, 2:10])
    lungs = core | boxes(np.s_[x : x + 1, 5:6, 5:6])
    right, left = split_lungs(lungs, core, (0.5, 0.5, 0.5), 3.0)
    check_sides(lungs, right, left)
    assert right[x, 5, 5] == is_right


def test_distances_to_the_seeds_are_in_mm() -> None:
    # The voxel (10, 2, 10) lies 2 voxels in x from the left core and 6 in z from the right one.
    lungs = boxes(np.s_[2:9, 2:10, 0:12], np.s_[9:16, 2:10, 0:12], np.s_[16:28, 2:10, 0:12])
    core = boxes(np.s_[2:9, 2:10, 8:12], np.s_[10:28, 2:10, 0:5])
    right, left = split_lungs(lungs, core, (5.0, 5.0, 1.0), 14.0)
    check_sides(lungs, right, left)
    assert right[10, 4, 10]
    assert left[8, 4, 10]
    right, left = split_lungs(lungs, core, (1.0, 1.0, 5.0), 14.0)
    assert left[10, 4, 10]


@pytest.mark.parametrize("midline", [0.0, 14.5, 29.0])
def test_one_lung_lies_on_its_side_of_the_midline(midline: float) -> None:
    lungs = boxes(RIGHT)
    right, left = split_lungs(lungs, lungs, EDGE, midline)
    check_sides(lungs, right, left)
    assert right.any() == (midline < 28)
    assert left.any() == (midline > 28)


@pytest.mark.parametrize(
    ("midline", "on_the_right"),
    [(0.0, 10), (3.5, 10), (4.5, 8), (10.5, 2), (11.5, 0)],  # of its 10 layers 0, 1, 2, 8 and 9 lie left of it
)
def test_one_lung_that_hardly_crosses_the_midline_is_not_cut(midline: float, on_the_right: int) -> None:
    lung = boxes(np.s_[3:13, 2:10, 2:10])
    right, left = split_lungs(lung, lung, EDGE, midline)
    check_sides(lung, right, left)
    assert right.any(axis=(1, 2)).sum() == on_the_right


@pytest.mark.parametrize(("midline", "on_the_right"), [(4.5, 17), (3.5, 20), (18.5, 3), (19.5, 0)])
def test_a_lung_of_20_layers_is_cut_if_at_least_3_cross_the_midline(midline: float, on_the_right: int) -> None:
    lung = boxes(np.s_[2:22, 2:10, 2:10])
    right, left = split_lungs(lung, lung, EDGE, midline)
    check_sides(lung, right, left)
    assert right.any(axis=(1, 2)).sum() == on_the_right


def test_a_voxel_on_the_midline_is_left() -> None:
    lung = boxes(np.s_[2:22, 2:10, 2:10])
    right, left = split_lungs(lung, lung, EDGE, 10.0)
    assert left[10, 5, 5]
    assert right[11, 5, 5]


def test_each_component_is_cut_by_itself() -> None:
    # A lung on the right and, below, a loose piece on the left that the midline leaves whole.
    lungs = boxes(np.s_[12:22, 2:10, 4:10], np.s_[2:4, 2:4, 0:2])
    right, left = split_lungs(lungs, lungs, EDGE, 8.0)
    np.testing.assert_array_equal(left, boxes(np.s_[2:4, 2:4, 0:2]))
    np.testing.assert_array_equal(right, boxes(np.s_[12:22, 2:10, 4:10]))


def test_a_part_of_exactly_15_percent_is_a_side() -> None:
    lungs = boxes(np.s_[0:17, 2:4, 2:4], np.s_[20:23, 2:4, 2:4])
    right, left = split_lungs(lungs, lungs, EDGE, midline=-1.0)
    assert np.flatnonzero(right.any(axis=(1, 2))).tolist() == [20, 21, 22]
    assert np.flatnonzero(left.any(axis=(1, 2))).tolist() == list(range(17))


def test_a_small_part_is_not_a_side() -> None:
    lungs = boxes(np.s_[2:12, 2:10, 2:10], np.s_[16:18, 2:8, 2:10])  # 640 and 96: 13 % of both
    right, left = split_lungs(lungs, lungs, EDGE, 16.5)
    check_sides(lungs, right, left)
    assert np.flatnonzero(right.any(axis=(1, 2))).tolist() == [17]
    lungs[16:18, 8:10, 2:10] = True  # 128: 16.7 %
    right, _ = split_lungs(lungs, lungs, EDGE, 16.5)
    assert np.flatnonzero(right.any(axis=(1, 2))).tolist() == [16, 17]


def test_two_parts_one_above_the_other_are_not_two_sides() -> None:
    lungs = boxes(np.s_[4:12, 2:10, 0:5], np.s_[5:13, 2:10, 7:12])
    right, left = split_lungs(lungs, lungs, EDGE, 20.0)
    check_sides(lungs, right, left)
    assert not right.any()


def test_above_and_beside_are_distinguished_in_mm() -> None:
    lungs = boxes(np.s_[4:10, 2:10, 0:20], np.s_[12:18, 2:10, 10:30], shape=(20, 12, 30))  # 8 and 10 voxels apart
    right, left = split_lungs(lungs, lungs, (5.0, 5.0, 1.0), 0.0)  # 40 mm and 10 mm
    check_sides(lungs, right, left)
    np.testing.assert_array_equal(right, lungs & (np.arange(20) >= 12)[:, None, None])
    lungs = boxes(np.s_[4:10, 2:10, 0:20], np.s_[12:18, 2:10, 6:26], shape=(20, 12, 30))  # 8 and 6 voxels
    right, left = split_lungs(lungs, lungs, (1.0, 1.0, 5.0), 0.0)  # 8 mm and 30 mm
    check_sides(lungs, right, left)
    assert not left.any()


def test_parts_as_far_beside_as_above_each_other_are_two_sides() -> None:
    lungs = boxes(np.s_[4:8, 2:10, 0:4], np.s_[12:16, 2:10, 8:12])
    right, left = split_lungs(lungs, lungs, EDGE, midline=-1.0)
    assert left.any()
    np.testing.assert_array_equal(right, boxes(np.s_[12:16, 2:10, 8:12]))


def test_empty_masks_have_no_sides() -> None:
    nothing = boxes()
    right, left = split_lungs(nothing, nothing, EDGE, 3.0)
    assert not right.any()
    assert not left.any()


def test_a_mirrored_patient_has_mirrored_sides() -> None:
    lungs = boxes(LEFT, RIGHT, np.s_[12:17, 4:6, 2:10])
    right, left = split_lungs(lungs, lungs, EDGE, 14.0)
    mirrored_right, mirrored_left = split_lungs(lungs[::-1], lungs[::-1], EDGE, 29 - 14.0)
    middle = np.zeros_like(lungs)
    middle[14] = True  # the middle voxel of the bridge is as near to both lungs, and goes to the right lung
    np.testing.assert_array_equal(mirrored_left[::-1] | middle & lungs, right)
    np.testing.assert_array_equal(mirrored_right[::-1] & ~middle, left)


# --- the mediastinum --------------------------------------------------------------------------------------------------


def rounded_box() -> np.ndarray:
    """Return the region between RIGHT and LEFT, with the edges that opening by a disc rounds off."""
    return boxes(np.s_[13:15, 2:10, 2:10], np.s_[12:16, 3:9, 2:10])


def test_the_region_between_two_boxes_is_a_box() -> None:
    right, left = boxes(RIGHT), boxes(LEFT)
    between = mediastinum_between_lungs(right, left, np.zeros(right.shape), EDGE)
    np.testing.assert_array_equal(between, rounded_box())
    assert between.dtype == bool


@pytest.mark.parametrize(("width", "found"), [(3, True), (2, False)])
def test_a_mediastinum_of_three_voxels_of_3_2_mm_is_no_sliver(width: int, found: bool) -> None:
    """4 mm to each side of its middle are one voxel."""
    right, left = boxes(np.s_[12 + width : 28, 2:10, 2:10]), boxes(LEFT)
    assert mediastinum_between_lungs(right, left, np.zeros(right.shape), (3.2, 3.2, 3.2)).any() == found


def test_without_a_spine_the_mediastinum_begins_at_the_first_row() -> None:
    right, left = boxes(np.s_[16:28, 0:8, 2:10]), boxes(np.s_[2:12, 0:8, 2:10])
    between = mediastinum_between_lungs(right, left, np.zeros(right.shape), EDGE)
    assert np.flatnonzero(between[:, :, 5].any(axis=0)).tolist() == list(range(8))


def test_slivers_and_smaller_components_are_removed() -> None:
    # Between the lungs lie a wide box and, beside a dent in the right lung's outer wall, a sliver one voxel thin.
    right = boxes(RIGHT)
    right[27, 4:8, 4:8] = False
    between = mediastinum_between_lungs(right, boxes(LEFT), np.zeros(right.shape), EDGE)
    np.testing.assert_array_equal(between, rounded_box())
    # A dent three voxels deep is not a sliver, but it is a smaller component.
    right[25:28, 4:8, 4:8] = False
    between = mediastinum_between_lungs(right, boxes(LEFT), np.zeros(right.shape), EDGE)
    np.testing.assert_array_equal(between, rounded_box())


def test_only_slices_with_both_lungs_have_a_mediastinum() -> None:
    right, left = boxes(np.s_[16:28, 2:10, 2:7]), boxes(np.s_[2:12, 2:10, 4:10])
    between = mediastinum_between_lungs(right, left, np.zeros(right.shape), EDGE)
    assert np.flatnonzero(between.any(axis=(0, 1))).tolist() == [4, 5, 6]
    right[18:26, 2:8] = False  # a hollow of one lung alone, on slices without the other
    between = mediastinum_between_lungs(right, left, np.zeros(right.shape), EDGE)
    assert np.flatnonzero(between.any(axis=(0, 1))).tolist() == [4, 5, 6]


@pytest.mark.parametrize("empty", ["right", "left"])
def test_the_mediastinum_is_empty_if_a_lung_is_empty(empty: str) -> None:
    lung, nothing = boxes(RIGHT), boxes()
    pair = (nothing, lung) if empty == "right" else (lung, nothing)
    assert not mediastinum_between_lungs(*pair, np.zeros(lung.shape), EDGE).any()


def test_the_spine_and_everything_behind_it_are_excluded() -> None:
    right, left = boxes(RIGHT), boxes(LEFT)
    rows = lambda region, z: np.flatnonzero(region[:, :, z].any(axis=0)).tolist()  # noqa: E731
    for change, kept in (
        (np.s_[12:15, 4, :], [5, 6, 7, 8, 9]),  # 15 mm of bone, in the rear half
        (np.s_[12:14, 4, :], list(range(2, 10))),  # 10 mm, a calcification
        (np.s_[12:15, 8, :], list(range(2, 10))),  # in front: breastbone, calcified valve
    ):
        ct = np.zeros(right.shape)
        ct[change] = 500.0
        between = mediastinum_between_lungs(right, left, ct, EDGE)
        assert all(rows(between, z) == kept for z in range(2, 10))
    ct[:], ct[12:15, 4] = 0.0, 201.0  # just bone
    assert rows(mediastinum_between_lungs(right, left, ct, EDGE), 6) == [5, 6, 7, 8, 9]
    ct[:], ct[12:15, 4] = 0.0, 200.0  # not yet bone
    assert rows(mediastinum_between_lungs(right, left, ct, EDGE), 6) == list(range(2, 10))
    ct[:], ct[12:14, 4] = 0.0, 500.0
    for width, kept in ((7.0, [5, 6, 7, 8, 9]), (6.4, [5, 6, 7, 8, 9]), (6.0, list(range(2, 10)))):
        wide = mediastinum_between_lungs(right, left, ct, (width, 5.0, 5.0))  # two voxels: 14, 12.8 and 12 mm
        assert rows(wide, 6) == kept


def test_the_spine_is_sought_in_the_rear_half() -> None:
    right, left = boxes(RIGHT), boxes(LEFT)  # rows 2 to 9: the rear half ends with row 5
    for row, first in ((2, 3), (5, 6), (6, 2)):
        ct = np.zeros(right.shape)
        ct[12:16, row] = 500.0
        between = mediastinum_between_lungs(right, left, ct, EDGE)
        assert np.flatnonzero(between[:, :, 6].any(axis=0))[0] == first


def test_of_three_rows_only_the_rearmost_is_searched_for_the_spine() -> None:
    right, left = boxes(np.s_[16:28, 2:5, 2:10]), boxes(np.s_[2:12, 2:5, 2:10])
    ct = np.zeros(right.shape)
    ct[12:16, 3] = 500.0
    between = mediastinum_between_lungs(right, left, ct, EDGE)
    assert np.flatnonzero(between[:, :, 6].any(axis=0)).tolist() == [2, 3, 4]


def test_of_several_bony_rows_the_foremost_is_the_front_of_the_spine() -> None:
    right, left = boxes(RIGHT), boxes(LEFT)
    ct = np.zeros(right.shape)
    ct[12:16, 2:4] = 500.0
    between = mediastinum_between_lungs(right, left, ct, EDGE)
    assert np.flatnonzero(between[:, :, 6].any(axis=0)).tolist() == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("bony", "first"), [(slice(4, 12), 5), (slice(6, 9), 2), (slice(8, 11), 2), (slice(8, 12), 5), (slice(2, 6), 5)]
)
def test_an_intervertebral_disc_takes_the_front_of_the_spine_from_its_neighbours(bony: slice, first: int) -> None:
    shape = (30, 12, 20)
    right, left = boxes(np.s_[16:28, 2:10, 2:18], shape=shape), boxes(np.s_[2:12, 2:10, 2:18], shape=shape)
    ct = np.zeros(shape)
    ct[12:15, 4, bony] = 500.0
    ct[:, :, 7] = 0.0  # a disc
    between = mediastinum_between_lungs(right, left, ct, EDGE)
    # 25 mm above and below are eleven slices. Bone on seven of them is the spine, on two it is something else.
    assert np.flatnonzero(between[:, :, 7].any(axis=0))[0] == first


@pytest.mark.parametrize(
    ("bony", "first"), [(slice(3, 7), 2), (slice(4, 8), 5), (slice(11, 15), 5), (slice(12, 16), 2)]
)
def test_bone_on_four_slices_up_to_25_mm_away_is_the_spine(bony: slice, first: int) -> None:
    shape = (30, 12, 20)
    right, left = boxes(np.s_[16:28, 2:10, 2:18], shape=shape), boxes(np.s_[2:12, 2:10, 2:18], shape=shape)
    ct = np.zeros(shape)
    ct[12:15, 4, bony] = 500.0
    between = mediastinum_between_lungs(right, left, ct, EDGE)
    assert np.flatnonzero(between[:, :, 9].any(axis=0))[0] == first


def test_ribs_beside_the_lungs_are_not_the_spine() -> None:
    right, left = boxes(RIGHT), boxes(LEFT)
    ct = np.zeros(right.shape)
    ct[:2, 2:10], ct[28:, 2:10] = 500.0, 500.0
    np.testing.assert_array_equal(mediastinum_between_lungs(right, left, ct, EDGE), rounded_box())


def test_far_below_the_domes_only_the_front_and_the_middle_are_kept() -> None:
    # Behind (y < 5) the lungs reach down to slice 0. The domes are on slice 10, and slice 4 lies 30 mm below.
    shape = (40, 20, 20)
    right = boxes(np.s_[24:38, 2:18, 10:20], np.s_[24:38, 2:5, 0:10], shape=shape)
    left = boxes(np.s_[2:16, 2:18, 10:20], np.s_[2:16, 2:5, 0:10], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    high, low = between[:, :, 4], between[:, :, 3]
    assert np.flatnonzero(high.any(axis=1)).tolist() == list(range(16, 24))  # the hull of the two tips
    assert np.flatnonzero(high.any(axis=0)).tolist() == list(range(2, 5))
    # Further below, the outline merged with those above still has only the tips, and they lie in the rear quarter.
    assert np.flatnonzero(low.any(axis=0)).tolist() == []
    tall = mediastinum_between_lungs(right, left, np.zeros(shape), (5.0, 5.0, 2.5))
    # With slices of 2.5 mm the domes lie only 25 mm above slice 0, so that nothing is cut off.
    np.testing.assert_array_equal(tall, mediastinum_between_lungs(right, left, np.zeros(shape), (5.0, 5.0, 2.9)))


def test_the_right_quarter_beside_the_liver_and_the_last_tips_are_excluded() -> None:
    # The lungs lie above slice 10. Only their outer parts reach below, and only two voxels of each reach slice 0.
    shape = (40, 20, 20)
    right = boxes(np.s_[24:38, 2:18, 10:20], np.s_[34:38, 2:18, 1:10], np.s_[36:38, 8, 0], shape=shape)
    left = boxes(np.s_[2:16, 2:18, 10:20], np.s_[2:6, 2:18, 1:10], np.s_[2:4, 8, 0], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    across = [np.flatnonzero(between[:, :, z].any(axis=1)).tolist() for z in (0, 3, 4)]
    assert across == [
        [],
        list(range(6, 29)),
        list(range(6, 34)),
    ]  # the lungs are 36 wide, of which 9 on the right are cut
    along = [np.flatnonzero(between[:, :, z].any(axis=0)).tolist() for z in (3, 4)]
    assert along == [list(range(6, 18)), list(range(2, 18))]


@pytest.mark.parametrize("shape", ["pixel", "line", "column", "corner"])
def test_outlines_of_a_pixel_or_a_line_do_not_warn(shape: str) -> None:
    right, left = boxes(), boxes()
    where = {
        "pixel": (np.s_[20, 5, 3:6], np.s_[8, 5, 3:6]),
        "line": (np.s_[20:25, 5, 3:6], np.s_[4:9, 5, 3:6]),
        "column": (np.s_[16, 2:9, 3:6], np.s_[15, 2:9, 3:6]),
        "corner": (np.s_[29, 11, 3:6], np.s_[0, 0, 3:6]),
    }[shape]
    right[where[0]], left[where[1]] = True, True
    between = mediastinum_between_lungs(right, left, np.zeros(right.shape), EDGE)
    assert not (between & (right | left)).any()
    assert not between[:, :, 4].any() or shape == "corner"  # a line of voxels is a sliver
    sides = split_lungs(right | left, right | left, EDGE, 15.0)
    check_sides(right | left, *sides)


def test_the_heart_of_a_drawn_chest_lies_in_the_mediastinum() -> None:
    ct, right, left = drawn_chest(right_dome=-30.0, left_dome=-40.0)
    between = mediastinum_between_lungs(right, left, ct, (4.0, 4.0, 4.0))
    assert not (between & (right | left)).any()
    spine = (ct == 400) & (right | left).any(axis=(0, 1))
    assert spine.any()
    assert not between[spine].any()
    x, y, z = np.ogrid[: ct.shape[0], : ct.shape[1], : ct.shape[2]]
    heart = ((x - 44) * 4 / 20) ** 2 + ((y - 38) * 4 / 40) ** 2 + ((z - 32) * 4 / 40) ** 2 < 1
    assert between[heart].all()


@pytest.mark.parametrize(("slice_mm", "lowest"), [(5.0, 4), (10.0, 7)])
def test_the_distance_below_the_domes_is_in_mm(slice_mm: float, lowest: int) -> None:
    shape = (40, 20, 20)  # the domes lie on slice 10
    right = boxes(np.s_[24:38, 2:18, 10:20], np.s_[34:38, 2:18, 1:10], shape=shape)
    left = boxes(np.s_[2:16, 2:18, 10:20], np.s_[2:6, 2:18, 1:10], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), (5.0, 5.0, slice_mm))
    whole = between[:, :6].any(axis=(0, 1))  # the rear quarter
    assert np.flatnonzero(whole)[0] == lowest


def test_low_slices_take_the_outlines_of_30_mm_above() -> None:
    shape = (40, 20, 20)  # the domes lie on slice 10; in front the lungs reach down to slice 4, behind to slice 1
    right = boxes(np.s_[24:38, 2:18, 10:20], np.s_[34:38, 2:18, 4:10], np.s_[34:38, 2:5, 1:4], shape=shape)
    left = boxes(np.s_[2:16, 2:18, 10:20], np.s_[2:6, 2:18, 4:10], np.s_[2:6, 2:5, 1:4], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    front = between[:, 8:].any(axis=(0, 1))
    assert np.flatnonzero(front).tolist() == list(range(1, 20))
    assert between[4, 10, 1]  # under the front of the left lung, where the heart's tip may lie


def test_a_slice_belongs_to_the_mediastinum_if_it_has_over_3_percent_of_the_largest_cross_section() -> None:
    shape = (40, 20, 6)
    right = boxes(np.s_[25:35, 0:10, 1:6], np.s_[25:28, 5, 0], shape=shape)  # 100 voxels, and 3 on slice 0
    left = boxes(np.s_[5:15, 0:10, 1:6], np.s_[12:15, 5, 0], shape=shape)
    for extra, slices in ((0, [1, 2, 3, 4, 5]), (4, [0, 1, 2, 3, 4, 5])):
        right[25:28, 5 : 6 + extra, 0] = left[12:15, 5 : 6 + extra, 0] = True
        between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
        assert np.flatnonzero(between.any(axis=(0, 1))).tolist() == slices


def test_the_dome_is_the_upper_quartile_of_the_lungs_lower_ends() -> None:
    # Of the columns of each lung a third ends on slice 20 and two thirds on slice 0: slices below 20 - 6 are low.
    shape = (40, 12, 40)
    right = boxes(np.s_[24:38, 0:8, 0:40], np.s_[24:38, 8:12, 20:40], shape=shape)
    left = boxes(np.s_[2:16, 0:8, 0:40], np.s_[2:16, 8:12, 20:40], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    rear = between[:, :3].any(axis=(0, 1))  # the rear quarter
    assert np.flatnonzero(rear).tolist() == list(range(14, 40))


def test_the_level_of_the_domes_is_their_mean() -> None:
    shape = (40, 12, 40)
    right = boxes(np.s_[24:38, 0:8, 0:40], np.s_[24:38, 8:12, 30:40], shape=shape)
    left = boxes(np.s_[2:16, 0:8, 0:40], np.s_[2:16, 8:12, 20:40], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    assert np.flatnonzero(between[:, :3].any(axis=(0, 1))).tolist() == list(range(25 - 6, 40))


def test_a_dome_of_a_quarter_of_the_columns_is_interpolated() -> None:
    # A quarter of the 112 columns ends on slice 20, the others on slice 0. The dome lies on slice 5, 25 mm up.
    shape = (40, 8, 40)
    right = boxes(np.s_[24:38, 0:6, 0:40], np.s_[24:38, 6:8, 20:40], shape=shape)
    left = boxes(np.s_[2:16, 0:6, 0:40], np.s_[2:16, 6:8, 20:40], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    assert between[:, :2].any(axis=(0, 1)).all()


def test_low_slices_do_not_take_outlines_from_more_than_30_mm_above() -> None:
    """The domes lie on slice 30, so slices below 24 are low. At their sides the lungs reach down to slice 20 in front.

    Behind they reach down to slice 0.
    """
    shape = (40, 20, 45)
    right = boxes(np.s_[24:38, 2:18, 30:45], np.s_[34:38, 8:18, 20:30], np.s_[24:38, 2:8, 0:30], shape=shape)
    left = boxes(np.s_[2:16, 2:18, 30:45], np.s_[2:6, 8:18, 20:30], np.s_[2:16, 2:8, 0:30], shape=shape)
    between = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)
    assert np.flatnonzero(between[:, 10:].any(axis=(0, 1))).tolist() == list(range(14, 45))


def test_a_slice_with_exactly_3_percent_of_the_largest_cross_section_is_a_tip() -> None:
    shape = (40, 20, 6)
    right = boxes(np.s_[25:35, 0:10, 1:6], np.s_[25, 4:7, 0], shape=shape)  # 100 voxels, and 3 on slice 0
    left = boxes(np.s_[5:15, 0:10, 1:6], np.s_[14, 4:7, 0], shape=shape)
    assert not mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)[:, :, 0].any()
    right[26, 5, 0] = True
    assert mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)[:, :, 0].any()


def test_the_quarters_in_low_slices_are_those_of_the_lungs() -> None:
    """The lungs have columns 2 to 37 and rows 6 to 17: 9 columns on the right and 3 rows behind are left out."""
    shape = (40, 20, 24)
    right = boxes(np.s_[24:38, 6:18, 10:24], np.s_[34:38, 6:18, 1:10], shape=shape)
    left = boxes(np.s_[2:16, 6:18, 10:24], np.s_[2:6, 6:18, 1:10], shape=shape)
    low = mediastinum_between_lungs(right, left, np.zeros(shape), EDGE)[:, :, 3]
    assert np.flatnonzero(low.any(axis=1)).tolist() == list(range(6, 29))
    assert np.flatnonzero(low.any(axis=0)).tolist() == list(range(9, 18))
