"""OrganIoU thresholds, tuned once per checkpoint on the validation section and kept in a JSON file."""

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
from monai_pylon.utils import atomic_write

__all__ = ["OrganThresholds"]

_LOGGER = logging.getLogger(__name__)


class OrganThresholds:
    """Ignite handler of the validation evaluator that tunes the thresholds of OrganIoU metrics and saves them.

    :meth:`load` reads them from the file if it belongs to the same network, data and labels.

    Args:
        file: The JSON file.
        metrics: Metrics by name, made without thresholds; afterwards they evaluate the test section.
        labels: Names of the M labels.
        about: Settings on which the thresholds depend, such as checkpoint, data and grid.

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
        self.about = json.loads(json.dumps(dict(about), default=str))  # as read from the file

    def load(self) -> bool:
        """Read the thresholds (M,) of each metric; return False if the file has none for this network and data."""
        if not self.metrics:
            return True
        if not self.file.is_file():
            return False
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
            found = {name: [content["thresholds"][name][label] for label in self.labels] for name in self.metrics}
            same = content["about"] == self.about
        except (ValueError, KeyError, TypeError) as error:
            _LOGGER.warning("%s cannot be read (%s). The thresholds are tuned again.", self.file, error)
            return False
        if not same:
            _LOGGER.info("%s belongs to another network or other data. The thresholds are tuned again.", self.file)
            return False
        for name, metric in self.metrics.items():
            values = [float("nan") if value is None else value for value in found[name]]
            metric.thresholds = torch.tensor(values, dtype=torch.float64)
        _LOGGER.info("Using the thresholds of %s, tuned on the validation section before.", self.file)
        return True

    def attach(self, engine: Any) -> None:
        """Attach to the validation evaluator."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].EPOCH_COMPLETED, self.tune)

    def tune(self, engine: Any) -> None:
        """Tune and save the thresholds; called after the validation section."""
        tuned = {name: metric.tune_thresholds().tolist() for name, metric in self.metrics.items()}
        known = all(any(value == value for value in values) for values in tuned.values())
        if not known:
            raise ValueError("No validation scan has a present label with an allowed region. Add such scans.")
        if engine.state.rank > 0:
            return
        named = {
            name: {label: None if v != v else v for label, v in zip(self.labels, values, strict=True)}
            for name, values in tuned.items()
        }
        with atomic_write(self.file) as part:
            part.write_text(json.dumps({"about": self.about, "thresholds": named}, indent=2) + "\n", encoding="utf-8")
        _LOGGER.info("The thresholds were tuned on the validation section and saved to %s", self.file)
