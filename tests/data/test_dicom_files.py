"""Damaged lengths and sizes in DICOM files are refused before memory is allocated for them."""

from __future__ import annotations

import contextlib
import io
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from monai_pylon.data import read_radiograph, read_volume
from monai_pylon.data.dicom_files import BoundedFile, codestream_size, fragments_problem, pixels_problem, read_dicom
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
        for asked_all in (None, -1):
            file.seek(1)
            assert file.read(asked_all) == b"our"
        file.seek(1)
        assert file.read() == b"our"


def test_a_read_near_the_end_of_a_large_file_takes_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2**20))
    with BoundedFile(tmp_path / "a") as file:
        file.seek(2**20 - 4)
        tracemalloc.start()
        try:
            assert file.read(2**40) == bytes(4)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 2**16


def test_the_preamble_may_be_missing(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[132:])
    assert read_dicom(file).Modality == "CT"


def test_jpeg_2000_states_the_area_from_its_corners() -> None:
    """1000 - 258 columns and 700 - 3 rows."""
    stated = bytes.fromhex("ff4fff51 0029 0000 000003e8 000002bc 00000102 00000003 0003")
    assert codestream_size(stated) == codestream_size(bytes(508) + stated) == (697, 742)
    assert codestream_size(bytes(509) + stated) is None


def test_jpeg_states_its_size_behind_tables_in_any_kind_of_frame() -> None:
    size = bytes.fromhex("0011 08 0040 0030")
    table = bytes.fromhex("ffc4 0104") + bytes(258)
    found = {kind for kind in range(256) if codestream_size(bytes([255, 0xD8, 255, kind]) + size) == (64, 48)}
    assert found == {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7}
    assert codestream_size(b"\xff\xd8" + table + b"\xff\xc0" + size) == (64, 48)
    assert codestream_size(b"\xff\xd8\xff\xc0" + size[:-1]) is None


def test_each_fragment_must_be_whole_and_of_the_stated_size() -> None:
    image = bytes.fromhex("ffd8 ffc0 0011 08 0040 0030 03")
    first, second = (b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part for part in (bytes(70000), image))
    whole = first + second
    assert fragments_problem(io.BytesIO(whole), len(whole), (64, 48)) == ""
    assert fragments_problem(io.BytesIO(whole), len(whole), (64, 49)).endswith("pixels state (64, 48)")
    short = fragments_problem(io.BytesIO(whole[:-1]), len(whole) - 1, (64, 48))
    assert short == "the file is truncated: 1 bytes of pixel data are missing"


@pytest.mark.parametrize(("implicit", "order"), [(True, "little"), (False, "little"), (False, "big")])
@pytest.mark.parametrize(
    ("length", "present", "expected", "missing"),
    [
        (10, 10, 10, 0),
        (12, 10, 10, 2),
        (9, 8, 8, 0),  # an odd length counts its last byte, which pads
        (10, 9, 10, 1),
        (0xFFFFFFFF, 8, 8, 0),
        (0xFFFFFFFF, 0, 0, 0),
        (0xFFFFFFFE, 8, 8, 0xFFFFFFF6),
        (4, 4, 10, 6),
    ],
)
def test_uncompressed_pixels_must_be_whole(
    implicit: bool, order: Any, length: int, present: int, expected: int, missing: int, tmp_path: Path
) -> None:
    tag = b"\xe0\x7f\x10\x00" + (b"" if implicit else b"OW\x00\x00")
    (tmp_path / "a").write_bytes(b"header" + tag + length.to_bytes(4, order) + bytes(present))
    header = SimpleNamespace(file_meta=None, original_encoding=(implicit, order == "little"))
    found = pixels_problem(tmp_path / "a", header, 6, expected)
    assert found == (f"the file is truncated: {missing} bytes of pixel data are missing" if missing else "")


def test_compressed_pixels_may_become_1032_times_as_many(tmp_path: Path) -> None:
    """The 8 bytes before their element count too, of which they are 10; its header takes 12."""
    (tmp_path / "a").write_bytes(bytes(30))
    syntax = SimpleNamespace(is_deflated=False, is_compressed=True)
    header = SimpleNamespace(file_meta=SimpleNamespace(TransferSyntaxUID=syntax), original_encoding=(False, True))
    header.Rows, header.Columns = 4, 4
    assert pixels_problem(tmp_path / "a", header, 8, 18 * 1032) == ""
    with pytest.raises(ValueError, match=r"declares 18,577 bytes .* at most 18,576"):
        pixels_problem(tmp_path / "a", header, 8, 18 * 1032 + 1)
