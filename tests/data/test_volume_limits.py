"""Limits on the size of files: nothing is allocated or decompressed before it is checked."""

from __future__ import annotations

import contextlib
import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK
import tifffile
from PIL import Image

from monai_pylon.data import read_radiograph, read_volume, volume_limits
from monai_pylon.data.volume_limits import (
    check_pixel_count,
    check_stored_size,
    check_tiff_size,
    check_voxel_count,
    data_files,
)
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from tests.data.dicom_files import write_dicom

#: Size of the bombs in bytes. Their files have less than a thousandth of it.
SIZE = 2**27


def nifti(folder: Path, shape: tuple[int, int, int], data: bytes) -> Path:
    """Write a compressed NIfTI file whose header has a shape and whose content is other data."""
    header = nibabel.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(np.int16)
    header.set_sform(np.eye(4), code=1)
    header.set_zooms((1, 1, 1))
    header["xyzt_units"], header["vox_offset"], header["magic"] = 2, 352, b"n+1"
    with gzip.open(folder / "bomb.nii.gz", "wb", compresslevel=9) as file:
        file.write(header.binaryblock + bytes(4))
        file.write(data)
    return folder / "bomb.nii.gz"


def honest_nifti(folder: Path) -> Path:
    return nifti(folder, (512, 512, SIZE // 2**19), bytes(SIZE))


def nifti_with_a_large_header(folder: Path) -> Path:
    return nifti(folder, (1200, 1200, 1200), bytes(100))


def nifti_with_a_far_offset(folder: Path) -> Path:
    path = nifti(folder, (8, 8, 8), bytes(SIZE))
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[108:112] = struct.pack("<f", SIZE - 2000)
    path.write_bytes(gzip.compress(bytes(raw)))
    return path


def npz(folder: Path, shape: tuple[int, ...], data: bytes) -> Path:
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<i2", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ct.npy", head.getvalue() + data)
    return folder / "bomb.npz"


def honest_npz(folder: Path) -> Path:
    return npz(folder, (SIZE // 2**19, 512, 512), bytes(SIZE))


def npz_with_more_than_its_array(folder: Path) -> Path:
    return npz(folder, (8, 8, 8), bytes(SIZE))


def npz_with_a_large_header(folder: Path) -> Path:
    return npz(folder, (1200, 1200, 1200), bytes(100))


def nrrd_with_a_large_header(folder: Path) -> Path:
    image = SimpleITK.Image([8, 8, 8], SimpleITK.sitkInt16)
    SimpleITK.WriteImage(image, str(folder / "bomb.nrrd"), useCompression=True)
    raw = (folder / "bomb.nrrd").read_bytes()
    (folder / "bomb.nrrd").write_bytes(raw.replace(b"sizes: 8 8 8", b"sizes: 900 900 900"))
    return folder / "bomb.nrrd"


def honest_mha(folder: Path) -> Path:
    SimpleITK.WriteImage(
        SimpleITK.Image([512, 512, SIZE // 2**19], SimpleITK.sitkInt16), str(folder / "bomb.mha"), useCompression=True
    )
    return folder / "bomb.mha"


def dicom_with_much_behind_its_pixels(folder: Path) -> Path:
    """Write a deflated file as small as a slice, whose stream goes on with zeros."""
    write_dicom(folder / "d", np.zeros((8, 8, 1), np.int16))
    (file,) = (folder / "d").iterdir()
    dataset = pydicom.dcmread(file)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.save_as(file, enforce_file_format=True)
    raw = file.read_bytes()
    start = 132 + 12 + int(pydicom.dcmread(file).file_meta.FileMetaInformationGroupLength)
    content = zlib.decompress(raw[start:], -15)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    file.write_bytes(raw[:start] + packer.compress(content + bytes(SIZE)) + packer.flush())
    return folder / "d"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (honest_nifti, "blank volume or a decompression bomb"),
        (nifti_with_a_large_header, r"declares 3,456,000,000 bytes of voxels, but the file holds at most"),
        (nifti_with_a_far_offset, "vox_offset must be 0 to 67,108,864"),
        (honest_npz, "blank volume or a decompression bomb"),
        (npz_with_more_than_its_array, "the array 'ct' declares 1,024 bytes, but its entry in the archive has 134,"),
        (npz_with_a_large_header, r"declares 3,456,000,000 bytes of voxels, but the file holds at most"),
        (nrrd_with_a_large_header, r"declares 1,458,000,000 bytes of voxels, but the file holds at most"),
        (honest_mha, "blank volume or a decompression bomb"),
        (dicom_with_much_behind_its_pixels, "header declares pixels of 128 bytes"),
    ],
)
def test_a_bomb_is_refused_before_it_expands(write: Callable[[Path], Path], message: str, tmp_path: Path) -> None:
    path = write(tmp_path)
    restart_peak_memory()
    before = peak_memory_mb()
    with pytest.raises(ValueError, match=rf"(bomb|d).*{message}"):
        read_volume(path)
    assert peak_memory_mb() - before < 64


def test_a_deflated_radiograph_that_expands_is_refused(tmp_path: Path) -> None:
    (file,) = dicom_with_much_behind_its_pixels(tmp_path).iterdir()
    with pytest.raises(ValueError, match="header declares pixels of 128 bytes"):
        read_radiograph(file)


def test_deflated_slices_are_read(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).integers(-900, 1500, (8, 8, 4)).astype(np.int16)
    write_dicom(tmp_path, hu)
    for file in tmp_path.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
        dataset.save_as(file, enforce_file_format=True)
    np.testing.assert_array_equal(read_volume(tmp_path)[0].numpy(), hu // 2 * 2)
    raw = file.read_bytes()
    file.write_bytes(raw[: len(raw) - 100])
    with pytest.raises(ValueError, match=r"cannot be read|truncated"):
        read_volume(tmp_path)


@pytest.mark.parametrize("side", [8200, 20000])
def test_an_image_with_too_many_pixels_is_refused(side: int, tmp_path: Path) -> None:
    """A PNG of a few kilobytes may hold gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    with pytest.raises(ValueError, match=r"a\.png' cannot be used: .*pixels"):
        read_radiograph(tmp_path / "a.png")


def test_a_deflated_file_is_counted_up_to_a_limit(tmp_path: Path) -> None:
    file, deflate = tmp_path / "a", zlib.compressobj(wbits=-zlib.MAX_WBITS)
    file.write_bytes(b"head" + deflate.compress(bytes(3000)) + deflate.flush())
    assert volume_limits._inflated_size(file, 4, most=10**6) == 3000
    assert volume_limits._inflated_start(file, 4) == bytes(3000)
    assert volume_limits._inflated_size(file, 4, most=10) > 10
    deflate = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    file.write_bytes(deflate.compress(bytes(9 * 2**20)) + deflate.flush())
    assert len(volume_limits._inflated_start(file, 0)) == 4 * 2**20
    assert volume_limits._inflated_size(file, 0, most=2**20) == 2 * 2**20, "it stops at the first piece beyond"
    header = pydicom.Dataset()
    assert volume_limits._declared_bytes(header) == 0
    header.Rows, header.Columns = 32, 16
    assert volume_limits._declared_bytes(header) == 0, "without a depth there are no pixels"
    header.BitsAllocated = 16
    assert volume_limits._declared_bytes(header) == 1024
    header.NumberOfFrames, header.SamplesPerPixel = 5, 3
    assert volume_limits._declared_bytes(header) == 15 * 1024


def test_the_largest_scans_are_accepted() -> None:
    check_voxel_count("a", (1024, 1024, 2048))
    with pytest.raises(ValueError, match="1024 x 1024 x 2049, more than"):
        check_voxel_count("a", (1024, 1024, 2049))
    check_stored_size("a", 1000, 1000)
    with pytest.raises(ValueError, match="truncated"):
        check_stored_size("a", 1001, 1000)
    check_stored_size("a", 2**26, 2**26 // 1032 + 1, compressed=True)  # small: it does no harm
    check_stored_size("a", 2**30, 2**30 // 999, compressed=True)  # a mask compresses well
    with pytest.raises(ValueError, match="decompression bomb"):
        check_stored_size("a", 2**30, 2**30 // 1001, compressed=True)
    check_stored_size("a", 70_000_000, 70_000, compressed=True)
    with pytest.raises(ValueError, match="70,000 bytes would expand to 70,000,001"):
        check_stored_size("a", 70_000_001, 70_000, compressed=True)
    check_stored_size("a", 2**26, 67_000, compressed=True)
    with pytest.raises(ValueError, match="67,000 bytes would expand to 67,108,865"):
        check_stored_size("a", 2**26 + 1, 67_000, compressed=True)
    check_pixel_count("a", (8192, 8192))
    with pytest.raises(ValueError, match="8192 x 8193 pixels, more than"):
        check_pixel_count("a", (8192, 8193))


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["NDims = 3", "ElementDataFile = LOCAL"], []),
        (["NDims = 3", "ElementDataFile = a.raw"], ["a.raw"]),
        (["NDims = 3", "ElementDataFile = LIST", "a.raw", "b.raw"], ["a.raw", "b.raw"]),
        (["NDims = 3", "ElementDataFile = slice%d.raw 1 3 1"], ["slice%d.raw 1 3 1"]),
        (["NRRD0004", "type: short", "data file: a.raw"], ["a.raw"]),
        (["NRRD0004", "datafile:= a.raw", "type: short"], ["a.raw"]),
        (["NRRD0004", "data file: LIST", "b.raw"], ["b.raw"]),
        (["NRRD0004", "type: short"], []),
    ],
)
def test_data_files_of_detached_headers(lines: list[str], names: list[str], tmp_path: Path) -> None:
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).touch()
    header = tmp_path / ("a.nhdr" if lines[0].startswith("NRRD") else "a.mhd")
    header.write_text("\n".join(lines) + "\n")
    assert data_files(header) == [tmp_path / name for name in names]


@pytest.mark.parametrize("name", ["/etc/hosts", "../a.raw", "b/../../a.raw", "C:\\a.raw", "..\\a.raw"])
def test_a_data_file_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "a.raw").touch()
    (tmp_path / "d" / "a.mhd").write_text(f"ElementDataFile = {name}\n")
    with pytest.raises(ValueError, match=r"is not in its folder\. Move the data file"):
        data_files(tmp_path / "d" / "a.mhd")


def test_a_missing_data_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mhd").write_text("ElementDataFile = a.raw\n")
    with pytest.raises(ValueError, match=r"its data file 'a\.raw' does not exist"):
        data_files(tmp_path / "a.mhd")


def test_masks_and_blank_images_of_usual_size_are_read(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((256, 256, 64), np.uint8), np.eye(4)), tmp_path / "mask.nii.gz")
    assert read_volume(tmp_path / "mask.nii.gz").shape == (1, 256, 256, 64)
    Image.new("L", (4000, 4000)).save(tmp_path / "a.png")
    assert read_radiograph(tmp_path / "a.png").shape == (1, 4000, 4000)


def test_a_tiff_of_many_channels_or_little_content_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.tif"
    tifffile.imwrite(file, np.zeros((8, 8, 9), np.uint8), photometric="minisblack", planarconfig="contig")
    with tifffile.TiffFile(file) as tiff, pytest.raises(ValueError, match="9 channels"):
        check_tiff_size(file, tiff.pages[0])
    for channels, raised in ((4, contextlib.nullcontext()), (5, pytest.raises(ValueError, match="5 channels"))):
        tifffile.imwrite(file, np.zeros((8, 8, channels), np.uint8), photometric="rgb", planarconfig="contig")
        with tifffile.TiffFile(file) as tiff, raised:
            check_tiff_size(file, tiff.pages[0])
    tifffile.imwrite(file, np.zeros((8, 8), np.uint16))
    with tifffile.TiffFile(file) as tiff:
        check_tiff_size(file, tiff.pages[0])
        tiff.pages[0].imagelength = tiff.pages[0].tilelength = 7000  # as a damaged header would
        tiff.pages[0].__dict__["nbytes"] = 7000 * 8 * 2
        with pytest.raises(ValueError, match="declares 112,000 bytes"):
            check_tiff_size(file, tiff.pages[0])
