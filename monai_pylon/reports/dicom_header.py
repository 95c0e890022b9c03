"""Parts shared by all DICOM results: patient, study and frame of reference of the source images, and a new series.

highdicom copies patient and study from the source headers, so these are completed, and de-identified on request, first.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
import warnings
from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.dicom_validity import remove_invalid_values, shorten_decimals
from monai_pylon.utils import __version__, check
from monai_pylon.utils.files import atomic_write

__all__ = ["complete_headers", "deidentified_headers", "make_object", "put_notice", "save_dicom"]

#: Text in every result.
RESEARCH_NOTE = "For research, not for diagnosis"
#: The same, for descriptions without room.
_SHORT_NOTE = "For research"
#: Name of this program in every result.
MANUFACTURER = "monai_pylon"
#: Series numbers of the results start here, behind those of a scanner.
_FIRST_SERIES = 9001
#: Longest text of the value representation LO.
_LONG_STRING = 64
#: Fields that may be empty but must exist (type 2).
_MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID", "StudyDate"),
    *("StudyTime", "ReferringPhysicianName"),
)
#: Fields that identify an image (type 1).
_REQUIRED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Rows", "Columns")
#: Fields of an image that results need and that name no person, place or time.
_GEOMETRY = (
    *("SOPClassUID", "Modality", "ImageType", "Rows", "Columns", "NumberOfFrames", "ImagePositionPatient"),
    *("ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    *("BurnedInAnnotation", "PatientOrientation"),
)
_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID")
_PLANES = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
#: Fields of these sequences.
_PLANE_FIELDS = (
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
)


def complete_headers(headers: Sequence[Any]) -> list[Any]:
    """Copy headers and add what DICOM results need: empty fields, UTF-8, slice thickness and frame of reference.

    A source without FrameOfReferenceUID, such as a radiograph, gets one that follows from its SOPInstanceUID. Values
    that DICOM does not allow, such as a date "unknown", are removed.

    Args:
        headers: pydicom datasets of the source images.

    Returns:
        The copies, with text in Unicode.

    Raises:
        ValueError: If there is no header, or one lacks a field that identifies the image.

    Example:
        >>> complete_headers([])
        Traceback (most recent call last):
        ...
        ValueError: headers must be those of at least one image, but is [].
    """
    check(len(headers) > 0, "headers", "those of at least one image", headers)
    for keyword in _REQUIRED:
        missing = [header for header in headers if getattr(header, keyword, None) in (None, "")]
        remedy = "DICOM output refers to the source images: complete their headers, or leave out --dicom."
        check(not missing, keyword, "in the header of every source image", f"missing in {len(missing)}", remedy)
    first = str(headers[0].SOPInstanceUID)
    frame = next((str(h.FrameOfReferenceUID) for h in headers if getattr(h, "FrameOfReferenceUID", None)), None)
    frame = frame or _uid(first, "frame of reference")
    found = []
    for header in headers:
        copied = copy.deepcopy(header)
        copied.decode()
        copied.SpecificCharacterSet, copied.FrameOfReferenceUID = "ISO_IR 192", frame
        if getattr(copied, "SliceThickness", None) in (None, "", 0) and "ImagePositionPatient" in copied:
            copied.SliceThickness = _slice_distance(headers)
        remove_invalid_values(copied, _MAY_BE_EMPTY)
        for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            for group in getattr(copied, sequence, None) or ():
                shorten_decimals(group)
        found.append(copied)
    return found


def _slice_distance(headers: Sequence[Any]) -> float:
    """Return the distance between the first two slices in mm, 1 without."""
    if len(headers) < 2:
        return 1.0
    first, second = (np.array(header.ImagePositionPatient, dtype=np.float64) for header in headers[:2])
    return float(f"{np.linalg.norm(second - first):.6g}") or 1.0


def deidentified_headers(headers: Sequence[Any], secret: str) -> list[Any]:
    """Copy the geometry of headers only, with new UIDs and a pseudonym that nobody can trace without the secret.

    Names, numbers, dates, institutions, descriptions and private fields are left out.

    Args:
        headers: pydicom datasets of the source images.
        secret: Text that the new UIDs depend on. The same secret gives the same UIDs for the same image and study.

    Returns:
        New datasets, marked as de-identified (PatientIdentityRemoved).

    Example:
        >>> deidentified_headers([], "secret")
        []
    """
    pydicom = optional_import("pydicom")[0]
    found = []
    for header in headers:
        new = pydicom.Dataset()
        for keyword in _GEOMETRY:
            if keyword in header:
                new[keyword] = header[keyword]
        for keyword in _UIDS:
            if getattr(header, keyword, None):
                setattr(new, keyword, _uid(secret, str(header[keyword].value)))
        for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            if sequence in header:
                setattr(new, sequence, [_planes(group, pydicom.Dataset()) for group in header[sequence].value])
        pseudonym = hashlib.sha256(f"{secret}/{getattr(header, 'PatientID', '')}".encode()).hexdigest()[:8]
        new.PatientName = new.PatientID = f"ANONYMOUS^{pseudonym}"
        new.PatientIdentityRemoved, new.DeidentificationMethod = "YES", f"{MANUFACTURER}: geometry only, new UIDs"
        found.append(new)
    return found


def _uid(*sources: str) -> str:
    """Return a UID that follows from texts, derived from a UUID (PS3.5 B.2)."""
    return f"2.25.{uuid.UUID(bytes=hashlib.sha256('/'.join(sources).encode()).digest()[:16], version=4).int}"


def _planes(group: Any, new: Any) -> Any:
    """Copy the functional groups with the geometry of a frame."""
    for keyword in _PLANES:
        if keyword in group:
            items = [type(new)({e.tag: e for e in item if e.keyword in _PLANE_FIELDS}) for item in group[keyword].value]
            setattr(new, keyword, items)
    return new


def _series_description(what: str, note: str = RESEARCH_NOTE) -> str:
    """Write what a series shows, and behind it as much of a note as the field holds: all, a sentence, or two words."""
    for text in (note, f"{note.split('. ')[0].rstrip('.')}.", _SHORT_NOTE):
        if len(what) + 2 + len(text) <= _LONG_STRING:
            return f"{what}. {text}".replace("\\", "/")
    room = _LONG_STRING - len(_SHORT_NOTE) - 1
    return f"{what[: room - 3].rstrip()}... {_SHORT_NOTE}".replace("\\", "/")


def make_object(constructor: Callable[..., Any], number: int, description: str, **fields: Any) -> Any:
    """Make a DICOM object in a series of its own, with the fields of this program.

    Args:
        constructor: Class or function of highdicom.
        number: Number of the result among those of a case, from 0.
        description: What it shows. It comes first in SeriesDescription, whose 64 characters also hold the research
            note, or two words of it. An image's ImageComments hold both in full.
        fields: Further arguments of the constructor.

    Returns:
        What the constructor returns. Its text is in Unicode.

    Example:
        >>> made = make_object(dict, 2, "Organ masks")
        >>> made["series_number"], made["series_description"]
        (9003, 'Organ masks. For research, not for diagnosis')
    """
    uid = optional_import("highdicom", name="UID")[0]
    with warnings.catch_warnings():
        # Names without "^" are common. They are kept, so that the results stay with the patient.
        warnings.filterwarnings("ignore", message=".*unlikely to represent the intended person name")
        made = constructor(
            **fields,
            series_instance_uid=uid(),
            series_number=_FIRST_SERIES + number,
            sop_instance_uid=uid(),
            instance_number=1,
            series_description=_series_description(description),
            specific_character_set="ISO_IR 192",
            manufacturer=MANUFACTURER,
            manufacturer_model_name=MANUFACTURER,
            software_versions=__version__,
            device_serial_number=__version__,
        )
    if hasattr(made, "Rows"):
        made.BodyPartExamined = "CHEST"  # no paired part, so that an image needs no Laterality
        made.ImageComments = f"{description}. {RESEARCH_NOTE}."
    return made


def put_notice(made: Any, notice: str) -> None:
    """Put a notice into a result's series description, in place of the research note and behind what the result shows.

    Args:
        made: DICOM result from :func:`make_object`.
        notice: The notice. If it is too long for the 64 characters of the field, only its first sentence is put there.
            ImageComments of an image hold all of it.

    Example:
        >>> from types import SimpleNamespace
        >>> made = SimpleNamespace(SeriesDescription="Findings. For research, not for diagnosis")
        >>> put_notice(made, "Trained on phantoms.")
        >>> made.SeriesDescription
        'Findings. Trained on phantoms.'
    """
    what = made.SeriesDescription.removesuffix(f". {RESEARCH_NOTE}").removesuffix(f" {_SHORT_NOTE}").removesuffix(".")
    made.SeriesDescription = _series_description(what, notice)
    if hasattr(made, "ImageComments"):
        made.ImageComments = f"{made.ImageComments} {notice}"


def save_dicom(path: str | PathLike[str], dataset: Any) -> None:
    """Save a DICOM object atomically.

    Args:
        path: File to write, ending in ``.dcm``.
        dataset: pydicom dataset with file_meta.

    Raises:
        ValueError: If the path has another ending.

    Example:
        >>> save_dicom("report.pdf", None)
        Traceback (most recent call last):
        ...
        ValueError: path must be a file ending in .dcm, but is 'report.pdf'.
    """
    check(str(path).endswith(".dcm"), "path", "a file ending in .dcm", str(path))
    with atomic_write(path) as part:
        dataset.save_as(part, enforce_file_format=True)
