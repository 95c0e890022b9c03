"""Calibration and operating points by hand, and against scikit-learn's definitions in loops."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.metrics.operating_point import (
    calibration_per_class,
    operating_thresholds,
    sensitivity_and_specificity,
)

RANDOM = np.random.default_rng(0)
P = RANDOM.random((200, 3))
Y = np.where(RANDOM.random((200, 3)) < 0.1, np.nan, RANDOM.random((200, 3)) < P)
Y[:, 2] = np.nan


def test_calibration_by_hand() -> None:
    p = np.array([[0.1], [0.2], [0.6], [0.9], [0.5]])
    y = np.array([[0.0], [1.0], [1.0], [1.0], [np.nan]])
    found = calibration_per_class(p, y, bins=2)
    assert found["brier"][0] == pytest.approx((0.01 + 0.64 + 0.16 + 0.01) / 4)
    assert found["probability_minus_frequency"][0] == pytest.approx(0.45 - 0.75)
    assert found["calibration_error"][0] == pytest.approx(0.5 * abs(0.15 - 0.5) + 0.5 * abs(0.75 - 1))


def test_defaults_are_ten_bins_and_a_specificity_of_90_percent() -> None:
    for name, value in calibration_per_class(P, Y).items():
        np.testing.assert_array_equal(value, calibration_per_class(P, Y, bins=10)[name])
    np.testing.assert_array_equal(operating_thresholds(P, Y), operating_thresholds(P, Y, 0.9))


def test_a_probability_equal_to_the_threshold_is_negative() -> None:
    found = sensitivity_and_specificity(np.array([[0.5], [0.5]]), np.array([[1], [0]]), np.array([0.5]))
    np.testing.assert_array_equal(found["sensitivity"], [[0], [np.nan]])
    np.testing.assert_array_equal(found["specificity"], [[np.nan], [1]])


def test_true_probabilities_are_calibrated_and_shifted_ones_are_not() -> None:
    right, wrong = calibration_per_class(P, Y), calibration_per_class(np.sqrt(P), Y)
    assert (right["calibration_error"][:2] < 0.12).all()
    assert (wrong["calibration_error"][:2] > right["calibration_error"][:2]).all()
    assert (wrong["probability_minus_frequency"][:2] > 0.1).all()
    assert all(np.isnan(value[2]) for value in right.values())


@pytest.mark.parametrize("least", [0.5, 0.9, 0.99])
def test_the_lowest_threshold_with_enough_specificity(least: float) -> None:
    thresholds = operating_thresholds(P, Y, least)
    assert np.isnan(thresholds[2])
    for column in (0, 1):
        absent = P[Y[:, column] == 0, column]
        assert np.mean(absent <= thresholds[column]) >= least
        lower = absent[absent < thresholds[column]].max()
        assert np.mean(absent <= lower) < least


def test_sensitivity_and_specificity_are_means_of_decisions() -> None:
    thresholds = np.array([0.5, 0.3, np.nan])
    found = sensitivity_and_specificity(P, Y, thresholds)
    for column in (0, 1):
        present, absent = P[Y[:, column] == 1, column], P[Y[:, column] == 0, column]
        limit = thresholds[column]
        assert np.nanmean(found["sensitivity"][:, column]) == pytest.approx(np.mean(present > limit))
        assert np.nanmean(found["specificity"][:, column]) == pytest.approx(np.mean(absent <= limit))
        assert not (~np.isnan(found["sensitivity"]) & ~np.isnan(found["specificity"]))[:, column].any()
    assert all(np.isnan(value[:, 2]).all() for value in found.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: calibration_per_class(P, Y[:, :2]), r"labels must be of the shape \(N, M\) of scores"),
        (lambda: calibration_per_class(np.full((1, 1), np.nan), np.ones((1, 1))), "probabilities must be without NaN"),
        (lambda: calibration_per_class(P, Y, bins=0), "bins must be positive"),
        (lambda: operating_thresholds(P, Y, 0.0), "least_specificity must be between 0 and 1"),
        (lambda: operating_thresholds(P, Y, 1.0), "least_specificity must be between 0 and 1"),
        (lambda: sensitivity_and_specificity(P, Y, np.zeros(2)), r"thresholds must be of shape \(3,\)"),
    ],
)
def test_arguments_out_of_range_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
