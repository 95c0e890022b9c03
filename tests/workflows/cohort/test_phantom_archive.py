"""Archive of synthetic scans and reports."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.data.phantoms.datasets import PhantomChestCTs
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import phantom_archive
from monai_pylon.workflows.cohort.phantom_archive import _section, write_phantom_archive

SPACING = (9.0, 9.0, 12.0)


def test_each_patient_has_a_scan_and_a_report(tmp_path: Path) -> None:
    scans, table = write_phantom_archive(tmp_path, 6, SPACING)
    phantoms = PhantomChestCTs(6, SPACING)
    rows = read_rows(table)
    assert [row["id"] for row in rows] == [file.name.removesuffix(".nii.gz") for file in sorted(scans.iterdir())]
    assert [row["section"] for row in rows] == ["training"] * 4 + ["validation", "test"]
    for number, row in enumerate(rows):
        phantom, image = phantoms.phantom(number), nibabel.load(scans / f"{row['id']}.nii.gz")
        np.testing.assert_allclose(image.affine, phantom.affine, atol=1e-6)
        np.testing.assert_allclose(image.get_fdata(), phantom.image, atol=0.5)
        assert row["report"] == phantom.report
        assert phantoms[number]["label"].sum() == phantom.labels.sum()
    assert len({row["report"] for row in rows}) > 1


def test_of_each_six_patients_four_are_for_training() -> None:
    assert [_section(number) for number in range(12)] == ["training", *["training"] * 3, "validation", "test"] * 2


def test_keeps_scans_of_the_same_shape_only(tmp_path: Path) -> None:
    scans, _ = write_phantom_archive(tmp_path, 2, SPACING)
    kept, other = scans / "phantom_0.nii.gz", scans / "phantom_1.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.eye(4)), other)
    times = kept.stat().st_mtime_ns
    write_phantom_archive(tmp_path, 2, SPACING)
    assert kept.stat().st_mtime_ns == times
    assert nibabel.load(other).shape == (40, 36, 27)


def test_twelve_patients_with_voxels_of_3_mm_unless_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*given: object) -> None:
        raise RuntimeError(str(given))

    monkeypatch.setattr(phantom_archive, "PhantomChestCTs", made)
    with pytest.raises(RuntimeError, match=r"^\(12, \(3\.0, 3\.0, 3\.0\)\)$"):
        write_phantom_archive(tmp_path)


def test_rejects_an_archive_without_patients(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count must be positive"):
        write_phantom_archive(tmp_path, 0)
    assert not list(tmp_path.iterdir())
