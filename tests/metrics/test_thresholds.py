"""Tests of counts above many thresholds, and of the choice of the best threshold."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.metrics.thresholds import (
    ORGAN_IOU_THRESHOLDS,
    best_thresholds,
    check_thresholds,
    count_above,
    values_at,
)

NAN = float("nan")


def test_default_thresholds_are_the_authors():
    assert ORGAN_IOU_THRESHOLDS[:6] == (0.004, 0.008, 0.012, 0.016, 0.02, 0.04)
    assert ORGAN_IOU_THRESHOLDS[-1] == 0.98
    assert len(ORGAN_IOU_THRESHOLDS) == 53


def test_accepts_thresholds_from_0_to_1():
    tensor = check_thresholds([0, 0.5, 1])
    assert tensor.tolist() == [0, 0.5, 1]
    assert tensor.dtype == torch.float64
    assert check_thresholds([0.5]).tolist() == [0.5]


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([], r"of shape \(T,\)"),
        (0.5, r"of shape \(T,\)"),
        ([[0.5]], r"of shape \(T,\)"),
        ([-0.1, 0.5], "between 0 and 1"),
        ([0.5, 1.1], "between 0 and 1"),
        ([0.5, NAN], "between 0 and 1"),
        ([0.5, 0.5], "strictly ascending"),
        ([0.5, 0.4], "strictly ascending"),
    ],
)
def test_rejects_invalid_thresholds(thresholds, message):
    with pytest.raises(ValueError, match=f"thresholds must be {message}"):
        check_thresholds(thresholds)


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


def test_thresholds_that_are_equal_in_the_values_precision_have_equal_counts():
    values = torch.tensor([[0.05, 0.1 + 5e-10, 0.2]], dtype=torch.float64)
    thresholds = torch.tensor([0.1, 0.1 + 1e-9, 0.15], dtype=torch.float64)
    assert count_above(values, values > 0, thresholds)[1].tolist() == [[2, 1, 1]]
    assert count_above(values.float(), values > 0, thresholds)[1].tolist() == [[1, 1, 1]]


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


def test_rejects_curves_of_another_shape():
    for curves in (torch.zeros(2, 3, 4), torch.zeros(3, 2)):
        with pytest.raises(ValueError, match=r"curves must be of shape \(N, M, 2\)"):
            best_thresholds(curves, [0.1, 0.5])
