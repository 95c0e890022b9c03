"""Tests of the comparison of lung masks with the authors' boxes of RAD-ChestCT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.datasets.rad_chestct_files import LungBox
from monai_pylon.reports.nifti import save_label_nifti
from monai_pylon.workflows.chest_ct.lung_boxes import box_overlap, compare_lung_boxes, lung_box_row
from tests.data.datasets.files import write_extrema

SHAPE = (60, 50, 40)  # left, back, feet; the arrays of the release are 40 x 50 x 60
ROW = "trn00001,5,30,7,40,11,50"


def write_mask(folder: Path, name: str = "trn00001", flip: bool = False) -> np.ndarray:
    """Lungs in x 11 to 49, y 7 to 39, z 5 to 27: two slices, 1.6 mm, shorter at the bottom than in the table."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[11:28, 7:40, 5:28], labels[33:50, 7:40, 5:28], labels[28:33, 7:48, 0:40] = 1, 3, 2
    affine = np.diag([-0.8, -0.8, -0.8, 1.0])
    stored = labels
    if flip:  # the same voxels, stored from feet to head
        stored = np.ascontiguousarray(labels[:, :, ::-1])
        affine = affine @ np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, SHAPE[2] - 1], [0, 0, 0, 1]])
    folder.mkdir(parents=True, exist_ok=True)
    save_label_nifti(folder / f"{name}_organs.nii.gz", stored, affine)
    return labels


@pytest.mark.parametrize("flip", [False, True])
def test_edges_are_compared_in_mm(tmp_path: Path, flip: bool) -> None:
    write_mask(tmp_path / "results/sub", flip=flip)
    (row,) = compare_lung_boxes(write_extrema(tmp_path / "rad", [ROW]), tmp_path / "results")
    assert row["scan"] == "trn00001"
    assert row["error"] == ""
    assert row["bottom_mm"] == pytest.approx(-1.6)
    assert [row[f"{edge}_mm"] for edge in ("right", "front", "top", "left", "back")] == [0, 0, 0, 0, 0]
    assert row["iou"] == pytest.approx(23 / 25)
    assert row["iou_of_whole_scan"] == pytest.approx(39 * 33 * 25 / (60 * 50 * 40))


def test_missing_lungs_are_nan() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    box = LungBox(np.array([11.0, 7, 5, 50, 40, 30]), SHAPE)
    assert np.isnan(lung_box_row(labels, box)["iou"])
    labels[20:30, 20:30, 20:30] = 1
    found = lung_box_row(labels, LungBox(np.array([11.0, 7, 5, np.nan, 40, 30]), SHAPE))
    assert np.isnan(found["iou"])
    assert np.isnan(found["left_mm"])
    assert found["right_mm"] == pytest.approx(-9 * 0.8)


def test_a_mask_of_another_shape_or_unreadable_is_a_row_with_an_error(tmp_path: Path) -> None:
    root = write_extrema(tmp_path / "rad", [ROW, "trn00002,5,30,7,40,11,50", "trn00003,5,30,7,40,11,50"])
    folder = tmp_path / "results"
    write_mask(folder)
    save_label_nifti(folder / "trn00002_organs.nii.gz", np.ones((4, 4, 4), np.uint8), np.diag([-0.8, -0.8, -0.8, 1]))
    (folder / "trn00003_organs.nii.gz").write_bytes(b"no gzip")
    rows = {row["scan"]: row for row in compare_lung_boxes(root, folder)}
    assert rows["trn00001"]["error"] == ""
    assert "of the shape (60, 50, 40) that the table says" in rows["trn00002"]["error"]
    assert "neither gzip-compressed nor NIfTI" in rows["trn00003"]["error"]


def test_masks_of_other_scans(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_extrema(tmp_path / "rad", [ROW])
    write_mask(tmp_path / "results", "other")
    with pytest.raises(FileNotFoundError, match=r"must have masks <scan>_organs.nii.gz.*such as trn00001.*organs"):
        compare_lung_boxes(root, tmp_path / "results")
    write_mask(tmp_path / "results")
    assert len(compare_lung_boxes(root, tmp_path / "results")) == 1
    assert "1 of 2 masks are of scans that are not in the table" in caplog.text


def test_overlap() -> None:
    cube = np.array([0.0, 0, 0, 2, 2, 2])
    assert box_overlap(cube, cube) == 1
    assert box_overlap(cube, cube + 5) == 0
    assert box_overlap(cube, cube + np.array([1, 0, 0, 1, 0, 0])) == pytest.approx(1 / 3)
