"""CT series in a DICOM folder: search, choice, and checks that a series is one volume.

Several series in one folder, missing or duplicate slices, gantry tilt, and scouts among the slices are errors.
SimpleITK orders the slices by their position in the patient.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.utils import check

__all__ = ["check_slices", "find_ct_series", "is_dicom_file", "read_dicom_series"]

#: Largest deviation of a gap between slices from the median gap, as a share (headers are rounded).
_GAP_TOLERANCE = 0.1
#: Largest tangent of the angle between the normal of the slices and their displacement: 3 degrees.
_TILT_TOLERANCE = 0.05


def is_dicom_file(path: str | PathLike[str]) -> bool:
    """Return whether a file is DICOM: by its ending, else by the characters "DICM" after 128 bytes.

    Args:
        path: A file; its name need not have an ending.

    Returns:
        True for a DICOM file.

    Example:
        >>> is_dicom_file("1-01.dcm")
        True
        >>> is_dicom_file("there_is_no_such_file")
        False
    """
    path = Path(path)
    if path.suffix.lower() in (".dcm", ".ima"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _tags(file: str) -> tuple[str, str, str]:
    """Return modality, image type and description of a DICOM file."""
    reader = optional_import("SimpleITK")[0].ImageFileReader()
    reader.SetFileName(file)
    reader.ReadImageInformation()
    modality, image_type, description = (
        reader.GetMetaData(tag).strip() if reader.HasMetaDataKey(tag) else ""
        for tag in ("0008|0060", "0008|0008", "0008|103e")
    )
    return modality, image_type, description


def find_ct_series(folder: str | PathLike[str]) -> dict[str, tuple[str, list[str]]]:
    """Find the CT series in a folder, without subfolders; scouts, reports and other modalities are skipped.

    Args:
        folder: Folder with the DICOM files.

    Returns:
        Description and S files, in the order of their position, by series UID.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as empty:
        ...     find_ct_series(empty)
        {}
    """
    reader = optional_import("SimpleITK")[0].ImageSeriesReader
    found = {}
    for uid in reader.GetGDCMSeriesIDs(str(folder)):
        files = list(reader.GetGDCMSeriesFileNames(str(folder), uid))
        modality, image_type, description = _tags(files[0])
        if modality == "CT" and "LOCALIZER" not in image_type:
            found[uid] = (description or "no description", files)
    return found


def check_slices(positions: np.ndarray, directions: np.ndarray, folder: str | PathLike[str]) -> None:
    """Raise unless slices are parallel, aligned and evenly spaced.

    Args:
        positions: (S, 3), first voxel of each slice in mm (ImagePositionPatient), in order.
        directions: (S, 6), row and column direction of each slice (ImageOrientationPatient).
        folder: Folder of the slices, for the error.

    Raises:
        ValueError: If the slices are not one volume.

    Example:
        >>> along_z = np.array([[0.0, 0, 0], [0, 0, 5], [0, 0, 15]])
        >>> check_slices(along_z, np.array([[1.0, 0, 0, 0, 1, 0]] * 3), "series")
        Traceback (most recent call last):
        ...
        ValueError: path must be a complete series with evenly spaced slices, but is 'series'. Its slices are 5.00 to
        10.00 mm apart; look for missing or duplicate slices after 0.0 mm, 5.0 mm.
    """
    same = bool(np.abs(directions - directions[0]).max() < 1e-3)
    check(same, "path", "a series of parallel slices", str(folder), "Remove the scout (localizer).")
    normal = np.cross(directions[0, :3], directions[0, 3:])
    heights = positions @ normal
    gaps = np.diff(heights)
    typical = float(np.median(gaps))
    uneven = heights[:-1][np.abs(gaps - typical) > _GAP_TOLERANCE * typical]
    where = ", ".join(f"{height:.1f} mm" for height in uneven[:5])
    check(
        typical > 0 and not where,
        "path",
        "a complete series with evenly spaced slices",
        str(folder),
        f"Its slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart; look for missing or duplicate slices"
        f" after {where or 'the first'}.",
    )
    path = positions[-1] - positions[0]
    slide = float(np.linalg.norm(path - (path @ normal) * normal) / (path @ normal))
    remedy = (
        f"Its slices are displaced by {np.degrees(np.arctan(slide)):.1f} degrees: resample to a rectangular grid first."
    )
    check(slide <= _TILT_TOLERANCE, "path", "a series without gantry tilt", str(folder), remedy)


def _choose(folder: str, series_uid: str | None) -> list[str]:
    series = find_ct_series(folder)
    listed = "; ".join(f"{uid} ({text}; {len(files)} files)" for uid, (text, files) in series.items())
    check(bool(series), "path", "a folder with a CT series (DICOM)", folder, "No CT slices were found in it.")
    if series_uid is None:
        remedy = f"It holds {len(series)}: {listed}. Choose one by series_uid, or use one folder for each."
        check(len(series) == 1, "path", "a folder with one CT series", folder, remedy)
        return next(iter(series.values()))[1]
    check(series_uid in series, "series_uid", "the UID of a CT series in the folder", series_uid, f"It holds {listed}.")
    return series[series_uid][1]


def read_dicom_series(folder: str | PathLike[str], series_uid: str | None = None) -> Any:
    """Read the CT series of a DICOM folder in HU.

    Args:
        folder: Folder with the DICOM files.
        series_uid: UID of the series, if the folder holds several.

    Returns:
        A SimpleITK image of size (X, Y, Z).

    Raises:
        ValueError: If there is no CT series, several without a choice, or one that is not a complete volume.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as empty:
        ...     read_dicom_series(empty)
        Traceback (most recent call last):
        ...
        ValueError: path must be a folder with a CT series (DICOM), but is ... No CT slices were found in it.
    """
    sitk = optional_import("SimpleITK")[0]
    files = _choose(str(folder), series_uid)
    if len(files) == 1:  # an enhanced CT has all slices in one file
        return sitk.ReadImage(files[0])
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(files)
    reader.MetaDataDictionaryArrayUpdateOn()
    image = reader.Execute()

    def numbers(tag: str) -> np.ndarray:
        return np.array([[float(v) for v in reader.GetMetaData(i, tag).split("\\")] for i in range(len(files))])

    check_slices(numbers("0020|0032"), numbers("0020|0037"), folder)
    return image
