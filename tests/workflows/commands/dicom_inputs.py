"""A phantom CT series and a phantom radiograph as DICOM, with a patient who must not appear where he should not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.uid import generate_uid

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.utils import ras_view
from tests.data.dicom_files import write_dicom
from tests.data.radiographs.test_reader import write_dicom as write_radiograph

VOXEL = 6.0
#: Texts that identify the patient or the hospital.
SECRETS = ("Müller", "PID-4711-XQ", "19580329", "Sankt Elsewhere", "Welby", "ACC-99-XQ", "20240229")
PATIENT = {
    "PatientName": "Müller^Änne",
    "PatientID": "PID-4711-XQ",
    "PatientBirthDate": "19580329",
    "PatientSex": "F",
    "StudyDate": "20240229",
    "StudyTime": "121314",
    "StudyID": "17",
    "AccessionNumber": "ACC-99-XQ",
    "ReferringPhysicianName": "Welby^Marcus",
    "InstitutionName": "Sankt Elsewhere",
    "PatientComments": "sister of PID-4711-XQ",
    "SpecificCharacterSet": "ISO_IR 100",
}


def write_series(folder: Path, **tags: object) -> Path:
    """Write a phantom CT as a DICOM series of an oblique scan, and return its folder."""
    made = phantom_chest_ct(3, shape=(60, 54, 54), spacing=(VOXEL,) * 3)
    lps = np.asarray(ras_view(made.image, made.affine).array)[::-1, ::-1]
    heights = [VOXEL * k for k in range(lps.shape[2])]
    spacing = {"PixelSpacing": [VOXEL, VOXEL], "SliceThickness": VOXEL, "SeriesNumber": 2}
    write_dicom(folder, lps, heights, **{**PATIENT, "StudyInstanceUID": generate_uid(), **spacing, **tags})
    return folder


def write_chest(file: Path, **tags: object) -> Path:
    """Write a phantom radiograph as a digital X-ray file, and return it."""
    pixels = np.asarray(phantom_radiograph(1, size=96).image).squeeze()[:, :80]
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    spacing = {"ImagerPixelSpacing": [4.0, 3.0]}
    return write_radiograph(file, (4095 * pixels).round().astype(np.uint16), **{**PATIENT, **uids, **spacing, **tags})
