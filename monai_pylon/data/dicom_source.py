"""Headers of the DICOM images that a scan or radiograph was read from, for results in the same study."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.data.dicom_files import read_dicom
from monai_pylon.data.dicom_series import find_volume_slices, is_dicom_file
from monai_pylon.utils import check

__all__ = ["DicomSource", "read_dicom_source"]


class DicomSource(NamedTuple):
    """Headers of the images behind a volume (X, Y, Z) or a radiograph.

    Attributes:
        headers: pydicom datasets without pixels: one for each slice, in the order of the volume's last axis; or a
            single one of a multi-frame file or a radiograph.
        slices: For each frame of these, in their order, the slice of the volume.

    Example:
        >>> DicomSource([], []).slices
        []
    """

    headers: list[Any]
    slices: list[int]


def _read_header(file: Path) -> Any:
    return read_dicom(file, stop_before_pixels=True)


def read_dicom_source(path: str | PathLike[str], series_uid: str | int | None = None) -> DicomSource | None:
    """Read the headers of a DICOM folder with a CT series, or of a DICOM file with a radiograph.

    Args:
        path: Folder or file, as the readers take them.
        series_uid: SeriesInstanceUID or SeriesNumber of the series, if the folder holds several.

    Returns:
        The headers; None if a file is no DICOM file.

    Raises:
        ValueError: If the folder holds no complete CT series, or one in several multi-frame files.

    Example:
        >>> read_dicom_source("scan.nii.gz") is None
        True
    """
    file = Path(path).expanduser()
    if not file.is_dir():
        return DicomSource([_read_header(file)], [0]) if is_dicom_file(file) else None
    slices, _ = find_volume_slices(file, series_uid)
    files = list(dict.fromkeys(one.file for one in slices))
    headers = [_read_header(name) for name in files]
    if not any("PerFrameFunctionalGroupsSequence" in header for header in headers):
        return DicomSource(headers, list(range(len(slices))))
    frames = [len(getattr(header, "PerFrameFunctionalGroupsSequence", ()) or ()) for header in headers]
    requirement = "a series of single slices, or one multi-frame file, all of whose frames are slices, for DICOM output"
    check(len(files) == 1 and frames[0] == len(slices), "path", requirement, f"{file} with {frames} frames")
    order = sorted(range(len(slices)), key=lambda index: slices[index].frame)
    return DicomSource(headers, order)
