"""Many thresholds at the price of one: how many values lie above each, and which threshold is best for each label.

Every value is put once into the interval between two thresholds; counts above a threshold are sums of these counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from monai_pylon.utils import check

__all__ = ["ORGAN_IOU_THRESHOLDS", "best_thresholds", "check_thresholds", "count_above", "values_at"]

#: The 53 that the paper's authors try.
ORGAN_IOU_THRESHOLDS = (0.004, 0.008, 0.012, 0.016, *(round(0.02 * step, 2) for step in range(1, 50)))

#: Beyond so many marks on the ruler of `count_above` a binary search is as good.
_MOST_MARKS = 4096


def check_thresholds(thresholds: Sequence[float] | Tensor) -> Tensor:
    """Thresholds as a tensor, or an error.

    Args:
        thresholds: (T,), ascending.

    Returns:
        (T,) float64, on the CPU.

    Raises:
        ValueError: where there is none, they do not ascend, or one is not between 0 and 1.

    Example:
        >>> check_thresholds([0.5, 0.25])
        Traceback (most recent call last):
        ...
        ValueError: thresholds must be ascending, without equals, but is [0.5, 0.25].
    """
    tensor = torch.as_tensor(thresholds, dtype=torch.float64, device="cpu")
    check(tensor.ndim == 1 and len(tensor) > 0, "thresholds", "of shape (T,)", thresholds)
    check(bool(((tensor >= 0) & (tensor <= 1)).all()), "thresholds", "between 0 and 1", thresholds)
    check(bool((tensor.diff() > 0).all()), "thresholds", "ascending, without equals", thresholds)
    return tensor


def count_above(values: Tensor, chosen: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """How many values of each row lie above each threshold, and how many of those that were chosen.

    Args:
        values: (R, P) between 0 and 1.
        chosen: (R, P) bool.
        thresholds: (T,) ascending; they are rounded to the values' precision, as in a comparison of a tensor with a
            number.

    Returns:
        (R, T) of the chosen ones and (R, T) of all, whole numbers.

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
    """How many of the ascending thresholds (T,) each value (P,) is above, int32.

    On a ruler with marks so fine that no two thresholds lie between the same marks, a value's place tells how many
    thresholds lie before its marks, and one comparison is left. That is four times as fast as a binary search.
    """
    marks = 1
    while marks <= _MOST_MARKS and bool(((thresholds * marks).int().diff() == 0).any()):
        marks *= 2
    if marks > _MOST_MARKS:
        return torch.bucketize(values, thresholds.to(values.device), out_int32=True)
    mark = (thresholds * marks).int()  # of a power of two: exact
    before = torch.searchsorted(mark, torch.arange(marks + 1, dtype=torch.int32), out_int32=True).to(values.device)
    within = thresholds.new_full((marks + 1,), torch.inf).index_copy_(0, mark.long(), thresholds).to(values.device)
    place = (values * marks).int()
    return before.index_select(0, place).add_(values > within.index_select(0, place))


def best_thresholds(curves: Tensor, thresholds: Sequence[float] | Tensor) -> Tensor:
    """For each label the threshold with the best mean over the samples, of equals the lowest.

    Args:
        curves: (N, M, T), a value for each sample, label and threshold; NaN where it is undefined.
        thresholds: (T,).

    Returns:
        (M,) float64, NaN for a label without a value.

    Example:
        >>> best_thresholds(torch.tensor([[[0.2, 0.4]], [[0.9, 0.4]]]), [0.1, 0.5])
        tensor([0.1000], dtype=torch.float64)
    """
    tried = torch.as_tensor(thresholds, dtype=torch.float64, device=curves.device)
    check(curves.ndim == 3 and curves.shape[2] == len(tried), "curves", f"of shape (N, M, {len(tried)})", curves)
    mean = curves.double().nanmean(0)
    return torch.where(mean.isnan().all(1), torch.nan, tried[mean.nan_to_num(nan=-torch.inf).argmax(1)])


def values_at(curves: Tensor, thresholds: Sequence[float] | Tensor, chosen: Tensor) -> Tensor:
    """The values of curves at a chosen threshold for each label.

    Args:
        curves: (N, M, T).
        thresholds: (T,).
        chosen: (M,), each one of the thresholds, or NaN.

    Returns:
        (N, M), NaN for a label whose threshold is.

    Example:
        >>> values_at(torch.tensor([[[0.2, 0.4]]]), [0.1, 0.5], torch.tensor([0.5]))
        tensor([[0.4000]])
    """
    tried = torch.as_tensor(thresholds, dtype=torch.float64, device=curves.device)
    wanted = chosen.to(curves.device, torch.float64)
    index = (wanted[:, None] - tried).abs().nan_to_num(nan=0).argmin(1)
    values = curves.gather(2, index[None, :, None].expand(len(curves), -1, 1))[..., 0]
    return torch.where(wanted.isnan(), torch.nan, values)
