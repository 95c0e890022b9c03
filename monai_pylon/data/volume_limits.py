"""Limits on the size of files, checked from what their headers declare before any memory is allocated.

A small file can declare, or decompress to, more than a computer holds. The size that the header declares must be
plausible for a scan, and the file must be large enough to hold it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path, PureWindowsPath
from typing import Any, NoReturn

from monai.utils import optional_import

from monai_pylon.data.scan_headers.itk_header import header_lines

__all__ = [
    "MOST_PIXELS",
    "MOST_VOXELS",
    "check_dicom_size",
    "check_pixel_count",
    "check_stored_size",
    "check_tiff_size",
    "check_voxel_count",
    "data_files",
]

#: Largest accepted number of voxels of a volume: 8 GiB as float32.
MOST_VOXELS = 2**31
#: Largest accepted number of pixels of a radiograph; detectors have up to 30 million.
MOST_PIXELS = 2**26
#: Bytes that one compressed byte can become, at most (deflate).
_DEFLATE_RATIO = 1032
#: Compressed files that hold more bytes than this must not be almost empty, as only blank volumes and bombs are.
_BLANK_BYTES, _BLANK_RATIO = 2**26, 1000
#: Bytes of a DICOM header, at most; those of enhanced CTs have some kilobytes for each frame.
_DICOM_HEADER = 2**26
_DEFLATED = "1.2.840.10008.1.2.1.99"
_CHUNK = 2**20


def _fail(path: str | PathLike[str], text: str) -> NoReturn:
    raise ValueError(f"{str(path)!r} cannot be used: {text}")


def check_voxel_count(path: str | PathLike[str], shape: Sequence[int], field: str = "its header") -> None:
    """Raise if a volume is too large to be a CT.

    Args:
        path: The file or folder, for the error message.
        shape: Voxels along each axis.
        field: Place of the shape in the file, for the error message.

    Raises:
        ValueError: If the volume has more than `MOST_VOXELS` voxels.

    Example:
        >>> check_voxel_count("scan.nii", (30000, 30000, 3000), "dim")
        Traceback (most recent call last):
        ...
        ValueError: 'scan.nii' cannot be used: dim states 30000 x 30000 x 3000, more than 2,147,483,648 voxels. Crop ...
    """
    if math.prod(int(n) for n in shape) > MOST_VOXELS:
        size = " x ".join(str(int(n)) for n in shape)
        _fail(path, f"{field} states {size}, more than {MOST_VOXELS:,} voxels. Crop or resample it first.")


def check_pixel_count(path: str | PathLike[str], shape: Sequence[int]) -> None:
    """Raise if an image is too large to be a radiograph.

    Args:
        path: The file, for the error message.
        shape: Pixels along each axis, and frames if there are any.

    Raises:
        ValueError: If the image has more than `MOST_PIXELS` pixels.

    Example:
        >>> check_pixel_count("chest.png", (3000, 2500))
    """
    if math.prod(int(n) for n in shape) > MOST_PIXELS:
        size = " x ".join(str(int(n)) for n in shape)
        _fail(path, f"it has {size} pixels, more than {MOST_PIXELS:,}. Crop or resample it first.")


def check_stored_size(path: str | PathLike[str], declared: int, stored: int, compressed: bool = False) -> None:
    """Raise if a file cannot hold what its header declares, or expands as only a decompression bomb does.

    Args:
        path: The file, for the error message.
        declared: Bytes of the voxels that the header declares.
        stored: Bytes of the file that can hold them.
        compressed: Whether they are compressed by deflate (gzip, zip).

    Raises:
        ValueError: If the file is too small: it is truncated, or its header is wrong. Also if more than 64 MiB are
            compressed to less than a thousandth, as a volume with one value only.

    Example:
        >>> check_stored_size("scan.nii", declared=1000, stored=900)
        Traceback (most recent call last):
        ...
        ValueError: 'scan.nii' cannot be used: the header declares 1,000 bytes of voxels, but the file holds ... 900...
    """
    most = stored * (_DEFLATE_RATIO if compressed else 1)
    if declared > most:
        _fail(
            path,
            f"the header declares {declared:,} bytes of voxels, but the file holds at most {most:,}. "
            "It is truncated, or its header is wrong. Copy or download it again.",
        )
    if compressed and declared > _BLANK_BYTES and declared > _BLANK_RATIO * stored:
        _fail(
            path,
            f"{stored:,} bytes would expand to {declared:,}, as only a blank volume or a decompression bomb does. "
            "Look at it with another program.",
        )


def check_tiff_size(path: str | PathLike[str], page: Any) -> None:
    """Raise if a TIFF declares more than a radiograph has, or than its file can hold.

    Args:
        path: The file.
        page: Its page, as tifffile reads it.

    Raises:
        ValueError: If image or tiles have too many pixels, there are more than four channels, or the file is too small.

    Example:
        >>> from tifffile import TiffPage
        >>> page = TiffPage.__new__(TiffPage)
        >>> page.imagelength = page.imagewidth = 10**5
        >>> check_tiff_size("a.tif", page)
        Traceback (most recent call last):
        ...
        ValueError: 'a.tif' cannot be used: it has 100000 x 100000 pixels, more than 67,108,864. Crop ... it first.
    """
    check_pixel_count(path, (page.imagelength, page.imagewidth))
    check_pixel_count(path, (page.tilelength, page.tilewidth))  # may be larger than the image
    if page.samplesperpixel > 4:
        _fail(path, f"it has {page.samplesperpixel} channels. Convert it to gray.")
    check_stored_size(path, page.nbytes, Path(path).stat().st_size, compressed=int(page.compression) != 1)


def data_files(path: str | PathLike[str]) -> list[Path]:
    """Return the files in which a detached NRRD or MetaImage header says that its voxels are.

    Args:
        path: The header.

    Returns:
        The files, or a pattern with "%"; empty if the voxels are in the file itself.

    Raises:
        ValueError: If one is not in the folder of the header or below it, so that a header cannot read any file of the
            computer, or does not exist.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     header = Path(folder, "a.mhd")
        ...     _ = header.write_text("ElementDataFile = LOCAL")
        ...     data_files(header)
        []
    """
    lines, values = header_lines(path), []
    for number, line in enumerate(lines):
        name, sign, value = line.partition("=" if line.lower().startswith("element") else ":")
        if sign and name.strip().lower() in ("data file", "datafile", "elementdatafile"):
            value = value.removeprefix("=").strip()
            values = [one for one in lines[number + 1 :] if one] if value.upper().startswith("LIST") else [value]
            break
    found = [Path(path).parent / value for value in values if value.upper() != "LOCAL"]
    for value in values:
        if PureWindowsPath(value).anchor or ".." in PureWindowsPath(value).parts:
            _fail(path, f"its data file {value!r} is not in its folder. Move the data file beside the header.")
    for file_ in found:
        if "%" not in file_.name and not file_.is_file():
            _fail(path, f"its data file {file_.name!r} does not exist. Copy it beside the header.")
    return found


def _inflate(file: Path, offset: int) -> Iterator[bytes]:
    """Yield the content of a deflated file in pieces of bounded size."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    with file.open("rb") as stream:
        stream.seek(offset)
        waiting = stream.read(_CHUNK)
        while waiting and not inflate.eof:
            yield inflate.decompress(waiting, _CHUNK)
            waiting = inflate.unconsumed_tail or stream.read(_CHUNK)


def _inflated_start(file: Path, offset: int) -> bytes:
    """Return the first megabytes of a deflated file."""
    start = bytearray()
    for part in _inflate(file, offset):
        start += part
        if len(start) >= 4 * _CHUNK:
            break
    return bytes(start)


def _inflated_size(file: Path, offset: int, most: int) -> int:
    """Count the bytes of a deflated file without keeping them; stop when there are more than `most`."""
    total = 0
    for part in _inflate(file, offset):
        total += len(part)
        if total > most:
            break
    return total


def check_dicom_size(path: str | PathLike[str]) -> None:
    """Raise if a deflated DICOM file holds more than its header declares; pydicom inflates such a file as a whole.

    Args:
        path: A file. One that is no deflated DICOM file is accepted.

    Raises:
        ValueError: If the file expands to much more than the pixels that its header declares, or cannot be inflated.

    Example:
        >>> check_dicom_size("there_is_no_such_file.dcm")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'there_is_no_such_file.dcm'
    """
    file, pydicom = Path(path), optional_import("pydicom")[0]
    with file.open("rb") as stream:
        start = stream.read(4096)
    if start[128:132] != b"DICM" or _DEFLATED.encode() not in start:
        return
    try:
        meta = optional_import("pydicom.filereader")[0].read_file_meta_info(file)
        if str(meta.TransferSyntaxUID) != _DEFLATED:
            return
        offset = 132 + 12 + int(meta.FileMetaInformationGroupLength)
        read = optional_import("pydicom.filereader")[0].read_dataset
        header = read(BytesIO(_inflated_start(file, offset)), False, True, stop_when=_after_size)
        declared = _declared_bytes(header)
        total = _inflated_size(file, offset, declared + _DICOM_HEADER)
    except (zlib.error, EOFError, AttributeError, ValueError, pydicom.errors.InvalidDicomError) as error:
        _fail(path, f"its deflated content cannot be read ({error}). Copy or download it again.")
    if total < declared:
        _fail(
            path, f"it is truncated: {declared - total:,} bytes of pixel data are missing. Copy or download it again."
        )
    if total > declared + _DICOM_HEADER:
        _fail(
            path,
            f"it expands to more than {total:,} bytes, but its header declares pixels of {declared:,} bytes. "
            "It is damaged, or a decompression bomb.",
        )
    check_stored_size(path, total, file.stat().st_size, compressed=True)


def _after_size(tag: Any, _vr: Any, _length: Any) -> bool:
    """Return whether a tag comes after the size of the pixels (group 0028)."""
    return int(tag) >= 0x00290000


def _declared_bytes(dataset: Any) -> int:
    """Return the bytes of the pixels that a header declares; 0 without pixels."""
    counts = [int(dataset.get(name) or 0) for name in ("Rows", "Columns", "BitsAllocated")]
    frames, samples = (int(dataset.get(name) or 1) for name in ("NumberOfFrames", "SamplesPerPixel"))
    return math.prod(counts) * frames * samples // 8
