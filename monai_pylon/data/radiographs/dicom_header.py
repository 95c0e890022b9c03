"""Modality, body part, view and sides of a radiograph, from the header of its DICOM file."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.utils.image_orientation import orientation_number

__all__ = ["DisplayTurn", "display_turn", "other_than_frontal_chest"]

_LOGGER = logging.getLogger(__name__)
#: Modalities of radiographs: those of DICOM, and of digitized radiographs.
_MODALITIES = {"CR", "DX", "DR", "RG", "OT", "HC", "SC"}
#: Names of SOP classes that are no radiographs of the chest.
_OTHER_CLASSES = re.compile(
    r"\b(CT|MR|PET|Mammography|Ultrasound|Intra-Oral|Breast|Nuclear|Positron|Angiographic|Radiofluoroscopic|"
    r"Ophthalmic|Endoscopic|Microscopic|Photographic|Waveform|Presentation State|Structured Report|SR|PDF)\b"
)
_NOTHING = {"", "NONE", "NA", "N/A", "UNKNOWN", "UNSPECIFIED", "OTHER", "DEFAULT", "NULL"}
_CHEST = re.compile(r"CHEST|THORA[XKC]|TORA[XC]|LUNG|PULMO|POUMON|PNEUMO|CXR|胸|肺")
_NOT_CHEST = re.compile(r"SPINE|VERTEB|COLUMN|WIRBEL|RACHIS|AORTA|STERN|INLET|OUTLET|\bT-?SP")
_FRONTAL = re.compile(r"\b(AP|PA|A/P|P/A|FRONTAL|(ANTERO|POSTERO)-?\s?(POSTERIOR|ANTERIOR))\b")
_OTHER_VIEW = re.compile(
    r"LAT|DECUB|OBLI|LORDO|AXIAL|SWIM|TANGENT|\b([LR]L|[LR]LD|[LR]LO|[LR][PA]O|XTL|LLAT|RLAT|CC|ML|MLO|LM|SI|IS)\b"
)
_DECUBITUS = {"HFDR", "HFDL", "FFDR", "FFDL"}
_CHEST_CODES = {"T-D3000", "51185008", "816094009", "T-28000", "39607008"}
_FRONTAL_CODES = {"R-10206", "R-10214", "399348003", "272479007"}
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}


class DisplayTurn(NamedTuple):
    """Turn of a radiograph to the standard display: the patient's right on the left of the image, the head at the top.

    Attributes:
        orientation: EXIF number of the turn, 1 to 8; 1 leaves the image as it is.
        sides: Letters of the patient's sides at the left and the right edge of the turned image, "RL" in a frontal
            view. Empty if the file does not say.

    Example:
        >>> DisplayTurn(2, "RL").sides
        'RL'
    """

    orientation: int
    sides: str


def _text(data: Any, keyword: str) -> str:
    """Return the text of a field in capitals, or an empty text if it says nothing."""
    value = getattr(data, keyword, None)
    text = " ".join(str("" if value is None else value).replace("_", " ").upper().split())
    return "" if text in _NOTHING else text


def _codes(data: Any, keyword: str) -> Iterator[tuple[str, str]]:
    """Yield value and meaning of the codes of a sequence."""
    for item in getattr(data, keyword, None) or ():
        yield str(getattr(item, "CodeValue", "")), _text(item, "CodeMeaning")


def _letters(data: Any) -> tuple[str, str] | None:
    """Return where the columns and where the rows of a file run to, as letters of the patient's sides.

    They are taken from PatientOrientation, or else from ImageOrientationPatient, unless that is the 1, 0, 0, 0, 1, 0
    that programs write if they know no orientation, or one of its directions is zero or not finite.
    """
    value = getattr(data, "PatientOrientation", None)
    parts = [str(part).strip().upper()[:1] for part in value] if value and not isinstance(value, str) else []
    if len(parts) != 2:
        try:
            cosines = np.array([float(v) for v in getattr(data, "ImageOrientationPatient", None) or ()]).reshape(2, 3)
        except (ValueError, TypeError):
            return None
        known = np.isfinite(cosines).all() and cosines.any(axis=1).all()
        if not known or np.array_equal(cosines, np.eye(2, 3)):
            return None
        axes = np.abs(cosines).argmax(axis=1)
        parts = ["LPH"[a] if row[a] > 0 else "RAF"[a] for a, row in zip(axes, cosines, strict=True)]
    across, down = parts
    if across not in _OPPOSITE or down not in _OPPOSITE or down in (across, _OPPOSITE[across]):
        return None
    return across, down


def display_turn(data: Any) -> DisplayTurn:
    """Return the turn of a file to the standard display, and the sides.

    FieldOfViewRotation and FieldOfViewHorizontalFlip are not used: they say how the stored image was turned before
    PatientOrientation was written.

    Args:
        data: Dataset with PatientOrientation or ImageOrientationPatient.

    Returns:
        The turn. Without a valid orientation the image is left as it is, and the sides are unknown.

    Example:
        >>> class Mirrored:
        ...     PatientOrientation = ["R", "F"]
        >>> display_turn(Mirrored())
        DisplayTurn(orientation=2, sides='RL')
        >>> display_turn(None)
        DisplayTurn(orientation=1, sides='')
    """
    letters = _letters(data)
    if letters is None:
        if getattr(data, "PatientOrientation", None):
            _LOGGER.warning("PatientOrientation of a radiograph is %s: its sides are unknown.", data.PatientOrientation)
        return DisplayTurn(1, "")
    across, down = letters
    # The head goes to the top; in an axial image the front.
    transpose = across in "HF" or (across in "AP" and down in "LR")
    if transpose:
        across, down = down, across
    flip_columns, flip_rows = across == "R", down in "HA"
    across = "L" if flip_columns else across
    return DisplayTurn(orientation_number(transpose, flip_rows, flip_columns), _OPPOSITE[across] + across)


def _other_modality(data: Any) -> Iterator[str]:
    modality = _text(data, "Modality")
    if modality and modality not in _MODALITIES:
        yield f"Modality is {modality}"
    pydicom, _ = optional_import("pydicom")
    uid = pydicom.uid.UID(str(getattr(data, "SOPClassUID", "")), validation_mode=pydicom.config.IGNORE)
    if _OTHER_CLASSES.search(uid.name):
        yield f"SOPClassUID is that of {uid.name}"
    if _text(data, "AnatomicalOrientationType") == "QUADRUPED":
        yield "AnatomicalOrientationType is QUADRUPED"


def _other_body_part(data: Any) -> Iterator[str]:
    part = _text(data, "BodyPartExamined")
    if part and (not _CHEST.search(part) or _NOT_CHEST.search(part)):
        yield f"BodyPartExamined is {part}"
    for code, meaning in _codes(data, "AnatomicRegionSequence"):
        chest = code in _CHEST_CODES or (_CHEST.search(meaning) and not _NOT_CHEST.search(meaning))
        if not chest and meaning:
            yield f"AnatomicRegionSequence is {meaning}"


def _other_view(data: Any) -> Iterator[str]:
    view = _text(data, "ViewPosition")
    if view and (_OTHER_VIEW.search(view) or not _FRONTAL.search(view)):
        yield f"ViewPosition is {view}"
    for code, meaning in _codes(data, "ViewCodeSequence"):
        frontal = code in _FRONTAL_CODES or (_FRONTAL.search(meaning) and not _OTHER_VIEW.search(meaning))
        if not frontal and meaning:
            yield f"ViewCodeSequence is {meaning}"
    if _text(data, "PatientPosition") in _DECUBITUS:
        yield f"PatientPosition is {_text(data, 'PatientPosition')}, lying on a side"
    letters = _letters(data)
    if letters is not None and {*letters} & {"A", "P"}:
        yield f"PatientOrientation is {letters[0]}\\{letters[1]}, that of another view"
    for keyword in ("ImageLaterality", "Laterality"):
        side = _text(data, keyword)
        if side in ("L", "R") and not view and not getattr(data, "ViewCodeSequence", None):
            yield f"{keyword} is {side}, that of one side or of a lateral view"


def other_than_frontal_chest(data: Any) -> list[str]:
    """List the fields of a DICOM file that say that it is no frontal radiograph of a chest.

    Missing fields, and those that say nothing, such as an empty BodyPartExamined, are accepted.

    Args:
        data: Dataset.

    Returns:
        Sentences without a period, each with the keyword and the value. Empty if nothing speaks against it.

    Example:
        >>> class Hand:
        ...     Modality, BodyPartExamined = "DX", "HAND"
        >>> other_than_frontal_chest(Hand())
        ['BodyPartExamined is HAND']
    """
    return [*_other_modality(data), *_other_body_part(data), *_other_view(data)]
