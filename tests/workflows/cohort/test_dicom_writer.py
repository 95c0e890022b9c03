"""The writer of DICOM results: what it adds, and what it does if it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from monai.data import MetaTensor
from PIL import Image

from monai_pylon.data import read_volume
from monai_pylon.reports.dicom_report import quality_group
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.workflows.cohort import DicomWriter, dicom_writer
from monai_pylon.workflows.cohort.dicom_writer import DicomCase
from tests.data.dicom_files import write_dicom


def make(item: Mapping[str, Any], headers: list[Any], slices: list[int]) -> DicomCase:
    return DicomCase({}, [quality_group("Organ masks", "ok")], "CT")


class Writer:
    """Writer of a picture and a row."""

    columns = ("ok",)

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        Image.fromarray(np.full((4, 4, 3), 77, np.uint8)).save(self.folder / "a_overlay.png")
        return {**data, "row": {"ok": True, "title": data.get("title", data["scan"])}, "files": ["a_overlay.png"]}


@pytest.fixture
def item(tmp_path: Path) -> dict[str, Any]:
    write_dicom(tmp_path / "series", np.zeros((4, 4, 3), int), StudyInstanceUID="1.2.3")
    return {"scan": "a", "image": read_volume(tmp_path / "series")}


def test_adds_picture_and_report(tmp_path: Path, item: dict[str, Any]) -> None:
    writer = DicomWriter(Writer(tmp_path), make, tmp_path)
    assert writer.columns == ("ok",)
    found = writer(item)
    assert found["files"] == ["a_overlay.png", "a_overlay.dcm", "a_findings_sr.dcm"]
    picture = pydicom.dcmread(tmp_path / "a_overlay.dcm")
    assert (picture.StudyInstanceUID, picture.BurnedInAnnotation) == ("1.2.3", "YES")
    assert "error" not in found["row"]


@pytest.mark.parametrize("deidentify", [False, True])
def test_the_study_is_that_of_the_first_image(deidentify: bool, tmp_path: Path) -> None:
    """Here it is the only one."""
    write_dicom(tmp_path / "series", np.zeros((4, 4, 1), int))
    image = MetaTensor(np.zeros((1, 4, 4, 1)), meta={"filename_or_obj": str(tmp_path / "series")})
    found = DicomWriter(Writer(tmp_path), make, tmp_path, deidentify=deidentify)({"scan": "a", "image": image})
    assert found["files"] == ["a_overlay.png", "a_overlay.dcm", "a_findings_sr.dcm"]
    assert "error" not in found["row"]


def test_off_means_off(tmp_path: Path, item: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dicom_writer, "optional_import", lambda *_, **__: (None, False))
    assert DicomWriter(Writer(tmp_path), make, tmp_path, enabled=False)(item)["files"] == ["a_overlay.png"]
    with pytest.raises(RuntimeError, match=r"monai_pylon\[dicom\]"):
        DicomWriter(Writer(tmp_path), make, tmp_path)


def test_pseudonyms_are_those_of_the_run(tmp_path: Path, item: dict[str, Any]) -> None:
    studies = []
    for writer in [DicomWriter(Writer(tmp_path), make, tmp_path, deidentify=True)] * 2 + [
        DicomWriter(Writer(tmp_path), make, tmp_path, deidentify=True)
    ]:
        found = writer(item)
        assert found["row"]["title"] == "", "the picture shows no name"
        studies.append(pydicom.dcmread(tmp_path / "a_findings_sr.dcm").StudyInstanceUID)
        picture = pydicom.dcmread(tmp_path / "a_overlay.dcm")
        assert (picture.BurnedInAnnotation, picture.PatientIdentityRemoved) == ("NO", "YES")
    assert studies[0] == studies[1] != studies[2]
    assert "1.2.3" not in studies


def test_a_failure_keeps_the_other_results(tmp_path: Path, item: dict[str, Any]) -> None:
    def fail(*_: Any) -> DicomCase:
        raise ValueError("masks must fit")

    found = DicomWriter(Writer(tmp_path), fail, tmp_path)(item)
    assert found["files"] == ["a_overlay.png"]
    assert found["row"]["error"] == "No DICOM results: ValueError: masks must fit"
    save_volume_nifti(tmp_path / "b.nii.gz", np.zeros((4, 4, 3)), np.eye(4))
    found = DicomWriter(Writer(tmp_path), make, tmp_path)({"scan": "b", "image": read_volume(tmp_path / "b.nii.gz")})
    assert found["row"]["ok"] is True
    assert "need a DICOM source, but it is 'b.nii.gz'" in found["row"]["error"]
