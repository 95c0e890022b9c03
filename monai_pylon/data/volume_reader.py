"""One way to read a CT: a NIfTI, NRRD, MHA or NPZ file or a folder with a DICOM series, in HU, with its RAS affine.

NIfTI goes through MONAI's own reader, NPZ (RAD-ChestCT) through NumPy. Everything else goes through SimpleITK, which
orders DICOM slices by their position in the patient and applies the rescale slope. A file that does not say how the
patient lies is an error here: left and right would be a guess.
"""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor, NibabelReader
from monai.data.image_reader import ImageReader
from monai.transforms import MapTransform, Transform
from monai.utils import ImageMetaKey, MetaKeys, ensure_tuple, optional_import
from nibabel.filebasedimages import ImageFileError

from monai_pylon.data.dicom_series import is_dicom_file, read_dicom_series
from monai_pylon.data.npz_reader import NpzVolumeReader, ras_metadata
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

#: File name endings that hold a whole volume, in lower case.
VOLUME_SUFFIXES = (*_NIFTI_SUFFIXES, *_ITK_SUFFIXES, ".npz")

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


class SimpleITKReader(ImageReader):
    """A MONAI image reader for NRRD and MHA files and DICOM folders, by SimpleITK.

    It gives the array with axes (x, y, z) and the affine in RAS, as MONAI's other readers do.

    Args:
        series_uid: which series to read from a DICOM folder that holds several.

    Example:
        >>> SimpleITKReader().verify_suffix("scan.nrrd")
        True
    """

    def __init__(self, series_uid: str | None = None) -> None:
        self.series_uid = series_uid

    def verify_suffix(self, filename: Sequence[PathLike | str] | PathLike | str) -> bool:
        """Whether this reader takes a file name or folder (or every one of several)."""
        return all(Path(f).is_dir() or fspath(f).lower().endswith(_ITK_SUFFIXES) for f in ensure_tuple(filename))

    def read(self, data: Sequence[PathLike | str] | PathLike | str, **kwargs: Any) -> Any:
        """Read one file or DICOM folder into a SimpleITK image; raises ValueError where its geometry is doubtful."""
        (path,) = (fspath(f) for f in ensure_tuple(data))
        sitk = optional_import("SimpleITK")[0]
        image = read_dicom_series(path, self.series_uid) if Path(path).is_dir() else sitk.ReadImage(path, **kwargs)
        check(image.GetDimension() == 3, "path", "a 3D volume", f"{path} of size {image.GetSize()}")
        check(image.GetNumberOfComponentsPerPixel() == 1, "path", "a scan with one value a voxel", path)
        return image

    def get_data(self, img: Any) -> tuple[np.ndarray, dict]:
        """The array (X, Y, Z) and metadata of a SimpleITK image, with the affine (4, 4) in RAS."""
        affine = np.eye(4)
        affine[:3, :3] = np.reshape(img.GetDirection(), (3, 3)) * np.asarray(img.GetSpacing())
        affine[:3, 3] = img.GetOrigin()
        affine = _LPS_TO_RAS @ affine
        array = optional_import("SimpleITK")[0].GetArrayFromImage(img).transpose(2, 1, 0)  # SimpleITK counts z, y, x
        meta = ras_metadata(array, affine)
        if "NRRD_space" in img.GetMetaDataKeys():
            meta["nrrd_space"] = img.GetMetaData("NRRD_space")
        return array, meta


def _check_orientation(path: Path, meta: Mapping[str, Any]) -> None:
    """Raise where the header does not say which way the patient lies: a guess may exchange left and right."""
    name = path.name.lower()
    if name.endswith(_NIFTI_SUFFIXES):
        known = bool(meta["qform_code"] > 0 or meta["sform_code"] > 0)
        remedy = "Both qform_code and sform_code are 0. Convert it again from DICOM, or set its qform."
    elif name.endswith((".nrrd", ".nhdr")):
        known = meta.get("nrrd_space") == "left-posterior-superior"  # SimpleITK turns every anatomical space to it
        remedy = "The header has no anatomical `space`. Save it again with one, such as left-posterior-superior."
    else:
        return
    check(known, "path", "a file whose header says how the patient lies", str(path), remedy)


def volume_name(path: str | PathLike[str]) -> str:
    """The name of a scan: its file's name without the ending of a volume, or its folder's name.

    Args:
        path: file or folder; it need not exist.

    Returns:
        the name.

    Example:
        >>> volume_name("ward/scan.1.nii.gz"), volume_name("ward/series 7")
        ('scan.1', 'series 7')
    """
    name = Path(path).name
    longest_first = sorted(VOLUME_SUFFIXES, key=len, reverse=True)
    ending = next((suffix for suffix in longest_first if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def _array_and_meta(place: Path, series_uid: str | None) -> tuple[np.ndarray, dict]:
    """What the reader for this kind of file gives; a file that is cut off is named."""
    kind = "" if place.is_dir() else place.name.lower()
    reader: Any = SimpleITKReader(series_uid)
    if kind.endswith(_NIFTI_SUFFIXES):
        reader = NibabelReader(squeeze_non_spatial_dims=True)
    elif kind.endswith(".npz"):
        reader = NpzVolumeReader()
    try:
        array, meta = reader.get_data(reader.read(str(place)))
        return np.asarray(array, dtype=np.float32), meta
    except (EOFError, OSError, RuntimeError, zlib.error, ImageFileError) as error:
        message = f"path must be a whole file, but {str(place)!r} cannot be read: {error}. Copy or download it again."
        raise ValueError(message) from error


def read_volume(path: str | PathLike[str], series_uid: str | None = None) -> MetaTensor:
    """Read a CT from a NIfTI, NRRD, MHA/MHD or NPZ file or from a folder with a DICOM series.

    Args:
        path: the file (``.nii``, ``.nii.gz``, ``.nrrd``, ``.nhdr``, ``.mha``, ``.mhd``, or ``.npz`` of RAD-ChestCT, see
            :class:`NpzVolumeReader`) or the DICOM folder.
        series_uid: which series to take from a DICOM folder that holds several.

    Returns:
        MetaTensor (1, X, Y, Z), float32, in HU (rescale slope and intercept applied), spatial axes (x, y, z) as stored,
        ``affine`` (4, 4) from voxel indices to RAS millimetres.

    Raises:
        FileNotFoundError: where there is no such file or folder.
        ValueError: for another kind of file, one that is cut off or not 3D, a header without orientation, a folder with
            several CT series or none, missing or doubled slices, gantry tilt.

    Example:
        >>> read_volume("scan.docx")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file or folder that exists, but is 'scan.docx'.
    """
    check_type(path, (str, PathLike), "path")
    place = Path(path).expanduser()
    if not place.exists():
        raise FileNotFoundError(f"path must be a file or folder that exists, but is {str(place)!r}.")
    readable = place.is_dir() or place.name.lower().endswith(VOLUME_SUFFIXES)
    remedy = "Give the folder of a DICOM series." if is_dicom_file(place) else ""
    check(readable, "path", f"a folder or a file ending in {', '.join(VOLUME_SUFFIXES)}", str(place), remedy)
    array, meta = _array_and_meta(place, series_uid)
    check(array.ndim == 3, "path", "a 3D volume with one value a voxel", array, str(place))
    if not place.is_dir():
        _check_orientation(place, meta)
    meta[MetaKeys.ORIGINAL_CHANNEL_DIM] = 0
    meta[ImageMetaKey.FILENAME_OR_OBJ] = str(place)
    return MetaTensor.ensure_torch_and_prune_meta(array[None], meta)


class ReadVolume(Transform):
    """`read_volume` as a transform: a path in, MetaTensor (1, X, Y, Z) in HU out.

    Args:
        series_uid: which series to take from DICOM folders that hold several.

    Example:
        >>> ReadVolume().series_uid is None
        True
    """

    def __init__(self, series_uid: str | None = None) -> None:
        self.series_uid = series_uid

    def __call__(self, path: str | PathLike[str]) -> MetaTensor:
        return read_volume(path, self.series_uid)


class ReadVolumed(MapTransform):
    """`read_volume` on the paths of a dictionary; an item's own "series_uid" names the series to take.

    Args:
        keys: the items that hold paths; each becomes a MetaTensor (1, X, Y, Z) in HU.
        allow_missing_keys: whether a key may be missing.

    Example:
        >>> ReadVolumed("image").keys
        ('image',)
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = read_volume(d[key], d.get("series_uid"))
        return d


ReadVolumeD = ReadVolumeDict = ReadVolumed
