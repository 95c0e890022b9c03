"""Slice score curves by hand, with intervals of patients, unknown labels and labels that never occur."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.slice_curves import slice_score_curves

SCORES = torch.randn(12, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [torch.nan, 0, 0], [1, 0, 0]] * 3)
PATIENTS = [number // 2 for number in range(12)]


def test_means_and_intervals_are_those_of_the_scans() -> None:
    curves = slice_score_curves(SCORES, LABELS, PATIENTS, 50)
    assert curves.counts.tolist() == [[6, 3], [3, 9], [0, 12]]
    for kind, value in ((curves.present, 1), (curves.absent, 0)):
        for label in range(3):
            rows = (LABELS[:, label] == value).numpy()
            if not rows.any():
                assert all(np.isnan(part[label]).all() for part in kind)
                continue
            owners = np.array(PATIENTS)[rows]
            for group in range(7):
                expected = bootstrap_interval(
                    SCORES[rows, label, group].numpy(), groups=owners, num_resamples=50, generator=0
                )
                found = [part[label, group] for part in kind]
                assert found == pytest.approx(list(expected))


def test_scans_without_patients_are_drawn_one_by_one() -> None:
    alone, together = (slice_score_curves(SCORES, LABELS, who, 200).absent for who in (None, [0] * 12))
    assert (alone.high - alone.low > 0).all()
    assert not (together.high - together.low).any(), "one patient: every draw is the same"


def test_by_default_a_thousand_samples_are_drawn() -> None:
    few = SCORES[:, :1, :1], LABELS[:, :1]
    assert slice_score_curves(*few).present == slice_score_curves(*few, num_resamples=1000).present
    assert slice_score_curves(*few).present != slice_score_curves(*few, num_resamples=2000).present


@pytest.mark.parametrize(
    ("scores", "labels", "patients", "message"),
    [
        (SCORES[:, 0], LABELS, None, r"slice_scores must be of shape \(N, M, S\)"),
        (SCORES, LABELS[:, :2], None, r"labels must be of shape \(12, 3\)"),
        (SCORES * torch.nan, LABELS, None, "slice_scores must be without NaN"),
        (SCORES, LABELS, [1], "patients must be 12, one for each scan, but is 1"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(scores, labels, patients, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slice_score_curves(scores, labels, patients)
