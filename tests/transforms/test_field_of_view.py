"""Lungs cut by the field of view, lungs that end between two slices, and one lung with two labels."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms.field_of_view import contact_area, face_areas, field_reasons


def test_areas_of_faces_are_in_cm2() -> None:
    mask = np.zeros((3, 4, 5), dtype=bool)
    mask[2, 1:3, 2] = True  # two voxels on the last face of the first axis
    mask[1, 0, 4] = True  # one on the first face of the second axis, and on the last of the third
    # faces of 5 x 4 mm, 2 x 4 mm, 2 x 5 mm
    assert face_areas(mask, (2.0, 5.0, 4.0)) == pytest.approx(np.array([[0, 0.4], [0.08, 0], [0, 0.1]]))
    assert face_areas(np.where(mask, 3, 0), (2.0, 5.0, 4.0), 3)[0, 1] == pytest.approx(0.4)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_contact_is_counted_across_each_axis(axis) -> None:
    labels = np.zeros((6, 6, 6), dtype=np.uint8)
    moved = np.moveaxis(labels, axis, 0)
    moved[1:3, 2:5, 1:4], moved[3:5, 2:5, 1:4] = 1, 3
    edges = (2.0, 3.0, 5.0)
    assert contact_area(labels, edges) == pytest.approx(9 * 30.0 / edges[axis] / 100)
    moved[3:5] = np.where(moved[3:5] == 3, 2, 0)  # mediastinum is no lung
    assert contact_area(labels, edges) == 0


def two_lungs(**cuts: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and CT on voxels of 5 mm: ellipsoids of 60 x 80 x 120 mm half axes, 160 mm apart."""
    x, y, z = (5.0 * (np.arange(n) - (n - 1) / 2).reshape(s) for n, s in ((64, (-1, 1, 1)), (40, (-1, 1)), (56, (-1,))))
    labels = np.zeros((64, 40, 56), dtype=np.uint8)
    for value, middle in ((1, 80.0), (3, -80.0)):
        labels[((x - middle) / 60) ** 2 + (y / 80) ** 2 + (z / 120) ** 2 < 1] = value
    ct = np.where(labels > 0, -850.0, 40.0)
    part = tuple(cuts.get(axis, slice(None)) for axis in "xyz")
    return labels[part], ct[part]


EDGE = (5.0, 5.0, 5.0)


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        ({}, ()),
        ({"z": slice(4, 52)}, ()),  # the tips of the lungs touch the first and the last slice
        ({"z": slice(28, None)}, ("lungs_cut_at_bottom",)),
        ({"z": slice(None, 28)}, ("lungs_cut_at_top",)),
        ({"z": slice(18, 38)}, ("lungs_cut_at_bottom", "lungs_cut_at_top")),
        ({"x": slice(None, 54)}, ("right_lung_cut",)),
        ({"x": slice(12, None)}, ("left_lung_cut",)),
        ({"y": slice(8, None)}, ("right_lung_cut", "left_lung_cut")),
        ({"y": slice(None, 30), "x": slice(None, 54)}, ("right_lung_cut", "left_lung_cut")),
    ],
)
def test_cut_lungs_by_face(cuts, expected) -> None:
    assert field_reasons(*two_lungs(**cuts), EDGE) == expected


@pytest.mark.parametrize(("end", "slices_mm", "cut"), [(25, 10.0, False), (26, 10.0, True), (60, 30.0, True)])
def test_a_lung_is_cut_at_a_section_of_a_share_of_the_largest_one(end: int, slices_mm: float, cut: bool) -> None:
    """Voxels of 1 cm2, at most 100 in a section: 15 cm2, and 1 cm2 for each mm between slices."""
    labels = np.zeros((14, 14, 6), dtype=np.uint8)
    labels[2:12, 2:12, 1:5] = 1
    first = np.zeros((10, 10), dtype=np.uint8)
    first.flat[:end] = 1
    labels[2:12, 2:12, 0] = first
    reasons = field_reasons(labels, np.where(labels > 0, -850.0, 40.0), (10.0, 10.0, slices_mm))
    assert ("lungs_cut_at_bottom" in reasons) == cut


def stack(sections: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and CT of a right lung with sections of so many voxels, from the first slice on; the CT is lung."""
    labels = np.zeros((34, 34, len(sections) + 3), dtype=np.uint8)
    for z, count in enumerate(sections):
        plane = np.zeros((32, 32), dtype=np.uint8)
        plane.flat[:count] = 1
        labels[1:33, 1:33, z] = plane
    return labels, np.full(labels.shape, -850.0)


@pytest.mark.parametrize(("end", "cut"), [(15, False), (16, True)])
def test_a_small_lung_is_cut_at_a_section_of_5_cm2_and_1_for_each_mm(end: int, cut: bool) -> None:
    labels, ct = stack([end, 20, 20])
    assert ("lungs_cut_at_bottom" in field_reasons(labels, ct, (10.0, 10.0, 10.0))) == cut


@pytest.mark.parametrize(
    ("sections", "slice_mm", "abrupt"),
    [
        # Voxels of 1 cm2. More than 8 cm2 for each mm are lost at once.
        ([100, 20], 10.0, False),
        ([100, 19], 10.0, True),
        # And more than a fifth of the largest section.
        ([1000, 800, 720, 640, 560, 480, 400, 320, 240, 160, 80, 20], 10.0, False),
        ([1000, 799, 720, 640, 560, 480, 400, 320, 240, 160, 80, 20], 10.0, True),
        # Slices of 1 mm are compared with the next but one.
        ([80, 80, 72, 64, 56, 48, 40, 32, 24, 16, 8], 1.0, False),
        ([80, 80, 72, 63, 56, 48, 40, 32, 24, 16, 8], 1.0, True),
        # Or more than 85 % of a section is lost, if it has more than 2.5 cm2 for each mm,
        ([25, 25], 10.0, False),
        ([26, 26], 10.0, True),
        ([60, 9], 10.0, False),
        ([60, 8], 10.0, True),
        # and more than a fifth of the largest section.
        ([200, 120, 40], 10.0, False),
        ([200, 120, 41], 10.0, True),
    ],
)
@pytest.mark.parametrize("upside_down", [False, True])
def test_the_limits_of_an_abrupt_end(sections, slice_mm: float, abrupt: bool, upside_down: bool) -> None:
    labels, ct = stack(sections)
    labels = labels[..., ::-1] if upside_down else labels
    assert ("right_lung_ends_abruptly" in field_reasons(labels, ct, (10.0, 10.0, slice_mm))) == abrupt


def test_sections_are_measured_in_cm2() -> None:
    """Voxels of 2 cm2. The limits are 80 cm2 for the loss, and 16 cm2 at the first slice of a lung of 40 cm2."""
    for end, abrupt in ((10, False), (9, True)):
        found = field_reasons(*stack([50, end]), (20.0, 10.0, 10.0))
        assert ("right_lung_ends_abruptly" in found) == abrupt
    for end, cut in ((8, False), (9, True)):
        assert ("lungs_cut_at_bottom" in field_reasons(*stack([end, 20, 20]), (20.0, 10.0, 10.0))) == cut


@pytest.mark.parametrize(("hu", "lung"), [(-949.0, True), (-501.0, True), (-950.0, False), (-500.0, False)])
@pytest.mark.parametrize(("share", "enough"), [(30, False), (31, True)])
def test_the_ct_goes_on_as_lung_if_three_tenths_have_its_hu(hu: float, lung: bool, share: int, enough: bool) -> None:
    """All 100 voxels of the last section are lost. Some of those beyond have the HU of lung, the others of tissue."""
    labels, ct = stack([100, 100])
    beyond = np.full((32, 32), 40.0)
    beyond.flat[:share] = hu
    ct[1:33, 1:33, 2] = beyond
    found = field_reasons(labels, ct, (10.0, 10.0, 10.0))
    assert ("right_lung_ends_abruptly" in found) == (lung and enough)


@pytest.mark.parametrize(("faces", "joined"), [(80, False), (81, True)])
def test_lungs_are_joined_by_more_than_80_cm2(faces: int, joined: bool) -> None:
    labels = np.zeros((6, 9, 9), dtype=np.uint8)
    labels[1:3] = 3
    contact = np.zeros(81, dtype=np.uint8)
    contact[:faces] = 1
    labels[3] = contact.reshape(9, 9)
    labels[4] = 1
    assert ("lungs_joined" in field_reasons(labels, np.full(labels.shape, -850.0), (10.0, 10.0, 10.0))) == joined


@pytest.mark.parametrize(("cells", "cut"), [(5, False), (6, True)])
def test_a_lung_is_cut_at_a_side_by_more_than_5_cm2(cells: int, cut: bool) -> None:
    labels = np.zeros((14, 14, 6), dtype=np.uint8)
    labels[2:12, 2:12, 1:5], labels[12:, 2 : 2 + cells, 2] = 1, 1
    reasons = field_reasons(labels, np.where(labels > 0, -850.0, 40.0), (10.0, 10.0, 10.0))
    assert ("right_lung_cut" in reasons) == cut


@pytest.mark.parametrize("value", [1, 3])
@pytest.mark.parametrize("lost", [slice(None, 20), slice(36, None)])
def test_a_lung_that_ends_between_two_slices(value, lost) -> None:
    labels, ct = two_lungs()
    labels[..., lost][labels[..., lost] == value] = 0
    side = "right" if value == 1 else "left"
    assert field_reasons(labels, ct, EDGE) == (f"{side}_lung_ends_abruptly",)
    # tissue beyond the lung is a flat diaphragm, gas is a stomach
    for hu in (40.0, -1000.0):
        assert field_reasons(labels, np.where((ct < -500) & (labels == 0), hu, ct), EDGE) == ()


def test_part_of_a_lung_that_is_lost_is_found() -> None:
    labels, ct = two_lungs()
    labels[:, :18, :28][labels[:, :18, :28] == 1] = 0  # the rear of its lower half
    assert field_reasons(labels, ct, EDGE) == ("right_lung_ends_abruptly",)


def test_one_lung_with_two_labels() -> None:
    labels, ct = two_lungs(x=slice(32, None))
    labels[:16][labels[:16] == 1] = 3
    assert field_reasons(labels, ct, EDGE) == ("lungs_joined",)


def test_nothing_to_judge() -> None:
    assert field_reasons(np.zeros((4, 4, 4), dtype=np.uint8), np.zeros((4, 4, 4)), EDGE) == ()


@pytest.mark.parametrize("slice_mm", [2.0, 5.0, 10.0])
@pytest.mark.parametrize("shift", [0.0, 0.3, 0.7])
def test_whole_phantoms_have_no_reason_even_if_the_last_slice_touches_the_lung(slice_mm, shift) -> None:
    count = round(330 / slice_mm)
    made = phantom_chest_ct(1, (60, 54, count), (6.0, 6.0, slice_mm), off_centre=(0, 0, shift * slice_mm), noise=0.0)
    levels = np.flatnonzero(np.isin(made.organs, (1, 3)).any(axis=(0, 1)))
    tight = slice(levels[0], levels[-1] + 1)
    spacing = (6.0, 6.0, slice_mm)
    # array axes run to the left and to the back, which changes nothing for these reasons
    assert field_reasons(made.organs[..., tight], made.image[..., tight], spacing) == ()
    assert field_reasons(made.organs, made.image, spacing) == ()


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("upper", ("lungs_cut_at_bottom",)),
        ("middle", ("lungs_cut_at_bottom", "lungs_cut_at_top")),
        ("lower", ("lungs_cut_at_top",)),
        ("right_side_and_back", ("right_lung_cut", "left_lung_cut")),
        ("left_side_and_back", ("right_lung_cut", "left_lung_cut")),
    ],
)
@pytest.mark.parametrize("slice_mm", [1.0, 5.0, 10.0])
def test_fields_of_phantoms(field, expected, slice_mm) -> None:
    shape = (60, 54, round(330 / slice_mm))
    made = phantom_chest_ct(0, shape, (6.0, 6.0, slice_mm), field=field, noise=0.0)
    assert field_reasons(made.organs, made.image, (6.0, 6.0, slice_mm)) == expected
