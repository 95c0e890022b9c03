"""OrganIoU's thresholds: tuned on the validation part once for a checkpoint, kept in a JSON file for every test."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.metrics import OrganIoUMetric
from monai_pylon.utils import atomic_write, check

__all__ = ["OrganThresholds"]

_LOGGER = logging.getLogger(__name__)


class OrganThresholds:
    """Keeps the thresholds that metrics were tuned to, by metric and label.

    An ignite handler for the evaluator of the validation part: when it is over, the metrics are tuned and the file is
    written. :meth:`load` takes them from the file, if it is of the same network, data and labels.

    Args:
        file: the JSON file.
        metrics: by name, metrics made without thresholds; they count for the test part afterwards.
        labels: names of the M labels.
        about: what the thresholds depend on: checkpoint, data, grid.

    Example:
        >>> OrganThresholds("thresholds.json", {"hirescam": OrganIoUMetric()}, ["lung mass"], {}).load()
        False
    """

    def __init__(
        self,
        file: str | PathLike[str],
        metrics: Mapping[str, OrganIoUMetric],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> None:
        self.file, self.metrics, self.labels = Path(file).expanduser(), dict(metrics), tuple(labels)
        self.about = json.loads(json.dumps(dict(about), default=str))  # as it comes back from the file

    def load(self) -> bool:
        """Take the thresholds (M,) of each metric from the file; False where it has none for this network and data."""
        if not self.metrics:
            return True
        if not self.file.is_file():
            return False
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            found = {name: [content["thresholds"][name][label] for label in self.labels] for name in self.metrics}
            same = content["about"] == self.about
        except (ValueError, KeyError, TypeError) as error:
            _LOGGER.warning("%s cannot be read (%s): thresholds are tuned again.", self.file, error)
            return False
        if not same:
            _LOGGER.info("%s is of another network or other data: thresholds are tuned again.", self.file)
            return False
        for name, metric in self.metrics.items():
            values = [float("nan") if value is None else value for value in found[name]]
            metric.thresholds = torch.tensor(values, dtype=torch.float64)
        _LOGGER.info("Thresholds of %s, tuned on the validation part before.", self.file)
        return True

    def attach(self, engine: Any) -> None:
        """Attach to the evaluator of the validation part."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].EPOCH_COMPLETED, self.tune)

    def tune(self, engine: Any) -> None:
        """Called by the evaluator when it has seen the validation part."""
        tuned = {name: metric.tune_thresholds().tolist() for name, metric in self.metrics.items()}
        known = all(any(value == value for value in values) for values in tuned.values())
        remedy = "No label is present with a region in any of its scans."
        check(known, "validation", "a part with present labels", "one without", remedy)
        if engine.state.rank > 0:
            return
        named = {
            name: {label: None if v != v else v for label, v in zip(self.labels, values, strict=True)}
            for name, values in tuned.items()
        }
        with atomic_write(self.file) as part:
            part.write_text(json.dumps({"about": self.about, "thresholds": named}, indent=2) + "\n", encoding="utf-8")
        _LOGGER.info("Thresholds were tuned on the validation part and lie in %s", self.file)
