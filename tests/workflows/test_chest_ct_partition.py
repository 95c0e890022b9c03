"""The bundle chest_ct_partition as its users run it: one command, from scans to masks, pictures and a table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (its own documentation calls it so)
from PIL import Image

from monai_pylon.data import phantom_chest_ct
from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort.runner import CohortSummary
from monai_pylon.workflows.demo.results import dice_by_organ
from tests.workflows.bundle_runs import BundleRuns, cause

BUNDLE = BundleRuns("chest_ct_partition")


@pytest.fixture(scope="module")
def phantom() -> ChestCTPhantom:
    return phantom_chest_ct(3, shape=(96, 80, 80), spacing=(4.0, 4.0, 4.0))


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory, phantom: ChestCTPhantom) -> Path:
    """A folder with a scan as NIfTI, the same as MHA stored head first, and a file that is broken."""
    folder = tmp_path_factory.mktemp("cohort")
    hu = np.rint(phantom.image).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(hu, phantom.affine), folder / "good.nii.gz")
    image = sitk.GetImageFromArray(hu[:, :, ::-1].transpose(2, 1, 0))
    image.SetSpacing((4.0, 4.0, 4.0))
    origin = phantom.affine @ [0, 0, hu.shape[2] - 1, 1]
    image.SetOrigin((-origin[0], -origin[1], origin[2]))
    image.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, -1))
    (folder / "p2").mkdir()
    sitk.WriteImage(image, str(folder / "p2" / "flipped.mha"))
    whole = (folder / "good.nii.gz").read_bytes()
    (folder / "broken.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder


def run_here(**overrides: Any) -> CohortSummary:
    return BUNDLE.run("inference", progress=False, **overrides).evaluator.summary


@pytest.fixture(scope="module")
def first_run(cohort: Path) -> tuple[subprocess.CompletedProcess[str], Path]:
    output = cohort / "results"
    return BUNDLE.command_line("inference", "--input", cohort, "--output", output), output


def test_the_command_line_tells_of_the_broken_scan_and_does_the_rest(first_run) -> None:
    result, output = first_run
    rows = {row["scan"]: row for row in read_rows(output / "quality.csv")}
    assert set(rows) == {"broken", "good", "p2__flipped"}
    assert rows["broken"]["error"]
    assert rows["broken"]["files"] == ""
    assert not rows["good"]["error"]
    assert not rows["p2__flipped"]["error"]
    assert result.returncode == 1
    assert "Scans that failed: 1" in result.stderr
    assert "2 scans done, 0 finished before, 1 failed" in result.stdout
    assert "3/3" in result.stderr, "the progress bar"


def test_only_whole_files_are_left(first_run) -> None:
    _, output = first_run
    files = {
        f"{scan}/{scan}_{kind}"
        for scan in ("good", "p2__flipped")
        for kind in ("organs.nii.gz", "overlay.png", "findings.json")
    }
    assert {path.name for path in output.iterdir()} == {
        "good",
        "p2__flipped",
        "quality.csv",
        "manifest.csv",
        "cohort.sqlite",
    }
    assert {str(path.relative_to(output)) for path in output.glob("*/*")} == files
    for name in files:
        if name.endswith("png"):
            with Image.open(output / name) as picture:
                picture.verify()


def test_the_masks_lie_on_the_scans_own_grid(first_run, phantom: ChestCTPhantom) -> None:
    _, output = first_run
    good = nibabel.load(output / "good" / "good_organs.nii.gz")
    flipped = nibabel.load(output / "p2__flipped" / "p2__flipped_organs.nii.gz")
    np.testing.assert_allclose(good.affine, phantom.affine, atol=1e-4)
    np.testing.assert_allclose(flipped.affine[:3, 2], [0, 0, -4], atol=1e-4)
    labels = np.asarray(good.dataobj)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(flipped.dataobj)[:, :, ::-1], labels)
    dice = dice_by_organ(labels, phantom.organs)
    assert min(dice["right lung"], dice["left lung"]) > 0.9  # on voxels of 4 mm


def test_the_table_has_the_masks_volumes(first_run) -> None:
    _, output = first_run
    row = next(row for row in read_rows(output / "quality.csv") if row["scan"] == "good")
    labels = np.asarray(nibabel.load(output / "good" / "good_organs.nii.gz").dataobj)
    for value, column in enumerate(("right_lung_ml", "mediastinum_ml", "left_lung_ml"), start=1):
        assert float(row[column]) == pytest.approx((labels == value).sum() * 4.0**3 / 1000, rel=1e-3)
    assert float(row["seconds"]) > 0
    assert float(row["peak_memory_mb"]) > 100


def test_a_second_run_skips_what_is_finished(first_run, cohort: Path) -> None:
    _, output = first_run
    before = {path: path.stat().st_mtime_ns for path in output.glob("good/*")}
    summary = run_here(input=str(cohort), output=str(output))
    assert (summary.done, summary.skipped, summary.failed) == (0, 2, 1)
    assert {path: path.stat().st_mtime_ns for path in output.glob("good/*")} == before


def test_another_method_is_another_result(first_run, cohort: Path, tmp_path: Path) -> None:
    scan = str(cohort / "good.nii.gz")
    assert run_here(input=scan, output=str(tmp_path)).done == 1
    assert run_here(input=scan, output=str(tmp_path), method="paper").done == 1
    assert run_here(input=scan, output=str(tmp_path), method="paper").skipped == 1


def test_a_data_list_and_no_pictures(cohort: Path, tmp_path: Path) -> None:
    (cohort / "part1.json").write_text(json.dumps({"testing": [{"image": "p2/flipped.mha"}]}))
    assert run_here(input=str(cohort / "part1.json"), output=str(tmp_path), overlay=False).done == 1
    assert {path.name for path in tmp_path.iterdir()} == {"p2__flipped", "quality.csv", "manifest.csv", "cohort.sqlite"}
    names = {f"p2__flipped_{kind}" for kind in ("organs.nii.gz", "findings.json")}
    assert {path.name for path in (tmp_path / "p2__flipped").iterdir()} == names


@pytest.mark.parametrize(("fallback", "heuristic"), [("center_half", "yes"), (None, "no")])
def test_a_scan_without_lungs_is_marked(
    phantom: ChestCTPhantom, tmp_path: Path, fallback: str | None, heuristic: str
) -> None:
    hu = np.where(phantom.image < -200, 30, phantom.image)
    hu[:4] = -1000
    nibabel.save(nibabel.Nifti1Image(hu.astype(np.int16), phantom.affine), tmp_path / "solid.nii.gz")
    output = tmp_path / "results"
    assert run_here(input=str(tmp_path / "solid.nii.gz"), output=str(output), fallback=fallback).flagged == 1
    (row,) = read_rows(output / "quality.csv")
    assert (row["ok"], row["reasons"], row["heuristic"]) == ("no", "no_lung", heuristic)
    labels = np.asarray(nibabel.load(output / "solid" / "solid_organs.nii.gz").dataobj)
    assert bool(labels.any()) is (heuristic == "yes")


@pytest.mark.slow
def test_a_misspelt_override_names_the_nearest_key(cohort: Path, tmp_path: Path) -> None:
    result = BUNDLE.command_line("inference", "--input", cohort, "--output", tmp_path / "new", "--methd", "paper")
    assert result.returncode != 0
    assert "Did you mean 'method' instead of 'methd'?" in result.stderr.splitlines()[-1]
    assert not (tmp_path / "new").exists(), "nothing ran"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"method": "papr"}, "Did you mean 'paper'?"),
        ({"input": "/there/is/no/such/folder"}, "such/folder"),
        ({"min_lung_ml": -1}, "min_lung_ml"),
        ({"fallback": "centre_half"}, "Did you mean 'center_half'?"),
        ({}, "Give --input PATH."),
    ],
)
def test_wrong_values_are_errors_before_anything_runs(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        run_here(output=str(tmp_path / "new"), **overrides)
    assert message in cause(error)
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_the_demo_makes_masks_of_a_users_scan(cohort: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "monai_pylon.workflows.demo", "--ct", str(cohort / "good.nii.gz")]
    result = subprocess.run(
        [*command, "--output", str(tmp_path)], capture_output=True, text=True, timeout=300, check=True
    )
    assert "good: ok" in result.stdout
    for file in ("good/good_organs.nii.gz", "good/good_overlay.png", "good/good_page.html", "quality.csv"):
        assert str(tmp_path / file) in result.stdout
        assert (tmp_path / file).is_file()
    assert not (tmp_path / "demo.html").exists(), "no network sees a patient"


@pytest.mark.real
@pytest.mark.slow
def test_every_public_scan_runs(public_data: Path, tmp_path: Path) -> None:
    folder = public_data / "chest_ct"
    scans = [
        *sorted(folder.glob("*/*_ct.nii.gz")),
        folder / "cip" / "ct-64.nrrd",
        folder / "dicom_lung_pet_ct_dx_A0002",
    ]
    (tmp_path / "scans.json").write_text(json.dumps([str(scan) for scan in scans]))
    summary = run_here(input=str(tmp_path / "scans.json"), output=str(tmp_path / "out"))
    assert (summary.done, summary.failed) == (len(scans), 0)
