"""Tests of the evaluation of radiographs: what it is about, and the examples that it draws."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from monai_pylon.metrics import PointLocalizationMetric
from monai_pylon.networks import Explanation
from monai_pylon.workflows.radiographs.evaluation import (
    RadiographEvaluationReport,
    describe_evaluation,
    localization_handler,
)


def test_description_names_the_fold_only_with_folds() -> None:
    spec = {"name": "pylon", "encoder": "resnet18"}
    whole = describe_evaluation(spec, "model.pt", "data/cxr14", "test")
    assert (whole["title"], whole["fold"]) == ("pylon, resnet18, cxr14, test", None)
    assert Path(whole["checkpoint"]).is_absolute()
    assert describe_evaluation(spec, "model.pt", "d", "test", folds="folds.csv", fold=2)["fold"] == 2


def test_handler_reports_the_average_over_instances() -> None:
    assert localization_handler(PointLocalizationMetric(8), ["Mass"]).key == "weighted"


def test_page_shows_the_first_examples_of_each_class(tmp_path: Path) -> None:
    report = RadiographEvaluationReport(tmp_path, {}, ["Mass", "Nodule"], examples=2)
    boxes = [torch.tensor([[0.0, 0, 4, 4, 1]])] * 3 + [torch.zeros(0, 5)]
    pred = Explanation(torch.zeros(4, 2), torch.rand(4, 2, 4, 4))
    output = {"pred": pred, "label": {"label": torch.zeros(4, 2), "boxes": boxes}, "image": torch.rand(4, 1, 8, 8)}
    batch = {"name": ["a", "b", "c", "d"], "patient_id": [0, 1, 2, 3]}
    engine = SimpleNamespace(state=SimpleNamespace(output=output, batch=batch, rank=0))
    report.start(engine)
    report.collect(engine)
    assert [example.title for example in report._drawn[1]] == ["a", "b"]
    assert 0 not in report._drawn
    assert report._drawn[1][0].probability == 0.5
    report._draw()
    assert (tmp_path / "overlays" / "page.png").is_file()
    report.start(engine)
    assert not report._drawn


def test_without_any_box_the_page_shows_radiographs_with_the_finding(tmp_path: Path) -> None:
    report = RadiographEvaluationReport(tmp_path, {}, ["Mass", "Nodule"], examples=1)
    truth = torch.tensor([[0.0, torch.nan], [1, 0], [1, 0]])
    pred = Explanation(torch.zeros(3, 2), torch.rand(3, 2, 4, 4))
    label = {"label": truth, "boxes": [torch.zeros(0, 5)] * 3}
    output = {"pred": pred, "label": label, "image": torch.rand(3, 1, 8, 8)}
    batch = {"name": ["a", "b", "c"], "patient_id": [0, 1, 2]}
    report.start(engine := SimpleNamespace(state=SimpleNamespace(output=output, batch=batch, rank=0)))
    report.collect(engine)
    assert [example.title for example in report._present[0]] == ["b"]
    assert 1 not in report._present
    report._draw()
    assert (tmp_path / "overlays" / "page.png").is_file()
