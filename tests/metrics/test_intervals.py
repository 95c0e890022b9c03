"""Tests of bootstrap intervals: SciPy's intervals, known widths, groups, pairs, and undefined values."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.intervals import _draws, _resampled_means

NAN = float("nan")
MANY = 20_000


@pytest.fixture
def hits() -> np.ndarray:
    """Make values (200, 3) of 1, 0 and NaN."""
    random = np.random.default_rng(5)
    values = (random.random((200, 3)) < [0.2, 0.5, 0.8]).astype(float)
    values[random.random((200, 3)) < 0.6] = NAN
    return values


def test_matches_scipy_for_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=80)
    found = bootstrap_interval(values, num_resamples=MANY)
    generator = "rng" if "rng" in inspect.signature(bootstrap).parameters else "random_state"  # before SciPy 1.15
    options = {"n_resamples": MANY, "method": "percentile", generator: np.random.default_rng(1)}
    reference = bootstrap((values,), np.mean, **options)
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(reference.confidence_interval.low, abs=0.01)
    assert found.high == pytest.approx(reference.confidence_interval.high, abs=0.01)


@pytest.mark.parametrize("kind", ["per_class", "macro", "weighted"])
def test_means_from_group_sums_match_means_of_rows(hits: np.ndarray, kind: str) -> None:
    """Compare the fast computation of means with the general one for functions."""
    means = {
        "per_class": lambda rows: np.nanmean(rows, axis=0),
        "macro": lambda rows: np.nanmean(np.nanmean(rows, axis=0)),
        "weighted": np.nanmean,
    }
    groups = np.random.default_rng(6).integers(0, 40, 200)
    fast = bootstrap_interval(hits, groups=groups, statistic=kind, num_resamples=4000)
    slow = bootstrap_interval(hits, groups=groups, statistic=means[kind], num_resamples=4000, generator=1)
    np.testing.assert_allclose(fast.estimate, slow.estimate)
    np.testing.assert_allclose(fast.low, slow.low, atol=0.02)
    np.testing.assert_allclose(fast.high, slow.high, atol=0.02)


def test_width_matches_the_binomial_distribution() -> None:
    values = np.repeat([1.0, 0.0], 200)
    found = bootstrap_interval(values, num_resamples=MANY)
    half = 1.96 * np.sqrt(0.25 / 400)
    assert found.low == pytest.approx(0.5 - half, abs=0.005)
    assert found.high == pytest.approx(0.5 + half, abs=0.005)


def test_groups_are_drawn_together() -> None:
    values = np.repeat([1.0, 0.0], 200)
    patients = np.repeat(np.arange(40), 10)  # ten equal values per patient: the effective number of values is 40
    found = bootstrap_interval(values, groups=patients, num_resamples=MANY)
    half = 1.96 * np.sqrt(0.25 / 40)
    assert found.low == pytest.approx(0.5 - half, abs=0.02)
    assert found.high == pytest.approx(0.5 + half, abs=0.02)


def test_groups_may_be_strings_in_any_order(hits: np.ndarray) -> None:
    numbers = np.random.default_rng(7).integers(0, 30, 200)
    names = [f"patient {n:03d}" for n in numbers]
    order = np.random.default_rng(8).permutation(200)
    expected = bootstrap_interval(hits, groups=numbers)
    assert bootstrap_interval(hits, groups=names) == pytest.approx(expected)
    assert bootstrap_interval(hits[order], groups=numbers[order]) == pytest.approx(expected)


def test_constant_difference_has_zero_width() -> None:
    """The same images are drawn for both methods."""
    second = np.random.default_rng(0).normal(size=50)
    found = bootstrap_interval(second + 0.25, second)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    assert np.ptp(bootstrap_interval(second)[1:]) > 0.3


def test_difference_changes_sign_with_the_order_of_methods(hits: np.ndarray) -> None:
    other = np.where(np.isnan(hits), NAN, 1 - hits)
    found, reversed_ = bootstrap_interval(hits, other), bootstrap_interval(other, hits)
    expected = (-reversed_.estimate, -reversed_.high, -reversed_.low)
    assert (found.estimate, found.low, found.high) == pytest.approx(expected)


def test_difference_ignores_values_of_one_method_only() -> None:
    found = bootstrap_interval([1.0, 1.0, NAN, 0.0], [0.0, NAN, 1.0, 0.0])
    assert found.estimate == pytest.approx(0.5 - 0.0)


def test_ignores_draws_without_the_class() -> None:
    values = np.full((30, 2), NAN)
    values[0, 0] = 1.0  # about a third of all draws lacks the class
    found = bootstrap_interval(values, statistic="per_class")
    assert found.estimate[0] == found.low[0] == found.high[0] == 1
    assert np.isnan([found.estimate[1], found.low[1], found.high[1]]).all()
    assert bootstrap_interval(values, statistic="macro").estimate == 1


def test_accepts_auroc_as_statistic() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.rand(120, 2, generator=random) < 0.4
    table = torch.stack([labels + torch.randn(120, 2, generator=random), labels], dim=-1).numpy()

    def areas(rows: np.ndarray) -> np.ndarray:
        return auroc_per_class(torch.as_tensor(rows[..., 0]), torch.as_tensor(rows[..., 1])).numpy()

    found = bootstrap_interval(table, statistic=areas, num_resamples=300)
    np.testing.assert_allclose(found.estimate, areas(table))
    assert (found.low < found.estimate).all()
    assert (found.estimate < found.high).all()


def test_seed_determines_the_interval(hits: np.ndarray) -> None:
    assert bootstrap_interval(hits) == bootstrap_interval(hits)
    assert bootstrap_interval(hits) == bootstrap_interval(hits, generator=np.random.default_rng(0))
    assert bootstrap_interval(hits) != bootstrap_interval(hits, generator=1)


def test_higher_level_gives_a_wider_interval(hits: np.ndarray) -> None:
    wide, narrow = bootstrap_interval(hits, level=0.99), bootstrap_interval(hits, level=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_each_draw_has_as_many_groups_as_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_pylon.metrics.intervals._CELLS_AT_A_TIME", 13)
    tables = list(_draws(3, 10, np.random.default_rng(0)))
    assert [table.shape for table in tables] == [(4, 3), (4, 3), (2, 3)]
    assert (np.concatenate(tables).sum(1) == 3).all()


def test_draws_only_groups_of_the_data() -> None:
    estimate, draws = _resampled_means([np.array([[1.0]])], np.array([0]), "weighted", 20, np.random.default_rng(0))
    assert estimate == 1
    assert (draws == 1).all()


def test_one_row_gives_an_interval_without_width() -> None:
    assert bootstrap_interval([0.5], num_resamples=1) == (0.5, 0.5, 0.5)


def test_function_gets_the_rows_of_each_drawn_group() -> None:
    assert bootstrap_interval(np.arange(4.0), statistic=len, num_resamples=50) == (4, 4, 4)
    groups, halves = ["a", "a", "b"], np.full(3, 0.5)
    found = bootstrap_interval(np.arange(3.0), halves, groups, statistic=np.sum, num_resamples=200)
    assert found == (1.5, 0, 3)  # the difference of the sums is 1 - 1 for group a, 2 - 0.5 for group b


def test_default_number_of_resamples(hits: np.ndarray) -> None:
    assert bootstrap_interval(hits, level=0.9) == bootstrap_interval(hits, level=0.9, num_resamples=2000)


def test_drawing_in_parts_gives_the_same_interval(hits: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_interval(hits)
    monkeypatch.setattr("monai_pylon.metrics.intervals._CELLS_AT_A_TIME", 1000)
    assert bootstrap_interval(hits) == whole


def test_rejects_invalid_arguments(hits: np.ndarray) -> None:
    for level in (0, 1, 1.5):
        with pytest.raises(ValueError, match="level must be between 0 and 1"):
            bootstrap_interval(hits, level=level)
    with pytest.raises(ValueError, match="num_resamples must be positive"):
        bootstrap_interval(hits, num_resamples=0)
    with pytest.raises(ValueError, match=r"values must be of shape \(N,\) or \(N, M\)"):
        bootstrap_interval(hits[..., None])
    with pytest.raises(ValueError, match="Did you mean 'macro'"):
        bootstrap_interval(hits, statistic="makro")
    with pytest.raises(ValueError, match="groups must be 200 long"):
        bootstrap_interval(hits, groups=[1, 2])
    with pytest.raises(ValueError, match="other must be of the values' shape"):
        bootstrap_interval(hits, hits[:3])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval([])
