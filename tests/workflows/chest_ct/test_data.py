"""Scans of a run: phantoms that no section shares, organ masks on the scan's grid, broken scans that cost nothing."""

from __future__ import annotations

import logging
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import DataLoader, MetaTensor

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.chest_ct import SkipUnreadableDataset, chest_ct_data
from monai_pylon.workflows.chest_ct.data import OrgansOfScand

PHANTOM = phantom_chest_ct(3, shape=(60, 54, 54), spacing=(6, 6, 6))


def image() -> MetaTensor:
    return MetaTensor(torch.from_numpy(PHANTOM.image)[None], affine=torch.from_numpy(PHANTOM.affine))


# --- data


def test_phantoms_of_different_sections_are_different_patients() -> None:
    sections = [chest_ct_data("phantom", s, phantoms=6, spacing=(9, 9, 30)) for s in ("training", "validation", "test")]
    assert [len(data) for data in sections] == [6, 4, 4]
    seeds = [{item["patient_id"] for item in data} for data in sections]
    assert not seeds[0] & seeds[1] | seeds[1] & seeds[2] | seeds[0] & seeds[2]


def test_a_label_without_location_may_lie_in_each_of_its_organs(tmp_path: Path) -> None:
    save_map_nifti(tmp_path / "a.nii.gz", PHANTOM.image, PHANTOM.affine)
    (tmp_path / "labels.csv").write_text("scan,section,pneumonia,cardiomegaly,fracture\na,test,1,0,1\n")
    (item,) = chest_ct_data(tmp_path, "test", labels=["pneumonia", "cardiomegaly", "fracture"])
    assert item["image"].shape == (1, *PHANTOM.image.shape)
    np.testing.assert_allclose(item["image"].affine, PHANTOM.affine)
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
    save_label_nifti(tmp_path / "a_organs.nii.gz", PHANTOM.organs, PHANTOM.affine)
    for given in (str(tmp_path / "a_organs.nii.gz"), MetaTensor(PHANTOM.organs[None], affine=PHANTOM.affine)):
        organs = OrgansOfScand()({"image": image(), "organs": given})["organs"]
        np.testing.assert_array_equal(organs[0], PHANTOM.organs)
        assert organs.dtype == torch.uint8
        np.testing.assert_array_equal(organs.affine, PHANTOM.affine)


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


# --- unreadable scans


STAND_IN = {"image": "air", "label": torch.full((2,), torch.nan)}


def read(item: dict) -> dict:
    if item["name"] == "broken":
        raise ValueError("path must be a whole file")
    return {"image": item["name"], "label": torch.zeros(2), "name": item["name"], "patient_id": "p"}


def test_evaluation_replaces_an_unreadable_scan_by_an_unknown_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    data = SkipUnreadableDataset([{"name": n, "patient_id": f"p{n}"} for n in ("a", "broken", "b")], read, STAND_IN)
    data.check_first()
    with caplog.at_level(logging.ERROR):
        items = list(data)
    assert [item["image"] for item in items] == ["a", "air", "b"]
    assert items[1]["label"].isnan().all()
    assert items[1]["error"] == "ValueError: path must be a whole file"
    assert (items[1]["name"], items[1]["patient_id"]) == ("broken", "pbroken")
    assert [item["error"] for item in items] == ["", items[1]["error"], ""]
    assert "broken is left out. ValueError: path must be a whole file" in caplog.text


def test_training_replaces_an_unreadable_scan_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    """The number of steps stays, and batch norms see scans only."""
    names = ("broken", "a", "b", "broken", "broken")
    data = SkipUnreadableDataset([{"name": n, "patient_id": f"p{n}"} for n in names], read)
    assert [item["name"] for item in data] == ["a", "a", "b", "a", "a"]
    assert {item["error"] for item in data} == {""}
    assert caplog.text.count("broken is left out. ValueError: path must be a whole file") == 3, "each once"


@pytest.mark.parametrize("stand_in", [None, STAND_IN])
@pytest.mark.parametrize("workers", [0, 2])
def test_all_workers_log_an_unreadable_scan_once(
    stand_in: dict | None, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = logging.StreamHandler()  # to the standard error of whichever process
    logging.getLogger("monai_pylon").addHandler(handler)
    try:
        data = SkipUnreadableDataset([{"name": n, "patient_id": n} for n in ("a", "broken", "b", "c")], read, stand_in)
        order = [0, 1, 2, 3]
        loader = DataLoader(data, num_workers=workers, sampler=order, persistent_workers=workers > 0)
        for _ in range(2):
            assert len(list(loader)) == 4
            order.reverse()  # the broken one comes to the other worker
    finally:
        logging.getLogger("monai_pylon").removeHandler(handler)
    assert capfd.readouterr().err.count("broken is left out") == 1


def test_training_without_a_readable_scan_is_an_error() -> None:
    data = SkipUnreadableDataset([{"name": "broken"}] * 5, read)
    with pytest.raises(
        ValueError, match=r"None of the 5 scans can be read. The last error was: ValueError: path must be a whole file"
    ):
        data[3]


def test_check_first_raises_if_no_scan_is_readable() -> None:
    data = SkipUnreadableDataset([{"name": "broken"}] * 5, read, STAND_IN)
    with pytest.raises(RuntimeError) as error:
        data.check_first()
    assert root_cause(error.value) == "ValueError: path must be a whole file"
    SkipUnreadableDataset([{"name": "broken"}, {"name": "a"}], read, STAND_IN).check_first()


def test_a_truncated_file_among_others(tmp_path: Path) -> None:
    for name in ("a", "b"):
        nibabel.save(nibabel.Nifti1Image(PHANTOM.image.astype(np.int16), PHANTOM.affine), tmp_path / f"{name}.nii.gz")
    whole = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "labels.csv").write_text("scan,section,pneumonia\na,test,1\nb,test,1\n")
    data = SkipUnreadableDataset(chest_ct_data(tmp_path, "test", labels=["pneumonia"]), dict, STAND_IN)
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
