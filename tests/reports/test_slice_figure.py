"""Figure of slice scores: which labels are drawn, and with which numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics.slice_curves import slice_score_curves
from monai_pylon.reports.slice_figure import slice_curves_figure


def test_the_most_frequent_labels_are_drawn_in_their_order() -> None:
    labels = torch.tensor([[1.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0]])
    scores = torch.arange(24.0).reshape(3, 4, 2)
    curves = slice_score_curves(scores, labels, num_resamples=5)
    axes = slice_curves_figure(curves, ["a", "b", "c", "d"], most=2).axes
    assert [one.get_title() for one in axes] == ["a: 2 with, 1 without", "c: 2 with, 1 without"]
    absent, present = (line.get_ydata() for line in axes[0].lines)
    np.testing.assert_allclose(present, scores[:2, 0].mean(0))
    np.testing.assert_allclose(absent, scores[2, 0])


def test_names_must_fit_and_a_label_must_be_present() -> None:
    curves = slice_score_curves(torch.zeros(2, 1, 3), torch.zeros(2, 1), num_resamples=5)
    with pytest.raises(ValueError, match="labels must be 1 names"):
        slice_curves_figure(curves, [])
    with pytest.raises(ValueError, match="in which a label is present"):
        slice_curves_figure(curves, ["a"])
