"""Completed and de-identified headers, and what all DICOM results share."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pydicom
import pytest

from monai_pylon.reports.dicom_header import (
    complete_headers,
    deidentified_headers,
    make_object,
    put_notice,
    save_dicom,
)
from monai_pylon.taxonomy import CHEST_CT_LABELS
from tests.reports.dicom_headers import slices


def test_missing_fields_are_empty_and_others_stay() -> None:
    sources = slices(4, 3, 2, PatientName="Doe", PatientID="7", StudyDate="20240102")
    for source, done in zip(sources, complete_headers(sources), strict=True):
        assert (done.PatientName, done.PatientID, done.StudyDate) == ("Doe", "7", "20240102")
        assert (done.PatientSex, done.StudyID, done.AccessionNumber) == ("", "", "")
        assert done.FrameOfReferenceUID == source.FrameOfReferenceUID
        assert done.SliceThickness == 4, "the distance of the slices"
        assert "PatientSex" not in source, "the source is not changed"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientBirthDate", "29.03.1958"), ("StudyTime", "noon"), ("PatientSex", "W"), ("StudyDate", "2024")],
)
def test_values_that_dicom_forbids_become_empty(keyword: str, value: str) -> None:
    (source,) = slices(4, 3, 1)
    source.add(pydicom.DataElement(pydicom.datadict.tag_for_keyword(keyword), "LO", value))
    assert getattr(complete_headers([source])[0], keyword) == ""


def test_a_missing_frame_of_reference_follows_from_the_image() -> None:
    sources = slices(4, 3, 2)
    for source in sources:
        del source.FrameOfReferenceUID
    first, second = complete_headers(sources), complete_headers(sources)
    assert len({one.FrameOfReferenceUID for one in first + second}) == 1
    assert first[0].FrameOfReferenceUID.is_valid
    assert complete_headers(slices(4, 3, 1))[0].FrameOfReferenceUID != first[0].FrameOfReferenceUID


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SOPInstanceUID", "SOPClassUID"])
def test_headers_without_identity_are_refused(keyword: str) -> None:
    sources = slices(4, 3, 2)
    delattr(sources[1], keyword)
    with pytest.raises(ValueError, match=f"{keyword} must be in the header of every source image"):
        complete_headers(sources)


def test_deidentified_headers_keep_geometry_only() -> None:
    names = {"PatientName": "Doe^J", "PatientID": "7", "StudyDate": "20240102", "StudyDescription": "of Doe"}
    sources = slices(4, 3, 3, **names, InstitutionName="Clinic", AcquisitionDate="20240102")
    found = deidentified_headers(sources, "secret")
    for source, new in zip(sources, found, strict=True):
        assert new.ImagePositionPatient == source.ImagePositionPatient
        assert new.PixelSpacing == source.PixelSpacing
        assert (new.Rows, new.Columns) == (3, 4)
        text = str(new)
        values = ("Doe", "20240102", "Clinic", source.SOPInstanceUID, source.StudyInstanceUID, source.SeriesInstanceUID)
        assert not any(value in text for value in values)
        assert new.PatientIdentityRemoved == "YES"
    assert len({one.StudyInstanceUID for one in found}) == 1
    assert len({one.SOPInstanceUID for one in found}) == 3


def test_private_fields_within_the_geometry_are_left_out() -> None:
    (source,) = slices(4, 3, 1)
    measures, group = pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing = [1, 2]
    measures.private_block(0x0031, "MAKER", create=True).add_new(1, "LO", "Doe")
    group.PixelMeasuresSequence = [measures]
    source.PerFrameFunctionalGroupsSequence = [group]
    (found,) = deidentified_headers([source], "secret")
    assert found.PerFrameFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing == [1, 2]
    assert "Doe" not in str(found)


def test_pseudonyms_depend_on_the_secret() -> None:
    sources = slices(4, 3, 1, PatientID="7")
    first, same, other = (deidentified_headers(sources, secret)[0] for secret in ("a", "a", "b"))
    assert (first.PatientID, first.StudyInstanceUID) == (same.PatientID, same.StudyInstanceUID)
    assert first.PatientID != other.PatientID
    assert first.StudyInstanceUID != other.StudyInstanceUID
    assert pydicom.uid.UID(first.StudyInstanceUID).is_valid
    (another,) = deidentified_headers(slices(4, 3, 1, PatientID="8"), "a")
    assert another.PatientID != first.PatientID


def test_descriptions_fit_their_field() -> None:
    def made(description: str) -> dict[str, Any]:
        return make_object(dict, 0, description)

    assert made("Organ masks")["series_description"] == "Organ masks. For research, not for diagnosis"
    long = made("x" * 90)["series_description"]
    assert len(long) == 64
    assert long == "x" * 48 + "... For research"
    assert made("x" * 50)["series_description"] == "x" * 50 + ". For research"
    assert "\\" not in made("a\\b")["series_description"], "it separates values"
    assert made("a")["series_instance_uid"] != made("a")["series_instance_uid"]


@pytest.mark.parametrize("label", [*CHEST_CT_LABELS, "x" * 90])
@pytest.mark.parametrize("notice", ["Trained on phantoms. Never use on patients.", "y" * 300, "One: two. " * 12])
def test_the_label_comes_before_the_notice(label: str, notice: str) -> None:
    made = SimpleNamespace(SeriesDescription=make_object(dict, 0, f"{label}: HiResCAM")["series_description"])
    made.ImageComments = "All of it."
    put_notice(made, notice)
    assert len(made.SeriesDescription) <= 64
    assert made.SeriesDescription.startswith(label[:48])
    first = f"{notice.split('. ')[0].rstrip('.')}."
    if len(f"{label}: HiResCAM. {first}") <= 64:
        assert first in made.SeriesDescription
    else:
        assert made.SeriesDescription.endswith((". For research", f"... {first}"))
    assert made.ImageComments == f"All of it. {notice}"


def test_a_name_without_caret_warns_nobody() -> None:
    import highdicom
    import numpy as np

    (header,) = complete_headers(slices(4, 3, 1, PatientName="Lung-A0002"))
    common = {
        "ref_dataset": header, "pixel_array": np.zeros((4, 4, 3), np.uint8), "bits_allocated": 8,
        "photometric_interpretation": "RGB", "coordinate_system": "PATIENT", "patient_orientation": ("L", "F"),
    }  # fmt: skip
    assert make_object(highdicom.sc.SCImage.from_ref_dataset, 0, "a", **common).PatientName == "Lung-A0002"


def test_saving_needs_the_ending(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ending in \.dcm"):
        save_dicom(tmp_path / "a.nii", pydicom.Dataset())
