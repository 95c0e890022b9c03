"""Two models side by side: which cases are drawn, and evaluations that do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.networks.nets import AxialNet
from monai_pylon.utils import read_rows, write_rows
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.chest_ct import ScanMapsInferer, other_model
from monai_pylon.workflows.chest_ct.explained_scans import ScanPictures

NAMES, LABELS = ["s0", "s1", "s2"], ["lung mass", "pneumonia"]
CHANCES = np.array([[0.9, 0.2], [0.3, 0.8], [0.3, 0.2]])  # means .5 and .4
TRUTH = np.array([[1.0, 0], [0, 1], [1, np.nan]])
MEANS = (0.5, 0.4)
OWN = [
    {
        **{"scan": scan, "label": name, "present": "" if np.isnan(known) else int(known), "probability": chance},
        **{"cohort_mean": mean, "above_mean": round(chance / mean - 1, 4), "outside": ""},
    }
    for scan, values, truths in zip(NAMES, CHANCES.tolist(), TRUTH.tolist(), strict=True)
    for name, chance, known, mean in zip(LABELS, values, truths, MEANS, strict=True)
]
SPEC = {"name": "axialnet", "encoder": "conv5", "image_size": [64, 64, 9]}
SETTINGS = {"reduction_channels": [4], "reduction_padding": 1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Evaluation of another model: s0 is at twice its mean there too, s1 and s2 are at its mean."""
    torch.manual_seed(1)
    network = AxialNet(2, "conv5", in_plane_size=(64, 64), reduction_channels=(4,), reduction_padding=1)
    torch.save(network.state_dict(), tmp_path / "other.pt")
    about = {"network": {**SPEC, **SETTINGS}, "layer": "reduction", "checkpoint": str(tmp_path / "other.pt")}
    (tmp_path / "evaluation.json").write_text(json.dumps(about))
    rows = [
        {"scan": name, "label": label, "probability": value, "cohort_mean": mean}
        for name, values in (("s0", (0.72, 0.4)), ("s1", (0.4, 0.4)), ("s2", (0.4, 0.4)))
        for label, value, mean in zip(LABELS, values, (0.4, 0.4), strict=True)
    ]
    write_rows(tmp_path / "scans.csv", rows)
    return tmp_path


def pictures() -> ScanPictures:
    torch.manual_seed(0)
    network = AxialNet(2, "conv5", in_plane_size=(64, 64), reduction_channels=(4,), reduction_padding=1).eval()
    items = [{"image": torch.rand(1, 64, 64, 9) - 0.449} for _ in NAMES]
    geometry = GeometryCache(network, "reduction")
    return ScanPictures(items, network, ScanMapsInferer("reduction"), geometry, [4.0] * 3, [-1000, 800])


def write(folder: Path, **options):
    (folder / "out").mkdir(exist_ok=True)
    model = other_model(folder, {"spacing": [4.0] * 3}, **options)
    return model.write(folder / "out", OWN, NAMES, np.arange(3), pictures())


def test_present_findings_that_differ_most_are_drawn(folder: Path) -> None:
    (section,) = write(folder, examples=2)
    assert [(row["scan"], row["label"]) for row in section.rows] == [("s1", "pneumonia"), ("s2", "lung mass")]
    assert section.rows[0]["this model"] == "0.80, 100% above the mean 0.40"
    assert section.rows[1]["the other"] == "0.40, 0% above the mean 0.40"
    assert section.rows[1]["this model"] == "0.30, 40% below the mean 0.50"
    assert (folder / "out" / "models.png").stat().st_size > 1000
    table = read_rows(folder / "out" / "models.csv")
    assert len(table) == 6
    assert table[0]["above_mean"] == "0.8"
    assert float(table[0]["other_above_mean"]) == pytest.approx(0.8)
    assert table[5]["present"] == ""


def test_cases_can_be_chosen(folder: Path) -> None:
    (section,) = write(folder, cases=[["s0", "pneumonia"]])
    assert [(row["scan"], row["label"]) for row in section.rows] == [("s0", "pneumonia")]
    with pytest.raises(ValueError, match="cases must be scans and labels of both evaluations"):
        write(folder, cases=[["s9", "pneumonia"]])


def test_other_scans_and_other_labels_are_refused(folder: Path) -> None:
    saved = shutil.copy(folder / "scans.csv", folder / "saved.csv")
    write_rows(
        folder / "scans.csv", [{"scan": "x", "label": name, "probability": 0.5, "cohort_mean": 0.5} for name in LABELS]
    )
    with pytest.raises(ValueError, match="against must be an evaluation of the same scans"):
        write(folder)
    write_rows(folder / "scans.csv", [{"scan": "s0", "label": "lung mass", "probability": 0.5, "cohort_mean": 0.5}])
    with pytest.raises(ValueError, match="against must be of 2 labels"):
        write(folder)
    rows = read_rows(saved)
    write_rows(folder / "scans.csv", [row | {"label": LABELS[row["label"] == LABELS[0]]} for row in rows])
    with pytest.raises(ValueError, match="against must be of 2 labels, the same in the same order"):
        write(folder)
    (folder / "scans.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"scans\.csv does not exist"):
        other_model(folder, {})
    assert other_model(None, {}) is None


def test_a_network_without_maps_gives_the_table_alone(folder: Path) -> None:
    about = json.loads((folder / "evaluation.json").read_text()) | {"layer": None}
    (folder / "evaluation.json").write_text(json.dumps(about))
    (section,) = write(folder)
    assert not section.pictures
    assert not (folder / "out" / "models.png").exists()
