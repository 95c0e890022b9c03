"""Counts of values above many thresholds, and the best threshold of each label.

Each value is assigned once to an interval between two thresholds. The counts above a threshold are sums over intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64

__all__ = ["ORGAN_IOU_THRESHOLDS", "best_thresholds", "check_thresholds", "count_above", "values_at"]

#: The 53 thresholds that the paper's authors try.
ORGAN_IOU_THRESHOLDS = (0.004, 0.008, 0.012, 0.016, *(step / 50 for step in range(1, 50)))

#: Largest number of bins of the lookup table in `count_above`. With more, a binary search is as fast.
_MAX_BINS = 4096


def check_thresholds(thresholds: Sequence[float] | Tensor) -> Tensor:
    """Check thresholds and return them as a tensor.

    Args:
        thresholds: Ascending thresholds (T,).

    Returns:
        Thresholds (T,), float64, on the CPU.

    Raises:
        ValueError: If there is no threshold, they do not ascend, or one is not between 0 and 1.

    Example:
        >>> check_thresholds([0.5, 0.25])
        Traceback (most recent call last):
        ...
        ValueError: thresholds must be strictly ascending, but is [0.5, 0.25].
    """
    tensor = as_float64(thresholds)
    check(tensor.ndim == 1 and len(tensor) > 0, "thresholds", "of shape (T,)", thresholds)
    check(bool(((tensor >= 0) & (tensor <= 1)).all()), "thresholds", "between 0 and 1", thresholds)
    check(bool((tensor.diff() > 0).all()), "thresholds", "strictly ascending", thresholds)
    return tensor


def count_above(values: Tensor, chosen: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """Count the values of each row above each threshold: the chosen ones, and all.

    Args:
        values: Values (R, P) between 0 and 1.
        chosen: Chosen values (R, P), bool.
        thresholds: Ascending thresholds (T,). They are rounded to the values' precision, as in a comparison of a tensor
            with a number.

    Returns:
        Counts of the chosen values (R, T) and counts of all values (R, T), integers.

    Example:
        >>> count_above(torch.tensor([[0.1, 0.5, 0.9]]), torch.tensor([[True, True, False]]), torch.tensor([0.1, 0.8]))
        (tensor([[1, 0]]), tensor([[2, 1]]))
    """
    rows, intervals = len(values), len(thresholds) + 1
    below = _thresholds_below(values.flatten(), thresholds.to("cpu", values.dtype))
    key = below.mul_(2).add_(chosen.flatten()).view_as(values)
    key += torch.arange(0, 2 * rows * intervals, 2 * intervals, dtype=key.dtype, device=key.device)[:, None]
    counts = torch.bincount(key.flatten(), minlength=2 * rows * intervals).view(rows, intervals, 2)
    above = counts.flip(1).cumsum(1).flip(1)[:, 1:]
    return above[..., 1], above.sum(-1)


def _thresholds_below(values: Tensor, thresholds: Tensor) -> Tensor:
    """Count for each value (P,) the ascending thresholds (T,) below it, int32.

    The range from 0 to 1 is divided into bins so small that no bin holds two thresholds. A table gives the number of
    thresholds before each bin, and one comparison is left. This is four times as fast as a binary search.
    """
    bins = 1
    while bins <= _MAX_BINS and bool(((thresholds * bins).int().diff() == 0).any()):
        bins *= 2
    if bins > _MAX_BINS:
        return torch.bucketize(values, thresholds.to(values.device), out_int32=True)
    occupied = (thresholds * bins).int()  # exact, since bins is a power of two
    before = torch.searchsorted(occupied, torch.arange(bins + 1, dtype=torch.int32), out_int32=True).to(values.device)
    within = thresholds.new_full((bins + 1,), torch.inf).index_copy_(0, occupied.long(), thresholds).to(values.device)
    index = (values * bins).int()
    return before.index_select(0, index).add_(values > within.index_select(0, index))


def best_thresholds(curves: Tensor, thresholds: Sequence[float] | Tensor) -> Tensor:
    """Choose for each label the threshold with the highest mean over the samples; of equals the lowest.

    Args:
        curves: Values (N, M, T) of each sample, label and threshold, NaN where undefined.
        thresholds: Thresholds (T,).

    Returns:
        Chosen thresholds (M,), float64, on the CPU. NaN for a label without a value.

    Example:
        >>> best_thresholds(torch.tensor([[[0.2, 0.4]], [[0.9, 0.4]]]), [0.1, 0.5])
        tensor([0.1000], dtype=torch.float64)
    """
    tried = as_float64(thresholds)
    check(curves.ndim == 3 and curves.shape[2] == len(tried), "curves", f"of shape (N, M, {len(tried)})", curves)
    mean = as_float64(curves).nanmean(0)
    return torch.where(mean.isnan().all(1), torch.nan, tried[mean.nan_to_num(nan=-torch.inf).argmax(1)])


def values_at(curves: Tensor, thresholds: Sequence[float] | Tensor, chosen: Tensor) -> Tensor:
    """Select the values of curves at the chosen threshold of each label.

    Args:
        curves: Values (N, M, T) of each sample, label and threshold.
        thresholds: Thresholds (T,).
        chosen: Chosen threshold of each label (M,): one of the thresholds, or NaN.

    Returns:
        Values (N, M). NaN for a label whose chosen threshold is NaN.

    Example:
        >>> values_at(torch.tensor([[[0.2, 0.4]]]), [0.1, 0.5], torch.tensor([0.5]))
        tensor([[0.4000]])
    """
    wanted = as_float64(chosen)
    index = (wanted[:, None] - as_float64(thresholds)).abs().argmin(1).to(curves.device)
    values = torch.take_along_dim(curves, index[None, :, None], 2)[..., 0]
    return torch.where(wanted.isnan().to(values.device), torch.nan, values)
