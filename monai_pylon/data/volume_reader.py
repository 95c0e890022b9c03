"""Reader for CTs: a NIfTI, NRRD, MHA or NPZ file or a folder with a DICOM series, in HU, with the affine in RAS.

NIfTI is read by nibabel, NPZ (RAD-ChestCT) by NumPy, and everything else by SimpleITK. The geometry is that
of the file's header. A file without orientation or voxel size is an error, because a guess may be wrong.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Hashable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import MetaTensor
from monai.data.image_reader import ImageReader
from monai.transforms import Transform
from monai.utils import ImageMetaKey, MetaKeys, TransformBackends, ensure_tuple, optional_import
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError

from monai_pylon.data.dicom_series import is_dicom_file, read_dicom_series
from monai_pylon.data.itk_path import itk_path, itk_reason
from monai_pylon.data.nifti_reader import read_nifti
from monai_pylon.data.npz_reader import NpzVolumeReader, ras_metadata
from monai_pylon.data.path_transform import BURNED_IN, ReadPathd
from monai_pylon.data.scan_headers.itk_header import check_itk_header, space_directions
from monai_pylon.data.volume_limits import check_stored_size, check_voxel_count, data_files
from monai_pylon.utils import check, check_type

__all__ = [
    "VOLUME_SUFFIXES",
    "ReadVolume",
    "ReadVolumeD",
    "ReadVolumeDict",
    "ReadVolumed",
    "SimpleITKReader",
    "read_volume",
    "volume_name",
]

_NIFTI_SUFFIXES = (".nii", ".nii.gz")
_ITK_SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")

#: Endings of files that hold a whole volume, in lower case.
VOLUME_SUFFIXES = (*_NIFTI_SUFFIXES, *_ITK_SUFFIXES, ".npz")

#: Plausible edge lengths of a CT's voxel, in mm.
_VOXEL_MM = (0.05, 20.0)

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class SimpleITKReader(ImageReader):
    """MONAI image reader for NRRD and MHA files and DICOM folders, based on SimpleITK.

    It returns the array with axes (x, y, z) and the affine in RAS, as the other readers of MONAI do.

    Args:
        series_uid: UID or SeriesNumber of the series to read from a DICOM folder with several series.

    Example:
        >>> SimpleITKReader().verify_suffix("scan.nrrd")
        True
    """

    def __init__(self, series_uid: str | int | None = None) -> None:
        self.series_uid = series_uid

    def verify_suffix(self, filename: Sequence[PathLike | str] | PathLike | str) -> bool:
        """Return whether the reader accepts a file name or folder, or all of several."""
        return all(Path(f).is_dir() or fspath(f).lower().endswith(_ITK_SUFFIXES) for f in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike | str] | PathLike | str, **kwargs: Any) -> Any:
        """Read one file or DICOM folder into a SimpleITK image; raise ValueError if it is no regular volume."""
        (path,) = (fspath(f) for f in ensure_tuple(data))
        sitk = optional_import("SimpleITK")[0]
        if Path(path).is_dir():
            image = read_dicom_series(path, self.series_uid)
        else:
            fields = check_itk_header(path)
            with itk_path(path) as readable:
                information = sitk.ImageFileReader()
                information.SetFileName(readable)
                information.ReadImageInformation()
                _check_numbers(path, information, fields)
                _check_size(path, information, fields)
                image = sitk.ReadImage(readable, **kwargs)
        check(image.GetDimension() == 3, "path", "a 3D volume", f"{path} of size {image.GetSize()}")
        check(image.GetNumberOfComponentsPerPixel() == 1, "path", "a scan with one value per voxel", path)
        return image

    def get_data(self, img: Any) -> tuple[np.ndarray, dict]:
        """Return the array (X, Y, Z) and the metadata of a SimpleITK image, with the affine (4, 4) in RAS."""
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(img.GetDirection(), (3, 3)) * np.asarray(img.GetSpacing())
        affine[:3, 3] = img.GetOrigin()
        affine = _LPS_TO_RAS @ affine
        array = optional_import("SimpleITK")[0].GetArrayFromImage(img).transpose(2, 1, 0)  # SimpleITK has z, y, x
        meta = ras_metadata(array, affine)
        return array, {**meta, BURNED_IN: True} if img.HasMetaDataKey(BURNED_IN) else meta


def _check_size(path: str, information: Any, fields: dict[str, str]) -> None:
    """Raise if a volume is too large, or larger than its file can be, before memory is allocated."""
    sitk, shape = optional_import("SimpleITK")[0], information.GetSize()
    check_voxel_count(path, shape)
    pixel = sitk.Image([1] * len(shape), information.GetPixelID(), information.GetNumberOfComponents())
    voxel = pixel.GetSizeOfPixelComponent() * pixel.GetNumberOfComponentsPerPixel()
    packed = fields.get("encoding", "raw") != "raw" or fields.get("compresseddata", "").lower() == "true"
    files = data_files(path)
    if not any("%" in file.name for file in files):  # a pattern for many names
        stored = sum(file.stat().st_size for file in files or [Path(path)])
        check_stored_size(path, math.prod(shape) * voxel, stored, packed)


def _check_numbers(path: str, information: Any, fields: dict[str, str]) -> None:
    """Raise if directions, spacing or origin are no plausible numbers; with infinite ones ITK reads without an end."""
    spacing = information.GetSpacing()
    limits = ((information.GetDirection(), 2), (spacing, 1e6), (information.GetOrigin(), 1e9))
    plausible = all(np.less_equal(np.abs(values), limit).all() for values, limit in limits)  # NaN is not less
    lengths = [np.linalg.norm(vector) for vector in space_directions(fields)]
    if lengths:  # ITK takes a vector that is too long as one of 1 mm
        plausible &= np.allclose(lengths, spacing, rtol=1e-3)
    if not plausible:
        raise ValueError(f"{path!r} has a direction, spacing or origin that is no plausible number. Copy it again.")


def _check_voxel_size(path: str, affine: np.ndarray) -> None:
    """Raise if no CT has voxels of this size: the unit of the header is then probably not mm."""
    sizes = np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0)
    if not (np.isfinite(sizes).all() and (sizes >= _VOXEL_MM[0]).all() and (sizes <= _VOXEL_MM[1]).all()):
        raise ValueError(
            f"{path!r} has voxels of {' x '.join(f'{size:g}' for size in sizes)} mm, but must have "
            f"{_VOXEL_MM[0]:g} to {_VOXEL_MM[1]:g} mm. Check the voxel size and its unit in the header."
        )


def volume_name(path: str | PathLike[str]) -> str:
    """Return the name of a scan: the file name without the ending of a volume, or the name of the folder.

    Args:
        path: File or folder; it need not exist.

    Returns:
        The name.

    Example:
        >>> volume_name("ward/scan.1.nii.gz"), volume_name("ward/series 7")
        ('scan.1', 'series 7')
    """
    name = Path(path).name
    ending = next((suffix for suffix in VOLUME_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def _array_and_meta(path: Path, series_uid: str | int | None) -> tuple[np.ndarray, dict]:
    """Read array and metadata by the type of file; raise ValueError if the file is truncated."""
    kind = "" if path.is_dir() else path.name.lower()
    reader: Any = NpzVolumeReader() if kind.endswith(".npz") else SimpleITKReader(series_uid)
    try:
        if kind.endswith(_NIFTI_SUFFIXES):
            array, affine = read_nifti(path)
            return array, ras_metadata(array, affine)
        array, meta = reader.get_data(reader.read(str(path)))
        return np.asarray(array, dtype=np.float32), meta
    except (EOFError, OSError, RuntimeError, zlib.error, ImageFileError, HeaderDataError, WrapStructError) as error:
        remedy = (
            "Look at its permissions." if isinstance(error, PermissionError) else "If it is truncated, copy it again."
        )
        reason = itk_reason(error)
        raise ValueError(f"path must be a whole file, but {str(path)!r} cannot be read: {reason}. {remedy}") from error


def read_volume(path: str | PathLike[str], series_uid: str | int | None = None) -> MetaTensor:
    """Read a CT from a NIfTI, NRRD, MHA/MHD or NPZ file or from a folder with a DICOM series.

    Args:
        path: The file (``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha``, ``.mhd``, or ``.npz`` of RAD-ChestCT) or
            the DICOM folder.
        series_uid: UID or SeriesNumber of the series to read from a DICOM folder with several series.

    Returns:
        MetaTensor (1, X, Y, Z), float32, in HU (rescale slope and intercept applied), spatial axes (x, y, z) as stored,
        ``affine`` (4, 4) from voxel indices to RAS millimeters.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If the file is of another type, truncated, not 3D or without orientation, or the folder has no CT
            series, several CT series without a choice, missing or duplicate slices, or gantry tilt.

    Example:
        >>> read_volume("scan.docx")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file or folder that exists, but is 'scan.docx'.
    """
    check_type(path, (str, PathLike), "path")
    file = Path(path).expanduser()
    if not file.exists():
        raise FileNotFoundError(f"path must be a file or folder that exists, but is {str(file)!r}.")
    if file.is_file() and file.stat().st_size == 0 and not file.name.lower().endswith(".npz"):
        raise ValueError(f"path must be a whole file, but {str(file)!r} is empty. Copy or download it again.")
    readable = file.is_dir() or file.name.lower().endswith(VOLUME_SUFFIXES)
    remedy = "Give the folder of a DICOM series." if is_dicom_file(file) else ""
    check(readable, "path", f"a folder or a file ending in {', '.join(VOLUME_SUFFIXES)}", str(file), remedy)
    array, meta = _array_and_meta(file, series_uid)
    check(array.ndim == 3, "path", "a 3D volume with one value per voxel", array, str(file))
    _check_voxel_size(str(file), meta[MetaKeys.AFFINE])
    meta[MetaKeys.ORIGINAL_CHANNEL_DIM] = 0
    meta[ImageMetaKey.FILENAME_OR_OBJ] = str(file)
    return MetaTensor.ensure_torch_and_prune_meta(array[None], meta)


class ReadVolume(Transform):
    """Transform that reads a CT: from a path to a MetaTensor (1, X, Y, Z) in HU, see :func:`read_volume`.

    Args:
        series_uid: UID or SeriesNumber of the series to read from DICOM folders with several series.

    Example:
        >>> ReadVolume().series_uid is None
        True
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, series_uid: str | int | None = None) -> None:
        self.series_uid = series_uid

    def __call__(self, path: str | PathLike[str]) -> MetaTensor:
        return read_volume(path, self.series_uid)


class ReadVolumed(ReadPathd):
    """Dictionary version of :class:`ReadVolume`; the series is that of the item's key "series_uid", if it has one.

    Args:
        keys: Keys of the items that hold paths; each becomes a MetaTensor (1, X, Y, Z) in HU.
        allow_missing_keys: Whether a key may be missing.

    Example:
        >>> ReadVolumed("image").keys
        ('image',)
    """

    def read(self, path: str | PathLike[str], item: Mapping[Hashable, Any]) -> MetaTensor:
        """Read one scan of an item."""
        return read_volume(path, item.get("series_uid"))


ReadVolumeD = ReadVolumeDict = ReadVolumed
