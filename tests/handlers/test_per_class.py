"""Per-class metrics in an evaluation: scalars, key value, and files."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine
from monai.data import DataLoader, Dataset, list_data_collate
from monai.engines import SupervisedEvaluator
from monai.handlers import MetricsSaver, StatsHandler

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.metrics import PerClassAUROCMetric, PointLocalizationMetric

NAMES = ("Mass", "Nodule", "Edema")
INSIDE, OUTSIDE = [0.0, 0.0, 4.0, 4.0], [20.0, 20.0, 30.0, 30.0]


def maps() -> torch.Tensor:
    """(2, 3, 8, 8) logits, all highest in the upper left."""
    heatmaps = torch.zeros(2, 3, 8, 8)
    heatmaps[:, :, 0, 0] = 5
    return heatmaps


BOXES = [torch.tensor([[*INSIDE, 0], [*INSIDE, 1]]), torch.tensor([[*OUTSIDE, 1], [*OUTSIDE, 1]])]


def run(handler: PerClassMetricHandler, output: object) -> dict:
    """The metrics of an engine whose every step gives that output."""
    engine = Engine(lambda engine, batch: output)
    handler.attach(engine, "points")
    engine.run([0])
    return engine.state.metrics


@pytest.mark.parametrize(("key", "value"), [("macro", 0.75), ("weighted", 2 / 3)])
def test_every_value_has_its_name(key: str, value: float) -> None:
    metrics = run(PerClassMetricHandler(PointLocalizationMetric(32), NAMES, key=key), (maps(), BOXES))
    expected = {"points": value, "points_macro": 0.75, "points_weighted": 2 / 3}
    expected |= {"points_Mass": 1.0, "points_Nodule": 0.5, "points_Edema": math.nan}
    assert metrics == pytest.approx(expected, nan_ok=True)
    assert all(isinstance(value, float) for value in metrics.values())


def test_classes_without_names_are_numbered() -> None:
    metrics = run(PerClassMetricHandler(PointLocalizationMetric(32)), (maps(), BOXES))
    assert metrics["points_0"] == 1
    assert metrics["points_1"] == 0.5


def test_a_new_epoch_starts_anew() -> None:
    handler = PerClassMetricHandler(PointLocalizationMetric(32), NAMES)
    assert run(handler, (maps(), BOXES))["points_Nodule"] == 0.5
    assert run(handler, (maps()[:1], BOXES[:1]))["points_Nodule"] == 1


def test_it_works_in_monais_evaluator(tmp_path: Path) -> None:
    """Boxes of different number go through it as lists; the key names the best model."""
    items = [{"image": image, "boxes": boxes} for image, boxes in zip(maps(), BOXES, strict=True)]

    def collate(batch: list[dict]) -> dict:
        return {**list_data_collate([{"image": b["image"]} for b in batch]), "boxes": [b["boxes"] for b in batch]}

    def maps_and_boxes(output: dict) -> tuple:
        return output["pred"], output["label"]

    handler = PerClassMetricHandler(PointLocalizationMetric(32), NAMES, output_transform=maps_and_boxes)
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items), batch_size=2, collate_fn=collate),
        network=torch.nn.Identity(),
        prepare_batch=lambda batch, *args, **kwargs: (batch["image"], batch["boxes"]),
        key_val_metric={"points": handler},
        val_handlers=[StatsHandler(iteration_log=False), MetricsSaver(str(tmp_path), metric_details="points")],
        decollate=False,
    )
    evaluator.run()
    assert evaluator.state.best_metric == 0.75
    assert evaluator.state.metrics["points_Nodule"] == 0.5
    assert (tmp_path / "points_raw.csv").read_text().count("\n") == 3  # a head and two images


def test_works_with_the_area_under_the_curve() -> None:
    handler = PerClassMetricHandler(PerClassAUROCMetric(), NAMES[:2], save_details=False)
    metrics = run(handler, (torch.tensor([[0.1, 0.2], [0.4, 0.3]]), torch.tensor([[0, 0], [1, 0]])))
    assert metrics == pytest.approx(
        {"points": 1, "points_macro": 1, "points_weighted": 1, "points_Mass": 1, "points_Nodule": math.nan}, nan_ok=True
    )


def test_rejects_wrong_names_and_keys() -> None:
    with pytest.raises(ValueError, match="class_names must be 3 names"):
        run(PerClassMetricHandler(PointLocalizationMetric(32), NAMES[:2]), (maps(), BOXES))
    with pytest.raises(ValueError, match="Did you mean 'macro'"):
        PerClassMetricHandler(PointLocalizationMetric(32), key="makro")


@pytest.mark.slow
def test_imports_without_ignite() -> None:
    """Ignite is optional: without it MONAI's handler says so when one is made, not when the package is imported."""
    code = """
import sys
sys.modules["ignite"] = None
from monai.utils import OptionalImportError
from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.metrics import PerClassAUROCMetric
try:
    PerClassMetricHandler(PerClassAUROCMetric())
except OptionalImportError as error:
    assert "ignite" in str(error), error
else:
    raise SystemExit("made without ignite")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
