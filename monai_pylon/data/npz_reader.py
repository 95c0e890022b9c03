"""Reader for the volumes of RAD-ChestCT: `.npz` files with one array, an axis order of their own, and no affine.

The array is (slices, rows, columns): slices from head to feet, rows from front to back, columns from the patient's
right to the left; every voxel is 0.8 mm wide. The affine of the array transposed to (x, y, z) is therefore known.
Pickles in such a file are refused, because opening them can run code.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from monai.data.image_reader import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from monai_pylon.data.volume_limits import check_stored_size, check_voxel_count
from monai_pylon.utils import check, check_type

__all__ = ["NpzVolumeReader", "RAD_CHESTCT_SPACING"]

#: Edge of RAD-ChestCT's voxels along every axis, mm.
RAD_CHESTCT_SPACING = 0.8

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError)


def ras_metadata(array: np.ndarray, affine: np.ndarray) -> dict[str, Any]:
    """Return the metadata of a MONAI reader for an array (X, Y, Z) and its affine (4, 4) in RAS mm."""
    return {
        MetaKeys.AFFINE: affine,
        MetaKeys.ORIGINAL_AFFINE: affine.copy(),
        MetaKeys.SPACE: SpaceKeys.RAS,
        MetaKeys.SPATIAL_SHAPE: np.asarray(array.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
    }


class _TooLargeError(ValueError):
    """The array is larger than a CT, or than its file can hold."""


def _check_size(path: Path, key: str, archive: zipfile.ZipFile) -> None:
    """Raise if the array that a file declares is too large, before it is decompressed."""
    names = archive.namelist()
    entry = archive.getinfo(key if key in names else f"{key}.npy")
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        header = file.tell()
    if dtype.hasobject:  # refused when it is read
        return
    declared = math.prod(shape) * dtype.itemsize
    packed = entry.compress_type != zipfile.ZIP_STORED
    try:
        check_voxel_count(path, shape, f"the array {key!r}")
        check_stored_size(path, declared, entry.compress_size - (0 if packed else header), packed)
        if entry.file_size != header + declared:
            check_stored_size(path, declared, entry.file_size - header)
            requirement = f"the array {key!r} declares {declared:,} bytes, but its entry in the archive has "
            raise ValueError(f"{str(path)!r} cannot be used: {requirement}{entry.file_size:,}. Save it again.")
    except ValueError as error:
        raise _TooLargeError(str(error)) from None


def _array(path: Path, key: str) -> np.ndarray:
    """Return an array of a file, or raise ValueError with the reason why it is unreadable."""
    if not zipfile.is_zipfile(path):
        remedy = "It is truncated, or no .npz file (a pickle is refused). Copy or download it again."
        check(False, "path", "a whole .npz file", str(path), remedy)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = list(arrays.files)
            if key in names:
                _check_size(path, key, arrays.zip)
                return arrays[key]
    except _TooLargeError as error:
        raise ValueError(str(error)) from None
    except _BROKEN as error:
        if "allow_pickle" in str(error):
            message = (
                f"path must be a .npz file of numbers, but {str(path)!r} holds pickled objects, which could run code."
            )
            raise ValueError(message) from error
        message = (
            f"path must be a whole .npz file, but {str(path)!r} cannot be read: {error}. Copy or download it again."
        )
        raise ValueError(message) from error
    has = ", ".join(repr(name) for name in names) or "no array"
    raise ValueError(f"path must be a .npz file with an array {key!r}, but {str(path)!r} has {has}.")


class NpzVolumeReader(ImageReader):
    """MONAI image reader for the `.npz` volumes of RAD-ChestCT, also for `LoadImage(reader=...)`.

    It returns the array as (X, Y, Z), with axes towards left, posterior and inferior, and the affine (4, 4) in RAS mm,
    by default diag(-0.8, -0.8, -0.8, 1).

    Args:
        key: Name of the array in the file.
        spacing: Edge of a voxel in mm, along all axes or for each of (x, y, z).

    Raises:
        TypeError: If the key is no text.
        ValueError: If the spacing is not positive.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "trn00001.npz")
        ...     np.savez_compressed(path, ct=np.zeros((5, 4, 3), np.int16))  # slices, rows, columns
        ...     array, meta = NpzVolumeReader().get_data(NpzVolumeReader().read(path))
        >>> array.shape, np.diag(meta["affine"]).tolist()
        ((3, 4, 5), [-0.8, -0.8, -0.8, 1.0])
    """

    def __init__(self, key: str = "ct", spacing: float | Sequence[float] = RAD_CHESTCT_SPACING) -> None:
        check_type(key, str, "key")
        lengths = np.broadcast_to(np.asarray(spacing, dtype=np.float64), (3,))
        check(bool((lengths > 0).all()), "spacing", "positive", spacing)
        self.key, self.spacing = key, tuple(lengths.tolist())

    def verify_suffix(self, filename: Sequence[PathLike | str] | PathLike | str) -> bool:
        """Return whether the reader accepts a file name, or all of several."""
        return all(fspath(name).lower().endswith(".npz") for name in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike | str] | PathLike | str, **kwargs: Any) -> np.ndarray:
        """Read the array (slices, rows, columns) of one file; raise ValueError if it has none."""
        (path,) = (Path(name) for name in ensure_tuple(data))
        array = _array(path, self.key)
        check(array.ndim == 3, "path", "a file with a volume (slices, rows, columns)", array, str(path))
        check(array.dtype.kind in "iuf", "path", "a file with a volume of real numbers", array, str(path))
        return array

    def get_data(self, img: np.ndarray) -> tuple[np.ndarray, dict]:
        """Return the array (X, Y, Z), and the metadata with the affine (4, 4)."""
        array = img.transpose(2, 1, 0)
        affine = np.diag([-self.spacing[0], -self.spacing[1], -self.spacing[2], 1.0])
        return array, ras_metadata(array, affine)
