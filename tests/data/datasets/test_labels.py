"""Tests of the labels of public datasets and their match with those of a network."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data.datasets.labels import match_labels, public_labels, relabel
from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.taxonomy.label_sets import organs_of_labels
from monai_pylon.taxonomy.labels import read_table


def test_every_meaning_is_a_label_of_the_report_labeler() -> None:
    known = organs_of_labels()
    rows = read_table("dataset_labels")
    assert {row["same"] for row in rows if row["same"]} <= set(known)
    assert len({(row["dataset"], row["label"]) for row in rows}) == len(rows) == 28 + 8 + 10 + 1


@pytest.mark.parametrize(
    ("dataset", "wanted", "expected"),
    [
        ("VinDr-CXR", CHEST_XRAY14_LABELS, "Atelectasis Cardiomegaly Effusion Infiltration Pneumonia Pneumothorax "),
        ("MS-CXR", CHEST_XRAY14_LABELS, "Atelectasis Cardiomegaly Effusion Pneumonia Pneumothorax Consolidation Edema"),
        ("CheXlocalize", CHEST_XRAY14_LABELS, "Atelectasis Cardiomegaly Effusion Pneumothorax Consolidation Edema"),
    ],
)
def test_labels_with_the_same_meaning_are_found(dataset: str, wanted: tuple[str, ...], expected: str) -> None:
    numbers = match_labels(public_labels(dataset), wanted)
    found = [name for name, number in zip(wanted, numbers, strict=True) if number is not None]
    assert set(expected.split()) <= set(found)
    assert "Mass" not in found  # VinDr-CXR has Nodule/Mass only, which is neither
    assert "Hernia" not in found


def test_chest_ct_labels_are_found() -> None:
    numbers = match_labels(public_labels("CT-RATE"), CHEST_CT_LABELS)
    found = {CHEST_CT_LABELS[k]: public_labels("CT-RATE")[n] for k, n in enumerate(numbers) if n is not None}
    assert found["cardiomegaly"] == "Cardiomegaly"
    assert found["fibrosis (lung)"] == "Pulmonary fibrotic sequela"
    assert "lung mass" not in found
    assert match_labels(public_labels("LUNA16"), CHEST_CT_LABELS).count(0) == 1


def test_labels_boxes_nodules_and_masks_are_renumbered() -> None:
    labels = public_labels("MS-CXR")  # Atelectasis 0, Cardiomegaly 1, ..., Pleural Effusion 5
    boxes = np.array([[0, 0, 1, 1, 5], [2, 2, 3, 3, 0], [4, 4, 5, 5, 2]], np.float32)
    masks = [{"label": 1, "size": [2, 2]}, {"label": 5, "size": [2, 2]}]
    item = {"label": np.arange(len(labels), dtype=np.float32), "boxes": boxes, "nodules": boxes, "masks": masks}
    found = relabel([item], "MS-CXR", ["Effusion", "Hernia", "atelectasis"])[0]
    np.testing.assert_array_equal(found["label"], [5, np.nan, 0])
    for key in ("boxes", "nodules"):
        np.testing.assert_array_equal(found[key], [[0, 0, 1, 1, 0], [2, 2, 3, 3, 2]])
    assert [mask["label"] for mask in found["masks"]] == [0]
    assert item["boxes"][0, 4] == 5  # the given item is not changed
    assert relabel([{**item, "boxes": boxes[:0]}], "MS-CXR", ["Effusion"])[0]["boxes"].shape == (0, 5)


def test_a_dataset_without_any_of_the_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"labels must be some of MS-CXR.*It|MS-CXR has Atelectasis"):
        relabel([], "MS-CXR", ["fracture"])
    with pytest.raises(ValueError, match=r"'fracture 5'\]\. LUNA16 has lung nodule"):
        relabel([], "LUNA16", [f"fracture {k}" for k in range(7)])


def test_missing_labels_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    relabel([], "LUNA16", ["lung nodule", "lung mass"])
    assert "LUNA16 does not have lung mass" in caplog.text


@pytest.mark.parametrize(("count", "more"), [(6, ""), (7, " and 1 more"), (8, " and 2 more")])
def test_six_missing_labels_are_named(count: int, more: str, caplog: pytest.LogCaptureFixture) -> None:
    relabel([], "LUNA16", ["lung nodule", *(f"fracture {k}" for k in range(count))])
    assert f"fracture 5{more}: left out." in caplog.text
