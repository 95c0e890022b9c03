"""Label maps and heatmaps as NIfTI files on the grid of the input, for viewers such as 3D Slicer and ITK-SNAP."""

from __future__ import annotations

from os import PathLike

import nibabel
import numpy as np

from monai_pylon.utils import check, check_affine
from monai_pylon.utils.files import atomic_write

__all__ = ["save_radiograph_nifti", "save_label_nifti", "save_map_nifti"]


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
    labels = np.asarray(labels)
    matrix = check_affine(affine)
    if not (np.issubdtype(labels.dtype, np.integer) or labels.dtype == bool):
        raise TypeError(f"labels must be of an integer type, but is of {labels.dtype}. Convert it first.")
    check(labels.ndim == 3, "labels", "of shape (X, Y, Z)", labels)
    small = labels.size == 0 or (labels.min() >= 0 and labels.max() <= 255)
    check(bool(small), "labels", "between 0 and 255", labels)
    check(str(path).endswith((".nii", ".nii.gz")), "path", "a file ending in .nii or .nii.gz", str(path))
    image = nibabel.Nifti1Image(labels.astype(np.uint8), matrix)
    image.header.set_xyzt_units("mm")
    image.set_sform(matrix, code=1)  # 1: scanner coordinates, as the scan's own
    image.set_qform(matrix, code=1)
    with atomic_write(path) as part:
        nibabel.save(image, part)


def save_radiograph_nifti(
    path: str | PathLike[str], heatmap: np.ndarray, spacing: tuple[float, float] | None = None
) -> None:
    """Save a heatmap of a radiograph atomically, as a volume with one slice.

    The first axis of the file runs along the columns of the radiograph, the second down the rows. Without a spacing a
    pixel has the size 1 without unit, so that viewers overlay the file on the radiograph's PNG or JPEG file.

    Args:
        path: Path of the file, ending in ``.nii`` or ``.nii.gz``.
        heatmap: Signed map (H, W).
        spacing: Distance between rows and between columns in mm, in DICOM's order.

    Raises:
        ValueError: If the map is not 2D, the path has another ending, or a spacing is not positive.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_radiograph_nifti(pathlib.Path(folder, "a.nii.gz"), np.ones((2, 3)))
        ...     nibabel.load(pathlib.Path(folder, "a.nii.gz")).shape
        (3, 2, 1)
    """
    heatmap = np.asarray(heatmap)
    check(heatmap.ndim == 2, "heatmap", "of shape (H, W)", heatmap)
    check(str(path).endswith((".nii", ".nii.gz")), "path", "a file ending in .nii or .nii.gz", str(path))
    rows, columns = (1.0, 1.0) if spacing is None else spacing
    check(rows > 0 and columns > 0, "spacing", "positive", spacing)
    # Viewers take the x and y axis of an image file to run to the patient's left and back: negative in RAS.
    affine = np.diag([-columns, -rows, 1.0, 1.0])
    image = nibabel.Nifti1Image(np.ascontiguousarray(heatmap.T[..., None], dtype=np.float32), affine)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    if spacing is not None:
        image.header.set_xyzt_units("mm")
    with atomic_write(path) as part:
        nibabel.save(image, part)


def save_map_nifti(path: str | PathLike[str], map: np.ndarray, affine: np.ndarray) -> None:
    """Save a heatmap on the grid of a scan atomically.

    Args:
        path: Path of the file, ending in ``.nii`` or ``.nii.gz``.
        map: Signed map (X, Y, Z).
        affine: Matrix (4, 4) of the scan, from voxel indices to RAS mm.

    Raises:
        ValueError: If the map is not 3D or not finite, or the path has another ending.

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
    check(str(path).endswith((".nii", ".nii.gz")), "path", "a file ending in .nii or .nii.gz", str(path))
    image = nibabel.Nifti1Image(values.astype(np.float32), matrix)
    image.header.set_xyzt_units("mm")
    image.set_sform(matrix, code=1)
    image.set_qform(matrix, code=1)
    with atomic_write(path) as part:
        nibabel.save(image, part)
