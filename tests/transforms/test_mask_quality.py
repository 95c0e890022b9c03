"""Reason codes of volumes and masks at their limits, and the codes that are not failures."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.mask_quality import (
    LUNG_MISSING,
    NOTES,
    REASONS,
    MaskQuality,
    judge_masks,
    judge_volume,
)

LITRE = np.diag([100.0, 100.0, 100.0, 1.0])
TEN_ML = np.diag([20.0, -20.0, 25.0001, 1.0])  # slightly more, so that rounding does not miss a limit


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
        (np.zeros((0, 4, 90)), np.eye(4), ("hu_range",)),
    ],
)
def test_reasons_of_a_volume(ct, affine, reasons) -> None:
    assert judge_volume(ct, affine) == reasons


def test_the_height_is_measured_along_the_last_axis() -> None:
    assert judge_volume(scan(slices=40), np.diag([9.0, 9.0, 2.0, 1.0])) == ()
    assert judge_volume(scan(slices=40), np.diag([9.0, 9.0, 1.9, 1.0])) == ("too_short",)


@pytest.mark.parametrize("voxel", [(2, 0, 0), (0, 2, 0), (0, 0, 2)])
def test_every_second_voxel_along_each_axis_is_searched_for_air(voxel) -> None:
    ct = np.full((10, 10, 80), 40.0)
    ct[voxel] = -1000.0
    assert judge_volume(ct, np.eye(4)) == ()


def test_padding_does_not_count_as_air() -> None:
    ct = scan(air=-2000.0)
    padding = ct == -2000
    assert judge_volume(ct, np.eye(4), padding) == ("hu_range",)
    ct[4, 4, 40] = -1000.0
    assert judge_volume(ct, np.eye(4), padding) == ()
    assert judge_volume(ct, np.eye(4), np.ones_like(padding)) == ("hu_range",)


def organs(right: int, left: int, between: int = 1) -> np.ndarray:
    """Return labels with the given numbers of voxels of each organ."""
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
def test_reasons_of_volumes_in_ml(right_ml, left_ml, min_lung_ml, reasons) -> None:
    quality = judge_masks(organs(right_ml // 10, left_ml // 10), TEN_ML, min_lung_ml)
    assert quality.reasons == reasons
    assert quality.ok == (not reasons)
    assert quality.heuristic is False


@pytest.mark.parametrize(
    ("right", "left", "reasons"),
    [
        (8, 16, ()),  # exactly 200 mL, and 600 mL together
        (16, 8, ()),
        (40, 240, ()),  # exactly a sixth
        (240, 40, ()),
        (39, 240, ("right_lung_small",)),
        (240, 39, ("left_lung_small",)),
        (240, 240, ()),  # exactly 12,000 mL
        (241, 240, ("lungs_large",)),
    ],
)
def test_limits_are_inclusive(right, left, reasons) -> None:
    affine = np.diag([250.0, 1.0, 100.0, 1.0])  # 25 mL, exact in floating point
    assert judge_masks(organs(right, left), affine, 600.0).reasons == reasons


def test_volumes_have_the_names_of_the_organs() -> None:
    quality = judge_masks(organs(3, 2, between=4), LITRE, 512.0)
    assert quality.volumes_ml == pytest.approx({"right lung": 3000, "mediastinum": 4000, "left lung": 2000})
    assert tuple(quality.volumes_ml) == ("right lung", "mediastinum", "left lung")


def test_the_size_of_the_mediastinum_is_not_judged() -> None:
    assert judge_masks(organs(3, 2, between=90), LITRE, 512.0).ok
    assert judge_masks(organs(3, 2, between=0), LITRE, 512.0).ok


def test_notes_do_not_fail_and_reasons_do() -> None:
    assert set(NOTES) | set(LUNG_MISSING) < set(REASONS)
    for code in REASONS:
        quality = judge_masks(organs(3, 2), LITRE, 512.0, (code,))
        assert quality.reasons == (code,)
        assert quality.ok == (code in NOTES)
    assert judge_masks(organs(3, 2), LITRE, 512.0, NOTES).ok
    assert judge_masks(organs(0, 0), LITRE, 512.0, ("no_lung",)).reasons == ("no_lung",)
    mixed = judge_masks(organs(0, 2), LITRE, 512.0, ("left_lung_completed",))
    assert mixed.reasons == ("left_lung_completed", "right_lung_small")
    assert not mixed.ok


def test_an_empty_lung_was_not_completed() -> None:
    both = ("right_lung_completed", "left_lung_completed")
    assert judge_masks(organs(0, 2), LITRE, 512.0, both).reasons == ("left_lung_completed", "right_lung_small")
    assert judge_masks(organs(1, 2), LITRE, 512.0, both).reasons == both


def test_every_code_has_an_explanation() -> None:
    for code, words in REASONS.items():
        assert code == code.lower()
        assert words.endswith(".")
        assert len(words) > 30


def test_the_fields_of_the_quality() -> None:
    assert MaskQuality._fields == ("ok", "reasons", "volumes_ml", "heuristic")
