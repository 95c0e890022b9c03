"""Fields of a DICOM header that a CT slice needs, checked as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["FieldError", "phase_fields", "read_field", "read_numbers", "read_orientation", "read_rescale"]

#: Largest deviation of the directions' lengths from 1, and of the cosine of their angle from 0, that rounding explains.
_ROUNDING = 0.02
#: RescaleType of values in Hounsfield units: HU, or unspecified, which scanners write for them too.
_HU_TYPES = {"", "HU", "US"}
#: Fields in which the phases of an examination differ, each with its name in multi-frame files.
_PHASE_FIELDS = {
    "AcquisitionNumber": "FrameAcquisitionNumber",
    "ContrastBolusAgent": "",
    "ConvolutionKernel": "",
    "KVP": "",
    "ImageType": "FrameType",
    "AcquisitionTime": "FrameAcquisitionDateTime",
    "InstanceNumber": "",
}
_NO_CONTRAST = {"NONE", "NO", "N", "0", "WITHOUT", "NATIVE", "UNENHANCED", "NO CONTRAST"}


class FieldError(Exception):
    """The file lacks something that a CT slice needs. `series` is its SeriesInstanceUID, if known.

    Example:
        >>> FieldError("PixelSpacing is missing").series
        ''
    """

    series = ""


def read_field(keyword: str, *datasets: Any) -> Any:
    """Return a field of the first dataset that has a value for it.

    Args:
        keyword: DICOM keyword.
        datasets: pydicom datasets, or None.

    Returns:
        The value.

    Raises:
        FieldError: If no dataset has it.

    Example:
        >>> read_field("Rows", None)
        Traceback (most recent call last):
        ...
        monai_pylon.data.file_checks.dicom_fields.FieldError: Rows is missing
    """
    for dataset in datasets:
        try:
            value = getattr(dataset, keyword, None)
        except (TypeError, ValueError, OverflowError) as error:  # pydicom converts the text when it is asked for
            raise FieldError(f"{keyword} cannot be read ({error})") from error
        if value is not None and value != "":
            return value
    raise FieldError(f"{keyword} is missing")


def read_numbers(keyword: str, count: int, *datasets: Any) -> tuple[float, ...]:
    """Return the finite numbers of a field.

    Args:
        keyword: DICOM keyword.
        count: How many numbers the field must have.
        datasets: pydicom datasets, or None; the first one with a value counts.

    Returns:
        The numbers.

    Raises:
        FieldError: If the field is missing, or does not have so many finite numbers.

    Example:
        >>> class Header:
        ...     RescaleSlope = 2
        >>> read_numbers("RescaleSlope", 1, None, Header())
        (2.0,)
    """
    value = read_field(keyword, *datasets)
    try:
        numbers = tuple(float(number) for number in ((value,) if count == 1 else value))
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count or not np.isfinite(numbers).all():
        kind = "a finite number" if count == 1 else f"{count} numbers"
        raise FieldError(f"{keyword} must be {kind}, but is {value!r}")
    return numbers


def read_orientation(*datasets: Any) -> tuple[float, ...]:
    """Return ImageOrientationPatient: two perpendicular directions of length 1.

    Args:
        datasets: pydicom datasets, or None; the first one with a value counts.

    Returns:
        The six numbers.

    Raises:
        FieldError: If the field is missing or invalid.

    Example:
        >>> class Header:
        ...     ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        >>> read_orientation(Header())
        (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    """
    numbers = read_numbers("ImageOrientationPatient", 6, *datasets)
    rows, columns = np.array(numbers[:3]), np.array(numbers[3:])
    lengths = np.linalg.norm([rows, columns], axis=1)
    if np.abs(lengths - 1).max() > _ROUNDING or abs(float(rows @ columns)) > _ROUNDING:
        requirement = "ImageOrientationPatient must be two perpendicular directions of length 1"
        raise FieldError(f"{requirement}, but is {list(numbers)}")
    return numbers


def read_rescale(*datasets: Any) -> tuple[float, float]:
    """Return RescaleSlope and RescaleIntercept, which make HU of the stored values.

    Args:
        datasets: pydicom datasets, or None; the first one with a value counts.

    Returns:
        Slope and intercept.

    Raises:
        FieldError: If a field is missing or invalid, the slope is 0, or RescaleType is another one than HU.

    Example:
        >>> class Header:
        ...     RescaleSlope, RescaleIntercept, RescaleType = 1, -1024, "HU"
        >>> read_rescale(Header())
        (1.0, -1024.0)
    """
    (slope,), (intercept,) = (read_numbers(name, 1, *datasets) for name in ("RescaleSlope", "RescaleIntercept"))
    if slope == 0:
        raise FieldError("RescaleSlope must not be 0")
    kind = next((value for dataset in datasets if (value := getattr(dataset, "RescaleType", None))), "")
    if str(kind).strip().upper() not in _HU_TYPES:
        raise FieldError(f"RescaleType must be HU, but is {kind}")
    return slope, intercept


def _text(dataset: Any, keyword: str) -> str:
    """Return a field as text; empty if it is missing or unreadable."""
    try:
        value = getattr(dataset, keyword, None)
    except (TypeError, ValueError, OverflowError):  # pydicom converts the text when it is asked for
        return ""
    return "" if value is None else str(value).strip()


def phase_fields(*datasets: Any) -> dict[str, str]:
    """Return the fields that tell the phases of an examination apart.

    Args:
        datasets: pydicom datasets, or None; the first one with a value counts.

    Returns:
        Text by keyword; empty if a field is missing. ContrastBolusAgent is empty too if it says that there was none.

    Example:
        >>> class Header:
        ...     AcquisitionNumber, ContrastBolusAgent = 2, "None"
        >>> fields = phase_fields(Header())
        >>> fields["AcquisitionNumber"], fields["ContrastBolusAgent"]
        ('2', '')
    """
    found = {}
    for keyword, of_frame in _PHASE_FIELDS.items():
        values = [_text(dataset, name) for name in (of_frame, keyword) if name for dataset in datasets]
        found[keyword] = next((value for value in values if value), "")
    if found["ContrastBolusAgent"].upper() in _NO_CONTRAST:
        found["ContrastBolusAgent"] = ""
    return found
