"""Tests of the remaining files of RAD-ChestCT: lung boxes, the list of scans, indications."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data import read_volume
from monai_pylon.data.datasets.rad_chestct_files import (
    lung_box_of_mask,
    read_indications,
    read_lung_boxes,
    read_summary,
)
from tests.data.datasets.files import write_extrema


def test_boxes_have_the_axes_of_a_scan_that_was_read(tmp_path: Path) -> None:
    """Lungs in slices 5 to 29, rows 7 to 39, columns 11 to 49 of an array of 40 x 50 x 60."""
    root = write_extrema(tmp_path, ["trn00001,5,30,7,40,11,50", "trn00002,5,30,7,40,11,inf"])
    boxes = read_lung_boxes(root)
    np.testing.assert_array_equal(boxes["trn00001"].box, [11, 7, 5, 50, 40, 30])
    assert boxes["trn00001"].shape == (60, 50, 40)
    ct = np.zeros((40, 50, 60), np.int16)
    ct[5:30, 7:40, 11:50] = 1
    np.savez(tmp_path / "trn00001.npz", ct=ct)
    scan = read_volume(tmp_path / "trn00001.npz")
    assert scan.shape[1:] == boxes["trn00001"].shape
    np.testing.assert_array_equal(lung_box_of_mask(scan[0].numpy()), boxes["trn00001"].box)
    assert math.isnan(boxes["trn00002"].box[3])  # the authors' program found no left lung
    assert read_lung_boxes(tmp_path / "Extrema_5747.csv").keys() == boxes.keys()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("trn00001,5,30,7,40,50,11", "line 2: lef_axis2max must be above 50, the other edge"),
        ("trn00001,5,30,7,7,11,50", "line 2: pos_axis1max must be above 7, the other edge"),
        ("trn00001,5,41,7,40,11,50", "line 2: inf_axis0max must be at most 40, the scan's size"),
        ("trn00001,x,30,7,40,11,50", "line 2: sup_axis0min must be a number, but is 'x'"),
        ("trn00001,5.5,30,7,40,11,50", "line 2: sup_axis0min must be a whole number"),
        ("trn00001,-5,30,7,40,11,50", "line 2: sup_axis0min must be a whole number"),
        (",5,30,7,40,11,50", "line 2: NoteAcc_DEID must be filled"),
    ],
)
def test_a_bad_row_names_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_lung_boxes(write_extrema(tmp_path, [row]))


def test_lungs_may_reach_the_border_and_the_table_need_not_tell_the_size(tmp_path: Path) -> None:
    file = write_extrema(tmp_path, ["trn00001,0,40,0,50,0,60"]) / "Extrema_5747.csv"
    np.testing.assert_array_equal(read_lung_boxes(file)["trn00001"].box, [0, 0, 0, 60, 50, 40])
    file.write_text("\n".join(line.rsplit(",", 3)[0] for line in file.read_text().splitlines()))
    found = read_lung_boxes(file)["trn00001"]
    assert found.shape is None
    np.testing.assert_array_equal(found.box, [0, 0, 0, 60, 50, 40])


def test_repeated_scans_and_missing_columns(tmp_path: Path) -> None:
    root = write_extrema(tmp_path, 2 * ["trn00001,5,30,7,40,11,50"])
    with pytest.raises(ValueError, match="line 3: NoteAcc_DEID must be different from that of line 2"):
        read_lung_boxes(root)
    file = root / "Extrema_5747.csv"
    file.write_text(file.read_text().replace("rig_axis2min", "right"))
    with pytest.raises(ValueError, match="line 1 must be a header with a column 'rig_axis2min'"):
        read_lung_boxes(root)


def test_scans_and_indications(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/Summary_3630.csv").write_text("NoteAcc_DEID,Set\ntrn00001,imgtrain\nval00002.npz,imgvalid\n")
    assert read_summary(tmp_path) == ["trn00001", "val00002"]
    file = tmp_path / "Indications_35747.csv"
    file.write_text('NoteAcc_DEID,Indication_Text\ntrn00001,"cough, fever"\nval00002,\n')
    assert read_indications(tmp_path) == {"trn00001": "cough, fever", "val00002": ""}
    file.write_text("NoteAcc_DEID,Reason\ntrn00001,cough\n")
    with pytest.raises(ValueError, match=r"line 1 must be a header with one column 'indication'.*Rename"):
        read_indications(tmp_path)


def test_a_mask_without_lungs_has_no_box() -> None:
    assert np.isnan(lung_box_of_mask(np.full((2, 2, 2), 2))).tolist() == [True] * 6
