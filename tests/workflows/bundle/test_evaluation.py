"""Evaluation reports: the numbers of the metrics, with intervals by patient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.workflows.bundle.evaluation import auroc_intervals, localization_intervals

NAN = float("nan")


def test_hits_by_hand() -> None:
    hits = np.array([[1, NAN, NAN], [0, 1, NAN], [1, NAN, NAN], [NAN, 0, NAN]])
    found = localization_intervals(hits, [1, 1, 2, 3], ["a", "b", "c"], num_resamples=200)
    assert found["a"]["estimate"] == pytest.approx(2 / 3, abs=1e-5)
    assert found["macro"]["estimate"] == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-5)
    assert found["weighted"] == {**found["weighted"], "estimate": 0.6, "n": 5}
    assert found["c"] == {"estimate": None, "low": None, "high": None, "n": 0}


def test_resamples_patients_instead_of_radiographs() -> None:
    """Ten radiographs of one patient are one draw: with one patient alone there is nothing to vary."""
    hits = np.array([[1.0], [0.0]] * 5)
    one = localization_intervals(hits, [7] * 10, ["a"], num_resamples=100)["weighted"]
    assert one["low"] == one["high"] == one["estimate"] == 0.5
    many = localization_intervals(hits, range(10), ["a"], num_resamples=100)["weighted"]
    assert many["low"] < 0.5 < many["high"]


def test_areas_are_those_of_the_metric_class_by_class() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random((40, 3)) < [0.5, 0.2, 0.0]).astype(float)
    scores = truth + rng.normal(size=(40, 3))
    patients = rng.integers(12, size=40)
    found = auroc_intervals(scores, truth, patients, ["a", "b", "c"], num_resamples=60)
    areas = auroc_per_class(torch.from_numpy(scores), torch.from_numpy(truth)).numpy()
    assert found["a"]["estimate"] == pytest.approx(areas[0], abs=1e-5)
    assert found["c"]["estimate"] is None
    assert found["macro"]["estimate"] == pytest.approx(areas[:2].mean(), abs=1e-5)
    positives = truth.sum(axis=0)
    weighted = (areas[:2] * positives[:2]).sum() / positives[:2].sum()
    assert found["weighted"]["estimate"] == pytest.approx(weighted, abs=1e-5)
    assert found["b"]["n"] == positives[1]

    def first(rows: np.ndarray) -> float:
        return float(auroc_per_class(torch.from_numpy(rows[:, :1]), torch.from_numpy(rows[:, 1:]))[0])

    alone = bootstrap_interval(
        np.stack([scores[:, 0], truth[:, 0]], 1), groups=patients, statistic=first, num_resamples=60
    )
    assert (found["a"]["low"], found["a"]["high"]) == pytest.approx((alone.low, alone.high), abs=1e-5)


def test_no_positives_at_all_is_undefined_not_zero() -> None:
    found = auroc_intervals(np.random.default_rng(0).random((5, 2)), np.zeros((5, 2)), range(5), ["a", "b"], 20)
    assert found["macro"]["estimate"] is None
