"""Names that are not UTF-8: SimpleITK opens such files by a link."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from monai_pylon.data import read_volume
from monai_pylon.data.itk_path import itk_path, itk_reason
from tests.data.dicom_files import write_dicom

LATIN = os.fsdecode(b"M\xfcller")


@pytest.mark.parametrize("folder", ["plain", os.fsdecode(b"f\xfcr")])
@pytest.mark.parametrize(
    ("name", "ending"),
    [
        *itertools.product(["scan", LATIN, "Müller 😀"], [".nii.gz", ".nrrd", ".mha", ".npz", ""]),
        ("Müller 😀", ".mhd"),  # a header that is not UTF-8 does not find its voxels
    ],
)
def test_scans_of_any_name_are_read(folder: str, name: str, ending: str, tmp_path: Path) -> None:
    hu = np.random.default_rng(0).integers(-900, 1500, (6, 5, 4)).astype(np.int16)
    image = SimpleITK.GetImageFromArray(hu.transpose(2, 1, 0))
    (tmp_path / folder).mkdir()
    path = tmp_path / folder / (name + ending)
    if ending == ".npz":
        np.savez(path, ct=hu.transpose(2, 1, 0))
    elif ending:
        SimpleITK.WriteImage(image, str(tmp_path / f"a{ending}"))
        (tmp_path / f"a{ending}").rename(path)
        if ending == ".mhd":  # its voxels keep their name
            (tmp_path / "a.raw").rename(path.with_name("a.raw"))
    else:
        write_dicom(path, hu // 2 * 2)
    np.testing.assert_array_equal(read_volume(path)[0].numpy(), hu if ending else hu // 2 * 2)


def test_usual_paths_stay(tmp_path: Path) -> None:
    with itk_path(tmp_path / "é") as path:
        assert path == str(tmp_path / "é")


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_an_error_is_the_same_in_every_run(ending: str, tmp_path: Path) -> None:
    """ITK's errors contain the address of an object in memory, and a place in its source code."""
    file = tmp_path / f"a{ending}"
    image = SimpleITK.GetImageFromArray(np.random.default_rng(0).integers(-900, 1500, (6, 5, 4)).astype(np.int16))
    SimpleITK.WriteImage(image, str(file), useCompression=True)
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match="cannot be read") as refused:
        read_volume(file)
    assert "0x" not in str(refused.value)
    assert ".cxx" not in str(refused.value)


@pytest.mark.parametrize("name", ["ITK ERROR", "itk::ERROR"])
@pytest.mark.parametrize("between", ["", "ReadImageInformation: "])
def test_a_reason_names_no_object_of_itk(name: str, between: str) -> None:
    place = f"Exception thrown in SimpleITK ImageFileReader: /b/itkNrrdImageIO.cxx:410:\n{name}: "
    reason = itk_reason(RuntimeError(f"{place}NrrdImageIO(0x561a20dafe10): {between}trouble parsing field (3)"))
    assert reason == f"{between}trouble parsing field (3)"
