"""Tests of the organ writer: files on the scan's grid, and the row of the table."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.transforms import MaskQuality
from monai_pylon.transforms.partition import quality_item
from monai_pylon.workflows.chest_ct.organ_writer import OrganWriter

AFFINE = torch.diag(torch.tensor([-2.0, -2.0, 3.0, 1.0], dtype=torch.float64))
QUALITY = MaskQuality(False, ("no_trachea", "lungs_small"), {"right lung": 1.25, "left lung": 2.0}, None)


def item() -> dict:
    organs = torch.zeros(1, 12, 10, 8, dtype=torch.uint8)
    organs[0, 2:5, 3:6, 2:6], organs[0, 7:10, 3:6, 2:6] = 1, 3
    image = MetaTensor(torch.full((1, 12, 10, 8), -500.0), affine=AFFINE)
    return {"scan": "a", "image": image, "organs": MetaTensor(organs, affine=AFFINE), "quality": quality_item(QUALITY)}


def test_labels_are_saved_on_the_scans_grid(tmp_path: Path) -> None:
    result = OrganWriter(tmp_path)(item())
    assert result["files"] == ["a_organs.nii.gz", "a_overlay.png"]
    assert (tmp_path / "a_overlay.png").is_file()
    saved = nibabel.load(tmp_path / "a_organs.nii.gz")
    np.testing.assert_array_equal(np.asarray(saved.dataobj), item()["organs"][0].numpy())
    np.testing.assert_allclose(saved.affine, AFFINE.numpy())


def test_row_has_the_verdict_and_the_volumes(tmp_path: Path) -> None:
    row = OrganWriter(tmp_path, overlay=False)(item())["row"]
    assert (row["ok"], row["reasons"], row["right_lung_ml"]) == (False, "no_trachea; lungs_small", 1.2)
    assert np.isnan(row["mediastinum_ml"])
    assert not (tmp_path / "a_overlay.png").exists()


def test_a_scan_without_affine_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"image must be of type MetaTensor.*ReadVolumed"):
        OrganWriter(tmp_path)({**item(), "image": torch.zeros(1, 2, 2, 2)})
