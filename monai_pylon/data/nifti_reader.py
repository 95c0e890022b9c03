"""NIfTI scans with the geometry that their header states, never one that a library fell back on.

Libraries replace doubtful header fields in silence: a voxel size of 0 becomes 1 mm, units are ignored, and an unset
qform may replace the sform, which exchanges left and right. Here such a header is an error that names the field.
"""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.openers import ImageOpener

from monai_pylon.data.volume_limits import check_stored_size, check_voxel_count

__all__ = ["nifti_affine", "read_nifti"]

#: Millimeters of a NIfTI length unit (xyzt_units). 0 states no unit; NIfTI files without one are in mm.
_MILLIMETERS = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
#: Relative difference of pixdim and the sform's voxel size that rounding can explain.
_ROUNDING = 0.01
#: Bytes in front of the voxels, at most: the header and its extensions.
_MOST_OFFSET = 2**26


def _fail(path: str, text: str) -> None:
    raise ValueError(f"{path!r} cannot be used: {text}")


def _header_sizes(start: bytes) -> set[int]:
    """Return the size of the header that the first four bytes of a NIfTI file state; empty if it is none."""
    return {int.from_bytes(start, order) for order in ("little", "big")} & {348, 540}


def _read_header(path: str) -> Any:
    """Read the header as stored, without the corrections of a library."""
    zipped = path.lower().endswith(".gz")
    with open(path, "rb") as file:
        start = file.read(4)
    if not start:
        _fail(path, "it is empty. Copy or download it again.")
    gzipped = start[:2] == b"\x1f\x8b"
    if zipped and not gzipped and not _header_sizes(start):
        _fail(path, "it is neither gzip-compressed nor NIfTI. Check the kind of file, or download it again.")
    if gzipped != zipped:
        right = ".nii.gz" if not zipped else ".nii"
        kind = "gzip-compressed" if not zipped else "not gzip-compressed"
        _fail(path, f"the file is {kind}. Rename it so that it ends in {right}.")
    with ImageOpener(path) as file:
        length = _header_sizes(file.read(4))
        file.seek(0)
        if not length:
            _fail(path, "it does not start with a NIfTI header (sizeof_hdr). Check the kind of file.")
        header: Any = nibabel.Nifti2Header if length == {540} else nibabel.Nifti1Header
        return header.from_fileobj(file, check=False)


def nifti_affine(header: Any, path: str | PathLike[str] = "header") -> np.ndarray:
    """Return the affine that a NIfTI header states.

    The sform counts if its code is positive, else the qform if its code is positive.

    Args:
        header: nibabel header, read without checks.
        path: File name for error messages.

    Returns:
        Affine (4, 4) from voxel indices to RAS millimeters. The unit of the header (xyzt_units) is converted to mm.

    Raises:
        ValueError: If both codes are 0, pixdim is not positive, pixdim and the sform disagree, sform and qform disagree
            about the orientation, or the unit is unknown.

    Example:
        >>> header = nibabel.Nifti1Header()
        >>> header.set_data_shape((2, 2, 2))
        >>> header.set_sform(np.diag([-2.0, -2.0, 3.0, 1.0]), code=1)
        >>> header.set_zooms((2, 2, 3))
        >>> header["xyzt_units"] = 2
        >>> np.diag(nifti_affine(header)).tolist()
        [-2.0, -2.0, 3.0, 1.0]
    """
    name = str(path)
    pixdim = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
    if not (np.isfinite(pixdim).all() and (pixdim > 0).all()):
        _fail(
            name,
            f"pixdim must be three positive voxel sizes, but is {header['pixdim'][1:4].tolist()}. "
            "Convert it again from DICOM, or correct the header.",
        )
    unit = int(header["xyzt_units"]) & 7
    if unit not in _MILLIMETERS:
        _fail(
            name,
            f"xyzt_units must state meters, millimeters or microns, but is {int(header['xyzt_units'])}. "
            "Correct the header.",
        )
    has_sform, has_qform = (int(header[code]) > 0 for code in ("sform_code", "qform_code"))
    if not has_sform and not has_qform:
        _fail(
            name,
            "both qform_code and sform_code are 0, so the file does not state the orientation of the patient. "
            "Convert it again from DICOM, or set its qform.",
        )
    qform = header.get_qform() if has_qform else None
    affine = np.asarray(header.get_sform() if has_sform else qform, dtype=np.float64)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        _fail(name, "the affine (srow_x, srow_y, srow_z) is singular or not finite. Convert it again from DICOM.")
    if has_sform and (np.abs(sizes - pixdim) > _ROUNDING * sizes + 1e-3).any():
        _fail(
            name,
            f"pixdim states voxels of {np.round(pixdim, 4).tolist()}, but the sform of {np.round(sizes, 4).tolist()}. "
            "Only one can be right: convert it again from DICOM, or correct the header.",
        )
    if has_sform and qform is not None:
        codes = [nibabel.aff2axcodes(form) for form in (affine, qform)]
        if codes[0] != codes[1]:
            _fail(
                name,
                f"the sform states the axes {''.join(codes[0])}, but the qform {''.join(codes[1])}. "
                "Left and right would be a guess: convert it again from DICOM, or clear the wrong one.",
            )
    return np.diag([_MILLIMETERS[unit]] * 3 + [1.0]) @ affine


def _shape(header: Any, name: str) -> list[int]:
    """Return the shape (X, Y, Z) that a header states."""
    dim = [int(n) for n in header["dim"]]
    shape = dim[1 : 1 + max(0, dim[0])]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3 or min(shape) < 1:
        _fail(name, f"dim must state a 3D volume, but states {shape}. Save one volume for each file.")
    return shape


def _check_size(header: Any, name: str, shape: list[int], itemsize: int) -> None:
    """Raise if the volume is too large, or larger than the file can be, before memory is allocated."""
    check_voxel_count(name, shape, "dim")
    offset = float(header["vox_offset"])
    if not 0 <= offset <= _MOST_OFFSET:
        _fail(name, f"vox_offset must be 0 to {_MOST_OFFSET:,}, but is {offset:g}. Convert it again from DICOM.")
    declared, stored = int(np.prod(shape, dtype=np.int64)) * itemsize, os.path.getsize(name)
    zipped = name.lower().endswith(".gz")
    check_stored_size(name, declared, stored if zipped else max(0, stored - int(offset)), zipped)


def read_nifti(path: str | PathLike[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read a NIfTI volume.

    Args:
        path: File that ends in ``.nii`` or ``.nii.gz``.

    Returns:
        Array (X, Y, Z), float32, with slope and intercept applied, and affine (4, 4) to RAS millimeters.

    Raises:
        ValueError: If the file is no NIfTI volume of real numbers, its header is not usable (see `nifti_affine`), or
            the header declares more than the file holds or a CT has.
        OSError, EOFError: If the file is truncated.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "scan.nii.gz")
        ...     nibabel.save(nibabel.Nifti1Image(np.zeros((4, 3, 2), np.int16), np.diag([2.0, 2, 5, 1])), file)
        ...     array, affine = read_nifti(file)
        >>> array.shape, np.diag(affine).tolist()
        ((4, 3, 2), [2.0, 2.0, 5.0, 1.0])
    """
    name = str(Path(path))
    header = _read_header(name)
    try:
        dtype = header.get_data_dtype()
    except (nibabel.spatialimages.HeaderDataError, KeyError):
        _fail(name, f"its datatype {int(header['datatype'])} is unknown. Convert it again from DICOM.")
    if dtype.kind not in "iuf":
        _fail(
            name,
            f"datatype must be real numbers, one for each voxel, but is {dtype} (color or complex "
            "values). Save it with one real value for each voxel, in HU.",
        )
    shape = _shape(header, name)
    _check_size(header, name, shape, dtype.itemsize)
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if np.isfinite(slope) and slope != 0 and not np.isfinite(intercept):
        _fail(name, f"scl_inter must be a number, but is {intercept}. Set it to 0 if the values are HU already.")
    affine = nifti_affine(header, name)
    image: Any = nibabel.load(name)
    array = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
    return array, affine
