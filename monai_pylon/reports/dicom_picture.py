"""Pictures of results as DICOM Secondary Capture, for viewers that show nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.dicom_header import RESEARCH_NOTE, make_object
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_array

__all__ = ["secondary_capture"]


def secondary_capture(picture: np.ndarray, header: Any, named: bool = True, number: int = 90) -> Any:
    """Make a DICOM Secondary Capture of a picture.

    Args:
        picture: Red, green and blue (H, W, 3), uint8.
        header: Header of a source image, completed by :func:`complete_headers`.
        named: Whether the picture shows the name of the case, which may identify the patient (BurnedInAnnotation).
        number: Number of the series among the results of a case.

    Returns:
        The Secondary Capture (highdicom), uncompressed.

    Raises:
        ValueError: If the picture is not (H, W, 3) of uint8.

    Example:
        >>> secondary_capture(np.zeros((4, 4)), None)
        Traceback (most recent call last):
        ...
        ValueError: picture must be of shape (H, W, 3) and uint8, but is ndarray of shape (4, 4), float64.
    """
    pixels = as_array(picture)
    fits = pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.dtype == np.uint8
    check(fits, "picture", "of shape (H, W, 3) and uint8", picture)
    capture = make_object(
        optional_import("highdicom.sc", name="SCImage")[0].from_ref_dataset,
        number,
        "Key images",
        ref_dataset=header,
        pixel_array=np.ascontiguousarray(pixels),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
    )
    capture.PatientOrientation = ""  # a page of several planes has none
    capture.BurnedInAnnotation = "YES" if named else "NO"
    capture.DerivationDescription = f"Figure of results. {RESEARCH_NOTE}"
    return capture
