"""Headers of made-up CT slices, for tests of DICOM results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, generate_uid

#: Directions of rows, columns and slices in LPS, turned by 30 degrees about the long axis.
COS, SIN = np.cos(np.pi / 6), np.sin(np.pi / 6)
DIRECTION = np.array([[COS, -SIN, 0.0], [SIN, COS, 0.0], [0.0, 0.0, 1.0]])
SPACING, ORIGIN = (0.5, 0.75, 4.0), np.array([10.0, -20.0, 30.0])


def ras_affine() -> np.ndarray:
    """Return the affine (4, 4) of the slices, voxels (column, row, slice) to RAS mm."""
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = DIRECTION * SPACING, ORIGIN
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def slices(columns: int, rows: int, count: int, **tags: Any) -> list[Any]:
    """Return headers of slices without pixels and without any optional field."""
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    found = []
    for number in range(count):
        ds = pydicom.Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CTImageStorage, generate_uid(), "CT"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = study, series, frame
        ds.Rows, ds.Columns, ds.PixelSpacing = rows, columns, [SPACING[1], SPACING[0]]
        ds.ImageOrientationPatient = [float(f"{v:.12g}") for v in DIRECTION.T[:2].ravel()]
        ds.ImagePositionPatient = [float(f"{v:.12g}") for v in ORIGIN + number * SPACING[2] * DIRECTION[:, 2]]
        for name, value in tags.items():
            setattr(ds, name, value)
        found.append(ds)
    return found
