"""Patients of a CT training: of a table, of phantoms, and of data without a training section."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from monai_pylon.workflows.bundle.patients import patient_number
from monai_pylon.workflows.chest_ct import chest_ct_data, patients_of_training_scans


def write_table(folder: Path, rows: list[str]) -> Path:
    for row in rows:
        (folder / row.split(",")[0]).touch()
    (folder / "labels.csv").write_text("\n".join(["scan,patient,section,lung nodule", *rows]))
    return folder


def test_patients_of_a_table_without_reading_a_scan(tmp_path: Path) -> None:
    rows = ["1.nii.gz,a,training,1", "2.nii.gz,a,training,0", "3.nii.gz,b,training,0", "4.nii.gz,c,test,1"]
    found = patients_of_training_scans(write_table(tmp_path, rows), labels=["lung nodule"])
    assert found.patients == {patient_number("a"), patient_number("b")}


def test_phantoms_of_training_and_test_are_other_patients() -> None:
    found = patients_of_training_scans("phantom", phantoms=5, labels=["lung nodule"])
    assert found.patients == {patient_number(str(seed)) for seed in range(5)}
    test = chest_ct_data("phantom", "test", phantoms=5, spacing=(20, 20, 20))
    assert found.shared([patient_number(item["patient_id"]) for item in (test[0], test[1])]) == 0


def test_unknown_training_data_are_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "monai_pylon"):
        found = patients_of_training_scans(write_table(tmp_path, ["4.nii.gz,c,test,1"]), labels=["lung nodule"])
    assert found.patients is None
    assert "The training section is not known" in caplog.text
    assert patients_of_training_scans("phantom", "training").patients is None
