"""Calibration with intervals, thresholds of another evaluation, and the entry of the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from monai_pylon.metrics.operating_point import calibration_per_class, operating_thresholds
from monai_pylon.workflows.bundle.reliability import calibration_intervals, operating_point, read_thresholds

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(60, 3))
TRUTH = (RANDOM.random((60, 3)) < expit(SCORES)).astype(float)
TRUTH[:, 2] = np.nan
LABELS = ["a", "b", "c"]


def test_intervals_hold_the_estimates_of_classes_and_their_mean() -> None:
    found = calibration_intervals(SCORES, TRUTH, np.arange(60) // 2, 50)
    expected = calibration_per_class(expit(SCORES), TRUTH)
    for name, interval in found.items():
        np.testing.assert_allclose(interval.estimate, [np.mean(expected[name][:2]), *expected[name]])
        known = interval.estimate[:3]
        assert (interval.low[:3] <= interval.high[:3]).all()
        assert name == "calibration_error" or ((interval.low[:3] <= known) & (known <= interval.high[:3])).all()


def test_thresholds_come_from_another_evaluation(tmp_path: Path) -> None:
    _, entry = operating_point(SCORES, TRUTH, LABELS)
    assert entry["chosen_on"] == "these images"
    limits = operating_thresholds(expit(SCORES), TRUTH)
    assert entry["thresholds"] == {"a": pytest.approx(limits[0]), "b": pytest.approx(limits[1]), "c": None}
    file = tmp_path / "evaluation.json"
    file.write_text(json.dumps({"operating_point": entry}))
    read = read_thresholds(file, ["b", "c"])
    np.testing.assert_allclose(read, [limits[1], np.nan])
    hits, again = operating_point(SCORES[:, 1:], TRUTH[:, 1:], ["b", "c"], read, file)
    assert again["chosen_on"] == str(file)
    assert np.nanmean(hits["specificity"][:, 0]) >= 0.9
    assert read_thresholds(None, LABELS) is None


def test_files_without_thresholds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"operating_thresholds must be an evaluation.json that exists"):
        read_thresholds(tmp_path / "no.json", LABELS)
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(ValueError, match=r"an evaluation.json with an operating point"):
        read_thresholds(tmp_path / "old.json", LABELS)
    (tmp_path / "few.json").write_text(json.dumps({"operating_point": {"thresholds": {"a": 0.5}}}))
    with pytest.raises(ValueError, match=r"those of all labels \(missing: \['b', 'c'\]\)"):
        read_thresholds(tmp_path / "few.json", LABELS)
