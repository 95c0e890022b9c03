"""What an evaluation finds, with how sure it is: AUROC and localization, per class and on average, and pictures."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.metrics import Cumulative, CumulativeIterationMetric
from monai.utils import optional_import

import monai_pylon
from monai_pylon.metrics import Interval, auroc_per_class, bootstrap_interval
from monai_pylon.reports import FilmFindingMap, film_page_figure, save_figure, write_rows, written_whole
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check
from monai_pylon.visualize import heatmap_on_image
from monai_pylon.workflows.training import logits_and_labels, maps_and_boxes

__all__ = ["EvaluationReport", "auroc_intervals", "localization_intervals", "report_rows"]

_LOGGER = logging.getLogger(__name__)
_MEANS = ("macro", "weighted")


def _entry(interval: Interval, count: int) -> dict[str, Any]:
    """A number with its ends and how many it rests on; undefined is None, as JSON has no NaN."""
    numbers = {name: float(value) for name, value in interval._asdict().items()}
    return {**{name: None if np.isnan(value) else round(value, 5) for name, value in numbers.items()}, "n": int(count)}


def _split(interval: Interval, number: int) -> Interval:
    return Interval(*(np.asarray(part)[number] for part in interval))


def localization_intervals(
    hits: np.ndarray, patients: Sequence[Any], labels: Sequence[str], num_resamples: int = 1000
) -> dict[str, dict[str, Any]]:
    """Shares of hits with bootstrap intervals by patient.

    Args:
        hits: (N, M) of 1, 0 and NaN, as the metrics of localization keep them.
        patients: (N,), who is drawn together.
        labels: names of the M classes.
        num_resamples: draws of the bootstrap.

    Returns:
        by "macro", "weighted" and class: estimate, low, high (None where undefined) and n, the instances.

    Example:
        >>> hits = np.array([[1.0, np.nan], [0.0, 1.0], [1.0, np.nan]])
        >>> localization_intervals(hits, [1, 2, 3], ["Mass", "Nodule"], num_resamples=50)["weighted"]["n"]
        4
    """
    counts = (~np.isnan(hits)).sum(axis=0)
    draw = partial(bootstrap_interval, hits, groups=patients, num_resamples=num_resamples)
    found = {kind: _entry(draw(statistic=kind), counts.sum()) for kind in _MEANS}
    each = draw(statistic="per_class")
    return {**found, **{name: _entry(_split(each, k), counts[k]) for k, name in enumerate(labels)}}


def auroc_intervals(
    scores: np.ndarray, truth: np.ndarray, patients: Sequence[Any], labels: Sequence[str], num_resamples: int = 1000
) -> dict[str, dict[str, Any]]:
    """Areas under the ROC curve with bootstrap intervals by patient.

    Args:
        scores: (N, M), logits or probabilities.
        truth: (N, M) of 1, 0 and NaN.
        patients: (N,), who is drawn together.
        labels: names of the M classes.
        num_resamples: draws of the bootstrap.

    Returns:
        by "macro", "weighted" (by positives) and class: estimate, low, high (None where undefined) and n, positives.

    Example:
        >>> scores, truth = np.array([[0.1], [0.8], [0.4], [0.9]]), np.array([[0], [1], [0], [1]])
        >>> auroc_intervals(scores, truth, [1, 2, 3, 4], ["Mass"], num_resamples=50)["Mass"]["estimate"]
        1.0
    """
    count = scores.shape[1]

    def areas(rows: np.ndarray) -> np.ndarray:
        label = rows[:, count:]
        each = auroc_per_class(torch.from_numpy(rows[:, :count]), torch.from_numpy(label)).numpy()
        known = ~np.isnan(each)
        if not known.any():
            return np.full(count + 2, np.nan)
        weights = np.nansum(label[:, known], axis=0)
        return np.array([each[known].mean(), (each[known] * weights).sum() / weights.sum(), *each])

    table = np.concatenate([scores, truth], axis=1).astype(np.float64)
    interval = bootstrap_interval(table, groups=patients, statistic=areas, num_resamples=num_resamples)
    positives = np.nansum(truth, axis=0)
    counts = [positives.sum(), positives.sum(), *positives]
    return {name: _entry(_split(interval, k), counts[k]) for k, name in enumerate((*_MEANS, *labels))}


def report_rows(report: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The intervals of several metrics as rows of a table.

    Args:
        report: by metric and class, estimate, low, high and n.

    Returns:
        one row a metric and class.

    Example:
        >>> report_rows({"auroc": {"macro": {"estimate": 0.8, "low": 0.7, "high": 0.9, "n": 5}}})
        [{'metric': 'auroc', 'class': 'macro', 'estimate': 0.8, 'low': 0.7, 'high': 0.9, 'n': 5}]
    """
    return [
        {"metric": metric, "class": name, **numbers}
        for metric, each in report.items()
        for name, numbers in each.items()
    ]


class EvaluationReport:
    """Writes `evaluation.json`, `evaluation.csv` and a page of overlays when an evaluation is over.

    An ignite handler for an evaluator whose network is `Explained`, with :func:`prepare_radiographs`; its batches have
    "patient_id" and "name" too. In several processes the numbers are of all images, the pictures of the first process.

    Args:
        output: the folder to write to.
        metrics: by name, metrics of localization that are attached to the evaluator: their hits are taken from them.
        labels: names of the M classes.
        about: what else the JSON says, such as network, checkpoint and data; its "title" is the page's too.
        image_size: rows and columns of the network's input, in whose pixels boxes count.
        examples: how many instances of each class are drawn, the first ones of the data; 0 for none.
        num_resamples: draws of the bootstrap.

    Example:
        >>> EvaluationReport("results", metrics={}).report is None
        True
    """

    def __init__(
        self,
        output: str | PathLike[str],
        metrics: Mapping[str, CumulativeIterationMetric],
        labels: Sequence[str] = CHEST_XRAY14_LABELS,
        about: Mapping[str, Any] | None = None,
        image_size: int = 256,
        examples: int = 3,
        num_resamples: int = 1000,
    ) -> None:
        self.output, self.metrics, self.labels = Path(output).expanduser(), dict(metrics), tuple(labels)
        self.about, self.image_size = dict(about or {}), image_size
        self.examples, self.num_resamples = examples, num_resamples
        self._scores = Cumulative()  # type: ignore[abstract]
        self._drawn: dict[int, list[FilmFindingMap]] = {}
        #: What was found, once the evaluation is over.
        self.report: dict[str, Any] | None = None

    def attach(self, engine: Any) -> None:
        """Attach to the evaluator."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.STARTED, self.start)
        engine.add_event_handler(events.ITERATION_COMPLETED, self.collect)
        engine.add_event_handler(events.EPOCH_COMPLETED, self.write)

    def start(self, engine: Any) -> None:
        """Called by the evaluator when it starts."""
        self._scores.reset()
        self._drawn = {}

    def collect(self, engine: Any) -> None:
        """Called by the evaluator after each batch."""
        logits, labels = logits_and_labels(engine.state.output)
        patients = torch.as_tensor(engine.state.batch["patient_id"]).to(logits.device).double()
        self._scores.extend(logits, labels, patients[:, None])
        maps, boxes = maps_and_boxes(engine.state.output)
        for number, box in enumerate(boxes):
            for label in box[:, 4].unique().long().tolist():
                if len(self._drawn.setdefault(label, [])) < self.examples:
                    self._drawn[label].append(self._example(engine, number, label, maps[number, label], box))

    def _example(self, engine: Any, number: int, label: int, map: torch.Tensor, boxes: torch.Tensor) -> FilmFindingMap:
        """One finding of one film, ready to be drawn."""
        image = engine.state.output["image"][number, 0].detach().float().cpu()
        film = ((image - image.min()) / (image.max() - image.min()).clamp(min=1e-6)).numpy()
        heat = heatmap_on_image(map[None], film.shape)[0].cpu().numpy()
        mine = boxes[boxes[:, 4] == label, :4].cpu().numpy()
        chance = float(engine.state.output["pred"].logits[number, label].float().sigmoid())
        name = str(engine.state.batch["name"][number])
        return FilmFindingMap(self.labels[label], chance, heat, mine, film, title=name)

    def write(self, engine: Any) -> None:
        """Called by the evaluator when it has seen all images."""
        scores, truth, patients = (part.cpu().numpy() for part in self._scores.get_buffer())
        hits = {name: metric.get_buffer().cpu().numpy() for name, metric in self.metrics.items()}
        if engine.state.rank > 0:
            return
        check(all(len(part) == len(scores) for part in hits.values()), "metrics", "attached to this evaluator", hits)
        groups = patients[:, 0].astype(np.int64)
        _LOGGER.info("%d films; drawing %d bootstrap samples of patients.", len(scores), self.num_resamples)
        found = {"auroc": auroc_intervals(scores, truth, groups, self.labels, self.num_resamples)}
        for name, part in hits.items():
            found[name] = localization_intervals(part, groups, self.labels, self.num_resamples)
        versions = {"monai_pylon": monai_pylon.__version__, "torch": torch.__version__}
        counts = {"images": len(scores), "patients": len(np.unique(groups))}
        method = {"interval": "percentile bootstrap by patient, 95 %", "num_resamples": self.num_resamples}
        self.report = {**self.about, **counts, **method, "versions": versions, "metrics": found}
        with written_whole(self.output / "evaluation.json") as part_file:
            part_file.write_text(json.dumps(self.report, indent=2, default=str) + "\n", encoding="utf-8")
        write_rows(self.output / "evaluation.csv", report_rows(found))
        self._draw()
        self._tell(found)

    def _draw(self) -> None:
        examples = [example for label in sorted(self._drawn) for example in self._drawn[label]]
        if examples:
            title = f"{self.about.get('title', 'Boxes and maps')}: the first films of each class"
            page = film_page_figure(examples, columns=2 * self.examples, title=title)
            save_figure(self.output / "overlays" / "page.png", page)

    def _tell(self, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        for metric, each in found.items():
            for kind in _MEANS:
                numbers = {k: "undefined" if v is None else f"{v:.3f}" for k, v in each[kind].items() if k != "n"}
                line = "{estimate} ({low} to {high})".format(**numbers)
                _LOGGER.info("%s, %s mean: %s", metric, kind, line)
        _LOGGER.info("The results lie in %s", self.output)
