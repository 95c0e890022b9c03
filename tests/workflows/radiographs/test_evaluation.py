"""Tests of the evaluation of radiographs: what it is about, and the examples that it draws."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch

from monai_pylon.metrics import PointLocalizationMetric
from monai_pylon.metrics.baselines import BASELINES
from monai_pylon.networks import Explanation
from monai_pylon.workflows.radiographs.evaluation import (
    RadiographEvaluationReport,
    describe_evaluation,
    localization_handler,
)
from monai_pylon.workflows.radiographs.other_patients import OtherPatients


def test_description_names_the_fold_only_with_folds() -> None:
    spec = {"name": "pylon", "encoder": "resnet18"}
    whole = describe_evaluation(spec, "model.pt", "data/cxr14", "test")
    assert (whole["title"], whole["fold"]) == ("pylon, resnet18, cxr14, test", None)
    assert Path(whole["checkpoint"]).is_absolute()
    own = {"name": "pylon", "encoder": {"_target_": "mine.nets.MyEncoder"}}
    assert describe_evaluation(own, "model.pt", "data/cxr14", "test")["title"] == "pylon, MyEncoder, cxr14, test"
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


def test_report_has_baselines_of_point_localization_and_subgroups(tmp_path: Path) -> None:
    """Two patients with the same class: one map hits its box, and both would hit with the other's map or not."""
    metric = PointLocalizationMetric(8)
    boxes = [torch.tensor([[0.0, 0, 3, 3, 1]]), torch.tensor([[4.0, 4, 7, 7, 1]])]
    maps = torch.zeros(2, 2, 4, 4)
    maps[:, 1, 0, 0] = 5.0
    metric(maps, boxes)
    others = OtherPatients([9], torch.tensor([[0.6, 0.6, 0.9, 0.9, 1]]))
    report = RadiographEvaluationReport(
        tmp_path, {"point_localization": metric}, ["Mass", "Nodule"], examples=0, num_resamples=10, others=others
    )
    pred = Explanation(torch.randn(2, 2), maps)
    label = {"label": torch.tensor([[1.0, 1], [0, 0]]), "boxes": boxes}
    batch = {"name": ["a", "b"], "patient_id": [9, "x"], "view": ["AP", "PA"]}
    output = {"pred": pred, "label": label, "image": torch.rand(2, 1, 8, 8)}
    engine = SimpleNamespace(state=SimpleNamespace(output=output, batch=batch, rank=0))
    report.start(engine)
    report.collect(engine)
    report.write(engine)
    found = {
        name.removeprefix("point_localization, "): each["Nodule"]["estimate"]
        for name, each in report.report["metrics"].items()
        if name.startswith("point_localization")
    }
    assert found == {
        "point_localization": 0.5,
        "random_point": 0.25,
        "image_center": 0.0,
        "class_point": 0.5,
        "other_patients": 0.5,
        "image_specific_gain": 0.0,
    }
    assert report.report["patients_also_in_training"] == 1
    assert {name: each["point_localization"]["estimate"] for name, each in report.report["subgroups"].items()} == {
        "view PA": 0.0,
        "view AP": 1.0,
    }


def test_undefined_baselines_are_null_and_not_left_out(tmp_path: Path) -> None:
    """One patient with a class has no other patient's map, and without training boxes there is no fixed point."""
    metric, boxes = PointLocalizationMetric(8), [torch.tensor([[0.0, 0, 3, 3, 1]]), torch.zeros(0, 5)]
    maps = torch.rand(2, 2, 4, 4)
    metric(maps, boxes)
    report = RadiographEvaluationReport(tmp_path, {"point_localization": metric}, ["Mass", "Nodule"], num_resamples=10)
    label = {"label": torch.tensor([[1.0, 1], [0, 0]]), "boxes": boxes}
    output = {"pred": Explanation(torch.randn(2, 2), maps), "label": label, "image": torch.rand(2, 1, 8, 8)}
    batch = {"name": ["a", "b"], "patient_id": [9, "x"]}
    report.start(engine := SimpleNamespace(state=SimpleNamespace(output=output, batch=batch, rank=0)))
    report.collect(engine)
    report.write(engine)
    found = {name: report.report["metrics"][f"point_localization, {name}"]["Nodule"]["estimate"] for name in BASELINES}
    assert found.pop("random_point") == 0.25
    assert found.pop("image_center") == 0
    assert found == {"class_point": None, "other_patients": None, "image_specific_gain": None}
