"""Invalid values of source headers."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pydicom
import pytest

from monai_pylon.reports.dicom_validity import remove_invalid_values, shorten_decimals


def header(vr: str, keyword: str, value: Any) -> pydicom.Dataset:
    """Return a header whose value was not checked, as from a file."""
    raw = pydicom.Dataset()
    with pydicom.config.disable_value_validation():
        raw.add_new(keyword, vr, value)
    return raw


@pytest.mark.parametrize(
    ("vr", "keyword", "value", "expected"),
    [
        ("DA", "PatientBirthDate", "19580329", "19580329"),
        ("DA", "PatientBirthDate", "1958.03.29", "19580329"),
        ("TM", "StudyTime", "12:13:14", "121314"),
        ("TM", "StudyTime", "121314.5", "121314.5"),
        ("PN", "PatientName", "山田^太郎", "山田^太郎"),
        ("CS", "PatientSex", "F", "F"),
        ("AS", "PatientAge", "044Y", "044Y"),
        ("DA", "PatientBirthDate", "unknown", None),
        ("DA", "StudyDate", "20190229", None),
        ("TM", "StudyTime", "noon", None),
        ("AS", "PatientAge", "44", None),
        ("CS", "PatientSex", "W", None),
        ("SH", "StudyID", "x" * 17, None),
        ("LO", "StudyDescription", "x" * 65, None),
    ],
)
def test_only_valid_values_stay(vr: str, keyword: str, value: str, expected: str | None) -> None:
    found = header(vr, keyword, value)
    remove_invalid_values(found, ("StudyID",))
    assert (found.get(keyword) or None) == expected
    assert "StudyID" in found


def test_geometry_and_references_stay() -> None:
    found = header("DS", "ImagePositionPatient", [1 / 3, 0.0, 0.0])
    found.SOPInstanceUID = "1.2.3"
    remove_invalid_values(found)
    assert (found.SOPInstanceUID, found.ImagePositionPatient[0]) == ("1.2.3", 1 / 3)


@pytest.mark.parametrize("value", [1 / 3, -1 / 3, 1e-17, -123456.789012345678, 0.0])
def test_decimals_fit_and_keep_their_value(value: float) -> None:
    item, inner = pydicom.Dataset(), header("DS", "ImagePositionPatient", [value, 1.0, 2.0])
    item.PlanePositionSequence = [inner]
    shorten_decimals(item)
    written = BytesIO()
    pydicom.dcmwrite(written, item, implicit_vr=True, little_endian=True)
    assert len(str(inner.ImagePositionPatient[0])) <= 16
    assert inner.ImagePositionPatient[0] == pytest.approx(value, rel=1e-9)
