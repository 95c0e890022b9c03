"""A slice whose rescale does not fit its values is refused; a rescale of each slice that fits is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_pylon.data import phantom_chest_ct, read_volume
from monai_pylon.data.scan_headers.rescale import wrong_rescale
from tests.data.dicom_files import write_dicom

VOXEL = 8.0


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    """HU (X, Y, Z) of a phantom, even numbers."""
    return np.rint(np.asarray(phantom_chest_ct(0, (44, 40, 30), (VOXEL,) * 3).image).squeeze() / 2) * 2


def series(folder: Path, chest: np.ndarray, slope: float, intercept: float, slices: range, fitting: bool) -> Path:
    """Write a series in which some slices have another rescale, with stored values that fit it or do not."""
    write_dicom(folder, chest, [VOXEL * k for k in range(chest.shape[2])], PixelSpacing=[VOXEL, VOXEL])
    for file in folder.iterdir():
        data = pydicom.dcmread(file)
        if data.InstanceNumber - 1 in slices:
            if fitting:
                hu = data.pixel_array * 2.0 - 1024
                data.PixelData = np.rint((hu - intercept) / slope).astype(np.uint16).tobytes()
            data.RescaleSlope, data.RescaleIntercept = slope, intercept
            data.save_as(file)
    return folder


@pytest.mark.parametrize("slices", [range(12, 13), range(10, 20), range(15, 30)], ids=["one", "block", "upper half"])
@pytest.mark.parametrize(("slope", "intercept"), [(2, 0), (1, -1024), (2, -1224), (3, -1024)])
def test_a_rescale_that_does_not_fit_is_refused(
    slope: float, intercept: float, slices: range, chest: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="RescaleIntercept"):
        read_volume(series(tmp_path / "a", chest, slope, intercept, slices, fitting=False))


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (2, -1224), (1, -2048), (0.5, -1024)])
def test_a_rescale_of_each_slice_is_read(slope: float, intercept: float, chest: np.ndarray, tmp_path: Path) -> None:
    found = read_volume(series(tmp_path / "a", chest, slope, intercept, range(10, 20), fitting=True))
    assert found.shape == (1, *chest.shape)
    np.testing.assert_allclose(found[0].numpy(), chest)


def test_noise_and_steps_of_anatomy_are_no_wrong_rescale() -> None:
    hu = np.random.default_rng(0).normal(0, 120, (6, 64, 64))
    hu[3:] += 900  # for example the bottom of the lungs in one thick slice
    assert wrong_rescale(hu, [(1, -1024), (1, -1000)] * 3) == ""
