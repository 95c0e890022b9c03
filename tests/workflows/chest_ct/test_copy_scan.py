"""Scans beside their results, by a link where that is enough."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (its own documentation calls it so)
from monai.data import MetaTensor

from monai_pylon.data import read_volume
from monai_pylon.workflows.chest_ct import CopyScan, scans_of_cohort


def writer(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "row": {}, "files": ["mask"]}


def item(source: Path) -> dict[str, Any]:
    return {"scan": "p1__ct", "source": str(source), "image": read_volume(source)}


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(0).integers(-1024, 2000, (5, 6, 7)).astype(np.int16)


@pytest.fixture
def nifti(tmp_path: Path, volume: np.ndarray) -> Path:
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([-2.0, -2, 3, 1])), tmp_path / "ct.nii.gz")
    return tmp_path / "ct.nii.gz"


@pytest.mark.parametrize("how", ["link", "copy"])
def test_a_file_is_linked_or_copied(nifti: Path, tmp_path: Path, how: str) -> None:
    for _ in range(2):  # a second time over the first
        done = CopyScan(writer, tmp_path / "out", how)(item(nifti))
    assert done["files"] == ["p1__ct.nii.gz", "mask"]
    kept = tmp_path / "out" / "p1__ct.nii.gz"
    assert kept.is_symlink() == (how == "link")
    assert kept.read_bytes() == nifti.read_bytes()
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["p1__ct.nii.gz"]


def test_a_system_without_links_gets_a_nifti_file(nifti: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    CopyScan(writer, tmp_path / "out")(item(nifti))
    assert not (tmp_path / "out" / "p1__ct.nii.gz").is_symlink()
    assert np.array_equal(read_volume(tmp_path / "out" / "p1__ct.nii.gz"), read_volume(nifti))


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_a_detached_header_is_written_with_its_voxels(tmp_path: Path, volume: np.ndarray, ending: str) -> None:
    image = sitk.GetImageFromArray(volume.transpose(2, 1, 0))
    image.SetSpacing((2.0, 2.0, 3.0))
    image.SetDirection((1, 0, 0, 0, 1, 0, 0, 0, -1))
    source = tmp_path / f"ct{ending}"
    sitk.WriteImage(image, str(source))
    assert CopyScan(writer, tmp_path / "out")(item(source))["files"][0] == "p1__ct.nii.gz"
    kept, original = read_volume(tmp_path / "out" / "p1__ct.nii.gz"), read_volume(source)
    assert np.array_equal(kept, original)
    assert isinstance(kept, MetaTensor)
    np.testing.assert_allclose(kept.affine, original.affine, atol=1e-5)


def test_leaves_out_masks_beside_a_scan() -> None:
    names = ["a", "a_organs", "b_organs", "a_organs_organs"]
    scans, masks = scans_of_cohort([{"scan": name, "image": name} for name in names])
    assert [scan["scan"] for scan in scans] == ["a", "b_organs"]
    assert masks == ["a_organs", "a_organs_organs"]
    assert scans[0]["source"] == "a"
