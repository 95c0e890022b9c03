"""Percentile bootstrap intervals of means, paired differences and other statistics.

Images of one patient resemble each other. Resampling single images gives intervals that are too narrow. Therefore
*groups* are drawn with replacement: a group is, for example, a patient with all images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.arrays import as_array

__all__ = ["Interval", "bootstrap_interval"]

_MEANS = ("per_class", "macro", "weighted")

#: Entries of the table (resamples, groups) to draw at a time.
_CELLS_AT_A_TIME = 1 << 24


class Interval(NamedTuple):
    """Estimate and confidence interval.

    Attributes:
        estimate: Statistic of the full data: a number, or (M,) for a statistic of each class.
        low: Lower end of the interval, a number or (M,).
        high: Upper end of the interval, a number or (M,).

    Example:
        >>> Interval(0.5, 0.4, 0.6).high
        0.6
    """

    estimate: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray


def _means(sums: np.ndarray, counts: np.ndarray, kind: str) -> np.ndarray:
    """Compute means from sums and counts (..., M): per class, over classes or over all values."""
    with np.errstate(invalid="ignore"):  # a count of 0 gives NaN
        if kind == "weighted":
            return sums.sum(axis=-1) / counts.sum(axis=-1)
        per_class = sums / counts
        if kind == "per_class":
            return per_class
        known = ~np.isnan(per_class)
        return np.where(known, per_class, 0).sum(axis=-1) / known.sum(axis=-1)


def _draws(num_groups: int, num_resamples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw resamples as tables (R, G) of how often each group is drawn, `num_resamples` rows in total."""
    step = max(1, _CELLS_AT_A_TIME // num_groups)
    for first in range(0, num_resamples, step):
        rows = min(step, num_resamples - first)
        drawn = generator.integers(num_groups, size=(rows, num_groups)) + num_groups * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)


def _resampled_means(
    parts: list[np.ndarray], owner: np.ndarray, kind: str, num_resamples: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a mean of the data and of each resample.

    Each resample needs the sums and counts of the groups only. If a second part is given, its mean is subtracted.
    """
    num_groups, tables = owner.max() + 1, []
    for part in parts:
        known = ~np.isnan(part)
        sums, counts = np.zeros((2, num_groups, part.shape[1]))
        np.add.at(sums, owner, np.where(known, part, 0))
        np.add.at(counts, owner, known)
        tables.append((sums, counts))

    def difference(weights: np.ndarray) -> np.ndarray:
        first, *second = (_means(weights @ sums, weights @ counts, kind) for sums, counts in tables)
        return first - second[0] if second else first

    rows = [difference(weights) for weights in _draws(num_groups, num_resamples, generator)]
    return difference(np.ones(num_groups)), np.concatenate(rows)


def _resampled_statistic(
    parts: list[np.ndarray],
    owner: np.ndarray,
    statistic: Callable[[np.ndarray], ArrayLike],
    num_resamples: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a function of the rows for the data and for each resample; a second part is subtracted."""
    order = np.argsort(owner, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(owner))[:-1])

    def difference(rows: np.ndarray) -> np.ndarray:
        first, *second = (as_array(statistic(part[rows])).astype(np.float64) for part in parts)
        return first - second[0] if second else first

    draws = generator.integers(len(members), size=(num_resamples, len(members)))
    return difference(order), np.stack([difference(np.concatenate([members[g] for g in draw])) for draw in draws])


def _check_values(values: ArrayLike, other: ArrayLike | None, groups: Sequence | None) -> tuple[list, np.ndarray]:
    """Return one or two arrays of values, and the group number of each row (N,)."""
    parts = [as_array(values).astype(np.float64)]
    check(parts[0].ndim >= 1 and len(parts[0]) > 0, "values", "an array with at least one row", values)
    if other is not None:
        parts.append(as_array(other).astype(np.float64))
        check(parts[1].shape == parts[0].shape, "other", f"of the values' shape {parts[0].shape}", other)
    if groups is None:
        return parts, np.arange(len(parts[0]))
    check(len(groups) == len(parts[0]), "groups", f"{len(parts[0])} long, one for each row of values", len(groups))
    return parts, np.unique(as_array(groups), return_inverse=True)[1].ravel()


def bootstrap_interval(
    values: ArrayLike,
    other: ArrayLike | None = None,
    groups: Sequence | None = None,
    statistic: str | Callable[[np.ndarray], ArrayLike] = "weighted",
    level: float = 0.95,
    num_resamples: int = 2000,
    generator: np.random.Generator | int = 0,
) -> Interval:
    """Compute a percentile bootstrap interval of a statistic, or of its paired difference between two methods.

    Groups are drawn with replacement, as many as there are. The interval runs between quantiles of the statistic over
    the draws. With `other`, the same draws are used for both methods, and the statistic is the difference
    `values` minus `other`.

    Args:
        values: Values (N,) or (N, M), one row per image, NaN where undefined, such as a metric's buffer. A function as
            `statistic` takes any shape (N, ...).
        other: Values of a second method for the same images in the same order. For the three means, a value that only
            one method has is ignored in both.
        groups: Group of each row (N,), such as patient identifiers. None: each row is a group.
        statistic: "weighted", the mean of all values (over instances); "macro", the mean of the class means;
            "per_class", the mean of each class; or a function of rows (N', ...) that returns a number or (M,).
        level: Confidence level, between 0 and 1.
        num_resamples: Number of draws.
        generator: Random number generator, or a seed.

    Returns:
        Estimate, low and high: numbers, or (M,) if the statistic has a value per class. Draws with an undefined
        statistic (a class does not occur) are ignored. NaN if it is undefined in all draws.

    Raises:
        ValueError: If there are no rows, the shapes differ, the statistic is unknown, or level is outside (0, 1).

    Example:
        >>> hits = np.array([1.0, 1.0, 0.0, 1.0, np.nan, 0.0])
        >>> bootstrap_interval(hits, groups=["a", "a", "b", "c", "d", "e"])
        Interval(estimate=0.6, low=0.0, high=1.0)
    """
    check(0 < level < 1, "level", "between 0 and 1", level)
    check_type(num_resamples, int, "num_resamples")
    check(num_resamples > 0, "num_resamples", "positive", num_resamples)
    parts, owner = _check_values(values, other, groups)
    random = np.random.default_rng(generator)
    if callable(statistic):
        estimate, draws = _resampled_statistic(parts, owner, statistic, num_resamples, random)
    else:
        check_choice(statistic, _MEANS, "statistic")
        check(parts[0].ndim <= 2, "values", "of shape (N,) or (N, M)", values)
        undefined = np.any([np.isnan(part) for part in parts], axis=0)
        flat = [np.where(undefined, np.nan, part).reshape(len(part), -1) for part in parts]
        estimate, draws = _resampled_means(flat, owner, statistic, num_resamples, random)
    ends = np.full((2, *estimate.shape), np.nan)
    defined = ~np.isnan(draws).all(axis=0)
    quantiles = [(1 - level) / 2, (1 + level) / 2]
    ends[:, defined] = np.nanquantile(draws[:, defined], quantiles, axis=0)
    results = (estimate, ends[0], ends[1])
    return Interval(*(part.item() if part.ndim == 0 else part for part in results))
