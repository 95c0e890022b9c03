"""Measures of lungs by hand, and limits from a cohort's own histograms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.reports.nifti import save_label_nifti
from monai_pylon.workflows.chest_ct.mask_limits import (
    MASK_MEASURES,
    mask_limits,
    mask_measures,
    measures_of_folder,
    outside_limits,
)

AFFINE = np.diag([2.0, 3, 5, 1])


def lungs(right: int = 6, left: int = 5) -> np.ndarray:
    """Lungs at both sides of the middle of 20 x 10 x 8 voxels, of some width; RAS, so x runs to the right."""
    labels = np.zeros((20, 10, 8), np.uint8)
    labels[11 : 11 + right, 2:8, 1:7] = 1
    labels[9 - left : 9, 2:8, 1:7] = 3
    labels[9:11, 2:8] = 2
    return labels


def test_measures_by_hand() -> None:
    found = mask_measures(lungs(), AFFINE)
    assert found["right_lung_ml"] == pytest.approx(6 * 6 * 6 * 0.03)
    assert found["left_lung_ml"] == pytest.approx(5 * 6 * 6 * 0.03)
    assert (found["width_mm"], found["depth_mm"], found["height_mm"]) == (26, 18, 30)
    assert (found["right_mm"], found["left_mm"]) == (14, 12)
    turned = mask_measures(lungs()[::-1, ::-1].transpose(2, 0, 1), np.diag([5.0, -2, -3, 1])[[1, 2, 0, 3]])
    assert turned == pytest.approx(found), "axes and direction do not matter"


def test_a_mask_without_a_lung() -> None:
    one = mask_measures(lungs(right=0), AFFINE)
    assert one["right_lung_ml"] == 0
    assert one["right_mm"] == -2, "the box ends before the middle"
    none = mask_measures(lungs() * 0, AFFINE)
    assert none["left_lung_ml"] == 0
    assert np.isnan([none[name] for name in list(MASK_MEASURES)[2:]]).all()


@pytest.mark.parametrize("value", [4, -1, 0.5])
def test_other_values_are_refused(value: float) -> None:
    labels = lungs().astype(float)
    labels[0, 0, 0] = value
    with pytest.raises(ValueError, match=r"labels must be 0, 1, 2 or 3.* organs_from_label_map"):
        mask_measures(labels, AFFINE)


def test_masks_of_a_program_with_two_lung_values_are_refused() -> None:
    """Right lung 1 and left lung 2, as lungmask writes them: 2 is the mediastinum here."""
    other = np.where(lungs() == 3, 2, np.where(lungs() == 1, 1, 0))
    rows = [{"scan": str(k), **mask_measures(other, AFFINE), "error": ""} for k in range(9)]
    with pytest.raises(ValueError, match=r"rows must be masks with a left lung"):
        mask_limits(rows)


def test_limits_find_the_odd_mask_only() -> None:
    rows = [{"scan": str(k), **mask_measures(lungs(right=4 + k % 4), AFFINE), "error": ""} for k in range(20)]
    rows += [{"scan": "odd", **mask_measures(lungs(right=0), AFFINE), "error": ""}, {"scan": "bad", "error": "no"}]
    limits = mask_limits(rows, fence=1.5)
    assert [row["scan"] for row in rows if not row["error"] and outside_limits(row, limits)] == ["odd"]
    assert set(outside_limits(rows[20], limits)) == {"right_lung_ml", "width_mm", "right_mm"}
    low, high = np.percentile([row["width_mm"] for row in rows[:21]], [25, 75])
    assert limits["width_mm"] == pytest.approx((low - 1.5 * (high - low), high + 1.5 * (high - low)))
    assert outside_limits(mask_measures(lungs() * 0, AFFINE), limits)[-1] == "left_mm"


def test_small_cohorts_and_other_shapes_are_refused(tmp_path: Path) -> None:
    rows = [{**mask_measures(lungs(), AFFINE), "error": ""}] * 7
    with pytest.raises(ValueError, match="rows must be at least eight masks with lungs, but is 7"):
        mask_limits(rows)
    with pytest.raises(ValueError, match="fence must be 0 or more"):
        mask_limits(rows * 2, fence=-1)
    with pytest.raises(ValueError, match="labels must be of shape"):
        mask_measures(lungs()[0], AFFINE)
    with pytest.raises(FileNotFoundError, match=r"must have masks <scan>_organs\.nii\.gz"):
        measures_of_folder(tmp_path)


def test_a_folder_of_masks_and_a_broken_one(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    save_label_nifti(tmp_path / "a" / "a_organs.nii.gz", lungs(), AFFINE)
    (tmp_path / "b_organs.nii.gz").write_bytes(b"no gzip")
    first, second = measures_of_folder(tmp_path)
    assert first == pytest.approx({"scan": "a", **mask_measures(lungs(), AFFINE), "error": ""})
    assert second["scan"] == "b"
    assert second["error"]
