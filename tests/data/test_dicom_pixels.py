"""Tests of the pixels of DICOM slices: the rescale of each file, and frames with a rescale of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_pylon.data.dicom_headers import CTSlice, read_dicom_headers
from monai_pylon.data.dicom_pixels import decode_slices, stored_bytes
from tests.data.dicom_files import write_dicom

HU = np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


def slices_of(folder: Path) -> list[CTSlice]:
    """Return the slices of the only series, by height."""
    (slices,) = read_dicom_headers(folder).slices.values()
    return sorted(slices, key=lambda one: float(one.position[2]))


def test_each_file_has_its_own_rescale(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU)
    changed = slices_of(tmp_path)[1].file
    dataset = pydicom.dcmread(changed)
    dataset.RescaleSlope, dataset.RescaleIntercept = 4, -1000
    dataset.save_as(changed)
    volume = decode_slices(slices_of(tmp_path), "folder")
    expected = np.moveaxis(HU // 2 * 2, (0, 1, 2), (2, 1, 0)).astype(np.float32)
    np.testing.assert_array_equal(np.delete(volume, 1, 0), np.delete(expected, 1, 0))
    np.testing.assert_array_equal(volume[1], dataset.pixel_array * 4.0 - 1000)


def test_frames_have_their_own_rescale(tmp_path: Path) -> None:
    """A file with two frames, read as the headers describe them."""
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    dataset = pydicom.dcmread(file)
    stored = np.stack([dataset.pixel_array, dataset.pixel_array + 7]).astype(np.uint16)
    dataset.NumberOfFrames, dataset.PixelData = 2, stored.tobytes()
    dataset.save_as(file)
    one = slices_of(tmp_path)[0]
    frames = [one._replace(frame=number, rescale=(1.0 + number, -1000.0)) for number in (0, 1)]
    volume = decode_slices(frames, "folder")
    np.testing.assert_array_equal(volume[0], stored[0] - 1000.0)
    np.testing.assert_array_equal(volume[1], stored[1] * 2.0 - 1000.0)


@pytest.mark.parametrize(
    ("padding", "air"),
    [
        ((-1024.0, -1024.0), [-1024, -1000, 40, 3100, 3102]),
        ((-1000.0, -950.0), [-1024, -1024, 40, 3100, 3102]),
        ((40.0, 40.0), [-1024, -1000, 40, 3100, 3102]),  # tissue may have it
        ((40.0, 3100.0), [-1024, -1000, 40, 3100, 3102]),
        ((-900.0, 40.0), [-1024, -1000, 40, 3100, 3102]),
        ((-901.0, 40.0), [-1024, -1000, -1024, 3100, 3102]),
        ((40.0, 3102.0), [-1024, -1000, -1024, -1024, -1024]),
        ((3102.0, 3102.0), [-1024, -1000, 40, 3100, -1024]),
        ((3101.0, 3102.0), [-1024, -1000, 40, 3100, -1024]),
    ],
)
def test_padding_that_no_tissue_has_becomes_air(padding: tuple[float, float], air: list[int], tmp_path: Path) -> None:
    write_dicom(tmp_path, np.array([-1024, -1000, 40, 3100, 3102]).reshape(5, 1, 1))
    (one,) = slices_of(tmp_path)
    assert decode_slices([one._replace(padding=padding)], "folder").ravel().tolist() == air


def test_undecodable_pixels_name_the_folder(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    one = slices_of(tmp_path)[0]
    one.file.write_bytes(one.file.read_bytes()[:400])
    with pytest.raises(ValueError, match="The pixels of 'folder' cannot be decoded"):
        decode_slices([one], "folder")


def test_copies_have_the_same_bytes(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :2])
    first, second = slices_of(tmp_path)
    assert stored_bytes(first) == stored_bytes(first._replace(series="another"))
    assert stored_bytes(first) != stored_bytes(second)
    assert stored_bytes(first) != stored_bytes(first._replace(rescale=(1.0, 0.0))), "the same numbers in other HU"
