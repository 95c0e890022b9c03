"""The evidence of a cohort in files: numbers, figures and the page."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from monai_pylon.networks.nets import AxialNet
from monai_pylon.utils import read_rows
from monai_pylon.workflows.chest_ct import EvidenceReport, ScanMapsInferer

LABELS = ["lung mass", "cardiomegaly"]


def report(layer: str | None = "reduction", **options) -> tuple[EvidenceReport, np.ndarray]:
    """Collect three scans of noise in one batch, and return the logits too."""
    torch.manual_seed(0)
    network = AxialNet(2, "conv5", in_plane_size=(64, 64), reduction_channels=(4,), reduction_padding=1).eval()
    images = torch.rand(3, 1, 64, 64, 9) - 0.449
    inferer = ScanMapsInferer(layer)
    items = [{"image": image} for image in images]
    found = EvidenceReport(LABELS, items, network, inferer, layer, [5.0] * 3, [-1000, 800], **options)
    organs = torch.zeros(3, 1, 64, 64, 9, dtype=torch.uint8)
    organs[:, :, :20], organs[:, :, 20:40], organs[:, :, 40:] = 1, 2, 3
    batch = {"index": torch.arange(3), "name": ["a", "b", "c"], "organ_labels": organs, "error": [""] * 3}
    pred = inferer(images, network)
    found.collect(SimpleNamespace(state=SimpleNamespace(output={"pred": pred, "image": images}, batch=batch)))
    found.cohort.gather()
    return found, pred.logits.detach().numpy().astype(float)


TRUTH = np.array([[0.0, 1], [1, 0], [0, np.nan]])


def test_tables_figures_and_page(tmp_path: Path) -> None:
    found, scores = report(examples=1)
    metrics = found.write(tmp_path, scores, TRUTH, np.array([0.0, 0.0]), np.arange(3), 5)
    chances = 1 / (1 + np.exp(-scores))
    rows = read_rows(tmp_path / "scans.csv")
    assert [(row["scan"], row["label"], row["present"]) for row in rows[:2]] == [
        ("a", "lung mass", "0"),
        ("a", "cardiomegaly", "1"),
    ]
    assert rows[5]["present"] == ""
    assert float(rows[0]["above_mean"]) == pytest.approx(chances[0, 0] / chances[:, 0].mean() - 1, abs=1e-4)
    errors = read_rows(tmp_path / "errors.csv")
    assert {(row["name"], row["label"]) for row in errors} <= {
        ("a", "lung mass"),
        ("b", "cardiomegaly"),
        ("c", "lung mass"),
    }
    defined = [row for row in errors if row["outside"]]
    assert metrics["exposed, false positives"]["weighted"]["n"] == len(defined)
    slices = read_rows(tmp_path / "slice_scores.csv")
    assert len(slices) == 2 * 3
    assert (slices[0]["scans_with"], slices[0]["scans_without"]) == ("1", "2")
    expected = found.cohort.slice_scores[[0, 2], 0].mean(0)
    np.testing.assert_allclose([float(row["estimate_without"]) for row in slices[:3]], expected, rtol=1e-3, atol=1e-5)
    page = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    for name in ("error_1.png", "slice_scores.png", "lungs.png"):
        assert f'src="{name}"' in page
        assert (tmp_path / name).stat().st_size > 1000
    assert not (tmp_path / "error_2.png").exists()


def test_pictures_are_of_different_scans_first(tmp_path: Path) -> None:
    found, scores = report(examples=2)
    found.cohort.outside = np.array([[0.9, 0.8], [0.1, 0.1], [0.2, 0.2]])
    drawn = []
    found.pictures.explain = lambda index, explain=found.pictures.explain: drawn.append(index) or explain(index)
    found.write(tmp_path, scores, np.zeros((3, 2)), np.array([0.0, 0.0]), np.arange(3), 5)
    assert drawn == [0, 2]


def test_a_network_without_maps_has_the_table_of_scans_alone(tmp_path: Path) -> None:
    found, scores = report(None)
    assert found.write(tmp_path, scores, TRUTH, np.array([0.5, 0.5]), np.arange(3), 5) == {}
    assert [file.name for file in tmp_path.iterdir()] == ["scans.csv"]
    assert read_rows(tmp_path / "scans.csv")[0]["outside"] == ""


def test_numbers_of_pictures_are_whole_numbers() -> None:
    with pytest.raises(TypeError, match="examples"):
        report(examples="4")
