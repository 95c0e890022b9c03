"""PYLON and the backbone in the demo."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import read_rows
from monai_pylon.workflows.demo.pylon import demo_radiographs, localization_demo


def test_radiographs_have_only_the_three_findings_and_boxes_for_each() -> None:
    radiographs = demo_radiographs(12, 64, first_seed=0)
    findings = {CHEST_XRAY14_LABELS[k] for k in radiographs.labels.any(0).nonzero().flatten()}
    assert findings == {"Cardiomegaly", "Effusion", "Mass"}
    for labels, boxes in zip(radiographs.labels, radiographs.boxes, strict=True):
        assert set(boxes[:, 4].tolist()) == set(labels.nonzero().flatten().tolist())
    assert torch.equal(demo_radiographs(1, 64, first_seed=5).images[0], radiographs.images[5])


def test_writes_results_and_keeps_the_random_state_of_torch(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    rows = localization_demo(tmp_path, size=64, radiographs=8, test_radiographs=8, steps=1, batch=2)
    assert torch.equal(torch.get_rng_state(), state)
    test = demo_radiographs(8, 64, first_seed=2_000_000)
    boxes = torch.cat(test.boxes)
    share = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).mean() / 64**2
    assert rows[2] == {"network": "a random point", "point localization": round(float(share), 3)}
    assert [row["map size"] for row in rows[:2]] == ["16 x 16", "2 x 2"]
    assert [row["network"] for row in read_rows(tmp_path / "pylon_demo.csv")] == ["PYLON", "backbone", "a random point"]
    assert (tmp_path / "pylon_demo.png").stat().st_size > 10_000


def test_rejects_a_training_without_steps(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="steps must be positive"):
        localization_demo(tmp_path, steps=0)
