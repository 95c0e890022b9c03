"""Damaged lengths and sizes in DICOM files are refused before memory is allocated for them."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from monai_pylon.data import read_radiograph, read_volume
from monai_pylon.data.dicom_files import BoundedFile, codestream_size, read_dicom
from tests.data.dicom_files import write_dicom
from tests.data.radiographs.test_reader import write_dicom as write_radiograph

HU = np.random.default_rng(0).integers(-500, 500, (16, 16, 3)) * 2
PIXELS = (np.add.outer(np.arange(16), np.arange(16)) * 8).astype(np.uint8)
#: Start of the element PixelData with explicit type, and a length of 2 GB.
PIXEL_DATA, HUGE = b"\xe0\x7f\x10\x00OW\x00\x00", (2**31 - 2).to_bytes(4, "little")


def encoded(kind: str) -> bytes:
    stream = io.BytesIO()
    options: dict[str, Any] = {"irreversible": False, "no_jp2": True} if kind == "JPEG2000" else {"quality": 95}
    Image.fromarray(PIXELS).save(stream, kind, **options)
    return stream.getvalue()


def compress(file: Path, kind: str, size: tuple[int, int] = PIXELS.shape, cut: int = 0) -> None:
    """Replace the pixels of a file by compressed ones of 16 x 16; its header states another size if given one."""
    data = pydicom.dcmread(file)
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    if kind == "RLE":
        data.compress(RLELossless, PIXELS)
    else:
        data.PixelData = encapsulate([encoded(kind)])
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = JPEG2000Lossless if kind == "JPEG2000" else JPEGBaseline8Bit
    data.RescaleSlope, data.RescaleIntercept = 1, 0
    data.Rows, data.Columns = size
    if cut:  # the length of the fragment, not its bytes
        item = data.PixelData.rindex(b"\xfe\xff\x00\xe0")
        data.PixelData = data.PixelData[: item + 4] + HUGE + data.PixelData[item + 8 :]
    data.save_as(file)


def series(folder: Path, kind: str = "", **options: Any) -> Path:
    write_dicom(folder, HU)
    for file in folder.iterdir():
        if kind:
            compress(file, kind, **options)
    return folder


def radiograph(folder: Path, kind: str = "", **options: Any) -> Path:
    file = folder / "chest.dcm"
    folder.mkdir(exist_ok=True)
    write_radiograph(file, PIXELS.astype(np.uint16))
    if kind:
        compress(file, kind, **options)
    return file


@pytest.mark.parametrize("kind", ["", "JPEG", "JPEG2000", "RLE"])
def test_intact_files_are_read(kind: str, tmp_path: Path) -> None:
    found = read_volume(series(tmp_path / "ct", kind))[0, :, :, 0].numpy().T
    np.testing.assert_allclose(found, PIXELS if kind else HU[:, :, 0].T, atol=3 if kind == "JPEG" else 0)
    assert read_radiograph(radiograph(tmp_path / "xray", kind)).shape == (1, 16, 16)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_a_codestream_of_another_size_is_refused(kind: str, tmp_path: Path) -> None:
    """A decoder allocates what the codestream states, which the header need not."""
    message = "compressed pixels state \\(16, 16\\)"
    with pytest.raises(ValueError, match=message):
        read_volume(series(tmp_path / "ct", kind, size=(8, 8)))
    with pytest.raises(ValueError, match=message):
        read_radiograph(radiograph(tmp_path / "xray", kind, size=(8, 8)))


@pytest.mark.parametrize("kind", ["JPEG", "RLE"])
def test_a_fragment_longer_than_the_file_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="truncated"):
        read_volume(series(tmp_path / "ct", kind, cut=1))
    with pytest.raises(ValueError, match="truncated"):
        read_radiograph(radiograph(tmp_path / "xray", kind, cut=1))


def test_few_compressed_bytes_for_many_pixels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="declares 1,600,000,000 bytes"):
        read_volume(series(tmp_path / "ct", "RLE", size=(40_000, 40_000)))


@pytest.mark.parametrize("place", ["pixels", "header"])
def test_a_length_beyond_the_file_takes_no_memory(place: str, tmp_path: Path) -> None:
    folder, file = series(tmp_path / "ct"), radiograph(tmp_path / "xray")
    for one in (*folder.iterdir(), file):
        content = one.read_bytes()
        start = content.index(PIXEL_DATA)
        if place == "header":
            content = content[:start] + b"\x19\x00\x01\x10OB\x00\x00" + HUGE + content[start:]
        else:
            content = content[: start + 8] + HUGE + content[start + 12 :]
        one.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"truncated|PixelData"):
            read_volume(folder)
        with pytest.raises(ValueError, match="PixelData") if place == "header" else contextlib.nullcontext():
            read_radiograph(file)  # the pixels themselves are whole
        read_dicom(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**28


def test_sizes_of_codestreams() -> None:
    assert codestream_size(encoded("JPEG")) == codestream_size(encoded("JPEG2000")) == (16, 16)
    for other in (b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", bytes(100), b"\xff\x4f\xff\x51"):
        assert codestream_size(other) in (None, (0, 0))


def test_reads_of_more_than_64_kib_take_no_more_than_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"four")
    with BoundedFile(tmp_path / "a") as file:
        for asked in (2**16 + 1, 2**40):
            file.seek(0)
            tracemalloc.start()
            try:
                assert file.read(asked) == b"four"
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            assert peak < 2**14
        assert file.read(2**17) == b""
        file.seek(100)
        assert file.read(2**17) == b""
        file.seek(1)
        assert file.read() == b"our"
