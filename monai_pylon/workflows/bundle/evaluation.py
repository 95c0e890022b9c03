"""Evaluation reports: AUROC and localization with bootstrap intervals, per class and on average."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.metrics import Cumulative
from monai.utils import optional_import

import monai_pylon
from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.intervals import Interval
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, values_at
from monai_pylon.utils import atomic_write, check, write_rows
from monai_pylon.utils.outputs import check_binary_labels
from monai_pylon.workflows.bundle.outputs import logits_and_labels
from monai_pylon.workflows.bundle.patients import TrainingPatients, patient_number
from monai_pylon.workflows.bundle.reliability import calibration_intervals, operating_point, read_thresholds

__all__ = ["EvaluationReport", "auroc_intervals", "localization_intervals", "report_rows"]

_LOGGER = logging.getLogger(__name__)
_MEANS = ("macro", "weighted")


class EvaluatedCases(NamedTuple):
    """Results of the metrics for all cases, and scores (N, M), labels (N, M) and patients (N,) of the sound ones."""

    values: Mapping[str, Any]
    scores: np.ndarray
    truth: np.ndarray
    groups: np.ndarray
    sound: np.ndarray  # whether each of all cases could be read


def _entry(interval: Interval, count: int) -> dict[str, Any]:
    """Return an estimate with its interval and count as JSON values; undefined is None, since JSON has no NaN."""
    numbers = {name: float(value) for name, value in interval._asdict().items()}
    return {**{name: None if np.isnan(value) else round(value, 5) for name, value in numbers.items()}, "n": int(count)}


def _split(interval: Interval, number: int) -> Interval:
    return Interval(*(np.asarray(part)[number] for part in interval))


def localization_intervals(
    hits: np.ndarray, patients: Any, labels: Sequence[str], num_resamples: int = 1000
) -> dict[str, dict[str, Any]]:
    """Compute shares of hits with bootstrap intervals by patient.

    Args:
        hits: Array (N, M) of 1, 0 and NaN, as the localization metrics keep them.
        patients: Patients (N,); the images of one patient are drawn together.
        labels: Names of the M classes.
        num_resamples: Bootstrap samples.

    Returns:
        For "macro", "weighted" and each class: estimate, low, high (None if undefined) and n, the number of instances.

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
    """Compute areas under the ROC curve with bootstrap intervals by patient.

    Args:
        scores: Logits or probabilities (N, M).
        truth: Labels (N, M) of 1, 0 and NaN.
        patients: Patients (N,); the images of one patient are drawn together.
        labels: Names of the M classes.
        num_resamples: Bootstrap samples.

    Returns:
        For "macro", "weighted" (by positives), "median" (of the classes, as in Tables 1 and 6 of the AxialNet paper)
        and each class: estimate, low, high (None if undefined) and n, the number of positives.

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
            return np.full(count + 3, np.nan)
        weights = np.nansum(label[:, known], axis=0)
        weighted = (each[known] * weights).sum() / weights.sum()
        return np.array([each[known].mean(), weighted, np.median(each[known]), *each])

    table = np.concatenate([scores, truth], axis=1).astype(np.float64)
    interval = bootstrap_interval(table, groups=patients, statistic=areas, num_resamples=num_resamples)
    positives = np.nansum(truth, axis=0)
    counts = [*[positives.sum()] * 3, *positives]
    return {name: _entry(_split(interval, k), counts[k]) for k, name in enumerate((*_MEANS, "median", *labels))}


def report_rows(report: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Arrange the intervals of several metrics as rows of a table.

    Args:
        report: For each metric and class estimate, low, high and n.

    Returns:
        One row for each metric and class.

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
    """Ignite handler of an evaluator that writes AUROC and other metrics to `evaluation.json` and `evaluation.csv`.

    Its batches have "patient_id" too. In several processes the numbers are those of all images. Items with an "error"
    are left out and counted.

    Args:
        output: Folder to write to.
        metrics: Metrics by name, or their handlers, that are attached to the evaluator. Their values (N, M), NaN if
            undefined, are evaluated. Of a metric with tuned thresholds, the values at these and the thresholds.
        labels: Names of the M classes.
        about: Further entries of the JSON file, such as network, checkpoint and data.
        num_resamples: Bootstrap samples.
        unit: Name of the items, "images" or "scans".
        thresholds: The `evaluation.json` of the validation section, whose thresholds give sensitivity and specificity.
            None chooses thresholds on the evaluated items.
        training: Patients of the training, none of whom should be evaluated; None for unknown.

    Example:
        >>> EvaluationReport("results", metrics={}, labels=["Mass"]).report is None
        True
    """

    def __init__(
        self,
        output: str | PathLike[str],
        metrics: Mapping[str, Any],
        labels: Sequence[str],
        about: Mapping[str, Any] | None = None,
        num_resamples: int = 1000,
        unit: str = "images",
        thresholds: str | PathLike[str] | None = None,
        training: TrainingPatients | None = None,
    ) -> None:
        self.output, self.labels = Path(output).expanduser(), tuple(labels)
        self.metrics = {name: getattr(metric, "metric_fn", metric) for name, metric in metrics.items()}
        self.about, self.num_resamples, self.unit = dict(about or {}), num_resamples, unit
        self.thresholds = thresholds
        self.training = TrainingPatients() if training is None else training
        self._scores = Cumulative()  # type: ignore[abstract]
        #: The report, once the evaluation is over.
        self.report: dict[str, Any] | None = None

    def attach(self, engine: Any) -> None:
        """Attach to the evaluator."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.STARTED, self.start)
        engine.add_event_handler(events.ITERATION_COMPLETED, self.collect)
        engine.add_event_handler(events.EPOCH_COMPLETED, self.write)

    def start(self, engine: Any) -> None:
        """Forget an earlier evaluation; called when the evaluator starts."""
        self._scores.reset()

    def collect(self, engine: Any) -> None:
        """Collect scores and labels; called after each batch."""
        logits, labels = logits_and_labels(engine.state.output)
        check_binary_labels(labels, "label")
        numbers = [patient_number(patient) for patient in engine.state.batch["patient_id"]]
        patients = torch.tensor(numbers, device=logits.device)  # int64: some devices have no float64
        failed = torch.tensor([bool(e) for e in engine.state.batch.get("error", [""] * len(numbers))])
        self._scores.extend(logits, labels, torch.stack([patients, failed.to(patients)], 1))

    def _values(self, metric: Any) -> tuple[np.ndarray, Any]:
        """Return a metric's values (N, M), and its tuned thresholds, or None."""
        kept, thresholds = metric.get_buffer(), getattr(metric, "thresholds", None)
        if kept.ndim == 3:
            thresholds = metric.aggregate()["thresholds"]
            kept = values_at(kept, ORGAN_IOU_THRESHOLDS, thresholds)
        return kept.cpu().numpy(), thresholds

    def write(self, engine: Any) -> None:
        """Write the report; called after the last batch."""
        scores, truth, who = (part.cpu().numpy() for part in self._scores.get_buffer())
        values = {name: self._values(metric) for name, metric in self.metrics.items()}
        if engine.state.rank > 0:
            return
        fits = all(len(part) == len(scores) for part, _ in values.values())
        check(fits, "metrics", "attached to this evaluator", list(values))
        sound = who[:, 1] == 0
        scores, truth, groups = scores[sound], truth[sound], who[sound, 0].astype(np.int64)
        if not len(scores):
            raise ValueError(f"None of the {len(who)} {self.unit} can be read. The log gives the reason for each.")
        _LOGGER.info("%d %s; drawing %d bootstrap samples of patients.", len(scores), self.unit, self.num_resamples)
        found = {"auroc": auroc_intervals(scores, truth, groups, self.labels, self.num_resamples)}
        thresholds = {}
        for name, (part, limits) in values.items():
            found[name] = localization_intervals(part[sound], groups, self.labels, self.num_resamples)
            if limits is not None:
                thresholds[name] = [None if limit != limit else limit for limit in limits.tolist()]
        found |= self._calibration(scores, truth, groups)
        decisions, point = operating_point(
            scores, truth, self.labels, read_thresholds(self.thresholds, self.labels), self.thresholds
        )
        limits = point["thresholds"].values()
        self._limits = np.array([np.nan if limit is None else limit for limit in limits], dtype=np.float64)
        for name, part in decisions.items():
            found[name] = localization_intervals(part, groups, self.labels, self.num_resamples)
        further = self._further(EvaluatedCases(values, scores, truth, groups, sound), found)
        versions = {"monai_pylon": monai_pylon.__version__, "torch": torch.__version__}
        counts = {self.unit: len(scores), "patients": len(np.unique(groups))}
        counts |= {"left_out": int((~sound).sum())} if not sound.all() else {}
        method = {"interval": "percentile bootstrap by patient, 95 %", "num_resamples": self.num_resamples}
        self.report = {**self.about, **counts, **method, "versions": versions, "metrics": found}
        self.report |= {"thresholds": thresholds} if thresholds else {}
        self.report |= {"operating_point": point, **further}
        self.report["patients_also_in_training"] = self.training.shared(groups)
        with atomic_write(self.output / "evaluation.json") as part_file:
            part_file.write_text(json.dumps(self.report, indent=2, default=str) + "\n", encoding="utf-8")
        write_rows(self.output / "evaluation.csv", report_rows(found))
        self._draw()
        self._log(found)

    def _calibration(self, scores: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
        """Compute calibration by class; "macro" is the mean of the classes, "weighted" does not exist."""
        known = (~np.isnan(truth)).sum(axis=0)
        counts = [known.sum(), *known]
        found = calibration_intervals(scores, truth, groups, self.num_resamples)
        names = ("macro", *self.labels)
        return {
            metric: {name: _entry(_split(each, k), counts[k]) for k, name in enumerate(names)}
            for metric, each in found.items()
        }

    def _further(self, cases: EvaluatedCases, found: dict[str, Any]) -> dict[str, Any]:
        """Add metrics to `found` and return further entries of the report; a subclass may."""
        return {}

    def _draw(self) -> None:
        """Draw pictures; a subclass may."""

    def _log(self, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        for metric, each in found.items():
            for kind in filter(each.__contains__, _MEANS):
                numbers = {k: "undefined" if v is None else f"{v:.3f}" for k, v in each[kind].items() if k != "n"}
                line = "{estimate} ({low} to {high})".format(**numbers)
                _LOGGER.info("%s, %s mean: %s", metric, kind, line)
        _LOGGER.info("The results are in %s", self.output)
