"""Calibration of probabilities, and sensitivity and specificity at a threshold, for each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_pylon.utils import check

__all__ = ["calibration_per_class", "operating_thresholds", "sensitivity_and_specificity"]


def _check(probabilities: NDArray[Any], labels: NDArray[Any]) -> None:
    """Raise a ValueError unless probabilities and labels (N, M) fit together."""
    check(probabilities.shape == labels.shape and labels.ndim == 2, "labels", "of the shape (N, M) of scores", labels)
    check(not np.isnan(probabilities).any(), "probabilities", "without NaN", probabilities)


def calibration_per_class(probabilities: NDArray[Any], labels: NDArray[Any], bins: int = 10) -> dict[str, NDArray[Any]]:
    """Compare the probabilities of each class with how often the class is present.

    Args:
        probabilities: Probabilities (N, M).
        labels: Labels (N, M): 1 present, 0 absent, NaN unknown, which is left out.
        bins: Bins of equal counts for the calibration error.

    Returns:
        For each name values (M,), NaN for a class without known labels: "brier", the mean squared difference of
        probability and label; "calibration_error", the mean over bins, weighted by counts, of the distance between
        mean probability and frequency; "probability_minus_frequency", above 0 if the class is predicted too often.

    Raises:
        ValueError: If the shapes differ, or a probability is NaN.

    Example:
        >>> found = calibration_per_class(np.array([[0.2], [0.8]]), np.array([[0.0], [1.0]]), bins=1)
        >>> {name: value.round(2).tolist() for name, value in found.items()}
        {'brier': [0.04], 'calibration_error': [0.0], 'probability_minus_frequency': [0.0]}
    """
    _check(probabilities, labels)
    check(bins > 0, "bins", "positive", bins)
    result = np.full((3, labels.shape[1]), np.nan)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        p, y = probabilities[known, column], labels[known, column]
        if not len(y):
            continue
        parts = [part for part in np.array_split(np.argsort(p, kind="stable"), bins) if len(part)]
        error = sum(len(part) * abs(p[part].mean() - y[part].mean()) for part in parts) / len(y)
        result[:, column] = np.square(p - y).mean(), error, p.mean() - y.mean()
    return dict(zip(("brier", "calibration_error", "probability_minus_frequency"), result, strict=True))


def operating_thresholds(
    probabilities: NDArray[Any], labels: NDArray[Any], least_specificity: float = 0.9
) -> NDArray[Any]:
    """Choose for each class the lowest threshold with enough specificity.

    A probability above the threshold is positive. Choose thresholds on validation patients, never on the test.

    Args:
        probabilities: Probabilities (N, M).
        labels: Labels (N, M): 1 present, 0 absent, NaN unknown.
        least_specificity: Least share of absent labels at or below the threshold, between 0 and 1.

    Returns:
        Thresholds (M,); NaN for a class without absent labels.

    Raises:
        ValueError: If the shapes differ, a probability is NaN, or the specificity is out of range.

    Example:
        >>> p = np.array([[0.1], [0.2], [0.3], [0.9]])
        >>> operating_thresholds(p, np.array([[0], [0], [0], [1]]), least_specificity=0.6)
        array([0.2])
    """
    _check(probabilities, labels)
    check(0 < least_specificity < 1, "least_specificity", "between 0 and 1", least_specificity)
    result = np.full(labels.shape[1], np.nan)
    for column in range(labels.shape[1]):
        absent = np.sort(probabilities[labels[:, column] == 0, column])
        if len(absent):
            result[column] = absent[int(np.ceil(least_specificity * len(absent) - 1e-9)) - 1]
    return result


def sensitivity_and_specificity(
    probabilities: NDArray[Any], labels: NDArray[Any], thresholds: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Return for each image and class whether a decision at a threshold is right.

    Args:
        probabilities: Probabilities (N, M). Above the threshold is positive.
        labels: Labels (N, M): 1 present, 0 absent, NaN unknown.
        thresholds: Thresholds (M,). NaN leaves a class out.

    Returns:
        "sensitivity" (N, M): 1 or 0 where the class is present, otherwise NaN; its mean over images is the sensitivity.
        "specificity" (N, M): the same where the class is absent.

    Raises:
        ValueError: If the shapes differ, or a probability is NaN.

    Example:
        >>> found = sensitivity_and_specificity(np.array([[0.2], [0.8]]), np.array([[1], [0]]), np.array([0.5]))
        >>> found["sensitivity"].tolist(), found["specificity"].tolist()
        ([[0.0], [nan]], [[nan], [0.0]])
    """
    _check(probabilities, labels)
    check(np.shape(thresholds) == labels.shape[1:], "thresholds", f"of shape ({labels.shape[1]},)", thresholds)
    positive, known = probabilities > thresholds, ~np.isnan(thresholds)
    present, absent = (labels == 1) & known, (labels == 0) & known
    return {
        "sensitivity": np.where(present, positive, np.nan),
        "specificity": np.where(absent, ~positive, np.nan),
    }
