"""The command organs as a user types it."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.__main__ import main
from monai_pylon.utils import read_rows
from monai_pylon.workflows.chest_ct import organ_writer
from monai_pylon.workflows.cohort import CohortRunner
from tests.reports.page.pages import page_data, volume


def test_writes_masks_picture_findings_and_table(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["organs", str(scan), "--output", str(tmp_path / "out"), "--no-progress"]
    assert main(arguments) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "quality.csv", "manifest.csv", "cohort.sqlite"}
    names = {path.name for path in (tmp_path / "out" / "a").iterdir()}
    assert names == {"a_organs.nii.gz", "a_overlay.png", "a_findings.json"}
    assert set(nibabel.load(tmp_path / "out" / "a" / "a_organs.nii.gz").get_fdata().ravel()) == {0, 1, 2, 3}
    (row,) = read_rows(tmp_path / "out" / "quality.csv")
    findings = json.loads((tmp_path / "out" / "a" / "a_findings.json").read_text())["findings"]
    assert findings["left_lung_ml"] == float(row["left_lung_ml"]) > 200
    capsys.readouterr()
    assert main(arguments) == 0, "a second run skips"


def test_writes_a_reading_page(scan: Path, tmp_path: Path) -> None:
    assert main(["organs", str(scan), "-o", str(tmp_path), "--no-progress", "--no-pictures", "--page"]) == 0
    data = page_data((tmp_path / "a" / "a_page.html").read_text(encoding="utf-8"))
    written = nibabel.load(tmp_path / "a" / "a_organs.nii.gz")
    embedded = volume(data["organs"])
    assert np.array_equal(embedded.get_fdata(), written.get_fdata())
    assert np.allclose(embedded.affine, written.affine)


def test_a_name_is_shown_only_if_asked(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    titles: list[str] = []
    monkeypatch.setattr(organ_writer, "save_organ_overlay", lambda *given: (given[0].touch(), titles.append(given[-1])))
    named = tmp_path / "DOE^JANE <b>1950&amp;.nii.gz"
    shutil.copy(scan, named)
    for asked in ([], ["--names"]):
        output = tmp_path / f"out{len(asked)}"
        assert main(["organs", str(named), "-o", str(output), "--page", "--no-progress", *asked]) == 0
        (page,) = output.rglob("*_page.html")
        heading = "DOE_JANE_b_1950_amp" if asked else "Chest CT"
        assert f"<h1>{heading}</h1>" in page.read_text(encoding="utf-8")
        assert page.read_text(encoding="utf-8").count("DOE_JANE") == 2 * len(asked), "title and heading"
    assert titles == ["Chest CT", "DOE_JANE_b_1950_amp"]
    capsys.readouterr()
    assert main(["organs", str(named), "-o", str(tmp_path), "--dicom", "--deidentify", "--names"]) == 2
    assert "--names" in capsys.readouterr().err


def test_options_reach_the_bundle(scan: Path, tmp_path: Path) -> None:
    options = ["--no-pictures", "--no-progress", "--min-lung-ml", "9000", "--fallback", "none"]
    assert main(["organs", str(scan), "-o", str(tmp_path), *options]) == 0
    assert not (tmp_path / "a" / "a_overlay.png").exists()
    (row,) = read_rows(tmp_path / "quality.csv")
    assert "lungs_small" in row["reasons"]
    assert row["heuristic"] == "no"


def test_code_1_if_a_scan_fails(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.nii.gz").write_bytes(scan.read_bytes())
    (tmp_path / "in" / "b.nii.gz").write_bytes(scan.read_bytes()[:2000])
    assert main(["organs", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--no-pictures", "--no-progress"]) == 1
    rows = {row["scan"]: row["error"] for row in read_rows(tmp_path / "out" / "quality.csv")}
    assert rows["a"] == ""
    assert rows["b"]
    assert "1 failed. The column `error`" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--method", "papr"], ["--min-lung-ml", "much"], ["--methd", "paper"]])
def test_code_2_for_wrong_usage(scan: Path, tmp_path: Path, options: list[str]) -> None:
    assert main(["organs", str(scan), "-o", str(tmp_path / "out"), *options]) == 2
    assert main(["organs", str(tmp_path / "missing"), "-o", str(tmp_path / "out")]) == 2
    assert main(["organs", str(scan)]) == 2
    assert not (tmp_path / "out").exists()


def test_an_empty_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert main(["organs", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("monai-pylon: error: ")
    assert "\n" not in error


def test_workers_and_scheduler_reach_the_runner(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def run(self: CohortRunner) -> None:
        seen.append((self.workers, self.scheduler))

    monkeypatch.setattr(CohortRunner, "run", run)
    arguments = ["organs", str(scan), "-o", str(tmp_path)]
    assert main([*arguments, "--workers", "3"]) == main([*arguments, "--scheduler", "tcp://host:1"]) == 0
    assert seen == [(3, None), (1, "tcp://host:1")]
    assert main([*arguments, "--workers", "0"]) == 2


@pytest.mark.slow
def test_two_workers_write_the_same_bytes(scan: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abc":
        (tmp_path / "in" / f"{name}.nii.gz").write_bytes(scan.read_bytes())
    for output, workers in (("one", "1"), ("two", "2")):
        options = ["--workers", workers, "--no-progress"]
        assert main(["organs", str(tmp_path / "in"), "-o", str(tmp_path / output), *options]) == 0
    files = sorted(file.name for file in (tmp_path / "one").iterdir() if not file.name.startswith(("cohort", "qual")))
    assert len(files) == 9
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in files)


@pytest.mark.parametrize("given", ["7", "1.2.840.7", None])
def test_the_series_reaches_the_bundle(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    seen: dict[str, object] = {}
    module = importlib.import_module("monai_pylon.workflows.commands.organs")
    monkeypatch.setattr(module, "run_bundle", lambda name, settings: seen.update(settings) or 0)
    assert main(["organs", str(scan), "-o", str(tmp_path), *(["--series", given] if given else [])]) == 0
    assert seen.get("series") == given
