"""Evaluation report on radiographs, with a page of radiographs, boxes and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.metrics import Cumulative, CumulativeIterationMetric

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.metrics import LocalizationBaselinesMetric
from monai_pylon.metrics.baselines import BASELINES
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.heatmap import heatmap_on_image
from monai_pylon.reports.radiograph_figure import RadiographFindingMap, radiograph_page_figure
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.workflows.bundle.evaluation import (
    EvaluatedCases,
    EvaluationReport,
    localization_intervals,
)
from monai_pylon.workflows.bundle.patients import patient_number
from monai_pylon.workflows.bundle.peak_hits import PeakHits
from monai_pylon.workflows.radiographs.batches import maps_and_boxes
from monai_pylon.workflows.radiographs.other_patients import OtherPatients
from monai_pylon.workflows.radiographs.subgroups import patient_facts, subgroup_metrics

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
    encoder = network_spec["encoder"]
    encoder = encoder["_target_"].split(".")[-1] if isinstance(encoder, Mapping) else encoder
    title = f"{network_spec['name']}, {encoder}, {Path(dataset_dir).name}, {section}"
    facts = {"network": dict(network_spec), "checkpoint": str(Path(checkpoint).absolute()), "data": dataset_dir}
    return {"title": title, **facts, "section": section, "fold": None if folds is None else fold}


class RadiographEvaluationReport(EvaluationReport):
    """Evaluation report with baselines, subgroups, and a page of overlays, `overlays/page.png`.

    If a metric is "point_localization", the report has its baselines too, as "point_localization, random_point" and so
    on; see :class:`~monai_pylon.metrics.LocalizationBaselinesMetric`. Subgroups are those of view, sex and age. If the
    batches have masks, "peak_in_mask" is the share of maps with their highest pixel in the mask of their class, beside
    the shares that a random point and the image's center reach.

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
        thresholds: See :class:`~monai_pylon.workflows.bundle.evaluation.EvaluationReport`.
        others: Boxes and patients of the training, for the fixed point of each class, and for a check that no patient
            is on both sides.

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
        thresholds: str | PathLike[str] | None = None,
        others: OtherPatients | None = None,
    ) -> None:
        self.others = OtherPatients() if others is None else others
        super().__init__(output, metrics, labels, about, num_resamples, thresholds=thresholds, training=self.others)
        self._facts = Cumulative()  # type: ignore[abstract]
        self._hits = PeakHits("peak_in_mask")
        points = self.metrics.get("point_localization")
        self._baselines: LocalizationBaselinesMetric | None = None
        if points is not None:
            fixed = self.others.class_points(len(self.labels), points.image_size)
            self._baselines = LocalizationBaselinesMetric(points.image_size, fixed)
        self.examples = examples
        self._drawn: dict[int, list[RadiographFindingMap]] = {}
        self._present: dict[int, list[RadiographFindingMap]] = {}

    def start(self, engine: Any) -> None:
        """Forget an earlier evaluation; called when the evaluator starts."""
        super().start(engine)
        self._drawn, self._present = {}, {}
        self._facts.reset()
        self._hits.reset()
        if self._baselines is not None:
            self._baselines.reset()

    def collect(self, engine: Any) -> None:
        """Collect scores, labels and examples; called after each batch."""
        super().collect(engine)
        maps, boxes = maps_and_boxes(engine.state.output)
        self._facts.extend(patient_facts(engine.state.batch, len(maps)).to(maps.device))
        if self._baselines is not None:
            self._baselines(maps, boxes, [patient_number(patient) for patient in engine.state.batch["patient_id"]])
        if "masks" in engine.state.batch:
            self._hits.collect(maps.float().sigmoid(), engine.state.batch["masks"])
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

    def write(self, engine: Any) -> None:
        """Write the report; called after the last batch."""
        self._gathered = self._facts.get_buffer().cpu().numpy()  # by all processes
        self._found = None if self._baselines is None else self._baselines.values()
        self._hits.gather()
        super().write(engine)

    def _further(self, cases: EvaluatedCases, found: dict[str, Any]) -> dict[str, Any]:
        """Add the baselines of point localization, and return the subgroups."""
        if self._found is not None and len(self._found[1]):
            each, classes, patients = self._found
            for name in BASELINES:
                table = np.full((len(classes), len(self.labels)), np.nan)
                table[np.arange(len(classes)), classes] = each[name]
                shares = localization_intervals(table, patients, self.labels, self.num_resamples)
                found[f"point_localization, {name}"] = shares
        found |= self._hits.intervals(cases.sound, cases.groups, self.labels, self.num_resamples)
        points = cases.values.get("point_localization")
        hits, facts = None if points is None else points[0][cases.sound], self._gathered[cases.sound]
        known = (cases.scores, cases.truth, hits, cases.groups)
        subgroups = subgroup_metrics(facts, *known, self.labels, self.num_resamples)
        return {"subgroups": subgroups}

    def _draw(self) -> None:
        chosen = self._drawn or self._present
        examples = [example for label in sorted(chosen) for example in chosen[label]]
        if examples:
            title = f"{self.about.get('title', 'Boxes and maps')}: the first radiographs of each class"
            page = radiograph_page_figure(examples, columns=2 * self.examples, title=title)
            save_figure(self.output / "overlays" / "page.png", page)
