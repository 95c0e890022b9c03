"""Patients and boxes of the training: folds, phantoms, and data without a training section."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from monai_pylon.workflows.radiographs.other_patients import OtherPatients, training_patients


def write_dataset(folder: Path) -> Path:
    """Write four radiographs of three patients with a box each, the third patient in training and test."""
    rows, boxes = ["image,patient,section,Mass"], ["image,label,x,y,width,height"]
    for number, (patient, section) in enumerate((("a", "training"), ("b", "test"), ("c", "training"), ("c", "test"))):
        Image.fromarray(np.zeros((50, 100), np.uint8)).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{patient},{section},1")
        boxes.append(f"{number}.png,Mass,20,10,20,10")
    (folder / "labels.csv").write_text("\n".join(rows))
    (folder / "boxes.csv").write_text("\n".join(boxes))
    return folder


def test_boxes_of_the_training_in_any_size() -> None:
    boxes = torch.tensor([[0.2, 0.2, 0.4, 0.4, 1]])
    row, column = OtherPatients([], boxes).class_points(2, (50, 100))[1].tolist()
    assert 10 <= row <= 20
    assert 20 <= column <= 40
    assert OtherPatients([]).class_points(2, 64) is None


def test_phantoms_are_rendered_for_their_boxes() -> None:
    found = training_patients("phantom", phantoms=6, phantom_size=64)
    assert len(found.patients) == 6
    assert bool(((found.boxes[:, :4] >= 0) & (found.boxes[:, :4] <= 1)).all())


def test_unreadable_training_data_are_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "monai_pylon"):
        found = training_patients(tmp_path, "test")
    assert found.patients is None
    assert found.shared([1]) is None
    assert "The training section is not known" in caplog.text
    assert training_patients(tmp_path, "training").patients is None
