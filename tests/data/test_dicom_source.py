"""Headers of the images behind a scan: in the order of the volume, whatever the names and frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_pylon.data import dicom_source, read_volume
from monai_pylon.data.dicom_source import read_dicom_source
from tests.data.dicom_files import write_dicom, write_enhanced

HU = np.random.default_rng(0).integers(-500, 500, (6, 5, 4)) * 2


def positions(volume_affine: np.ndarray, count: int) -> np.ndarray:
    """Return the first voxel of each slice in LPS."""
    return np.array([(volume_affine @ [0, 0, k, 1])[:3] * [-1, -1, 1] for k in range(count)])


@pytest.mark.parametrize("heights", [None, [15.0, 10.0, 5.0, 0.0]])
def test_headers_follow_the_slices_of_the_volume(tmp_path: Path, heights: list[float] | None) -> None:
    write_dicom(tmp_path, HU, heights)
    source = read_dicom_source(tmp_path)
    assert source is not None
    assert source.slices == [0, 1, 2, 3]
    expected = positions(np.asarray(read_volume(tmp_path).affine), 4)
    np.testing.assert_allclose([list(header.ImagePositionPatient) for header in source.headers], expected, atol=1e-4)
    assert all("PixelData" not in header for header in source.headers)


def test_scouts_copies_and_other_series_are_left_out(tmp_path: Path) -> None:
    uid = write_dicom(tmp_path, HU)
    write_dicom(tmp_path, HU[:, :, :2])
    first = next(file for file in tmp_path.iterdir() if pydicom.dcmread(file).SeriesInstanceUID == uid)
    (tmp_path / "copy.dcm").write_bytes(first.read_bytes())
    source = read_dicom_source(tmp_path, uid)
    assert source is not None
    assert len(source.headers) == 4
    assert {header.SeriesInstanceUID for header in source.headers} == {uid}


def test_frames_of_one_file_name_their_slice(tmp_path: Path) -> None:
    order = [2, 0, 3, 1]
    write_enhanced(tmp_path / "a.dcm", HU, order)
    np.testing.assert_array_equal(read_volume(tmp_path)[0].numpy(), HU)
    source = read_dicom_source(tmp_path)
    assert source is not None
    assert len(source.headers) == 1
    assert source.slices == order


def test_frames_that_are_no_slices_and_several_files_of_frames_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_enhanced(tmp_path / "a.dcm", HU, [0, 1, 2, 3])
    slices = dicom_source.find_volume_slices(tmp_path, None)[0]
    for found in (slices[:3], [*slices[:2], *(one._replace(file=tmp_path / "b.dcm") for one in slices[2:])]):
        (tmp_path / "b.dcm").write_bytes((tmp_path / "a.dcm").read_bytes())
        monkeypatch.setattr(dicom_source, "find_volume_slices", lambda *_, found=found: (found, None))
        with pytest.raises(ValueError, match="or one multi-frame file, all of whose frames are slices"):
            read_dicom_source(tmp_path)


def test_a_single_file_is_its_own_source(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    source = read_dicom_source(file)
    assert source is not None
    assert (len(source.headers), source.slices) == (1, [0])
    (tmp_path / "a.png").write_bytes(b"PNG")
    assert read_dicom_source(tmp_path / "a.png") is None
