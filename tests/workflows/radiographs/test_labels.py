"""Labels of a run: of a dataset, of a checkpoint, and a choice of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.networks.checkpoints import save_checkpoint
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.workflows.radiographs.labels import checkpoint_labels, choose_labels, dataset_labels


def test_a_dataset_has_the_labels_of_its_table(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,mass,device\na,1,0\n")
    assert dataset_labels(tmp_path) == dataset_labels(str(tmp_path / "labels.csv")) == ("mass", "device")
    assert dataset_labels("phantom") == dataset_labels(tmp_path / "other") == CHEST_XRAY14_LABELS


def test_a_checkpoint_names_its_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,mass\na,1\n")
    own, official = tmp_path / "own.pt", tmp_path / "official.pt"
    save_checkpoint(own, {"w": torch.ones(1)}, {"network": {"name": "pylon", "labels": ["b", "a"]}})
    save_checkpoint(official, {"w": torch.ones(1)}, {"network": {"name": "pylon"}})
    assert checkpoint_labels(own, tmp_path) == ("b", "a")
    assert checkpoint_labels(official, tmp_path) == CHEST_XRAY14_LABELS
    assert checkpoint_labels(tmp_path / "bare.pt", tmp_path) == ("mass",), "without a description, the dataset's"
    assert checkpoint_labels(tmp_path / "bare.pt") == CHEST_XRAY14_LABELS


def test_labels_and_boxes_are_chosen_together() -> None:
    boxes = np.array([[1, 2, 3, 4, 0], [5, 6, 7, 8, 2]], np.float32)
    item = {"label": np.array([1, 0, 1]), "boxes": boxes, "image": "a.png"}
    (found,) = choose_labels([item], ["a", "b", "c"], ["c", "b"])
    assert found["label"].tolist() == [1, 0]
    assert found["boxes"].tolist() == [[5, 6, 7, 8, 0]]
    assert found["image"] == "a.png"
    assert item["boxes"][1, 4] == 2, "the item given is not changed"
    assert choose_labels([item], ["a", "b", "c"], ["a", "b", "c"])[0]["label"] is item["label"]
    with pytest.raises(TypeError, match="labels must be of type list or tuple"):
        choose_labels([item], ["a", "b", "c"], "a")
    with pytest.raises(ValueError, match="labels must be different names"):
        choose_labels([item], ["a", "b", "c"], ["a", "a"])
    with pytest.raises(ValueError, match="Did you mean 'mass'"):
        choose_labels([item], ["mass", "b", "c"], ["mas"])
