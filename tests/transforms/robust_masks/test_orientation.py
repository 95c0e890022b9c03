"""Signs that a header turns or mirrors the patient, on phantoms whose affine lies."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks import orientation
from monai_pylon.transforms.robust_masks.orientation import _asymmetry, doubt_orientation, leans_right
from monai_pylon.transforms.robust_masks.spine import Spine

GRID = {"shape": (80, 72, 66), "spacing": (4.4, 4.4, 4.4)}


@pytest.fixture(scope="module")
def phantom():
    return phantom_chest_ct(3, **GRID)


@pytest.mark.parametrize(
    ("signs", "reason"),
    [
        ((1, 1, 1), None),
        ((-1, 1, 1), "mediastinum_right"),
        ((-1, -1, 1), "orientation_doubtful"),  # prone taken for supine
        ((-1, 1, -1), "orientation_doubtful"),  # feet first taken for head first
        ((1, -1, 1), "orientation_doubtful"),
    ],
)
def test_headers_that_turn_the_patient_are_doubted(signs: tuple, reason: str | None, phantom) -> None:
    quality = partition_organs(phantom.image, np.diag([*signs, 1.0]) @ phantom.affine).quality
    assert quality.ok is (reason is None)
    assert reason is None or reason in quality.reasons


def test_other_orders_of_the_axes_are_no_reason(phantom) -> None:
    """The array is turned, and the affine says so."""
    affine = phantom.affine.copy()
    affine[:3, 3] += affine[:3, :2].sum(axis=1) * (np.array(phantom.image.shape[:2]) - 1).mean()
    affine[:, :2] *= -1
    assert partition_organs(phantom.image[::-1, ::-1], affine).quality.reasons == ()


@pytest.mark.parametrize("rotation", [25, -25])
def test_a_rotated_patient_does_not_lean_right(rotation: int) -> None:
    phantom = phantom_chest_ct(4, rotation=rotation, **GRID)
    assert partition_organs(phantom.image, phantom.affine).quality.reasons == ()


def test_heart_and_aorta_must_both_lie_right() -> None:
    lungs = np.ones((20, 12, 30), dtype=bool)
    spine = Spine(np.arange(30), np.full((30, 2), (9.5, 1.0)), np.full(30, 20.0))
    heart, aorta = np.zeros((2, *lungs.shape), dtype=bool)
    heart[12:18, 6:], aorta[12:14, 3:5] = True, True
    for mediastinum, right in ((heart | aorta, True), (heart, False), (heart | aorta[::-1], False), (aorta, True)):
        assert leans_right(np.zeros(lungs.shape), lungs, mediastinum, spine, (5.0, 5.0, 5.0)) is right
    assert not leans_right(np.zeros(lungs.shape), lungs, np.zeros_like(lungs), spine, (5.0, 5.0, 5.0))


def test_without_trachea_and_bones_nothing_is_doubted() -> None:
    lungs = np.ones((20, 12, 30), dtype=bool)
    assert doubt_orientation(np.zeros(lungs.shape), lungs, None, None, (5.0, 5.0, 5.0)) == ()


@pytest.mark.parametrize("angle", [0.0, 0.5])
def test_the_heart_is_measured_across_the_patient(angle: float) -> None:
    """Voxels of 5 x 4 x 10 mm; the heart is one voxel 6 columns right of the canal and 7 rows in front of it."""
    lungs = np.ones((20, 12, 11), dtype=bool)
    spine = Spine(np.arange(11), np.full((11, 2), (8.0, 2.0)), np.full(11, 20.0))
    mediastinum = np.zeros_like(lungs)
    mediastinum[14, 9, 2:5] = True  # at 0.2 to 0.4 of the height: heart, and 28 mm in front of the canal no aorta
    offset, beside = _asymmetry(mediastinum, lungs, spine, angle, (5.0, 4.0, 10.0))
    assert offset == pytest.approx(30 * math.cos(angle) + 28 * math.sin(angle))
    ahead = 28 * math.cos(angle) - 30 * math.sin(angle)
    assert beside == pytest.approx(0.0 if ahead > 25 else 2 * 0.2)  # slices at 0.3 and 0.4 count for the aorta


def test_the_aorta_counts_by_its_side() -> None:
    lungs = np.ones((40, 12, 11), dtype=bool)
    spine = Spine(np.arange(11), np.full((11, 2), (20.0, 2.0)), np.full(11, 20.0))
    mediastinum = np.zeros_like(lungs)
    mediastinum[24, 3, 5], mediastinum[25, 3, 5], mediastinum[17, 3, 6] = True, True, True  # two right, one left
    mediastinum[31, 3, 6] = True  # 55 mm aside
    mediastinum[32, 3, 6] = mediastinum[20, 3, 6] = True  # 60 mm aside, and in the middle
    mediastinum[24, 3, [2, 7]] = True  # below 0.25, and at 0.7
    mediastinum[24, 9, 6] = True  # 28 mm in front of the canal, more than 20 + 5
    assert _asymmetry(mediastinum, lungs, spine, 0.0, (5.0, 4.0, 10.0))[1] == pytest.approx(2 * 0.2)


def test_heart_and_aorta_lie_at_their_heights_of_the_lungs() -> None:
    """Lungs on slices 2 to 22: the heart lies above slice 5 and below 12, the aorta above 7 and below 16."""
    lungs = np.zeros((20, 12, 25), dtype=bool)
    lungs[:, :, 2:23] = True
    spine = Spine(np.arange(2, 23), np.full((21, 2), (8.0, 2.0)), np.full(21, 20.0))
    for level in range(2, 23):
        mediastinum = np.zeros_like(lungs)
        mediastinum[10, 3, level] = True  # 10 mm right, and 5 mm in front of the canal
        offset, beside = _asymmetry(mediastinum, lungs, spine, 0.0, (5.0, 5.0, 10.0))
        assert offset == pytest.approx(10.0 * (5 < level < 12)), level
        assert beside == pytest.approx(0.25 * (7 < level < 16)), level


@pytest.mark.parametrize(("row", "found"), [(6, True), (7, False)])
def test_the_aorta_lies_less_than_5_mm_in_front_of_the_vertebrae(row: int, found: bool) -> None:
    """The front of the vertebrae lies 20 mm in front of the canal, and row 7 of 5 mm 25 mm."""
    lungs, mediastinum = np.ones((20, 12, 11), dtype=bool), np.zeros((20, 12, 11), dtype=bool)
    mediastinum[10, row, 5] = True
    spine = Spine(np.arange(11), np.full((11, 2), (8.0, 2.0)), np.full(11, 20.0))
    assert _asymmetry(mediastinum, lungs, spine, 0.0, (5.0, 5.0, 10.0))[1] == pytest.approx(0.25 * found)


@pytest.mark.parametrize(
    ("heart", "aorta", "angle", "right"),
    [
        ((9, 8), [(9, 3)], None, True),  # 2.5 mm right and 0.25 mL
        ((9, 8), [(9, 1)], None, True),
        ((8, 8), [(9, 3)], None, False),
        ((9, 8), [], None, False),
        ((8, 8), [(9, 3)], 0.5, False),  # right only after the rotation
        ((9, 8), [], 0.5, False),
        ((9, 8), [(9, 3)], 0.5, True),
        ((9, 8), [(9, 3)], -0.5, False),  # left after the rotation
        ((18, 8), [(9, 2), (12, 3), (9, 4)], -0.4, True),
        ((18, 8), [(9, 2), (9, 4)], -0.6, False),  # one on each side after the rotation
    ],
)
def test_heart_and_aorta_lie_right_also_after_the_rotation(heart, aorta, angle, right: bool, monkeypatch) -> None:
    """Voxels of 2.5 x 5 x 20 mm. The canal lies in column 8 and row 2."""
    plane = None if angle is None else SimpleNamespace(angle=angle)
    monkeypatch.setattr(orientation, "find_symmetry_plane", lambda *args: plane)
    lungs, mediastinum = np.ones((20, 12, 11), dtype=bool), np.zeros((20, 12, 11), dtype=bool)
    mediastinum[(*heart, 2)] = True  # at a fifth of the height
    for place in aorta:
        mediastinum[(*place, 6)] = True  # at 0.6 of it
    spine = Spine(np.arange(11), np.full((11, 2), (8.0, 2.0)), np.full(11, 20.0))
    assert leans_right(np.zeros(lungs.shape), lungs, mediastinum, spine, (2.5, 5.0, 20.0)) is right


def test_without_a_heart_in_its_place_nothing_leans_right() -> None:
    lungs, mediastinum = np.ones((20, 12, 11), dtype=bool), np.zeros((20, 12, 11), dtype=bool)
    mediastinum[10:14, 3, 6] = True
    spine = Spine(np.arange(11), np.full((11, 2), (8.0, 2.0)), np.full(11, 20.0))
    assert not leans_right(np.zeros(lungs.shape), lungs, mediastinum, spine, (5.0, 5.0, 20.0))


@pytest.mark.parametrize(("top", "doubtful"), [(9, True), (10, False)])
def test_a_trachea_ends_at_the_middle_of_the_lungs_or_above(top: int, doubtful: bool) -> None:
    """The lungs have slices 4 to 16."""
    lungs, airway = np.zeros((2, 20, 12, 20), dtype=bool)
    lungs[:, :, 4:17] = airway[9:11, 5:7, : top + 1] = True
    found = doubt_orientation(np.zeros(lungs.shape), lungs, airway, None, (5.0, 5.0, 5.0))
    assert found == (("orientation_doubtful",) if doubtful else ())
