"""Volumes and pictures as text, to embed in an HTML page."""

from __future__ import annotations

import base64
import gzip
import io

import nibabel
import numpy as np
from PIL import Image

from monai_pylon.reports.pixels import as_pixels
from monai_pylon.utils import check, check_affine
from monai_pylon.utils.arrays import as_array

__all__ = ["embedded_jpeg", "embedded_nifti", "embedded_png"]


def embedded_nifti(voxels: np.ndarray, affine: np.ndarray, slope: float = 1.0, intercept: float = 0.0) -> str:
    """Encode a volume as a compressed NIfTI file in base64, without a name or description.

    Args:
        voxels: Stored values (X, Y, Z), uint8 or float32.
        affine: Matrix (4, 4) from voxel indices to RAS mm.
        slope: Factor from stored values to the values meant.
        intercept: Added after the factor.

    Returns:
        Base64 of the bytes of a ``.nii.gz`` file. The same volume gives the same text.

    Raises:
        ValueError: If the volume is not 3D or of another type, or the affine is invalid.

    Example:
        >>> text = embedded_nifti(np.zeros((2, 3, 4), np.uint8), np.eye(4))
        >>> nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text))).shape
        (2, 3, 4)
    """
    voxels, matrix = as_array(voxels), check_affine(affine)
    known = voxels.dtype in (np.uint8, np.float32) and voxels.ndim == 3
    check(known, "voxels", "of shape (X, Y, Z) and of type uint8 or float32", voxels)
    image = nibabel.Nifti1Image(voxels, matrix)
    image.set_sform(matrix, code=1)
    image.set_qform(matrix, code=1)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(slope, intercept)
    # nibabel scales values again when it saves an image, so header and stored values are put together here.
    header = image.header
    header["scl_slope"], header["scl_inter"], header["vox_offset"] = slope, intercept, 352
    content = header.binaryblock + b"\0" * 4 + voxels.tobytes(order="F")
    return base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode("ascii")


def _encoded(image: Image.Image, kind: str, **options: int | bool) -> str:
    """Encode a picture as a data URL."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def embedded_png(gray: np.ndarray) -> str:
    """Encode a gray picture as the data URL of a PNG.

    Args:
        gray: Picture (H, W), 0 to 1.

    Returns:
        The URL. Gray values are rounded to 8 bits.

    Raises:
        ValueError: If the picture is not 2D, or not within 0 to 1.

    Example:
        >>> embedded_png(np.zeros((2, 3)))[:22]
        'data:image/png;base64,'
    """
    pixels = as_pixels(gray, "gray")
    return _encoded(Image.fromarray(np.rint(pixels * 255).astype(np.uint8)), "PNG", optimize=True)


def embedded_jpeg(rgb: np.ndarray, quality: int = 85) -> str:
    """Encode a color picture as the data URL of a JPEG.

    Args:
        rgb: Picture (H, W, 3), 0 to 1.
        quality: Quality of the JPEG, 1 to 95.

    Returns:
        The URL.

    Raises:
        ValueError: If the picture has another shape.

    Example:
        >>> embedded_jpeg(np.zeros((2, 3, 3)))[:23]
        'data:image/jpeg;base64,'
    """
    pixels = as_array(rgb)
    check(pixels.ndim == 3 and pixels.shape[2] == 3, "rgb", "of shape (H, W, 3)", rgb)
    bytes_ = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    return _encoded(Image.fromarray(bytes_), "JPEG", quality=quality)
