"""Radiographs of DICOM files as gray values: decoding, and the grayscale pipeline of PS3.4 N.2."""

from __future__ import annotations

import io
import math
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.data.dicom_files import fragments_problem, read_dicom
from monai_pylon.data.radiographs.dicom_header import display_turn, other_than_frontal_chest
from monai_pylon.data.radiographs.gray import LookupTable, scale_of_depth, voi_gray
from monai_pylon.data.radiographs.gray_content import check_gray
from monai_pylon.data.volume_limits import MOST_PIXELS, check_dicom_size

__all__ = ["DicomRadiograph", "luminance", "read_dicom_radiograph", "stored_pixels"]

_DECODING_ERRORS = (AttributeError, RuntimeError, ValueError, NotImplementedError)
#: Fields that a decoder needs; it could apply a rescale or refuse a file for another one.
_PIXEL_FIELDS = (
    *("SOPClassUID", "SOPInstanceUID", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation"),
    *("PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData"),
)
#: Weights of red, green and blue (ITU-R BT.601), those of Pillow.
_LUMINANCE = np.array([0.299, 0.587, 0.114])


class DicomRadiograph(NamedTuple):
    """Radiograph of a DICOM file.

    Attributes:
        image: Gray values (H, W), float32 from 0 (black) to 1 (white), as stored.
        spacing: Millimeters between rows and between columns: calibrated if known, else at the detector. None without.
        orientation: EXIF number of the turn to the standard display.
        sides: Sides of the patient at the left and right edge of the turned image, or an empty text.
        burned_in: Whether the pixels hold text that may name the patient (BurnedInAnnotation).

    Example:
        >>> radiograph = DicomRadiograph(np.zeros((4, 5), np.float32), (0.2, 0.2), 1, "RL")
        >>> radiograph.sides, radiograph.burned_in
        ('RL', False)
    """

    image: np.ndarray
    spacing: tuple[float, float] | None
    orientation: int
    sides: str
    burned_in: bool = False


def luminance(color: np.ndarray) -> np.ndarray:
    """Return the luminance of a color image.

    Args:
        color: Red, green and blue (H, W, 3), of any scale.

    Returns:
        Luminance (H, W), float64 of the same scale.

    Example:
        >>> luminance(np.full((1, 1, 3), 7)).tolist()
        [[7.0]]
    """
    return color[..., :3] @ _LUMINANCE


def _number(data: Any, keyword: str, default: int | None = None) -> int:
    """Return a whole number of the header, or raise an error that names its keyword."""
    value = getattr(data, keyword, None)
    if value is None or value == "":
        if default is None:
            raise ValueError(f"{keyword} is missing. Export the file again with its pixels")
        return default
    return int(value)


def _decimal(data: Any, keyword: str, default: float) -> float:
    """Return a finite decimal number of the header, or raise an error that names its keyword."""
    try:
        value = getattr(data, keyword, None)
        number = default if value is None or value == "" else float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{keyword} must be a number ({error}). Correct the header") from error
    if not math.isfinite(number):
        raise ValueError(f"{keyword} must be finite, but is {number}. Correct the header")
    return number


def _check_pixels(data: Any) -> None:
    """Check the fields that describe the pixels, before anything is allocated."""
    if "PixelData" not in data:
        if not {"SOPClassUID", "Modality", "Rows"} & set(data.dir()):
            raise ValueError("it holds no DICOM fields. Give it the ending of its format, or copy or download it again")
        uid = getattr(data, "SOPClassUID", None)
        kind = "" if uid is None else f" (SOPClassUID: {uid.name})"
        raise ValueError(f"PixelData is missing{kind}. Leave it out, or copy or download it again")
    frames = _number(data, "NumberOfFrames", 1)
    if frames > 1:
        raise ValueError(f"NumberOfFrames must be 1, one frame, but is {frames}. Export each frame as a file")
    size = _number(data, "Rows"), _number(data, "Columns")
    count = size[0] * size[1]
    if not 0 < count <= MOST_PIXELS:
        raise ValueError(f"Rows times Columns must be 1 to {MOST_PIXELS:,}, but is {count:,}. Correct or resample it")
    if problem := fragments_problem(io.BytesIO(data.PixelData), len(data.PixelData), size):  # none if uncompressed
        raise ValueError(f"PixelData cannot be decoded: {problem}. Copy or download it again")
    if not getattr(data, "PhotometricInterpretation", None):
        raise ValueError("PhotometricInterpretation is missing, so black and white are unknown. Set it in the file")


def _decoded_by_itk(data: Any) -> np.ndarray:
    """Decode a compression that pydicom cannot decode alone, such as lossless JPEG, as stored values."""
    sitk, pydicom = optional_import("SimpleITK")[0], optional_import("pydicom")[0]
    plain = pydicom.dataset.Dataset()
    plain.file_meta = data.file_meta
    for keyword in _PIXEL_FIELDS:
        if keyword in data:
            plain.add(data[keyword])
    if _number(data, "SamplesPerPixel", 1) == 1:
        # ITK would invert MONOCHROME1, and apply a palette. A new element: the copy shares its elements with the file.
        plain.add_new("PhotometricInterpretation", "CS", "MONOCHROME2")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "radiograph.dcm")
        plain.save_as(file, enforce_file_format=True)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0]


def stored_pixels(data: Any) -> np.ndarray:
    """Decode the stored values of a DICOM file with one frame.

    Bits outside BitsStored and HighBit are left out, such as embedded overlays.

    Args:
        data: Dataset with its file_meta.

    Returns:
        Stored values (H, W), or color (H, W, 3).

    Raises:
        ValueError: If a field is missing, or the pixels are truncated or in a compression that nothing can decode.

    Example:
        >>> import pydicom
        >>> stored_pixels(pydicom.Dataset())
        Traceback (most recent call last):
        ...
        ValueError: it holds no DICOM fields. Give it the ending of its format, or copy or download it again
    """
    pydicom, _ = optional_import("pydicom")
    _check_pixels(data)
    if getattr(data, "file_meta", None) is None:
        data.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in data.file_meta:
        implicit, little = data.original_encoding
        uid = pydicom.uid.ImplicitVRLittleEndian if implicit else pydicom.uid.ExplicitVRLittleEndian
        data.file_meta.TransferSyntaxUID = uid if little is not False else pydicom.uid.ExplicitVRBigEndian
    syntax = data.file_meta.TransferSyntaxUID
    stored, allocated = _number(data, "BitsStored"), _number(data, "BitsAllocated")
    shift = _number(data, "HighBit", stored - 1) + 1 - stored
    if shift > 0:  # pydicom and GDCM lose the highest bits of such a file
        data.BitsStored, data.HighBit = allocated, allocated - 1
    try:
        pixels = data.pixel_array
    except _DECODING_ERRORS as error:
        if not syntax.is_compressed:
            raise ValueError(f"PixelData cannot be read ({error}). Copy or download it again") from error
        try:
            pixels = _decoded_by_itk(data)
        except RuntimeError as failed:
            raise ValueError(
                f"PixelData cannot be decoded from {syntax.name} (TransferSyntaxUID): it is damaged, or this "
                "compression is unknown. Copy or download it again, or decompress it, for example by gdcmconv --raw"
            ) from failed
    finally:
        data.BitsStored = stored
    if shift > 0 and pixels.ndim == 2:
        pixels = (pixels.astype(np.int64) >> shift) & (2**stored - 1)
        if _number(data, "PixelRepresentation", 0):
            pixels = np.where(pixels >= 2 ** (stored - 1), pixels - 2**stored, pixels)
    return pixels


def _padding(data: Any, stored: np.ndarray) -> np.ndarray:
    """Return which pixels hold a padding value (PixelPaddingValue to PixelPaddingRangeLimit), as they are decoded."""
    value, limit = (getattr(data, name, None) for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if value is None or value == "":
        return np.zeros(stored.shape, bool)
    ends = [int(value), int(value if limit is None or limit == "" else limit)]
    bits, signed = _number(data, "BitsStored"), bool(_number(data, "PixelRepresentation", 0))
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    # A padding value outside the range of the stored bits, such as 65535 in 12 bits, loses its upper bits too.
    first, last = sorted(end if low <= end <= high else (end - low) % 2**bits + low for end in ends)
    if last - first != abs(ends[1] - ends[0]):
        raise ValueError(f"PixelPaddingRangeLimit {ends[1]} does not fit BitsStored {bits}. Correct or remove it")
    return np.asarray((stored >= first) & (stored <= last))


def _pixel_spacing(data: Any) -> tuple[float, float] | None:
    """Return the spacing (between rows, between columns) in mm: calibrated if known, else at the detector."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        try:
            rows, columns = (float(value) for value in getattr(data, name, None) or ())
        except (TypeError, ValueError):
            continue
        if rows > 0 and columns > 0 and math.isfinite(rows) and math.isfinite(columns):
            return rows, columns
    return None


def _color_gray(data: Any, stored: np.ndarray, path: Path | None) -> np.ndarray:
    """Return the luminance, 0 to 1, of a file with a palette or three colors; with a path, refuse a colored image."""
    if stored.ndim == 2:
        kinds = ("RedPaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData")
        if not any(name in data for name in (*kinds, "PaletteColorLookupTableUID")):
            raise ValueError(f"{kinds[0]} is missing, so the palette is unknown. Export the file again in gray")
        stored = optional_import("pydicom.pixels")[0].apply_color_lut(stored, data)
        bits = 8 * stored.dtype.itemsize
    else:
        bits = _number(data, "BitsStored")
    largest = int(stored[..., :3].max())
    declared = 2**bits - 1
    scale = declared if declared // 4 < largest <= declared else scale_of_depth(largest)
    if path is not None:
        check_gray(stored, scale, path)
    return np.clip(luminance(stored) / scale, 0, 1)


def _gray(data: Any, path: Path | None) -> np.ndarray:
    """Return the gray values (H, W) of a file, 0 to 1, as a viewer shows them at first.

    With a path, refuse a colored image.
    """
    stored = stored_pixels(data)
    kind = str(data.PhotometricInterpretation)
    if stored.ndim == 3 or kind == "PALETTE COLOR":
        return _color_gray(data, stored, path)
    if not kind.startswith("MONOCHROME"):
        raise ValueError(f"PhotometricInterpretation is {kind!r}, but a pixel has one value. Correct the header")
    padded = _padding(data, stored)
    signed = bool(_number(data, "PixelRepresentation", 0))
    tables = getattr(data, "ModalityLUTSequence", None)
    if tables:
        values = LookupTable(tables[0], signed)(stored).astype(np.float64)
    else:
        slope, intercept = _decimal(data, "RescaleSlope", 1) or 1, _decimal(data, "RescaleIntercept", 0)
        values = stored * slope + intercept
    gray = voi_gray(values, data, padded)
    presentation = getattr(data, "PresentationLUTSequence", None)
    if presentation:
        table = LookupTable(presentation[0])
        gray = table(gray * (len(table.table) - 1) + table.first) / table.scale
    if kind == "MONOCHROME1" or getattr(data, "PresentationLUTShape", None) == "INVERSE":
        gray = 1 - gray
    return np.where(padded, 0, gray)


def read_dicom_radiograph(path: Path, frontal_chest_only: bool = True) -> DicomRadiograph:
    """Read a DICOM file.

    Args:
        path: The file.
        frontal_chest_only: Whether to refuse a file whose header says that it is no frontal chest radiograph.

    Returns:
        The radiograph, (H, W).

    Raises:
        ValueError: If the file is refused, truncated, or no image with one frame. The error names the DICOM field.

    Example:
        >>> read_dicom_radiograph(Path("missing.dcm"))
        Traceback (most recent call last):
        ...
        ValueError: path must be a whole DICOM file of a radiograph, but is 'missing.dcm': [Errno 2] No such file ...
    """
    try:
        check_dicom_size(path)
        data = read_dicom(path)
        facts, spacing = display_turn(data), _pixel_spacing(data)
        reasons = other_than_frontal_chest(data) if frontal_chest_only else []
    except Exception as error:  # the type of error depends on where a file is truncated
        raise ValueError(f"path must be a whole DICOM file of a radiograph, but is {str(path)!r}: {error}") from error
    if reasons:
        raise ValueError(
            f"path must be a frontal chest radiograph, but in {str(path)!r} {'; '.join(reasons)}. "
            "Leave it out, or read it all the same with frontal_chest_only=False."
        )
    try:
        image = _gray(data, path if frontal_chest_only else None)
    except Exception as error:
        if str(error).startswith("path must be"):
            raise
        raise ValueError(f"path must be a whole DICOM file of a radiograph, but is {str(path)!r}: {error}.") from error
    burned_in = getattr(data, "BurnedInAnnotation", "") == "YES"
    return DicomRadiograph(image.astype(np.float32), spacing, facts.orientation, facts.sides, burned_in)
