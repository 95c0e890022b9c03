"""Every reason code by an input made for it, with its boundary values; scans that are no chest; what is no failure."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.mask_quality import NOTES, ORGAN_NAMES, REASONS, MaskQuality, judge_masks, judge_volume

LITRE = np.diag([100.0, 100.0, 100.0, 1.0])
TEN_ML = np.diag([20.0, -20.0, 25.0001, 1.0])  # a little more, so that a limit is reached in floating point too


def scan(air: float = -1000.0, slices: int = 80, tissue: float = 40.0) -> np.ndarray:
    ct = np.full((10, 10, slices), air)
    ct[2:8, 2:8] = tissue
    return ct


@pytest.mark.parametrize(
    ("ct", "affine", "reasons"),
    [
        (scan(), np.eye(4), ()),
        (scan(slices=79), np.eye(4), ("too_short",)),
        (scan(slices=16), np.diag([1.0, 1.0, 5.0, 1.0]), ()),  # 16 slices of 5 mm are 80 mm
        (scan(slices=15), np.diag([1.0, 1.0, 5.0, 1.0]), ("too_short",)),
        (scan(air=-500.0), np.eye(4), ()),
        (scan(air=-499.0), np.eye(4), ("hu_range",)),
        (scan() + 1024, np.eye(4), ("hu_range",)),
        ((scan() + 1000) / 2000, np.eye(4), ("hu_range",)),
        (np.zeros((10, 10, 10)), np.eye(4), ("hu_range", "too_short")),
        (np.full((4, 4, 90), 40), np.eye(4), ("hu_range",)),  # constant
    ],
)
def test_a_volume_is_judged_before_it_is_segmented(ct, affine, reasons) -> None:
    assert judge_volume(ct, affine) == reasons


def test_height_is_that_of_the_last_axis() -> None:
    assert judge_volume(scan(slices=40), np.diag([9.0, 9.0, 2.0, 1.0])) == ()
    assert judge_volume(scan(slices=40), np.diag([9.0, 9.0, 1.9, 1.0])) == ("too_short",)


def organs(right: int, left: int, between: int = 1) -> np.ndarray:
    """Labels with so many voxels of each organ."""
    values = np.repeat(np.array([1, 2, 3], dtype=np.uint8), (right, between, left))
    return np.pad(values, (0, 5000 - len(values))).reshape(50, 10, 10)


@pytest.mark.parametrize(
    ("right_ml", "left_ml", "min_lung_ml", "reasons"),
    [
        (2500, 2000, 512, ()),
        (0, 0, 512, ("no_lung",)),
        (0, 2000, 512, ("right_lung_small",)),  # a lung taken out
        (2500, 0, 512, ("left_lung_small",)),
        (200, 1190, 512, ()),  # both limits of the right lung
        (190, 1000, 512, ("right_lung_small",)),
        (200, 1210, 512, ("right_lung_small",)),
        (3000, 510, 512, ()),
        (3000, 490, 512, ("left_lung_small",)),
        (250, 190, 440, ("left_lung_small",)),
        (260, 250, 510, ()),
        (260, 250, 511, ("lungs_small",)),
        (150, 150, 512, ("right_lung_small", "left_lung_small", "lungs_small")),
        (6000, 5990, 512, ()),
        (6000, 6010, 512, ("lungs_large",)),
        (10, 12000, 512, ("right_lung_small", "lungs_large")),
    ],
)
def test_volumes_are_judged_in_ml(right_ml, left_ml, min_lung_ml, reasons) -> None:
    quality = judge_masks(organs(right_ml // 10, left_ml // 10), TEN_ML, min_lung_ml)
    assert quality.reasons == reasons
    assert quality.ok == (not reasons)
    assert quality.heuristic is False


def test_volumes_have_the_names_of_the_organs() -> None:
    quality = judge_masks(organs(3, 2, between=4), LITRE, 512.0)
    assert quality.volumes_ml == pytest.approx({"right lung": 3000, "mediastinum": 4000, "left lung": 2000})
    assert tuple(quality.volumes_ml) == ORGAN_NAMES


def test_a_huge_mediastinum_or_none_is_not_judged() -> None:
    assert judge_masks(organs(3, 2, between=90), LITRE, 512.0).ok
    assert judge_masks(organs(3, 2, between=0), LITRE, 512.0).ok


def test_notes_do_not_fail_and_reasons_do() -> None:
    assert set(NOTES) < set(REASONS)
    for code in REASONS:
        quality = judge_masks(organs(3, 2), LITRE, 512.0, (code,))
        assert quality.reasons == (code,)
        assert quality.ok == (code in NOTES)
    mixed = judge_masks(organs(0, 2), LITRE, 512.0, ("left_lung_completed",))
    assert mixed.reasons == ("left_lung_completed", "right_lung_small")
    assert not mixed.ok


def test_every_code_is_explained_in_a_sentence() -> None:
    for code, words in REASONS.items():
        assert code == code.lower()
        assert words.endswith(".")
        assert len(words) > 30


def test_quality_is_a_plain_tuple() -> None:
    assert MaskQuality._fields == ("ok", "reasons", "volumes_ml", "heuristic")


# --- scans that are no chest ------------------------------------------------------------------------------------------


def head(edge: float) -> np.ndarray:
    """A ball of brain in a skull, with sinuses, airway and mouth full of air. (X, Y, Z) in HU."""
    shape = tuple(round(length / edge) for length in (240, 240, 220))
    x, y, z = (
        (np.arange(n) - (n - 1) / 2).reshape([-1 if axis == a else 1 for a in range(3)]) * edge
        for axis, n in enumerate(shape)
    )
    skull = np.sqrt((x / 80) ** 2 + (y / 95) ** 2 + (z / 90) ** 2)
    ct = np.where(skull < 1, 40.0, -1000.0)
    ct[(skull > 0.88) & (skull < 0.96)] = 900.0
    for cx, cy, cz, radius in ((22, 50, -30, 16), (-22, 50, -30, 16), (0, 65, 10, 10), (0, 40, -45, 14)):
        ct[(x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < radius**2] = -1000.0
    ct[(np.hypot(x, y - 10) < 10) & (z < -20)] = -1000.0
    return ct


@pytest.mark.parametrize("edge", [4.0, 2.5])
def test_a_head_is_no_chest(edge: float) -> None:
    found = partition_organs(head(edge), np.diag([edge, edge, edge, 1.0]))
    assert found.quality.reasons == ("no_lung",)
    assert not found.labels.any()


@pytest.fixture(scope="module")
def long_phantom():
    """From neck to pelvis: lungs on slices 37 to 82 of 120."""
    return phantom_chest_ct(seed=1, shape=(80, 70, 120), spacing=(4.0, 4.0, 4.0))


@pytest.mark.parametrize(("first", "end"), [(0, 30), (0, 38), (86, 116)], ids=["abdomen", "up to the lungs", "neck"])
def test_a_part_of_the_body_without_lungs_is_no_chest(long_phantom, first: int, end: int) -> None:
    quality = partition_organs(long_phantom.image[:, :, first:end], long_phantom.affine).quality
    assert not quality.ok
    assert quality.reasons == ("no_lung",)


def test_an_abdomen_with_the_lungs_bases_is_not_trusted(long_phantom) -> None:
    for end in (40, 42, 45, 48):
        quality = partition_organs(long_phantom.image[:, :, :end], long_phantom.affine).quality
        assert not quality.ok, end


@pytest.mark.parametrize("value", [-1000.0, 40.0, 0.0])
def test_a_constant_volume_is_no_chest(value: float) -> None:
    found = partition_organs(np.full((20, 20, 40), value), np.diag([4.0, 4.0, 4.0, 1.0]))
    assert not found.quality.ok
    assert not found.labels.any()


def test_a_lung_taken_out_is_noted(long_phantom) -> None:
    """After pneumonectomy the empty side is filled: it comes back as a completed lung or as a small one."""
    for value, side in ((1, "right"), (3, "left")):
        ct = np.where(long_phantom.organs == value, 30.0, long_phantom.image)
        quality = partition_organs(ct, long_phantom.affine).quality
        assert quality.reasons in ((f"{side}_lung_completed",), (f"{side}_lung_small",))
