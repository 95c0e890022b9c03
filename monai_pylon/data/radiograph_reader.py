"""One way to read a radiograph: PNG, JPEG or DICOM, as (1, rows, columns) between 0 (black) and 1 (white).

MONAI's loader gives (1, columns, rows), keeps colour and alpha as channels, and shows a DICOM radiograph that is stored
inverted (MONOCHROME1) as a negative.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, Transform
from monai.utils import ImageMetaKey, MetaKeys, optional_import
from PIL import Image, ImageOps

from monai_pylon.data.dicom_series import is_dicom_file
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

#: Where a radiograph's meta data hold (mm between rows, mm between columns), if the file told them.
PIXEL_SPACING = "pixel_spacing"
_TURNED = (5, 6, 7, 8)  # values of EXIF's orientation that exchange rows and columns
_ORIENTATION = 0x0112


def _open(path: str | PathLike[str]) -> Image.Image:
    """Open an image file; its pixels are not read yet."""
    check_type(path, (str, PathLike), "path")
    place = Path(path).expanduser()
    if not place.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(place)!r}.")
    try:
        return Image.open(place)
    except OSError as error:
        raise ValueError(f"path must be a PNG, JPEG or DICOM file, but is {str(place)!r}.") from error


def radiograph_size(path: str | PathLike[str]) -> tuple[int, int]:
    """The size of a PNG or JPEG file as (rows, columns), from its header alone.

    Args:
        path: the file.

    Returns:
        rows and columns of the image that `read_radiograph` gives.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: where it is no image.

    Example:
        >>> radiograph_size("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    with _open(path) as image:
        turned = image.getexif().get(_ORIENTATION) in _TURNED if image.format == "JPEG" else False
        return (image.width, image.height) if turned else (image.height, image.width)


def _read_picture(path: Path) -> np.ndarray:
    """(rows, columns) between 0 and 1 from a PNG or JPEG of any depth and colour."""
    with _open(path) as image:
        try:
            image.load()
        except (OSError, SyntaxError) as error:  # Pillow calls a broken PNG a SyntaxError
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
            return values / (4095 if high <= 4095 else 65535)  # scanners have 12 bits, files 16
        return np.asarray(image.convert("L"), dtype=np.float32) / 255  # without alpha


def _stored_values(path: Path, data: Any, pixels: Any) -> np.ndarray:
    """(rows, columns) of a DICOM file, after the modality's rescaling."""
    try:
        return pixels.apply_modality_lut(data.pixel_array, data)
    except (AttributeError, RuntimeError, ValueError, NotImplementedError):
        # Of some compressions, such as lossless JPEG, pydicom needs further packages, and SimpleITK none.
        if "PixelData" not in data or not data.file_meta.TransferSyntaxUID.is_compressed:
            raise
        sitk, _ = optional_import("SimpleITK")
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0]


def _pixel_spacing(data: Any) -> tuple[float, float] | None:
    """(between rows, between columns) in mm: calibrated where that is known, else at the detector."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        spacing = tuple(float(value) for value in data.get(name) or ())
        if len(spacing) == 2 and all(0 < value < np.inf for value in spacing):
            return spacing
    return None


def _read_dicom(path: Path) -> tuple[np.ndarray, tuple[float, float] | None]:
    """(rows, columns) between 0 and 1 from a DICOM file: its window, stretched to its extremes, inverted if need be.

    With them the distances of its pixels in mm, where the file tells them.
    """
    read, _ = optional_import("pydicom", name="dcmread")
    pixels, found = optional_import("pydicom.pixels")
    if not found:  # before pydicom 3
        pixels, _ = optional_import("pydicom.pixel_data_handlers.util")
    try:
        data = read(path, force=True)
        values = _stored_values(path, data, pixels)
        values = np.asarray(pixels.apply_voi_lut(values, data), dtype=np.float64)
        inverted, spacing = data.PhotometricInterpretation == "MONOCHROME1", _pixel_spacing(data)
    except Exception as error:  # where a file breaks off decides which of many kinds pydicom raises
        message = f"path must be a whole DICOM file of a radiograph, but is {str(path)!r}: {error}"
        raise ValueError(message) from error
    check(values.ndim == 2, "path", "a radiograph: one frame, one value a pixel", f"{path} of shape {values.shape}")
    check(bool(np.isfinite(values).all()), "path", "an image without NaN", str(path))
    span = np.ptp(values)
    values = (values - values.min()) / (span if span > 0 else 1)
    return (1 - values if inverted else values).astype(np.float32), spacing


def read_radiograph(path: str | PathLike[str]) -> MetaTensor:
    """Read a radiograph from a PNG, JPEG or DICOM file.

    Colour becomes luminance and alpha is dropped. Depths of 8 and 16 bits give the same values; a 16-bit file whose
    largest value is 4095 or less is taken for 12 bits. DICOM is shown as its window (VOI) says, from its smallest to
    its largest value, and MONOCHROME1 is inverted: bone is bright.

    Args:
        path: the file.

    Returns:
        MetaTensor (1, H, W), rows and columns, float32 from 0 (black) to 1 (white). Its affine counts pixels; the
        distances in mm between rows and between columns, where a DICOM file tells them, are ``meta[PIXEL_SPACING]``:
        PixelSpacing, or else ImagerPixelSpacing, which is that at the detector, so that the patient is smaller.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a truncated file, one that is no image, or one with NaN, several frames or colour in DICOM.

    Example:
        >>> read_radiograph("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    check_type(path, (str, PathLike), "path")
    place = Path(path).expanduser()
    if not place.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(place)!r}.")
    array, spacing = _read_dicom(place) if is_dicom_file(place) else (_read_picture(place), None)
    meta = {
        MetaKeys.AFFINE: np.eye(4),
        MetaKeys.ORIGINAL_AFFINE: np.eye(4),
        MetaKeys.SPATIAL_SHAPE: np.asarray(array.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: 0,
        ImageMetaKey.FILENAME_OR_OBJ: str(place),
        **({} if spacing is None else {PIXEL_SPACING: spacing}),
    }
    return MetaTensor.ensure_torch_and_prune_meta(array[None], meta)


class ReadRadiograph(Transform):
    """`read_radiograph` as a transform: a path in, MetaTensor (1, H, W) between 0 and 1 out.

    Example:
        >>> isinstance(ReadRadiograph(), Transform)
        True
    """

    def __call__(self, path: str | PathLike[str]) -> MetaTensor:
        return read_radiograph(path)


class ReadRadiographd(MapTransform):
    """`read_radiograph` on the paths of a dictionary.

    Args:
        keys: the items that hold paths; each becomes a MetaTensor (1, H, W) between 0 and 1.
        allow_missing_keys: whether a key may be missing.

    Example:
        >>> ReadRadiographd("image").keys
        ('image',)
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = read_radiograph(d[key])
        return d


ReadRadiographD = ReadRadiographDict = ReadRadiographd
