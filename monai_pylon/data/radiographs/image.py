"""Radiographs of PNG, JPEG, TIFF and other image files as gray values."""

from __future__ import annotations

import io
import struct
from os import PathLike
from pathlib import Path

import numpy as np
from monai.utils import optional_import
from PIL import Image, ImageFile

from monai_pylon.data.radiographs.dicom import luminance
from monai_pylon.data.radiographs.gray import full_range, scale_of_depth
from monai_pylon.data.radiographs.gray_content import check_gray
from monai_pylon.data.volume_limits import check_pixel_count, check_tiff_size
from monai_pylon.utils import check, check_type
from monai_pylon.utils.image_orientation import turn_image

__all__ = ["image_orientation", "open_image", "radiograph_size", "read_image_radiograph"]

#: EXIF tag of the orientation, and its values that exchange rows and columns.
_ORIENTATION, _TRANSPOSED = 0x0112, (5, 6, 7, 8)
#: TIFF tags of the photometric interpretation (0 means that white is 0) and of the bits of each channel.
_PHOTOMETRIC, _BITS = 262, 258
_PNG_START = 2**16  # bytes at the start of a PNG in which its significant bits are looked for
#: First bytes of TIFF files, and of those with offsets of 64 bits.
_TIFF, _BIG_TIFF = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)


def open_image(path: str | PathLike[str]) -> ImageFile.ImageFile:
    """Open an image file without reading its pixels.

    Args:
        path: The file.

    Returns:
        The image of Pillow; close it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or has too many pixels.

    Example:
        >>> open_image("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    check_type(path, (str, PathLike), "path")
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(file)!r}.")
    try:
        image = Image.open(file)
    except Image.DecompressionBombError as error:
        raise ValueError(f"{str(file)!r} cannot be used: {error} Crop or resample it first.") from error
    except Image.UnidentifiedImageError as error:
        raise ValueError(f"path must be a PNG, JPEG or DICOM file, but is {str(file)!r}.") from error
    except _BROKEN as error:
        raise ValueError(f"path must be a PNG, JPEG or DICOM file, but is {str(file)!r}: {error}.") from error
    try:
        check_pixel_count(file, (image.height, image.width))
    except ValueError:
        image.close()
        raise
    return image


def image_orientation(image: Image.Image) -> int:
    """Return the number of an image's EXIF orientation, from its header.

    Args:
        image: The image, open and not yet loaded.

    Returns:
        The number, 1 to 8; 1 if there is none or it is invalid.

    Example:
        >>> image_orientation(Image.new("L", (4, 4)))
        1
    """
    if image.format == "PNG" and not {"exif", "Raw profile type exif"} & set(image.info):
        return 1  # asking for it would read all pixels
    try:
        number = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF data fail in any way; viewers show such an image as it is stored
        return 1
    return number if number in range(1, 9) else 1


def radiograph_size(path: str | PathLike[str]) -> tuple[int, int]:
    """Return the size of a PNG, JPEG or TIFF file from its header.

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
    with open_image(path) as image:
        width, height = image.size
        if image.format == "TIFF":  # some versions of Pillow have turned the size already
            width, height = image.tag_v2[256], image.tag_v2[257]
        return (width, height) if image_orientation(image) in _TRANSPOSED else (height, width)


def _as_stored(path: Path) -> ImageFile.ImageFile:
    """Open a TIFF with its orientation set to 1: Pillow 13 scrambles uncompressed ones that are turned by a quarter."""
    content = bytearray(path.read_bytes())
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from(order + "H", content, entry)[0] == _ORIENTATION:
            struct.pack_into(order + "H", content, entry + 8, 1)
    return Image.open(io.BytesIO(content))


def _significant_bits(path: Path) -> int:
    """Return the bits that a PNG states as significant (chunk sBIT), at most; 0 if it states none."""
    with path.open("rb") as file:
        start = file.read(_PNG_START)
    at = 8
    while start[:4] == b"\x89PNG" and at + 8 <= len(start):
        length, kind = int.from_bytes(start[at : at + 4], "big"), start[at + 4 : at + 8]
        if kind in (b"PLTE", b"IDAT"):  # the chunk lies before them
            break
        if kind == b"sBIT":
            return max(start[at + 8 : at + 8 + length], default=0)
        at += 12 + length
    return 0


def _integer_gray(values: np.ndarray, path: Path) -> np.ndarray:
    """Return gray values, 0 to 1, of values of 8 to 16 bits in a larger container.

    The bit depth is that in use, or that which the file states (PNG: sBIT).
    """
    check(bool(np.isfinite(values).all()), "path", "an image without NaN", str(path))
    low, high = float(values.min()), float(values.max())
    check(low >= 0 and high <= 65535, "path", "an image of 8 or 16 bits", f"{path} with {low:g} to {high:g}")
    # Values that were scaled from 8 bits, or moved to the upper bits, use the whole container.
    whole = high > 4095 and not ((values % 257).any() and (values % 16).any())
    if stated := _significant_bits(path):
        scale = 2**stated - 1 if high < 2**stated else 65535  # some writers scale to the whole container
    else:
        scale = 65535 if whole else scale_of_depth(full_range(values)[1])
    return np.clip(values / scale, 0, 1)


def _float_gray(values: np.ndarray, path: Path) -> np.ndarray:
    """Return gray values, 0 to 1, of numbers that are from 0 to 1 or of 8 to 16 bits."""
    high = float(values.max())
    if values.min() >= 0 and high <= 1.001:  # false for NaN
        return np.clip(values, 0, 1)
    check(not 1 < high < 32, "path", "an image of numbers from 0 to 1, or of 8 to 16 bits", f"{path} up to {high:g}")
    return _integer_gray(values, path)


def _is_deep_color(image: ImageFile.ImageFile) -> bool:
    """Return whether an image is color, or has alpha, of 16 bits, which Pillow reduces to the upper 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return False
    if image.format == "TIFF":
        return max(image.tag_v2.get(_BITS, (1,))) > 8  # type: ignore[attr-defined]
    return bool(image.tile) and ";16" in str(image.tile[0][3])


def _deep_png(image: ImageFile.ImageFile, path: Path, gray_only: bool) -> np.ndarray:
    """Return the luminance of a PNG in 16-bit color as whole numbers."""
    if image.tile[0][3] == "LA;16B":  # the four bytes of a pixel: two for gray, two for alpha
        image.tile = [(*image.tile[0][:3], "RGBA")]  # type: ignore[list-item]
        image.load()
        pixels = np.asarray(image).astype(np.int64)
        return pixels[..., 0] * 256 + pixels[..., 1]
    image.load()  # finds truncated files
    sitk, _ = optional_import("SimpleITK")
    color = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float64)
    if gray_only:
        check_gray(color, float(color[..., :3].max()), path)
    return np.rint(luminance(color))


def _tiff(path: Path, gray_only: bool) -> tuple[np.ndarray, int]:
    """Read a TIFF that Pillow cannot: (H, W), 0 to 1, as it is stored, and the EXIF number of its orientation."""
    tifffile, _ = optional_import("tifffile")
    try:
        with tifffile.TiffFile(path) as file:
            pages, page = len(file.pages), file.pages[0]
            check_tiff_size(path, page)
            kind, axes, values = int(page.photometric), page.axes, page.asarray()
            color = getattr(page.photometric, "name", str(kind))  # of an unknown kind only the number
            orientation = int(page.tags.valueof(_ORIENTATION, default=1))
    except Exception as error:  # depends on where a file is truncated, and on its compression
        message = f"path must be a PNG, JPEG or DICOM file, but is {str(path)!r}: {error}. Convert it to PNG."
        raise ValueError(message) from error
    check(pages == 1, "path", "a TIFF with one page", f"{path} with {pages}", "Save one page as a file.")
    readable = kind in (0, 1, 2) and axes in ("YX", "YXS", "SYX")
    check(readable, "path", "a TIFF in gray or RGB", f"{path} ({color})", "Convert it to gray.")
    values = np.moveaxis(values, 0, -1) if axes == "SYX" else values
    whole = values.dtype.kind != "f"
    values = values.astype(np.float64)
    if kind == 2:
        if gray_only:
            check_gray(values, float(values.max()), path)
        values = np.rint(luminance(values)) if whole else luminance(values)
    elif values.ndim == 3:
        values = values[..., 0]  # without alpha
    gray = _integer_gray(values, path) if whole else _float_gray(values, path)
    return (gray if kind else 1 - gray), orientation if orientation in range(1, 9) else 1


def _gray(image: ImageFile.ImageFile, path: Path, gray_only: bool) -> np.ndarray:
    """Return the gray values of an open image, 0 to 1, as they are stored."""
    frames = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    check(frames == 1, "path", "an image file with one page", f"{path} with {frames}", "Save one page as a file.")
    if _is_deep_color(image):
        if image.format == "TIFF":
            return _tiff(path, gray_only)[0]
        check(
            image.format == "PNG", "path", "an image of 8 bits in color, or in gray", str(path), "Convert it to gray."
        )
        return _integer_gray(_deep_png(image, path, gray_only), path)
    image.load()
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        gray = _float_gray(values, path) if image.mode == "F" else _integer_gray(values, path)
        # Pillow inverts TIFF files whose white is 0 only up to 8 bits.
        white_is_zero = image.format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC) == 0  # type: ignore[attr-defined]
        return 1 - gray if white_is_zero else gray
    if gray_only and image.mode not in ("1", "L", "LA"):
        check_gray(np.asarray(image.convert("RGB")), 255, path)
    return np.asarray(image.convert("L"), dtype=np.float32) / 255  # without alpha


def _read(path: Path, gray_only: bool) -> tuple[np.ndarray, int]:
    """Return the gray values of a file, (H, W) from 0 to 1, as they are stored, and the number of its orientation."""
    try:
        image = open_image(path)
    except ValueError:
        with path.open("rb") as file:
            if file.read(4) not in (*_TIFF, *_BIG_TIFF):
                raise
        return _tiff(path, gray_only)
    with image:
        orientation = image_orientation(image)
        if image.format != "TIFF" or orientation == 1:
            return _gray(image, path, gray_only), orientation
    with path.open("rb") as file:
        if file.read(4) in _BIG_TIFF:
            return _tiff(path, gray_only)
    with _as_stored(path) as image:
        return _gray(image, path, gray_only), orientation


def read_image_radiograph(path: Path, gray_only: bool = False) -> tuple[np.ndarray, int]:
    """Read an image file of any depth and color.

    Args:
        path: The file.
        gray_only: Whether to refuse a colored image; channels may differ a little, as in a tinted radiograph.

    Returns:
        Gray values (H, W), float32 from 0 (black) to 1 (white), turned upright, and the EXIF number of that turn.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is truncated, is no image, has several pages, or contains NaN.

    Example:
        >>> read_image_radiograph(Path("missing.png"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    try:
        gray, orientation = _read(path, gray_only)
    except FileNotFoundError:
        raise
    except ValueError as error:
        if str(error).startswith("path must be"):
            raise
        raise ValueError(f"path must be an image of gray or color, but is {str(path)!r}: {error}.") from error
    except (OSError, SyntaxError, TypeError, struct.error) as error:  # Pillow: for a broken PNG, TIFF without a size
        message = f"path must be a whole image file, but is {str(path)!r}: {error}. Copy or download it again."
        raise ValueError(message) from error
    return np.ascontiguousarray(turn_image(gray, orientation), dtype=np.float32), orientation
