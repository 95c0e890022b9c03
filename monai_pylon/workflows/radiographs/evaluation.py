"""Evaluation report on radiographs, with a page of radiographs, boxes and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.metrics import CumulativeIterationMetric

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.heatmap import heatmap_on_image
from monai_pylon.reports.radiograph_figure import RadiographFindingMap, radiograph_page_figure
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.workflows.bundle.evaluation import EvaluationReport
from monai_pylon.workflows.radiographs.batches import maps_and_boxes

__all__ = ["RadiographEvaluationReport", "describe_evaluation", "localization_handler"]


def localization_handler(metric: CumulativeIterationMetric, labels: Sequence[str]) -> PerClassMetricHandler:
    """Make the handler that evaluates a localization metric.

    Args:
        metric: Metric of maps (N, M, h, w) and boxes.
        labels: Names of the M classes.

    Returns:
        The handler; its key value is the average over instances.

    Example:
        >>> from monai_pylon.metrics import PointLocalizationMetric
        >>> localization_handler(PointLocalizationMetric(256), CHEST_XRAY14_LABELS).key
        'weighted'
    """
    return PerClassMetricHandler(metric, labels, "weighted", maps_and_boxes)


def describe_evaluation(
    network_spec: Mapping[str, Any],
    checkpoint: str | PathLike[str],
    dataset_dir: str | PathLike[str],
    section: str,
    folds: str | PathLike[str] | None = None,
    fold: int = 0,
) -> dict[str, Any]:
    """Describe an evaluation for its report.

    Args:
        network_spec: Network specification.
        checkpoint: File with the weights.
        dataset_dir: The dataset.
        section: Its section.
        folds: Table of folds, if there is one.
        fold: The test fold.

    Returns:
        "title", "network", "checkpoint", "data", "section" and "fold" (None without folds).

    Example:
        >>> describe_evaluation({"name": "pylon", "encoder": "resnet18"}, "model.pt", "data/cxr14", "test")["title"]
        'pylon, resnet18, cxr14, test'
    """
    title = f"{network_spec['name']}, {network_spec['encoder']}, {Path(dataset_dir).name}, {section}"
    facts = {"network": dict(network_spec), "checkpoint": str(Path(checkpoint).absolute()), "data": dataset_dir}
    return {"title": title, **facts, "section": section, "fold": None if folds is None else fold}


class RadiographEvaluationReport(EvaluationReport):
    """Evaluation report with a page of overlays, `overlays/page.png`.

    For an evaluator whose network is `Explained`, with :func:`prepare_radiographs`; its batches have "name" too. In
    several processes the first one draws its own radiographs.

    Args:
        output: Folder to write to.
        metrics: Localization metrics by name, or their handlers, that are attached to the evaluator.
        labels: Names of the M classes.
        about: Further entries of the JSON file; "title" is the title of the page too.
        examples: Instances of each class to draw, the first ones of the dataset with a box; 0 for none. If no
            radiograph has a box, the first ones in which the class is present.
        num_resamples: Bootstrap samples.

    Example:
        >>> RadiographEvaluationReport("results", metrics={}).examples
        3
    """

    def __init__(
        self,
        output: str | PathLike[str],
        metrics: Mapping[str, Any],
        labels: Sequence[str] = CHEST_XRAY14_LABELS,
        about: Mapping[str, Any] | None = None,
        examples: int = 3,
        num_resamples: int = 1000,
    ) -> None:
        super().__init__(output, metrics, labels, about, num_resamples)
        self.examples = examples
        self._drawn: dict[int, list[RadiographFindingMap]] = {}
        self._present: dict[int, list[RadiographFindingMap]] = {}

    def start(self, engine: Any) -> None:
        """Forget an earlier evaluation; called when the evaluator starts."""
        super().start(engine)
        self._drawn, self._present = {}, {}

    def collect(self, engine: Any) -> None:
        """Collect scores, labels and examples; called after each batch."""
        super().collect(engine)
        maps, boxes = maps_and_boxes(engine.state.output)
        truth = engine.state.output["label"]["label"]
        for number, box in enumerate(boxes):
            marked = box[:, 4].unique().long().tolist()
            present = () if self._drawn or marked else (truth[number] == 1).nonzero()[:, 0].tolist()
            for chosen, labels in ((self._drawn, marked), (self._present, present)):
                for label in labels:
                    if len(chosen.setdefault(label, [])) < self.examples:
                        chosen[label].append(self._example(engine, number, label, maps[number, label], box))

    def _example(
        self, engine: Any, number: int, label: int, map: torch.Tensor, boxes: torch.Tensor
    ) -> RadiographFindingMap:
        """Return one finding of one radiograph to draw."""
        image = engine.state.output["image"][number, 0].detach().float().cpu()
        radiograph = ((image - image.min()) / (image.max() - image.min()).clamp(min=1e-6)).numpy()
        heat = heatmap_on_image(map[None], radiograph.shape)[0].cpu().numpy()
        mine = boxes[boxes[:, 4] == label, :4].cpu().numpy()
        chance = float(engine.state.output["pred"].logits[number, label].float().sigmoid())
        name = str(engine.state.batch["name"][number])
        return RadiographFindingMap(self.labels[label], chance, heat, mine, radiograph, title=name)

    def _draw(self) -> None:
        chosen = self._drawn or self._present
        examples = [example for label in sorted(chosen) for example in chosen[label]]
        if examples:
            title = f"{self.about.get('title', 'Boxes and maps')}: the first radiographs of each class"
            page = radiograph_page_figure(examples, columns=2 * self.examples, title=title)
            save_figure(self.output / "overlays" / "page.png", page)
