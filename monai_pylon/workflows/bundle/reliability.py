"""Calibration and operating points of an evaluation, with bootstrap intervals by patient."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.intervals import Interval
from monai_pylon.metrics.operating_point import (
    calibration_per_class,
    operating_thresholds,
    sensitivity_and_specificity,
)
from monai_pylon.utils import check

__all__ = ["calibration_intervals", "operating_point", "read_thresholds"]

_LEAST_SPECIFICITY = 0.9


def calibration_intervals(
    scores: np.ndarray, truth: np.ndarray, patients: Any, num_resamples: int = 1000
) -> dict[str, Interval]:
    """Compute calibration of each class and its mean over classes, with bootstrap intervals by patient.

    Args:
        scores: Logits (N, M).
        truth: Labels (N, M) of 1, 0 and NaN.
        patients: Patients (N,).
        num_resamples: Bootstrap samples.

    Returns:
        For each name of :func:`~monai_pylon.metrics.operating_point.calibration_per_class` an interval (M + 1,): the
        mean of the classes, then each class.

    Example:
        >>> found = calibration_intervals(np.zeros((3, 1)), np.array([[0.0], [1.0], [1.0]]), [1, 2, 3], 10)
        >>> found["brier"].estimate.tolist()
        [0.25, 0.25]
    """
    count = scores.shape[1]

    def statistic(rows: np.ndarray) -> np.ndarray:
        found = np.stack(list(calibration_per_class(rows[:, :count], rows[:, count:]).values()))
        known = ~np.isnan(found)
        mean = np.where(known, found, 0).sum(1) / np.maximum(known.sum(1), 1)
        return np.concatenate([np.where(known.any(1), mean, np.nan)[:, None], found], 1).reshape(-1)

    table = np.concatenate([expit(scores), truth], axis=1)
    interval = bootstrap_interval(table, groups=patients, statistic=statistic, num_resamples=num_resamples)
    names = ("brier", "calibration_error", "probability_minus_frequency")
    parts = [np.asarray(part).reshape(3, count + 1) for part in interval]
    return {name: Interval(*(part[k] for part in parts)) for k, name in enumerate(names)}


def read_thresholds(file: str | PathLike[str] | None, labels: Sequence[str]) -> np.ndarray | None:
    """Read the thresholds that an earlier evaluation chose.

    Args:
        file: Its `evaluation.json`; None for none.
        labels: Names of the M labels.

    Returns:
        Thresholds (M,), NaN where the file has none; None without a file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file has no thresholds, or lacks a label.

    Example:
        >>> read_thresholds(None, ["Mass"]) is None
        True
    """
    if file is None:
        return None
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"operating_thresholds must be an evaluation.json that exists, but is {str(file)!r}. "
            "Write it by an evaluation with --section validation."
        )
    found = json.loads(path.read_text(encoding="utf-8")).get("operating_point", {}).get("thresholds")
    remedy = "Evaluate the validation section with this version."
    check(
        isinstance(found, Mapping),
        "operating_thresholds",
        "an evaluation.json with an operating point",
        str(file),
        remedy,
    )
    missing = [label for label in labels if label not in found]
    check(not missing, "operating_thresholds", f"those of all labels (missing: {missing[:3]})", str(file), remedy)
    return np.array([np.nan if found[label] is None else found[label] for label in labels], dtype=np.float64)


def operating_point(
    scores: np.ndarray,
    truth: np.ndarray,
    labels: Sequence[str],
    thresholds: np.ndarray | None = None,
    source: str | PathLike[str] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Decide by thresholds, and describe them for the report.

    Args:
        scores: Logits (N, M).
        truth: Labels (N, M) of 1, 0 and NaN.
        labels: Names of the M labels.
        thresholds: Thresholds of the probabilities (M,) that were chosen on other patients. None chooses them here, at
            a specificity of at least 0.9, which makes sensitivity and specificity a little too high.
        source: File of the thresholds.

    Returns:
        "sensitivity" and "specificity" (N, M) of 1, 0 and NaN; and an entry of the report: where the thresholds were
        chosen, and the thresholds by label, None for a label without one.

    Example:
        >>> hits, entry = operating_point(np.array([[-1.0], [1.0]]), np.array([[0.0], [1.0]]), ["Mass"])
        >>> hits["sensitivity"].tolist(), entry["chosen_on"]
        ([[nan], [1.0]], 'these images')
    """
    probabilities = expit(scores)
    chosen = operating_thresholds(probabilities, truth, _LEAST_SPECIFICITY) if thresholds is None else thresholds
    values = {name: None if np.isnan(limit) else float(limit) for name, limit in zip(labels, chosen, strict=True)}
    where = {"chosen_on": "these images" if thresholds is None else str(source)}
    rule = f"the lowest threshold with a specificity of at least {_LEAST_SPECIFICITY}"
    return sensitivity_and_specificity(probabilities, truth, chosen), {**where, "rule": rule, "thresholds": values}
