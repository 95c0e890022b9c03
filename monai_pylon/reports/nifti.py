"""Label maps and heatmaps as NIfTI files on the grid of the input, for viewers such as 3D Slicer and ITK-SNAP."""

from __future__ import annotations

from os import PathLike

import nibabel
import numpy as np

from monai_pylon.reports.pixels import as_pixels, as_voxels
from monai_pylon.utils import check, check_affine
from monai_pylon.utils.arrays import as_array
from monai_pylon.utils.files import atomic_write

__all__ = ["radiograph_affine", "save_label_nifti", "save_map_nifti", "save_radiograph_nifti", "save_volume_nifti"]


def _save(
    path: str | PathLike[str], array: np.ndarray, affine: np.ndarray, unit: str | None = "mm", description: str = ""
) -> None:
    """Write an array (X, Y, Z) and its affine (4, 4) in scanner coordinates; the file is complete or absent."""
    check(str(path).endswith((".nii", ".nii.gz")), "path", "a file ending in .nii or .nii.gz", str(path))
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units(unit)
    image.set_sform(affine, code=1)  # 1: scanner coordinates
    image.set_qform(affine, code=1)
    image.header["descrip"] = description.encode()[:79]
    with atomic_write(path) as part:
        nibabel.save(image, part)


def save_volume_nifti(path: str | PathLike[str], hu: np.ndarray, affine: np.ndarray) -> None:
    """Save a CT as int16, rounded to whole HU and clipped to the range of int16.

    Args:
        path: File to write, ending in ``.nii`` or ``.nii.gz``.
        hu: (X, Y, Z), in HU.
        affine: (4, 4), voxel indices to RAS millimeters.

    Raises:
        ValueError: If the volume is not 3D or not finite, the affine is invalid, or the path has another ending.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_volume_nifti(pathlib.Path(folder, "ct.nii.gz"), np.full((2, 3, 4), -999.6), np.eye(4))
        ...     int(nibabel.load(pathlib.Path(folder, "ct.nii.gz")).dataobj[0, 0, 0])
        -1000
    """
    values, matrix = as_voxels(hu, "hu"), check_affine(affine)
    limits = np.iinfo(np.int16)
    _save(path, np.rint(values).clip(limits.min, limits.max).astype(np.int16), matrix)


def save_label_nifti(path: str | PathLike[str], labels: np.ndarray, affine: np.ndarray) -> None:
    """Save a label map atomically.

    Args:
        path: Path of the file, ending in ``.nii`` or ``.nii.gz``.
        labels: Integers (X, Y, Z) from 0 to 255, or bool.
        affine: Matrix (4, 4) of the scan, from voxel indices to RAS mm.

    Raises:
        TypeError: If the labels are not integers.
        ValueError: If the labels are not 3D or not within 0 to 255, or the path has another ending.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_label_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3, 4), np.uint8), np.eye(4))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (2, 3, 4)
    """
    labels = as_array(labels)
    matrix = check_affine(affine)
    if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
        raise TypeError(f"labels must be of an integer type, but is of {labels.dtype}. Convert it first.")
    check(labels.ndim == 3, "labels", "of shape (X, Y, Z)", labels)
    small = labels.size == 0 or (labels.min() >= 0 and labels.max() <= 255)
    check(bool(small), "labels", "between 0 and 255", labels)
    _save(path, labels.astype(np.uint8), matrix)


def radiograph_affine(spacing: tuple[float, float] | None = None, affine: np.ndarray | None = None) -> np.ndarray:
    """Return the geometry of a radiograph's file, or make one of its spacing as ITK does.

    Args:
        spacing: Distance between rows and between columns in mm; None for 1. Not used with an affine.
        affine: Matrix (4, 4) from (column, row, 0, 1) to RAS mm; None without.

    Returns:
        Matrix (4, 4) from (column, row, 0, 1) to RAS mm.

    Raises:
        ValueError: If a spacing is not positive, or the affine is invalid.

    Example:
        >>> radiograph_affine((0.2, 0.1)).diagonal().tolist()
        [-0.1, -0.2, 1.0, 1.0]
    """
    rows, columns = (1.0, 1.0) if spacing is None else spacing
    check(rows > 0 and columns > 0, "spacing", "positive", spacing)
    # Viewers take the x and y axis of an image file to run to the patient's left and back: negative in RAS.
    return np.diag([-columns, -rows, 1.0, 1.0]) if affine is None else check_affine(affine)


def save_radiograph_nifti(
    path: str | PathLike[str],
    heatmap: np.ndarray,
    spacing: tuple[float, float] | None = None,
    affine: np.ndarray | None = None,
    description: str = "",
) -> None:
    """Save a heatmap of a radiograph atomically, as a volume with one slice.

    The first axis of the file runs along the columns of the radiograph, the second down the rows. With the geometry of
    the radiograph's file the map lies over it in every viewer. Without, and without a spacing, a pixel has the size 1
    without unit, so that viewers overlay the map on a PNG or JPEG file.

    Args:
        path: Path of the file, ending in ``.nii`` or ``.nii.gz``.
        heatmap: Signed map (H, W), on the grid of the radiograph's file: not turned.
        spacing: Distance between rows and between columns in mm, in DICOM's order. Not used with an affine.
        affine: Geometry of the radiograph's file, a matrix (4, 4) from (column, row, 0, 1) to RAS mm, such as the
            metadata ``file_affine`` of `read_radiograph`.
        description: Method, unit and label, for the header's field ``descrip``: the first 79 bytes of it.

    Raises:
        ValueError: If the map is not 2D or not finite, the path has another ending, a spacing is not positive, or the
            affine is invalid.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_radiograph_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3)))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (3, 2, 1)
    """
    heatmap = as_pixels(heatmap, "heatmap", unit=False)
    matrix = radiograph_affine(spacing, affine)
    image = np.ascontiguousarray(heatmap.T[..., None], dtype=np.float32)
    _save(path, image, matrix, None if spacing is None and affine is None else "mm", description)


def save_map_nifti(path: str | PathLike[str], map: np.ndarray, affine: np.ndarray, description: str = "") -> None:
    """Save a map of evidence atomically, on its own grid or on that of a scan.

    Args:
        path: Path of the file, ending in ``.nii`` or ``.nii.gz``.
        map: Signed map (X, Y, Z).
        affine: Matrix (4, 4) from voxel indices of the map to RAS mm.
        description: Method, unit and label, for the header's field ``descrip``: the first 79 bytes of it.

    Raises:
        ValueError: If the map is not 3D or not finite, or the path has another ending.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_map_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3, 4)), np.eye(4))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (2, 3, 4)
    """
    values, matrix = as_voxels(map, "map"), check_affine(affine)
    _save(path, values.astype(np.float32), matrix, description=description)
