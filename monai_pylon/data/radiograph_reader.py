"""Reader for radiographs: PNG, JPEG or DICOM, as (1, rows, columns) between 0 (black) and 1 (white).

MONAI's loader returns (1, columns, rows), keeps color and alpha as channels, and shows an inverted DICOM radiograph
(MONOCHROME1) as a negative.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import ImageMetaKey, MetaKeys, optional_import
from PIL import Image, ImageOps

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.path_transform import ReadPathd
from monai_pylon.data.volume_limits import check_dicom_size, check_pixel_count
from monai_pylon.utils import check, check_type

__all__ = [
    "PIXEL_SPACING",
    "ReadRadiograph",
    "ReadRadiographD",
    "ReadRadiographDict",
    "ReadRadiographd",
    "radiograph_size",
    "read_radiograph",
]

_LOGGER = logging.getLogger(__name__)

#: Metadata key of (mm between rows, mm between columns); missing if the file has no spacing.
PIXEL_SPACING = "pixel_spacing"
#: EXIF tag of the orientation, and its values that exchange rows and columns.
_ORIENTATION, _TRANSPOSED = 0x0112, (5, 6, 7, 8)


def _open(path: str | PathLike[str]) -> Image.Image:
    """Open an image file without reading its pixels."""
    check_type(path, (str, PathLike), "path")
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(file)!r}.")
    try:
        image = Image.open(file)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{str(file)!r} cannot be used: {error} Crop or resample it first.") from error
    except OSError as error:
        raise ValueError(f"path must be a PNG, JPEG or DICOM file, but is {str(file)!r}.") from error
    try:
        check_pixel_count(file, (image.height, image.width))
    except ValueError:
        image.close()
        raise
    return image


def radiograph_size(path: str | PathLike[str]) -> tuple[int, int]:
    """Return the size of a PNG or JPEG file from its header.

    Args:
        path: The file.

    Returns:
        Rows and columns of the image that `read_radiograph` returns.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image.

    Example:
        >>> radiograph_size("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    with _open(path) as image:
        transposed = image.format == "JPEG" and image.getexif().get(_ORIENTATION) in _TRANSPOSED
        return (image.width, image.height) if transposed else (image.height, image.width)


def _read_image(path: Path) -> np.ndarray:
    """Read a PNG or JPEG of any depth and color as (rows, columns) between 0 and 1."""
    with _open(path) as image:
        try:
            image.load()
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
            message = f"path must be a whole image file, but is {str(path)!r}: {error}. Copy or download it again."
            raise ValueError(message) from error
        if image.format == "JPEG":
            image = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            values = np.array(image, dtype=np.float32)
            check(bool(np.isfinite(values).all()), "path", "an image without NaN", str(path))
            low, high = float(values.min()), float(values.max())
            check(low >= 0 and high <= 65535, "path", "an image of 8 or 16 bits", f"{path} with {low:g} to {high:g}")
            if image.mode == "F" and high <= 1:
                return values
            return values / (4095 if high <= 4095 else 65535)  # detectors have 12 bits, files 16
        return np.asarray(image.convert("L"), dtype=np.float32) / 255  # without alpha


def _stored_values(path: Path, data: Any, pixels: Any) -> np.ndarray:
    """Return the values (rows, columns) of a DICOM file after the modality's rescaling."""
    try:
        return pixels.apply_modality_lut(data.pixel_array, data)
    except (AttributeError, RuntimeError, ValueError, NotImplementedError):
        # pydicom needs further packages for some compressions, such as lossless JPEG; SimpleITK needs none
        if "PixelData" not in data or not data.file_meta.TransferSyntaxUID.is_compressed:
            raise
        sitk, _ = optional_import("SimpleITK")
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]


def _pixel_spacing(data: Any) -> tuple[float, float] | None:
    """Return the spacing (between rows, between columns) in mm: calibrated if known, else at the detector."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        spacing = tuple(float(value) for value in data.get(name) or ())
        if len(spacing) == 2 and all(0 < value < np.inf for value in spacing):
            return spacing
    return None


def _padded(data: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixels hold a padding value (PixelPaddingValue to PixelPaddingRangeLimit)."""
    value = data.get("PixelPaddingValue")
    if value is None or value == "":
        return np.zeros(shape, bool)
    limit = data.get("PixelPaddingRangeLimit")
    low, high = sorted((int(value), int(value if limit is None or limit == "" else limit)))
    try:
        stored = data.pixel_array
    except (AttributeError, RuntimeError, ValueError, NotImplementedError):  # compressed: see _stored_values
        return np.zeros(shape, bool)
    return np.asarray((stored >= low) & (stored <= high)).reshape(shape)


def _windowed(values: np.ndarray, data: Any, pixels: Any, padded: np.ndarray) -> np.ndarray:
    """Apply the window (VOI) of a file. One that is invalid, or that shows nothing, leaves the full range."""
    full = np.asarray(values, dtype=np.float64)
    try:
        windowed = np.asarray(pixels.apply_voi_lut(values, data), dtype=np.float64)
    except (ValueError, TypeError, AttributeError, NotImplementedError) as error:
        _LOGGER.warning("The window of a radiograph cannot be used (%s): its full range is shown.", error)
        return full
    shown = ~padded if not padded.all() else ~np.zeros_like(padded)
    if np.ptp(windowed[shown]) == 0 < np.ptp(full[shown]):
        _LOGGER.warning("The window of a radiograph lies beside its values: its full range is shown.")
        return full
    return windowed


def _read_dicom(path: Path) -> tuple[np.ndarray, tuple[float, float] | None]:
    """Read a DICOM file as (rows, columns) between 0 and 1, and its spacing in mm, or None.

    The values are those of the window, stretched to their extremes, and inverted for MONOCHROME1.
    """
    read, _ = optional_import("pydicom", name="dcmread")
    pixels, _ = optional_import("pydicom.pixels")
    try:
        check_dicom_size(path)
        data = read(path, force=True)
        check_pixel_count(path, (data.Rows, data.Columns, data.get("NumberOfFrames") or 1))
        values = _stored_values(path, data, pixels)
        padded = _padded(data, values.shape)
        values = _windowed(values, data, pixels, padded)
        inverted, spacing = data.PhotometricInterpretation == "MONOCHROME1", _pixel_spacing(data)
    except Exception as error:  # the type of error depends on where a file is truncated
        message = f"path must be a whole DICOM file of a radiograph, but is {str(path)!r}: {error}"
        raise ValueError(message) from error
    check(
        values.ndim == 2,
        "path",
        "a radiograph with one frame and one value per pixel",
        f"{path} of shape {values.shape}",
    )
    check(bool(np.isfinite(values).all()), "path", "an image without NaN", str(path))
    shown = values[~padded] if not padded.all() else values
    low, high = shown.min(), shown.max()
    values = np.clip((values - low) / (high - low if high > low else 1), 0, 1)
    values = 1 - values if inverted else values
    values[padded] = 0
    return values.astype(np.float32), spacing


def read_radiograph(path: str | PathLike[str]) -> MetaTensor:
    """Read a radiograph from a PNG, JPEG or DICOM file.

    Color becomes luminance, and alpha is dropped. Depths of 8 and 16 bits give the same values; a 16-bit file with no
    value above 4095 is read as 12 bits. DICOM is windowed by its VOI and stretched from its smallest to its largest
    value; MONOCHROME1 is inverted, so that bone is bright. If the window is invalid or shows nothing, the full range is
    used and a warning is logged. Padding values (PixelPaddingValue) are black and do not change the range.

    Args:
        path: The file.

    Returns:
        MetaTensor (1, H, W), rows and columns, float32 from 0 (black) to 1 (white). Its affine is in pixels. The
        distances in mm between rows and between columns, if a DICOM file has them, are ``meta[PIXEL_SPACING]``:
        PixelSpacing, or else ImagerPixelSpacing, which is measured at the detector, so that the patient is smaller.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, is no image, contains NaN, or is DICOM with several frames or color.

    Example:
        >>> read_radiograph("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    check_type(path, (str, PathLike), "path")
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(file)!r}.")
    array, spacing = _read_dicom(file) if is_dicom_file(file) else (_read_image(file), None)
    meta = {
        MetaKeys.AFFINE: np.eye(4),
        MetaKeys.ORIGINAL_AFFINE: np.eye(4),
        MetaKeys.SPATIAL_SHAPE: np.asarray(array.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: 0,
        ImageMetaKey.FILENAME_OR_OBJ: str(file),
        **({} if spacing is None else {PIXEL_SPACING: spacing}),
    }
    return MetaTensor.ensure_torch_and_prune_meta(array[None], meta)


class ReadRadiograph(Transform):
    """Transform that reads a radiograph: from a path to a MetaTensor (1, H, W), see :func:`read_radiograph`.

    Example:
        >>> isinstance(ReadRadiograph(), Transform)
        True
    """

    def __call__(self, path: str | PathLike[str]) -> MetaTensor:
        return read_radiograph(path)


class ReadRadiographd(ReadPathd):
    """Dictionary version of :class:`ReadRadiograph`.

    Args:
        keys: Keys of the items that hold paths; each becomes a MetaTensor (1, H, W) between 0 and 1.
        allow_missing_keys: Whether a key may be missing.

    Example:
        >>> ReadRadiographd("image").keys
        ('image',)
    """

    def read(self, path: str | PathLike[str], item: Mapping[Hashable, Any]) -> MetaTensor:
        """Read one radiograph of an item."""
        return read_radiograph(path)


ReadRadiographD = ReadRadiographDict = ReadRadiographd
