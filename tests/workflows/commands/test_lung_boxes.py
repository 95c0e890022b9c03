"""The command lung-boxes as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from monai_pylon.utils import read_rows
from tests.data.datasets.files import write_extrema
from tests.workflows.chest_ct.test_lung_boxes import ROW, write_mask


def test_writes_a_table_and_the_median(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_extrema(tmp_path / "rad", [ROW, "trn00002,5,30,7,40,11,50"])
    write_mask(tmp_path / "masks")
    arguments = ["lung-boxes", str(root), str(tmp_path / "masks"), "-o", str(tmp_path / "new" / "t.csv")]
    assert main(arguments) == 0
    assert "1 masks, 0 unreadable. Median overlap (IoU) of 1 boxes: 0.920" in capsys.readouterr().err
    (row,) = read_rows(tmp_path / "new" / "t.csv")
    assert (row["scan"], row["bottom_mm"], row["error"]) == ("trn00001", "-1.6", "")
    (tmp_path / "masks/trn00002_organs.nii.gz").write_bytes(b"no gzip")
    assert main(arguments) == 1
    assert "2 masks, 1 unreadable" in capsys.readouterr().err


def test_a_bad_table_names_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_extrema(tmp_path / "rad", ["trn00001,5,30,7,40,50,11"])
    write_mask(tmp_path / "masks")
    assert main(["lung-boxes", str(root), str(tmp_path / "masks"), "-o", str(tmp_path / "t.csv")]) == 2
    assert "Extrema_5747.csv, line 2: lef_axis2max must be above 50" in capsys.readouterr().err
