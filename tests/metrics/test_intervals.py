"""Bootstrap intervals: SciPy's own where SciPy can, known widths, groups, pairs, and what is undefined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import bootstrap

from monai_pylon.metrics import auroc_per_class, bootstrap_interval

NAN = float("nan")
MANY = 20_000


@pytest.fixture
def hits() -> np.ndarray:
    """(200, 3) of 1, 0 and NaN."""
    random = np.random.default_rng(5)
    values = (random.random((200, 3)) < [0.2, 0.5, 0.8]).astype(float)
    values[random.random((200, 3)) < 0.6] = NAN
    return values


def test_it_agrees_with_scipy_on_a_plain_mean() -> None:
    values = np.random.default_rng(0).normal(size=80)
    found = bootstrap_interval(values, num_resamples=MANY)
    theirs = bootstrap((values,), np.mean, n_resamples=MANY, method="percentile", rng=np.random.default_rng(1))
    assert found.estimate == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.01)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.01)


@pytest.mark.parametrize("kind", ["per_class", "macro", "weighted"])
def test_sums_over_groups_give_what_the_rows_give(hits: np.ndarray, kind: str) -> None:
    """The fast way of the means against the slow one that any function takes."""
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


def test_the_width_is_that_of_the_binomial() -> None:
    values = np.repeat([1.0, 0.0], 200)
    found = bootstrap_interval(values, num_resamples=MANY)
    half = 1.96 * np.sqrt(0.25 / 400)
    assert found.low == pytest.approx(0.5 - half, abs=0.005)
    assert found.high == pytest.approx(0.5 + half, abs=0.005)


def test_images_of_one_patient_are_drawn_together() -> None:
    values = np.repeat([1.0, 0.0], 200)
    patients = np.repeat(np.arange(40), 10)  # ten alike of each: as if there were 40
    found = bootstrap_interval(values, groups=patients, num_resamples=MANY)
    half = 1.96 * np.sqrt(0.25 / 40)
    assert found.low == pytest.approx(0.5 - half, abs=0.02)
    assert found.high == pytest.approx(0.5 + half, abs=0.02)


def test_groups_are_any_names_in_any_order(hits: np.ndarray) -> None:
    numbers = np.random.default_rng(7).integers(0, 30, 200)
    names = [f"patient {n:03d}" for n in numbers]
    order = np.random.default_rng(8).permutation(200)
    expected = bootstrap_interval(hits, groups=numbers)
    assert bootstrap_interval(hits, groups=names) == pytest.approx(expected)
    assert bootstrap_interval(hits[order], groups=numbers[order]) == pytest.approx(expected)


def test_a_constant_gain_is_certain_though_each_number_is_not() -> None:
    """What pairing is for: the same images are drawn for both."""
    second = np.random.default_rng(0).normal(size=50)
    found = bootstrap_interval(second + 0.25, second)
    assert (found.low, found.high) == pytest.approx((0.25, 0.25))
    assert np.ptp(bootstrap_interval(second)[1:]) > 0.3


def test_a_difference_changes_its_sign_with_the_order(hits: np.ndarray) -> None:
    other = np.where(np.isnan(hits), NAN, 1 - hits)
    there, back = bootstrap_interval(hits, other), bootstrap_interval(other, hits)
    assert (there.estimate, there.low, there.high) == pytest.approx((-back.estimate, -back.high, -back.low))


def test_a_difference_counts_only_what_both_have() -> None:
    found = bootstrap_interval([1.0, 1.0, NAN, 0.0], [0.0, NAN, 1.0, 0.0])
    assert found.estimate == pytest.approx(0.5 - 0.0)


def test_draws_without_the_class_are_left_out() -> None:
    values = np.full((30, 2), NAN)
    values[0, 0] = 1.0  # in about a third of all draws nobody has it
    found = bootstrap_interval(values, statistic="per_class")
    assert found.estimate[0] == found.low[0] == found.high[0] == 1
    assert np.isnan([found.estimate[1], found.low[1], found.high[1]]).all()
    assert bootstrap_interval(values, statistic="macro").estimate == 1


def test_it_takes_the_area_under_the_curve() -> None:
    random = torch.Generator().manual_seed(0)
    labels = torch.rand(120, 2, generator=random) < 0.4
    table = torch.stack([labels + torch.randn(120, 2, generator=random), labels], dim=-1).numpy()

    def areas(rows: np.ndarray) -> np.ndarray:
        return auroc_per_class(torch.as_tensor(rows[..., 0]), torch.as_tensor(rows[..., 1])).numpy()

    found = bootstrap_interval(table, statistic=areas, num_resamples=300)
    np.testing.assert_allclose(found.estimate, areas(table))
    assert (found.low < found.estimate).all()
    assert (found.estimate < found.high).all()


def test_the_seed_decides(hits: np.ndarray) -> None:
    assert bootstrap_interval(hits) == bootstrap_interval(hits)
    assert bootstrap_interval(hits) == bootstrap_interval(hits, generator=np.random.default_rng(0))
    assert bootstrap_interval(hits) != bootstrap_interval(hits, generator=1)


def test_more_confidence_is_wider(hits: np.ndarray) -> None:
    wide, narrow = bootstrap_interval(hits, level=0.99), bootstrap_interval(hits, level=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_many_groups_are_drawn_in_parts(hits: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = bootstrap_interval(hits)
    monkeypatch.setattr("monai_pylon.metrics.intervals._CELLS_AT_A_TIME", 1000)
    assert bootstrap_interval(hits) == whole


def test_wrong_input_is_named(hits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        bootstrap_interval(hits, level=95)
    with pytest.raises(ValueError, match="Did you mean 'macro'"):
        bootstrap_interval(hits, statistic="makro")
    with pytest.raises(ValueError, match="groups must be 200 long"):
        bootstrap_interval(hits, groups=[1, 2])
    with pytest.raises(ValueError, match="other must be of the values' shape"):
        bootstrap_interval(hits, hits[:3])
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_interval([])
