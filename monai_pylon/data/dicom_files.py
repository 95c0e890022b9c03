"""DICOM files read with memory for no more than they hold.

The length of an element is a number in the file. pydicom and GDCM allocate it before they read, so a damaged length
in a file of some kilobytes would take up to 4 GB.
"""

from __future__ import annotations

import io
import os
from os import PathLike, fspath
from typing import Any, BinaryIO

from monai.utils import optional_import

from monai_pylon.data.volume_limits import check_stored_size

__all__ = ["BoundedFile", "codestream_size", "fragments_problem", "pixels_problem", "read_dicom"]

#: Reads up to this many bytes are not checked.
_SMALL = 2**16
_UNDEFINED = 0xFFFFFFFF
_ITEM = b"\xfe\xff\x00\xe0"
#: Markers of a frame's size in JPEG and JPEG-LS (all but the tables DHT, JPG and DAC), and in JPEG 2000.
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_JPEG_2000 = b"\xff\x4f\xff\x51"


class BoundedFile(io.BufferedReader):
    """File that reads at most what is left of it, so that no more is allocated.

    Args:
        path: The file.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as file, BoundedFile(file.name) as bounded:
        ...     _ = file.write(b"four"), file.flush()
        ...     bounded.read(2**40)
        b'four'
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        super().__init__(io.FileIO(fspath(path)))

    def read(self, size: int | None = -1) -> bytes:
        """Return the next bytes, as many as asked for or as there are."""
        if size is not None and size > _SMALL:
            size = min(size, max(os.fstat(self.fileno()).st_size - self.tell(), 0))
        return super().read(size)


def read_dicom(path: str | PathLike[str], stop_before_pixels: bool = False) -> Any:
    """Read a DICOM file; a preamble is not required.

    Args:
        path: The file.
        stop_before_pixels: Whether to leave out the pixels.

    Returns:
        The pydicom dataset.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> read_dicom("missing.dcm")
        Traceback (most recent call last):
        ...
        FileNotFoundError: [Errno 2] No such file or directory: 'missing.dcm'
    """
    read = optional_import("pydicom", name="dcmread")[0]
    with BoundedFile(path) as stream:
        return read(stream, stop_before_pixels=stop_before_pixels, force=True)


def codestream_size(fragment: bytes) -> tuple[int, int] | None:
    """Return the rows and columns that a compressed image states itself; a decoder allocates them.

    Args:
        fragment: Start of the image in JPEG, JPEG-LS or JPEG 2000.

    Returns:
        Rows and columns; None if it is of another kind.

    Example:
        >>> codestream_size(bytes.fromhex("ffd8 ffc0 0011 08 0040 0030 03"))
        (64, 48)
    """
    if (start := fragment.find(_JPEG_2000, 0, 512)) >= 0:  # a JP2 file has boxes before it
        right, bottom, left, top = (int.from_bytes(fragment[start + n : start + n + 4], "big") for n in (8, 12, 16, 20))
        return bottom - top, right - left
    place = 2
    while fragment[:2] == b"\xff\xd8" and place + 9 <= len(fragment) and fragment[place] == 0xFF:
        if fragment[place + 1] in _JPEG_FRAMES:
            rows, columns = (int.from_bytes(fragment[place + n : place + n + 2], "big") for n in (5, 7))
            return rows, columns
        place += 2 + int.from_bytes(fragment[place + 2 : place + 4], "big")
    return None


def fragments_problem(stream: BinaryIO, left: int, size: tuple[int, int]) -> str:
    """Return why the fragments of compressed pixels cannot be decoded.

    Args:
        stream: The file at the first item of its element PixelData.
        left: Bytes from there to the end of the file.
        size: Rows and columns by the header.

    Returns:
        The reason; empty if each fragment is in the file, and states the size of the header or none.

    Example:
        >>> fragments_problem(io.BytesIO(bytes.fromhex("feff00e0 00000080")), 8, (8, 8))
        'the file is truncated: 2147483648 bytes of pixel data are missing'
    """
    while (item := stream.read(8))[:4] == _ITEM:
        length, left = int.from_bytes(item[4:], "little"), left - 8
        if length > left:
            return f"the file is truncated: {length - left} bytes of pixel data are missing"
        start = stream.read(min(length, _SMALL))
        stream.seek(length - len(start), io.SEEK_CUR)
        left -= length
        if (stated := codestream_size(start)) not in (None, size):
            return f"Rows and Columns are {size[0]} x {size[1]}, but the compressed pixels state {stated}"
    return ""


def pixels_problem(file: str | PathLike[str], dataset: Any, position: int, expected: int) -> str:
    """Return why the pixels of a file cannot be decoded, by the lengths and sizes that the file states.

    Args:
        file: The file.
        dataset: Its header.
        position: Place of the element PixelData in the file.
        expected: Bytes of the decoded pixels.

    Returns:
        The reason; empty if there is none.

    Example:
        >>> from pydicom import Dataset
        >>> deflated = Dataset()
        >>> deflated.file_meta = Dataset()
        >>> deflated.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"  # `check_dicom_size` checks it
        >>> pixels_problem("a.dcm", deflated, 0, 0)
        ''
    """
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    if syntax is not None and syntax.is_deflated:
        return ""
    implicit, little_endian = dataset.original_encoding
    with BoundedFile(file) as stream:
        stream.seek(position)
        header = stream.read(8 if implicit else 12)
        left = os.fstat(stream.fileno()).st_size - stream.tell()
        if syntax is not None and syntax.is_compressed:
            check_stored_size(file, expected, position + left, compressed=True)
            return fragments_problem(stream, left, (int(dataset.Rows), int(dataset.Columns)))
    length = int.from_bytes(header[-4:], "little" if little_endian else "big")
    missing = max(expected, length - length % 2 if length != _UNDEFINED else 0) - left
    return f"the file is truncated: {missing} bytes of pixel data are missing" if missing > 0 else ""
