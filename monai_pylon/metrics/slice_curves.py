"""Slice scores of a cohort (HiResCAM paper, section 14.1 and Figure 13): where along the body a network scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from monai_pylon.metrics.intervals import Interval, bootstrap_interval
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64

__all__ = ["SliceCurves", "slice_score_curves"]


class SliceCurves(NamedTuple):
    """Mean slice scores of the scans with and without each label.

    Attributes:
        present: Estimate, low and high (M, S) of the scans in which the label is present; NaN without such scans.
        absent: The same of the scans in which it is absent.
        counts: Scans with and without each label (M, 2).

    Example:
        >>> SliceCurves._fields
        ('present', 'absent', 'counts')
    """

    present: Interval
    absent: Interval
    counts: np.ndarray


def slice_score_curves(
    slice_scores: Tensor,
    labels: Tensor,
    patients: Sequence[Any] | None = None,
    num_resamples: int = 1000,
    generator: int = 0,
) -> SliceCurves:
    """Average the slice scores of a cohort along the body, for scans with and without each label.

    A network that looks at the right place has a curve of the scans with a finding that is above the other where the
    organ lies. A difference elsewhere needs an explanation, such as a correlated finding.

    Args:
        slice_scores: Scores (N, M, S) of S groups of slices, as ``net.explain(x).slice_scores``. All scans must have
            the same groups.
        labels: Labels (N, M): 1 present, 0 absent, NaN unknown, which is left out.
        patients: Patients (N,), drawn together in the bootstrap; None: each scan is one.
        num_resamples: Bootstrap samples.
        generator: Seed of the bootstrap.

    Returns:
        The curves with pointwise 95 % intervals.

    Raises:
        ValueError: If the shapes do not fit, or a score is NaN.

    Example:
        >>> import torch
        >>> scores = torch.tensor([[[0.0, 4.0, 0.0]], [[0.0, 0.0, 0.0]], [[0.0, 2.0, 0.0]]])
        >>> curves = slice_score_curves(scores, torch.tensor([[1.0], [0.0], [1.0]]), num_resamples=20)
        >>> curves.present.estimate.tolist(), curves.counts.tolist()
        ([[0.0, 3.0, 0.0]], [[2, 1]])
    """
    scores, truth = as_float64(slice_scores).numpy(), as_float64(labels).numpy()
    check(scores.ndim == 3, "slice_scores", "of shape (N, M, S)", slice_scores)
    check(truth.shape == scores.shape[:2], "labels", f"of shape {scores.shape[:2]}", labels)
    check(not np.isnan(scores).any(), "slice_scores", "without NaN", slice_scores)
    owners = np.arange(len(scores)) if patients is None else np.asarray(patients)
    check(len(owners) == len(scores), "patients", f"{len(scores)}, one for each scan", len(owners))
    curves = []
    for value in (1, 0):
        parts = np.full((3, *scores.shape[1:]), np.nan)
        for label in range(scores.shape[1]):
            rows = truth[:, label] == value
            if rows.any():
                parts[:, label] = bootstrap_interval(
                    scores[rows, label],
                    groups=owners[rows],
                    statistic="per_class",
                    num_resamples=num_resamples,
                    generator=generator,
                )
        curves.append(Interval(parts[0], parts[1], parts[2]))
    counts = np.stack([(truth == 1).sum(0), (truth == 0).sum(0)], 1)
    return SliceCurves(curves[0], curves[1], counts)
