"""The command limits as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from monai_pylon.reports.nifti import save_label_nifti
from monai_pylon.utils import read_rows
from tests.workflows.chest_ct.test_mask_limits import AFFINE, lungs


def test_limits_of_a_cohort_and_their_use_on_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, output = tmp_path / "first", tmp_path / "second", tmp_path / "new" / "limits"
    for k in range(9):
        save_label_nifti(first / f"s{k}_organs.nii.gz", lungs(right=4 + k % 3), AFFINE)
    save_label_nifti(second / "odd_organs.nii.gz", lungs(right=0), AFFINE)
    assert main(["limits", str(first), "-o", str(output), "--fence", "0.5"]) == 0
    assert "9 masks, 0 unreadable, 0 outside the limits" in capsys.readouterr().err
    assert {file.name for file in output.iterdir()} == {"limits.json", "limits.html", "limits.png", "mask_sizes.csv"}
    given = ["limits", str(second), "-o", str(tmp_path / "two"), "--limits", str(output / "limits.json")]
    assert main(given) == 0
    (row,) = read_rows(tmp_path / "two" / "mask_sizes.csv")
    assert row["outside"] == "right_lung_ml; width_mm; right_mm"
    assert "odd" in (tmp_path / "two" / "limits.html").read_text(encoding="utf-8")
    (second / "b_organs.nii.gz").write_bytes(b"no gzip")
    assert main(given) == 1


def test_too_few_masks_and_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_label_nifti(tmp_path / "a_organs.nii.gz", lungs(), AFFINE)
    assert main(["limits", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "at least eight masks" in capsys.readouterr().err
    (tmp_path / "other.json").write_text(json.dumps({"width_mm": [1, 2]}))
    given = ["limits", str(tmp_path), "-o", str(tmp_path / "out"), "--limits", str(tmp_path / "other.json")]
    assert main(given) == 2
    assert "limits must be a limits.json" in capsys.readouterr().err
