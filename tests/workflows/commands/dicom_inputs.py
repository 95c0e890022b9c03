"""A phantom CT series and a phantom radiograph as DICOM, with a patient who must not appear where he should not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
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


def add_overlay_planes(file: Path, in_pixels: bool) -> None:
    """Draw a text box into overlay planes (60xx) of a file: planes of their own, or an unused bit of the pixels."""
    dataset = pydicom.dcmread(file)
    plane = np.zeros((dataset.Rows, dataset.Columns), np.uint8)
    plane[: dataset.Rows // 4, : dataset.Columns // 2] = 1
    for number, group in enumerate(range(0x6000, 0x6020, 2)):
        dataset.add_new((group, 0x0010), "US", dataset.Rows)
        dataset.add_new((group, 0x0011), "US", dataset.Columns)
        dataset.add_new((group, 0x0040), "CS", "G")
        dataset.add_new((group, 0x0050), "SS", [1, 1])
        dataset.add_new((group, 0x0100), "US", 16 if in_pixels else 1)
        dataset.add_new((group, 0x0102), "US", 15 if in_pixels else 0)
        if not in_pixels:
            packed = np.packbits(plane.ravel(), bitorder="little").tobytes()
            dataset.add_new((group, 0x3000), "OW", packed + b"\0" * (len(packed) % 2))
        if in_pixels and number == 0:
            pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(plane.shape)
            assert dataset.BitsStored < 16
            dataset.PixelData = (pixels | plane.astype(np.uint16) << 15).tobytes()
    dataset.save_as(file)


def write_chest(file: Path, **tags: object) -> Path:
    """Write a phantom radiograph as a digital X-ray file, and return it."""
    pixels = np.asarray(phantom_radiograph(1, size=96).image).squeeze()[:, :80]
    uids = {"StudyInstanceUID": generate_uid(), "SeriesInstanceUID": generate_uid()}
    spacing = {"ImagerPixelSpacing": [4.0, 3.0]}
    return write_radiograph(file, (4095 * pixels).round().astype(np.uint16), **{**PATIENT, **uids, **spacing, **tags})
