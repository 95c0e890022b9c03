"""Removal of values that DICOM does not allow from source headers, whose patient and study the results repeat."""

from __future__ import annotations

import re
from typing import Any

from monai.utils import optional_import

__all__ = ["remove_invalid_values", "shorten_decimals"]

#: Groups of the fields that describe study, patient, visit and request.
_GROUPS = (0x0008, 0x0010, 0x0032, 0x0038, 0x0040)
#: Dates and times in ACR-NEMA, the standard before DICOM.
_OLD_FORMS = {"DA": re.compile(r"\d{4}\.\d\d\.\d\d"), "TM": re.compile(r"\d\d:\d\d(:\d\d(\.\d+)?)?")}
#: Types that pydicom converts to dates and times.
_TIMES = ("DA", "DT", "TM")
_SEXES = ("M", "F", "O", "")


def _type_of(element: Any) -> str:
    """Return the type that a field should have (value representation), whatever the file says."""
    known = optional_import("pydicom.datadict", name="dictionary_VR")[0]
    return str(known(element.tag) if element.keyword else element.VR)


def _is_valid(element: Any, type_name: str) -> bool:
    """Return whether each value of a field has the form of its type, and is a date or time if it should be one."""
    valuerep, settings = optional_import("pydicom.valuerep")[0], optional_import("pydicom.config")[0]
    if element.keyword == "PatientSex":
        return str(element.value or "") in _SEXES
    values = element.value if element.VM > 1 else [element.value]
    try:
        for value in values:
            text = value if isinstance(value, bytes | int) else str(getattr(value, "original_string", value))
            valuerep.validate_value(type_name, text, settings.RAISE)
            if type_name in _TIMES:  # a day such as February 30 has the form of a date
                getattr(valuerep, type_name)(text)
    except (TypeError, ValueError):
        return False
    return True


def remove_invalid_values(header: Any, may_be_empty: tuple[str, ...] = ()) -> None:
    """Remove values of patient and study that DICOM does not allow, in place.

    Dates such as 1958.03.29 and times such as 12:13:14 are old forms; they are rewritten.

    Args:
        header: pydicom dataset.
        may_be_empty: Keywords that stay with an empty value; these are added if they are missing.

    Example:
        >>> import pydicom
        >>> header = pydicom.Dataset()
        >>> header.add_new("PatientSex", "CS", "W")
        >>> remove_invalid_values(header, ("PatientSex", "StudyID"))
        >>> header.PatientSex, header.StudyID
        ('', '')
    """
    for element in list(header):
        if element.VR in ("SQ", "UI", "UN") or not (element.tag.group in _GROUPS or element.keyword in may_be_empty):
            continue
        type_name = _type_of(element)
        if type_name in _OLD_FORMS and _OLD_FORMS[type_name].fullmatch(str(element.value)):
            element.value = str(element.value).replace("." if type_name == "DA" else ":", "")
        if not _is_valid(element, type_name):
            del header[element.tag]
    for keyword in may_be_empty:
        if getattr(header, keyword, None) is None:
            setattr(header, keyword, "")


def shorten_decimals(item: Any) -> None:
    """Write the decimal numbers of a functional group with the 16 characters that DICOM allows, in place.

    Args:
        item: pydicom dataset with sequences.

    Example:
        >>> import pydicom
        >>> plane = pydicom.Dataset()
        >>> plane.ImagePositionPatient = [1 / 3, 0, 0]
        >>> shorten_decimals(plane)
        >>> str(plane.ImagePositionPatient[0])
        '0.33333333333333'
    """
    decimal = optional_import("pydicom.valuerep", name="DSfloat")[0]
    for element in item:
        if element.VR == "SQ":
            for below in element.value:
                shorten_decimals(below)
        elif element.VR == "DS" and element.VM > 0:
            values = element.value if element.VM > 1 else [element.value]
            short = [decimal(float(value), auto_format=True) for value in values]
            element.value = short if element.VM > 1 else short[0]
