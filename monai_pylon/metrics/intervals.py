"""How sure a number is: percentile bootstrap intervals of means, of paired differences, and of any statistic.

Images of one patient resemble each other: resampling single images then gives intervals that are too narrow. What is
drawn with replacement is therefore a *group*, such as a patient, with all of its images.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from monai_pylon.utils import check, check_choice, check_type

__all__ = ["Interval", "bootstrap_interval"]

_MEANS = ("per_class", "macro", "weighted")

#: How many numbers of the table (resamples, groups) are made at a time.
_CELLS_AT_A_TIME = 1 << 24


class Interval(NamedTuple):
    """A number and the interval around it.

    Attributes:
        estimate: of the data as they are; a number, or (M,) for a statistic of each class.
        low: lower end, likewise.
        high: upper end, likewise.

    Example:
        >>> Interval(0.5, 0.4, 0.6).high
        0.6
    """

    estimate: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray


def _means(sums: np.ndarray, counts: np.ndarray, kind: str) -> np.ndarray:
    """The mean of each class, of the classes, or of all values, from sums and counts (..., M)."""
    with np.errstate(invalid="ignore"):  # over nothing: NaN
        if kind == "weighted":
            return sums.sum(axis=-1) / counts.sum(axis=-1)
        per_class = sums / counts
        if kind == "per_class":
            return per_class
        known = ~np.isnan(per_class)
        return np.where(known, per_class, 0).sum(axis=-1) / known.sum(axis=-1)


def _draws(num_groups: int, num_resamples: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Tables (some, G) of how often each group is drawn, `num_resamples` rows in all."""
    step = max(1, _CELLS_AT_A_TIME // num_groups)
    for first in range(0, num_resamples, step):
        rows = min(step, num_resamples - first)
        drawn = generator.integers(num_groups, size=(rows, num_groups)) + num_groups * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * num_groups).reshape(rows, num_groups)


def _resampled_means(
    parts: list[np.ndarray], owner: np.ndarray, kind: str, num_resamples: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The statistic of the data and of each resample, from sums over groups alone; a second part is subtracted."""
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
    return difference(np.ones((1, num_groups)))[0], np.concatenate(rows)


def _resampled_statistic(
    parts: list[np.ndarray],
    owner: np.ndarray,
    statistic: Callable[[np.ndarray], ArrayLike],
    num_resamples: int,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """The same for any function of the rows."""
    order = np.argsort(owner, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(owner))[:-1])

    def difference(rows: np.ndarray) -> np.ndarray:
        first, *second = (np.asarray(statistic(part[rows]), dtype=np.float64) for part in parts)
        return first - second[0] if second else first

    draws = generator.integers(len(members), size=(num_resamples, len(members)))
    return difference(order), np.stack([difference(np.concatenate([members[g] for g in draw])) for draw in draws])


def _check_values(values: ArrayLike, other: ArrayLike | None, groups: Sequence | None) -> tuple[list, np.ndarray]:
    parts = [np.asarray(values, dtype=np.float64)]
    check(parts[0].ndim >= 1 and len(parts[0]) > 0, "values", "a row for each image, at least one", values)
    if other is not None:
        parts.append(np.asarray(other, dtype=np.float64))
        check(parts[1].shape == parts[0].shape, "other", f"of the values' shape {parts[0].shape}", other)
    if groups is None:
        return parts, np.arange(len(parts[0]))
    check(len(groups) == len(parts[0]), "groups", f"{len(parts[0])} long, one for each row of values", len(groups))
    return parts, np.unique(np.asarray(groups), return_inverse=True)[1].ravel()


def bootstrap_interval(
    values: ArrayLike,
    other: ArrayLike | None = None,
    groups: Sequence | None = None,
    statistic: str | Callable[[np.ndarray], ArrayLike] = "weighted",
    level: float = 0.95,
    num_resamples: int = 2000,
    generator: np.random.Generator | int = 0,
) -> Interval:
    """A percentile bootstrap interval of a statistic, or of its paired difference between two methods.

    Groups are drawn with replacement, as many as there are; the interval runs between the quantiles of the statistic
    over the draws. With `other`, both methods are drawn alike, and the statistic is the first's less the second's.

    Args:
        values: (N,) or (N, M), one row an image, NaN where undefined: what a metric's buffer holds. For a statistic of
            your own any (N, ...).
        other: the same of a second method, on the same images in the same order. For the means, a value that only one
            of the two has is left out of both.
        groups: (N,) what is drawn together, such as patient identities; without, each row by itself.
        statistic: the mean of all values, "weighted" (over instances); of the classes' means, "macro"; of each class,
            "per_class"; or a function of rows (N', ...) that gives a number or (M,).
        level: of confidence, between 0 and 1.
        num_resamples: how many draws.
        generator: of random numbers, or its seed.

    Returns:
        estimate, low and high: numbers, or (M,) where the statistic gives one a class. Draws in which the statistic is
        undefined (a class does not occur) are left out; NaN where it is undefined in all.

    Raises:
        ValueError: for no rows, shapes that differ, another statistic or a level outside (0, 1).

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
    somewhere = ~np.isnan(draws).all(axis=0)
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends[:, somewhere] = np.nanquantile(draws[:, somewhere], tails, axis=0)
    found = (estimate, ends[0], ends[1])
    return Interval(*(part.item() if part.ndim == 0 else part for part in found))
