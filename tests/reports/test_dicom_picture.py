"""Pictures as DICOM Secondary Capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)

from monai_pylon.reports.dicom_header import complete_headers, save_dicom
from monai_pylon.reports.dicom_picture import secondary_capture
from tests.reports.dicom_headers import slices

PICTURE = np.random.default_rng(2).integers(0, 256, (7, 11, 3)).astype(np.uint8)


@pytest.mark.parametrize("named", [True, False])
def test_reads_back_to_the_picture(tmp_path: Path, named: bool) -> None:
    (header,) = complete_headers(slices(4, 3, 1))
    save_dicom(tmp_path / "a.dcm", secondary_capture(PICTURE, header, named))
    read = pydicom.dcmread(tmp_path / "a.dcm")
    np.testing.assert_array_equal(read.pixel_array, PICTURE)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(tmp_path / "a.dcm")).squeeze(), PICTURE)
    assert read.BurnedInAnnotation == ("YES" if named else "NO")
    assert read.StudyInstanceUID == header.StudyInstanceUID
    assert read.SeriesInstanceUID != header.SeriesInstanceUID
    assert (read.BodyPartExamined, "Laterality" in read) == ("CHEST", False)


@pytest.mark.parametrize("picture", [PICTURE[..., 0], PICTURE / 255, np.zeros((2, 2, 4), np.uint8)])
def test_other_arrays_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"picture must be of shape \(H, W, 3\) and uint8"):
        secondary_capture(picture, complete_headers(slices(4, 3, 1))[0])
