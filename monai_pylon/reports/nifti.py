"""Label maps and maps of evidence as NIfTI files on the input's own grid, as 3D Slicer and ITK-SNAP open them."""

from __future__ import annotations

from os import PathLike

import nibabel
import numpy as np

from monai_pylon.utils import check, check_affine
from monai_pylon.utils.files import atomic_write

__all__ = ["save_label_nifti", "save_map_nifti", "save_radiograph_nifti", "save_volume_nifti"]


def _save(path: str | PathLike[str], array: np.ndarray, affine: np.ndarray, unit: str | None = "mm") -> None:
    """Write an array (X, Y, Z) and its affine (4, 4) in scanner coordinates; the file is complete or absent."""
    check(str(path).endswith((".nii", ".nii.gz")), "path", "a file ending in .nii or .nii.gz", str(path))
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(unit)
    image.set_sform(affine, code=1)  # 1: scanner coordinates
    image.set_qform(affine, code=1)
    with atomic_write(path) as part:
        nibabel.save(image, part)


def save_volume_nifti(path: str | PathLike[str], hu: np.ndarray, affine: np.ndarray) -> None:
    """Save a CT as int16, rounded to whole HU and clipped to the range of int16.

    Args:
        path: File to write, ending in ``.nii`` or ``.nii.gz``.
        hu: (X, Y, Z), in HU.
        affine: (4, 4), voxel indices to RAS millimetres.

    Raises:
        ValueError: If the volume is not 3D, the affine is invalid, or the path has another ending.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_volume_nifti(pathlib.Path(folder, "ct.nii.gz"), np.full((2, 3, 4), -999.6), np.eye(4))
        ...     int(nibabel.load(pathlib.Path(folder, "ct.nii.gz")).dataobj[0, 0, 0])
        -1000
    """
    values, matrix = np.asarray(hu), check_affine(affine)
    check(values.ndim == 3, "hu", "of shape (X, Y, Z)", values)
    limits = np.iinfo(np.int16)
    _save(path, np.rint(values).clip(limits.min, limits.max).astype(np.int16), matrix)


def save_label_nifti(path: str | PathLike[str], labels: np.ndarray, affine: np.ndarray) -> None:
    """Save a label map; the file appears whole or not at all.

    Args:
        path: where to write, ending in ``.nii`` or ``.nii.gz``.
        labels: (X, Y, Z), integers from 0 to 255.
        affine: (4, 4), voxel indices to RAS millimetres, of the scan that the labels belong to.

    Raises:
        TypeError: where the labels are no integers.
        ValueError: where they are not 3D or outside 0 to 255, or where the ending is another one.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_label_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3, 4), np.uint8), np.eye(4))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (2, 3, 4)
    """
    labels = np.asarray(labels)
    matrix = check_affine(affine)
    if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
        raise TypeError(f"labels must be of an integer type, but is of {labels.dtype}. Round it first, if it is meant.")
    check(labels.ndim == 3, "labels", "of shape (X, Y, Z)", labels)
    small = labels.size == 0 or (labels.min() >= 0 and labels.max() <= 255)
    check(bool(small), "labels", "between 0 and 255", labels)
    _save(path, labels.astype(np.uint8), matrix)


def save_radiograph_nifti(
    path: str | PathLike[str], heatmap: np.ndarray, spacing: tuple[float, float] | None = None
) -> None:
    """Save a map that lies on a radiograph; the file appears whole or not at all.

    A radiograph is no volume: the file has one slice, its first axis runs along the columns, its second down the rows,
    and without a spacing a pixel counts as one unit, so that viewers lay it over the picture file of the radiograph.

    Args:
        path: where to write, ending in ``.nii`` or ``.nii.gz``.
        heatmap: (H, W), signed.
        spacing: distance in mm between rows and between columns, as DICOM has it.

    Raises:
        ValueError: where it is not (H, W), the ending is another one, or the spacing is not two positive numbers.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_radiograph_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3)))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (3, 2, 1)
    """
    heatmap = np.asarray(heatmap)
    check(heatmap.ndim == 2, "heatmap", "of shape (H, W)", heatmap)
    rows, columns = (1.0, 1.0) if spacing is None else spacing
    check(rows > 0 and columns > 0, "spacing", "positive", spacing)
    # a picture's x and y run to the left and to the back of the patient coordinates that viewers assume for it
    affine = np.diag([-columns, -rows, 1.0, 1.0])
    image = np.ascontiguousarray(heatmap.T[..., None], dtype=np.float32)
    _save(path, image, affine, None if spacing is None else "mm")


def save_map_nifti(path: str | PathLike[str], map: np.ndarray, affine: np.ndarray) -> None:
    """Save a map of evidence on the grid of a scan; the file appears whole or not at all.

    Args:
        path: where to write, ending in ``.nii`` or ``.nii.gz``.
        map: (X, Y, Z), signed.
        affine: (4, 4), voxel indices to RAS millimetres, of the scan that the map belongs to.

    Raises:
        ValueError: where it is not 3D or not finite, or where the ending is another one.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_map_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3, 4)), np.eye(4))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (2, 3, 4)
    """
    values, matrix = np.asarray(map), check_affine(affine)
    check(values.ndim == 3, "map", "of shape (X, Y, Z)", values)
    check(bool(np.isfinite(values).all()), "map", "finite", values)
    _save(path, values.astype(np.float32), matrix)
