"""Pixels of DICOM slices in HU. SimpleITK decodes them; the geometry in its images is not used."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from monai.utils import optional_import

from monai_pylon.data.dicom_files import read_dicom
from monai_pylon.data.dicom_headers import CTSlice
from monai_pylon.data.itk_path import itk_path, itk_reason

__all__ = ["decode_slices", "stored_bytes"]

#: Air outside the field of view, in HU. Padding values are replaced by it.
_AIR = -1024.0
#: A padding value between these is a value that tissue can have, so it is not replaced.
_TISSUE = (-900.0, 3100.0)


def stored_bytes(one: CTSlice) -> bytes:
    """Return what tells the pixels of one slice from those of another: the stored data, frame and rescale.

    Args:
        one: A slice.

    Returns:
        The bytes.

    Raises:
        FileNotFoundError: If the file is gone.

    Example:
        >>> file = Path("no.dcm")
        >>> missing = CTSlice(file, 0, "1", "", "", ("0", "0", "0"), (1, 0, 0, 0, 1, 0), (1, 1), (8, 8), (1, 0))
        >>> stored_bytes(missing)
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'no.dcm'
    """
    dataset = read_dicom(one.file)
    return bytes(dataset.PixelData) + f"{one.frame} {one.rescale}".encode()


def _decoded(file: Path) -> np.ndarray:
    """Decode a file in HU; its geometry is not used."""
    sitk = optional_import("SimpleITK")[0]
    try:
        with itk_path(file) as readable:
            return sitk.GetArrayFromImage(sitk.ReadImage(readable))
    except RuntimeError:
        # ITK refuses a file whose optional SpacingBetweenSlices is 0: try once more without it.
        dataset = read_dicom(file)
        if "SpacingBetweenSlices" not in dataset:
            raise
        del dataset.SpacingBetweenSlices
        with tempfile.TemporaryDirectory() as folder:
            dataset.save_as(Path(folder, "slice.dcm"))
            return sitk.GetArrayFromImage(sitk.ReadImage(str(Path(folder, "slice.dcm"))))


def _frames(slices: Sequence[CTSlice]) -> dict[tuple[Path, int], np.ndarray]:
    """Decode the frames of multi-frame files, each with its own rescale."""
    found: dict[tuple[Path, int], np.ndarray] = {}
    for file in dict.fromkeys(one.file for one in slices):
        of_file = [one for one in slices if one.file == file]
        if len({one.rescale for one in of_file}) == 1:
            volume = _decoded(file).astype(np.float32)
            found |= {(file, one.frame): volume[one.frame] for one in of_file}
            continue
        try:
            stored = read_dicom(file).pixel_array
        except (RuntimeError, NotImplementedError, AttributeError) as error:
            raise ValueError(
                f"{str(file)!r} has a rescale for each frame and compressed pixels, which cannot be read together. "
                "Decompress it first."
            ) from error
        for one in of_file:
            found[file, one.frame] = stored[one.frame] * np.float32(one.rescale[0]) + np.float32(one.rescale[1])
    return found


def decode_slices(slices: Sequence[CTSlice], folder: str) -> np.ndarray:
    """Decode slices in HU.

    Padding values (PixelPaddingValue) that no tissue can have become air (-1024 HU).

    Args:
        slices: S slices of one size, in the order of the result.
        folder: Folder of the files, for error messages.

    Returns:
        Voxels (S, rows, columns), float32.

    Raises:
        ValueError: If a file cannot be decoded.

    Example:
        >>> decode_slices([], "folder").shape
        (0,)
    """
    if not slices:
        return np.zeros(0, np.float32)
    files = list(dict.fromkeys(one.file for one in slices))
    try:
        if len(files) == len(slices):
            planes = [_decoded(file).reshape(slices[0].size) for file in files]
            volume = np.stack(planes).astype(np.float32)
        else:
            frames = _frames(slices)
            volume = np.stack([frames[one.file, one.frame] for one in slices])
    except RuntimeError as error:
        reason = itk_reason(error)
        raise ValueError(f"The pixels of {folder!r} cannot be decoded: {reason}. Copy or download it again.") from error
    for one, plane in zip(slices, volume, strict=True):
        if one.padding is not None and not _TISSUE[0] <= one.padding[0] <= one.padding[1] <= _TISSUE[1]:
            plane[(plane >= one.padding[0]) & (plane <= one.padding[1])] = _AIR
    return volume
