"""CT slices of a DICOM folder, found from the header of every file and of every frame.

Libraries group files by the header of one of them and drop files that they cannot read. Here each header is read: other
objects beside the CT (dose reports, structure sets, scouts, DICOMDIR) are skipped, and unreadable files are an error.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.data.dicom_files import BoundedFile, pixels_problem
from monai_pylon.data.scan_headers.dicom_fields import (
    FieldError,
    phase_fields,
    read_field,
    read_numbers,
    read_orientation,
    read_rescale,
)
from monai_pylon.data.volume_limits import check_dicom_size

__all__ = ["CTSlice", "DicomFolder", "geometry_groups", "read_dicom_headers"]

_LOGGER = logging.getLogger(__name__)
_DICOMDIR = "1.2.840.10008.1.3.10"
#: SOP classes of slices: CT, Enhanced CT, Legacy Converted Enhanced CT.
_CT_CLASSES = {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"}
_ENDINGS = (".dcm", ".ima", ".dicom")
#: Image types of a CT object that is no slice of the patient.
_NO_SLICE = {"LOCALIZER", "SCREEN SAVE", "DOSE_INFO", "DOSE INFO"}


class CTSlice(NamedTuple):
    """Geometry of one slice.

    Attributes:
        file: The file that holds it.
        frame: Its number in the file, from 0.
        series: SeriesInstanceUID.
        kernel: ConvolutionKernel, which may be empty.
        acquisition: AcquisitionNumber, which may be empty.
        position: ImagePositionPatient as text (3,).
        orientation: ImageOrientationPatient (6,): directions of rows and columns.
        spacing: PixelSpacing (2,): between rows and between columns, in mm.
        size: Rows and columns.
        rescale: RescaleSlope and RescaleIntercept.
        padding: Lowest and highest padding value in HU (PixelPaddingValue, PixelPaddingRangeLimit). None without one.
        number: SeriesNumber, which may be empty.
        burned_in: Whether the pixels hold text that may name the patient (BurnedInAnnotation).
        phase: Fields that tell the phases of an examination apart, see `phase_fields`.

    Example:
        >>> CTSlice(Path("1.dcm"), 0, "1.2", "", "", ("0", "0", "5"), (1, 0, 0, 0, 1, 0), (1, 1), (8, 8), (1, 0)).frame
        0
    """

    file: Path
    frame: int
    series: str
    kernel: str
    acquisition: str
    position: tuple[str, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, ...]
    size: tuple[int, int]
    rescale: tuple[float, float]
    padding: tuple[float, float] | None = None
    number: str = ""
    burned_in: bool = False
    phase: Mapping[str, str] = {}


class DicomFolder(NamedTuple):
    """Content of a DICOM folder.

    Attributes:
        slices: All CT slices, by series.
        skipped: Files that hold no slice, with the reason.
        problems: Files that cannot be read or lack a required field, with the reason.
        problem_series: SeriesInstanceUID of these files, as far as it is known.

    Example:
        >>> DicomFolder({}, {}, {}, {}).slices
        {}
    """

    slices: dict[str, list[CTSlice]]
    skipped: dict[Path, str]
    problems: dict[Path, str]
    problem_series: dict[Path, str]


class _SkippedError(Exception):
    """The file holds no CT slice."""


def _group(item: Any, sequence: str) -> Any:
    """Return the single item of a functional group, or None."""
    found = getattr(item, sequence, None) if item is not None else None
    return found[0] if found else None


def _padding(dataset: Any, slope: float, intercept: float) -> tuple[float, float] | None:
    """Return the range of the padding values in HU."""
    value = getattr(dataset, "PixelPaddingValue", None)
    if value is None or value == "":
        return None
    limit = getattr(dataset, "PixelPaddingRangeLimit", None)
    ends = sorted(float(v) * slope + intercept for v in (value, value if limit is None or limit == "" else limit))
    return ends[0], ends[1]


def _kernel(dataset: Any) -> str:
    """Return ConvolutionKernel, whose parts a vendor may give one by one."""
    value = getattr(dataset, "ConvolutionKernel", None) or ""
    return value if isinstance(value, str) else " ".join(map(str, value))


def _slice(file: Path, dataset: Any, frame: int, shared: Any, own: Any) -> CTSlice:
    """Read the geometry of a slice from a file, or from a frame's functional groups."""
    places = [_group(own, "PlanePositionSequence"), _group(shared, "PlanePositionSequence"), dataset]
    planes = [_group(own, "PlaneOrientationSequence"), _group(shared, "PlaneOrientationSequence"), dataset]
    pixels = [_group(own, "PixelMeasuresSequence"), _group(shared, "PixelMeasuresSequence"), dataset]
    values = [
        _group(own, "PixelValueTransformationSequence"),
        _group(shared, "PixelValueTransformationSequence"),
        dataset,
    ]
    read_numbers("ImagePositionPatient", 3, *places)
    spacing = read_numbers("PixelSpacing", 2, *pixels)
    if min(spacing) <= 0:
        raise FieldError(f"PixelSpacing must be positive, but is {spacing}")
    slope, intercept = read_rescale(*values)
    phase = phase_fields(_group(own, "FrameContentSequence"), _group(own, "CTImageFrameTypeSequence"), dataset)
    return CTSlice(
        file,
        frame,
        str(read_field("SeriesInstanceUID", dataset)),
        _kernel(dataset),
        phase["AcquisitionNumber"],
        tuple(str(getattr(v, "original_string", v)) for v in read_field("ImagePositionPatient", *places)),
        read_orientation(*planes),
        spacing,
        (int(read_field("Rows", dataset)), int(read_field("Columns", dataset))),
        (slope, intercept),
        _padding(dataset, slope, intercept),
        "" if (number := getattr(dataset, "SeriesNumber", None)) is None else str(number),
        getattr(dataset, "BurnedInAnnotation", "") == "YES",
        phase,
    )


def _expected_bytes(dataset: Any) -> int:
    """Return the bytes of uncompressed pixel data."""
    bits = int(read_field("BitsAllocated", dataset)) * int(getattr(dataset, "SamplesPerPixel", 1))
    frames = int(getattr(dataset, "NumberOfFrames", None) or 1)
    return int(read_field("Rows", dataset)) * int(read_field("Columns", dataset)) * frames * bits // 8


def _read_header(file: Path) -> tuple[Any, int]:
    """Read the header of a file, and return it with the place in the file where it ends."""
    pydicom = optional_import("pydicom")[0]
    size = file.stat().st_size
    with BoundedFile(file) as stream:
        marked = stream.read(132)[128:] == b"DICM"
        named = marked or file.suffix.lower() in _ENDINGS
        if size == 0 and named:
            raise FieldError("the file is empty")
        try:
            check_dicom_size(file)
            stream.seek(0)
            dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
            position = stream.tell()
        except Exception as error:  # a damaged header may fail in any way
            if named:
                raise FieldError(f"the header cannot be read ({error})") from error
            raise _SkippedError("no DICOM file") from error
    meta = getattr(dataset, "file_meta", None)
    kinds: list[Any] = [getattr(dataset, name, None) for name in ("SOPClassUID", "Modality", "DirectoryRecordSequence")]
    if not any((*kinds, getattr(meta, "MediaStorageSOPClassUID", None))):
        if named:
            raise FieldError("the header ends before SOPClassUID and Modality")
        raise _SkippedError("no DICOM file")
    return dataset, position


def _check_kind(dataset: Any) -> None:
    """Raise `_SkippedError` if a file is not the image of a CT slice."""
    pydicom = optional_import("pydicom")[0]
    meta = getattr(dataset, "file_meta", None)
    kind = str(getattr(dataset, "SOPClassUID", "") or getattr(meta, "MediaStorageSOPClassUID", ""))
    modality = str(getattr(dataset, "Modality", ""))
    if kind == _DICOMDIR or "DirectoryRecordSequence" in dataset:
        raise _SkippedError("DICOMDIR")
    if modality != "CT" or kind not in _CT_CLASSES:
        name = pydicom.uid.UID(kind).name if kind else "unknown object"
        raise _SkippedError(f"{name} (Modality {modality or 'missing'})")
    image_type = {str(part).upper() for part in getattr(dataset, "ImageType", None) or ()}
    if found := image_type & _NO_SLICE:
        raise _SkippedError(f"{', '.join(sorted(found)).lower()} image")


def _read(file: Path) -> list[CTSlice]:
    """Read the slices of one file; raise `_SkippedError` or `FieldError` with the reason for none."""
    dataset, position = _read_header(file)
    _check_kind(dataset)
    try:
        return _slices(file, dataset, position)
    except FieldError as error:
        error.series = str(getattr(dataset, "SeriesInstanceUID", "") or "")
        raise


def _slices(file: Path, dataset: Any, position: int) -> list[CTSlice]:
    """Read the slices of a CT file; raise `FieldError` if it lacks something."""
    if problem := pixels_problem(file, dataset, position, _expected_bytes(dataset)):
        raise FieldError(problem)
    frames = getattr(dataset, "PerFrameFunctionalGroupsSequence", None)
    if frames is None:
        return [_slice(file, dataset, 0, None, None)]
    shared = (getattr(dataset, "SharedFunctionalGroupsSequence", None) or [None])[0]
    return [_slice(file, dataset, number, shared, own) for number, own in enumerate(frames)]


def read_dicom_headers(folder: str | PathLike[str]) -> DicomFolder:
    """Read the headers of all files in a folder (not below it).

    Args:
        folder: Folder with DICOM files. Files without an ending or without a preamble count too.

    Returns:
        The CT slices by series, and the files without slices with the reason.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as empty:
        ...     read_dicom_headers(empty)
        DicomFolder(slices={}, skipped={}, problems={}, problem_series={})
    """
    slices: dict[str, list[CTSlice]] = {}
    skipped: dict[Path, str] = {}
    problems: dict[Path, str] = {}
    problem_series: dict[Path, str] = {}
    for file in sorted(path for path in Path(folder).iterdir() if path.is_file() and not path.name.startswith(".")):
        try:
            for one in _read(file):
                slices.setdefault(one.series, []).append(one)
        except _SkippedError as error:
            skipped[file] = str(error)
        except FieldError as error:
            problems[file] = str(error)
            problem_series |= {file: error.series} if error.series else {}
    for reason, count in Counter(skipped.values()).items():
        if reason != "no DICOM file":
            _LOGGER.info("%s: skipped %d file(s) that hold no CT slice: %s.", folder, count, reason)
    return DicomFolder(slices, skipped, problems, problem_series)


def geometry_groups(slices: Iterable[CTSlice]) -> list[list[CTSlice]]:
    """Group slices that can lie on one grid: same size, pixel spacing and orientation.

    Args:
        slices: Slices of one series.

    Returns:
        The slices of each group, the largest group first.

    Example:
        >>> geometry_groups([])
        []
    """
    groups: list[list[CTSlice]] = []
    for one in slices:
        for group in groups:
            first = group[0]
            near = np.allclose(one.spacing, first.spacing, rtol=0, atol=2e-3)
            if one.size == first.size and near and np.allclose(one.orientation, first.orientation, rtol=0, atol=1e-2):
                group.append(one)
                break
        else:
            groups.append([one])
    return sorted(groups, key=len, reverse=True)
