"""What an evaluation finds, with how sure it is: AUROC and localization, per class and on average."""

from __future__ import annotations

import hashlib
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
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, values_at
from monai_pylon.utils import atomic_write, check, write_rows
from monai_pylon.workflows.bundle.outputs import logits_and_labels

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


def _number_of(patient: Any) -> int:
    """A patient as a number that a float holds exactly: numbers as they are, names by a hash."""
    if isinstance(patient, str):
        return int(hashlib.sha256(patient.encode()).hexdigest()[:12], 16)
    return int(patient)


class EvaluationReport:
    """Writes `evaluation.json` and `evaluation.csv` when an evaluation is over: AUROC, and what its metrics say.

    An ignite handler for an evaluator; its batches have "patient_id" too. In several processes the numbers are of all
    images. What a batch has an "error" for is left out and counted.

    Args:
        output: the folder to write to.
        metrics: by name, metrics that are attached to the evaluator: their values, (N, M) with NaN where undefined, are
            taken from them. Of one that tunes thresholds, the values at those, and the thresholds.
        labels: names of the M classes.
        about: what else the JSON says, such as network, checkpoint and data.
        num_resamples: draws of the bootstrap.
        unit: what is counted, "images" or "scans".

    Example:
        >>> EvaluationReport("results", metrics={}, labels=["Mass"]).report is None
        True
    """

    def __init__(
        self,
        output: str | PathLike[str],
        metrics: Mapping[str, CumulativeIterationMetric],
        labels: Sequence[str],
        about: Mapping[str, Any] | None = None,
        num_resamples: int = 1000,
        unit: str = "images",
    ) -> None:
        self.output, self.metrics, self.labels = Path(output).expanduser(), dict(metrics), tuple(labels)
        self.about, self.num_resamples, self.unit = dict(about or {}), num_resamples, unit
        self._scores = Cumulative()  # type: ignore[abstract]
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

    def collect(self, engine: Any) -> None:
        """Called by the evaluator after each batch."""
        logits, labels = logits_and_labels(engine.state.output)
        numbers = [_number_of(patient) for patient in engine.state.batch["patient_id"]]
        patients = torch.tensor(numbers, dtype=torch.float64, device=logits.device)
        failed = torch.tensor([float(bool(e)) for e in engine.state.batch.get("error", [""] * len(numbers))])
        self._scores.extend(logits, labels, torch.stack([patients, failed.to(patients)], 1))

    def _values(self, metric: Any) -> tuple[np.ndarray, Any]:
        """A metric's values (N, M), and the thresholds that they hold for, or None."""
        kept, thresholds = metric.get_buffer(), getattr(metric, "thresholds", None)
        if kept.ndim == 3:
            thresholds = metric.aggregate()["thresholds"]
            kept = values_at(kept, ORGAN_IOU_THRESHOLDS, thresholds)
        return kept.cpu().numpy(), thresholds

    def write(self, engine: Any) -> None:
        """Called by the evaluator when it has seen all images."""
        scores, truth, who = (part.cpu().numpy() for part in self._scores.get_buffer())
        values = {name: self._values(metric) for name, metric in self.metrics.items()}
        if engine.state.rank > 0:
            return
        fits = all(len(part) == len(scores) for part, _ in values.values())
        check(fits, "metrics", "attached to this evaluator", list(values))
        sound = who[:, 1] == 0
        scores, truth, groups = scores[sound], truth[sound], who[sound, 0].astype(np.int64)
        remedy = "The log says what was wrong with each."
        check(len(scores) > 0, self.unit, "at least one that can be read", f"none of {len(who)}", remedy)
        _LOGGER.info("%d %s; drawing %d bootstrap samples of patients.", len(scores), self.unit, self.num_resamples)
        found = {"auroc": auroc_intervals(scores, truth, groups, self.labels, self.num_resamples)}
        thresholds = {}
        for name, (part, limits) in values.items():
            found[name] = localization_intervals(part[sound], groups, self.labels, self.num_resamples)
            if limits is not None:
                thresholds[name] = [None if limit != limit else limit for limit in limits.tolist()]
        versions = {"monai_pylon": monai_pylon.__version__, "torch": torch.__version__}
        counts = {self.unit: len(scores), "patients": len(np.unique(groups))}
        counts |= {"left_out": int((~sound).sum())} if not sound.all() else {}
        method = {"interval": "percentile bootstrap by patient, 95 %", "num_resamples": self.num_resamples}
        self.report = {**self.about, **counts, **method, "versions": versions, "metrics": found}
        self.report |= {"thresholds": thresholds} if thresholds else {}
        with atomic_write(self.output / "evaluation.json") as part_file:
            part_file.write_text(json.dumps(self.report, indent=2, default=str) + "\n", encoding="utf-8")
        write_rows(self.output / "evaluation.csv", report_rows(found))
        self._draw()
        self._tell(found)

    def _draw(self) -> None:
        """Draw pictures, if there are any."""

    def _tell(self, found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        for metric, each in found.items():
            for kind in _MEANS:
                numbers = {k: "undefined" if v is None else f"{v:.3f}" for k, v in each[kind].items() if k != "n"}
                line = "{estimate} ({low} to {high})".format(**numbers)
                _LOGGER.info("%s, %s mean: %s", metric, kind, line)
        _LOGGER.info("The results lie in %s", self.output)
