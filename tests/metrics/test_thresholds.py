"""Tests of counts above many thresholds, and of the choice of the best threshold."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.metrics.thresholds import best_thresholds, count_above, values_at

NAN = float("nan")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gap", [0.3, 0.004, 1e-6])
def test_counts_match_comparisons(dtype, gap):
    thresholds = torch.arange(0, 50, dtype=torch.float64)[: int(1 / gap) + 1] * gap
    values, chosen = torch.rand(3, 400, dtype=dtype), torch.rand(3, 400) < 0.3
    values[:, :50] = thresholds.to(dtype).repeat(50)[:50]
    values[0, 60], values[0, 61] = 0, 1
    inside, total = count_above(values, chosen, thresholds)
    for column, threshold in enumerate(thresholds.tolist()):
        assert total[:, column].tolist() == (values > threshold).sum(1).tolist()
        assert inside[:, column].tolist() == ((values > threshold) & chosen).sum(1).tolist()


def test_best_threshold_has_the_highest_mean_without_nan():
    curves = torch.tensor([[[0.2, 0.4, 0.4], [0.1, 0.9, 0.3]], [[0.9, 0.4, 0.4], [NAN, NAN, NAN]]])
    assert best_thresholds(curves, [0.1, 0.5, 0.7]).tolist() == pytest.approx([0.1, 0.5])


def test_best_threshold_is_the_lowest_of_equals_and_nan_without_values():
    curves = torch.tensor([[[0.0, 0.5, 0.5], [NAN, NAN, NAN], [0.0, 0.0, 0.0]]])
    assert best_thresholds(curves, [0.1, 0.5, 0.7]).tolist() == pytest.approx([0.5, NAN, 0.1], nan_ok=True)


def test_best_threshold_ignores_undefined_thresholds():
    assert best_thresholds(torch.tensor([[[NAN, 0.2, 0.1]]]), [0.1, 0.5, 0.7]).tolist() == [0.5]


def test_selects_values_at_the_chosen_thresholds():
    curves = torch.tensor([[[0.2, 0.4], [0.1, 0.9], [0.3, 0.3]], [[NAN, NAN], [0.5, 0.6], [0.3, 0.3]]])
    given = values_at(curves, [0.1, 0.5], torch.tensor([0.5, 0.1, NAN]))
    torch.testing.assert_close(given, torch.tensor([[0.4, 0.1, NAN], [NAN, 0.5, NAN]]), equal_nan=True)
