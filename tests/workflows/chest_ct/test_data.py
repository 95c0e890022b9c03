"""Scans of a run: phantoms that no section shares, organ masks on the scan's grid, broken scans that cost nothing."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.bundle import SkipUnreadableDataset
from monai_pylon.workflows.chest_ct import chest_ct_data
from monai_pylon.workflows.chest_ct.data import OrgansOfScand


@functools.cache
def phantom() -> Any:
    return phantom_chest_ct(3, shape=(60, 54, 54), spacing=(6, 6, 6))


def image() -> MetaTensor:
    return MetaTensor(torch.from_numpy(phantom().image)[None], affine=torch.from_numpy(phantom().affine))


# --- data


def test_phantoms_of_different_sections_are_different_patients() -> None:
    sections = [chest_ct_data("phantom", s, phantoms=6, spacing=(9, 9, 30)) for s in ("training", "validation", "test")]
    assert [len(data) for data in sections] == [6, 4, 4]
    seeds = [{item["patient_id"] for item in data} for data in sections]
    assert not seeds[0] & seeds[1] | seeds[1] & seeds[2] | seeds[0] & seeds[2]


def test_a_label_without_location_may_lie_in_each_of_its_organs(tmp_path: Path) -> None:
    save_map_nifti(tmp_path / "a.nii.gz", phantom().image, phantom().affine)
    (tmp_path / "labels.csv").write_text("scan,section,pneumonia,cardiomegaly,fracture\na,test,1,0,1\n")
    (item,) = chest_ct_data(tmp_path, "test", labels=["pneumonia", "cardiomegaly", "fracture"])
    assert item["image"].shape == (1, *phantom().image.shape)
    np.testing.assert_allclose(item["image"].affine, phantom().affine)
    assert item["locations"].tolist() == [[True, False, True], [False, False, False], [True, True, True]]


def test_names_missing_data(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Did you mean 'phantom'"):
        chest_ct_data("phantoms", "test")
    with pytest.raises(ValueError, match="labels must be some of the 80 of RAD-ChestCT"):
        chest_ct_data("phantom", "test", labels=["pneumonia", "my own"])
    with pytest.raises(ValueError, match="section must be one of"):
        chest_ct_data("phantom", "all")


# --- organs


def test_uses_masks_of_the_scan(tmp_path: Path) -> None:
    save_label_nifti(tmp_path / "a_organs.nii.gz", phantom().organs, phantom().affine)
    for given in (str(tmp_path / "a_organs.nii.gz"), MetaTensor(phantom().organs[None], affine=phantom().affine)):
        organs = OrgansOfScand()({"image": image(), "organs": given})["organs"]
        np.testing.assert_array_equal(organs[0], phantom().organs)
        assert organs.dtype == torch.uint8
        np.testing.assert_array_equal(organs.affine, phantom().affine)


def test_computes_missing_masks_by_partition() -> None:
    fine = phantom_chest_ct(3, shape=(90, 80, 80), spacing=(4, 4, 4))
    scan = MetaTensor(torch.from_numpy(fine.image)[None], affine=torch.from_numpy(fine.affine))
    organs = OrgansOfScand()({"image": scan})["organs"]
    for organ in (1, 3):
        overlap = ((organs[0].numpy() == organ) & (fine.organs == organ)).sum()
        assert 2 * overlap / ((organs[0].numpy() == organ).sum() + (fine.organs == organ).sum()) > 0.9


@pytest.mark.parametrize(
    ("organs", "message"),
    [
        (torch.zeros(1, 60, 54, 53), r"organs must be of the scan's shape \(1, 60, 54, 54\)"),
        (torch.full((1, 60, 54, 54), 5), "of the values 0, 1, 2 and 3.*OrgansFromLabelMap"),
        (torch.full((1, 60, 54, 54), 0.5), "of the values 0, 1, 2 and 3"),
        (MetaTensor(torch.ones(1, 60, 54, 54), affine=torch.eye(4)), "of the scan's affine"),
    ],
)
def test_rejects_masks_of_another_scan(organs: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OrgansOfScand()({"image": image(), "organs": organs})


def test_asks_for_masks_of_a_scan_without_lungs() -> None:
    block = MetaTensor(torch.full((1, 40, 40, 40), 40.0), affine=torch.diag(torch.tensor([8.0, 8, 8, 1])))
    block[:, 0] = -1000
    with pytest.raises(ValueError, match=r"PARTITION finds no organs .*_organs.nii.gz beside the scan"):
        OrgansOfScand(fallback=None)({"image": block})


def test_a_truncated_file_among_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        nibabel.save(
            nibabel.Nifti1Image(phantom().image.astype(np.int16), phantom().affine), tmp_path / f"{name}.nii.gz"
        )
    whole = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "labels.csv").write_text("scan,section,pneumonia\na,test,1\nb,test,1\n")
    data = SkipUnreadableDataset(chest_ct_data(tmp_path, "test", labels=["pneumonia"]), dict, {"image": "air"})
    first, second = data
    assert "a.nii.gz" in first["error"]
    assert first["name"] == "a"
    assert second["error"] == ""
    assert second["label"].tolist() == [1]


def test_phantoms_with_some_of_the_labels() -> None:
    names = ["pneumothorax", "pleural effusion"]
    some, every = (
        chest_ct_data("phantom", "training", labels, phantoms=3, spacing=(9, 9, 30))
        for labels in (names, CHEST_CT_LABELS)
    )
    rows = [CHEST_CT_LABELS.index(name) for name in names]
    for index in range(3):
        np.testing.assert_array_equal(some[index]["label"], every[index]["label"][rows])
        np.testing.assert_array_equal(some[index]["locations"], every[index]["locations"][rows])


def test_items_have_their_index() -> None:
    data = SkipUnreadableDataset([{"a": 1}, {"a": 2}, {"a": 0}], lambda item: {"a": 1 / item["a"]}, {"a": 0})
    assert [data[k]["index"] for k in range(3)] == [0, 1, 2]


def test_labels_have_the_order_of_table_5() -> None:
    item = chest_ct_data("phantom", "training", phantoms=1, spacing=(9, 9, 30))[0]
    assert item["label"].shape == (len(CHEST_CT_LABELS),)
    np.testing.assert_array_equal(item["locations"].any(1), item["label"] == 1)
