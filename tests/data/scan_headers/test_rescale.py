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


@pytest.mark.parametrize(
    ("second", "rescale", "found"),
    [
        (41.0, (1, 41), "differ by 41 HU, but by 0 HU"),
        (40.0, (1, 40), ""),  # no larger step than 40 HU
        (90.0, (1, 61), "differ by 90 HU, but by 29 HU"),
        (90.0, (1, 60), ""),  # the same rescale leaves a third of it
        (90.0, (1, 119), "differ by 90 HU, but by 29 HU"),
        (-90.0, (1, -61), "differ by 90 HU, but by 29 HU"),
        (110.0, (2, 100), "differ by 110 HU, but by 5 HU"),  # stored values of 5
        (190.0, (2, 100), "differ by 190 HU, but by 45 HU"),
        (90.0, (1, 0), ""),
    ],
)
def test_a_step_of_the_rescale_that_no_anatomy_explains(
    second: float, rescale: tuple[float, float], found: str
) -> None:
    """The first slice has 0 HU and the rescale (1, 0); the numbers are computed by hand."""
    hu = np.zeros((2, 8, 8))
    hu[1] = second
    sentence = wrong_rescale(hu, [(1, 0), rescale])
    assert found in sentence
    assert bool(sentence) == bool(found)
    if found:
        assert sentence.startswith(f"slices 1 and 2 have RescaleSlope 1 and {rescale[0]}, RescaleIntercept 0 and ")


def test_every_fourth_pixel_is_compared() -> None:
    hu = np.zeros((2, 8, 8))
    hu[1, ::4, ::4] = 100
    assert "differ by 100 HU" in wrong_rescale(hu, [(1, 0), (1, 100)])
