"""OrganIoU (HiResCAM paper, section 4): the share of a label's attention inside its allowed region.

OrganIoU measures the network, not the explanation. A low value means that the network scores the abnormality by
evidence outside the organs in which the report locates it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from monai.utils import convert_to_tensor
from torch import Tensor
from torch.nn import functional

from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, check_thresholds, count_above
from monai_pylon.utils import check, check_type
from monai_pylon.utils.arrays import as_float64
from monai_pylon.utils.outputs import check_binary_labels

__all__ = ["organ_iou", "organ_iou_curve", "relative_attention", "resample_attention"]

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def relative_attention(attention: Tensor) -> Tensor:
    """Divide each label's positive attention by its maximum.

    Args:
        attention: Signed attention (M, *grid).

    Returns:
        Relative attention (M, *grid) between 0 and 1, at least float32. Zeros for a label without positive attention.

    Raises:
        ValueError: If there is no grid axis, or a value is not finite.

    Example:
        >>> relative_attention(torch.tensor([[-1.0, 2.0, 4.0], [-1.0, 0.0, -2.0]]))
        tensor([[0.0000, 0.5000, 1.0000],
                [0.0000, 0.0000, 0.0000]])
    """
    remedy = "Give the attention of one sample: explanation.attention[0]."
    check_type(attention, (torch.Tensor, np.ndarray), "attention", remedy)
    attention = convert_to_tensor(attention, track_meta=False)
    check(attention.ndim >= 2, "attention", "of shape (M, *grid)", attention)
    attention = attention if attention.dtype == torch.float64 else attention.float()
    lowest, highest = attention.flatten(1).aminmax(dim=1)  # NaN if any value is NaN
    remedy = "Check the training of the network."
    check(bool((lowest.isfinite() & highest.isfinite()).all()), "attention", "finite", attention, remedy)
    highest = torch.where(highest > 0, highest, 1).reshape(-1, *[1] * (attention.ndim - 1))
    return attention.clamp_min(0).div_(highest)


def resample_attention(attention: Tensor, grid: Sequence[int]) -> Tensor:
    """Resample relative attention to another grid, such as that of the allowed regions.

    As the authors do, the attention is first divided by its maximum and then interpolated linearly along each axis.

    Args:
        attention: Signed attention (M, *grid), with up to three grid axes.
        grid: Number of grid cells along each axis.

    Returns:
        Relative attention (M, *grid) between 0 and 1. Pass it to :func:`organ_iou` with ``relative=True``.

    Raises:
        ValueError: If the number of axes differs from the attention's, or is more than three.

    Example:
        >>> resample_attention(torch.tensor([[-1.0, 4.0]]), [4])
        tensor([[0.0000, 0.2500, 0.7500, 1.0000]])
    """
    relative = relative_attention(attention)
    axes = relative.ndim - 1
    check(len(grid) == axes and axes in _MODES, "grid", f"{axes} numbers of grid cells, at most 3", grid)
    mode = _MODES[axes]
    return functional.interpolate(relative[None], size=tuple(grid), mode=mode, align_corners=False)[0].clamp(0, 1)


def organ_iou(
    attention: Tensor,
    allowed: Tensor,
    threshold: float | Sequence[float] | Tensor,
    labels: Tensor | None = None,
    paper_code_compat: bool = False,
    relative: bool = False,
) -> Tensor:
    """Compute the share of each label's attention inside its allowed region.

    A label's positive attention is divided by its maximum. OrganIoU is the share of allowed grid cells among those
    **above** the threshold: 1 if the network used the allowed region alone, 0 if it did not use it.

    Args:
        attention: Signed attention (M, *grid).
        allowed: Allowed regions (M, *grid), bool or numeric. A value of 0 forbids the grid cell.
        threshold: One threshold for all labels, or (M,), between 0 and 1. NaN excludes a label.
        labels: Labels (M,): 1 present, 0 absent, NaN unknown. None: all unknown.
        paper_code_compat: Return 0 instead of 1 if no forbidden grid cell is above the threshold. The authors' program
            does so, against the paper's text. Use it only for comparisons with their tables.
        relative: Whether the attention is relative already, as returned by :func:`resample_attention`.

    Returns:
        OrganIoU (M,), float32, between 0 and 1. NaN for an absent label, and for an unknown label with an empty region
        or without attention above the threshold. 0 for a present label without positive attention.

    Raises:
        ValueError: If attention is not finite, the shapes differ, or a threshold or label is out of range.

    Example:
        >>> attention = torch.tensor([[4.0, 3.0, 1.0, -9.0]])
        >>> organ_iou(attention, torch.tensor([[1, 0, 0, 0]]), threshold=0.5)
        tensor([0.5000])
    """
    maps = _checked(attention, allowed, labels, relative)
    threshold = as_float64(threshold)
    count = len(maps.present)
    per_label = threshold.ndim == 0 or threshold.shape == (count,)
    check(per_label, "threshold", f"one number, or {count} numbers, one per label", threshold)
    in_range = bool(((threshold >= 0) & (threshold <= 1) | threshold.isnan()).all())
    check(in_range, "threshold", "between 0 and 1", threshold.tolist())
    threshold = threshold.to(maps.share.dtype).to(maps.share.device).expand(count)
    above = maps.share > threshold[maps.rows, None]
    inside, total = (above & maps.region).sum(1), above.sum(1)
    values = _ratio(inside[:, None], total[:, None], maps, paper_code_compat)[:, 0]
    return torch.where(threshold.isnan(), torch.nan, values)


def organ_iou_curve(
    attention: Tensor,
    allowed: Tensor,
    thresholds: Sequence[float] | Tensor = ORGAN_IOU_THRESHOLDS,
    labels: Tensor | None = None,
    paper_code_compat: bool = False,
    relative: bool = False,
) -> Tensor:
    """Compute :func:`organ_iou` at many thresholds, much faster than one by one.

    Args:
        attention: Signed attention (M, *grid).
        allowed: Allowed regions (M, *grid), bool or numeric. A value of 0 forbids the grid cell.
        thresholds: Ascending thresholds (T,); the authors' 53 by default.
        labels: Labels (M,): 1 present, 0 absent, NaN unknown. None: all unknown.
        paper_code_compat: See :func:`organ_iou`.
        relative: Whether the attention is relative already.

    Returns:
        OrganIoU (M, T), float32. NaN as in :func:`organ_iou`.

    Raises:
        ValueError: As :func:`organ_iou`, or if the thresholds do not ascend.

    Example:
        >>> attention = torch.tensor([[4.0, 3.0, 1.0, -9.0]])
        >>> organ_iou_curve(attention, torch.tensor([[1, 0, 0, 0]]), [0.1, 0.5, 0.8])
        tensor([[0.3333, 0.5000, 1.0000]])
    """
    tried = check_thresholds(thresholds)
    maps = _checked(attention, allowed, labels, relative)
    inside, total = count_above(maps.share, maps.region, tried)
    return _ratio(inside, total, maps, paper_code_compat)


class _Maps(NamedTuple):
    """Flattened maps of the R labels that may have a value.

    Attributes:
        share: Relative attention (R, P).
        region: Allowed grid cells (R, P), bool.
        rows: Indices of these labels (R,).
        present: For all labels (M,) 1 if present, 0 if absent, NaN if unknown.
    """

    share: Tensor
    region: Tensor
    rows: Tensor
    present: Tensor


def _checked(attention: Tensor, allowed: Tensor, labels: Tensor | None, relative: bool) -> _Maps:
    """Check attention and regions (M, *grid) and labels (M,), and select the labels that may have a value."""
    remedy = "Give the attention of one sample: explanation.attention[0]."
    check_type(attention, (torch.Tensor, np.ndarray), "attention", remedy)
    attention = convert_to_tensor(attention, track_meta=False)
    check(attention.ndim >= 2, "attention", "of shape (M, *grid)", attention)
    count, grid = len(attention), tuple(attention.shape[1:])
    region = convert_to_tensor(allowed, device=attention.device, track_meta=False)
    remedy = "Call resample_attention(attention, grid) first, and pass its result with relative=True."
    fits = region.shape == attention.shape
    check(fits, "allowed", f"of the attention's {count} labels and grid {grid}", allowed, remedy)
    known = not region.is_floating_point() or not bool(region.isnan().any())
    check(known, "allowed", "without NaN", allowed, "Give 0 or 1 for each grid cell.")
    region = (region if region.dtype == torch.bool else region != 0).flatten(1)
    if labels is None:
        present = attention.new_full((count,), torch.nan, dtype=torch.float32)
        rows = region.any(1).nonzero()[:, 0]
    else:
        present = convert_to_tensor(labels, torch.float32, attention.device, wrap_sequence=True, track_meta=False)
        check(present.shape == (count,), "labels", f"of shape ({count},)", labels)
        check_binary_labels(present, "labels")
        rows = ((present == 1) | (present.isnan() & region.any(1))).nonzero()[:, 0]
    if relative:
        in_range = bool(((attention >= 0) & (attention <= 1)).all())
        check(in_range, "attention", "between 0 and 1 if relative=True", attention)
    if len(rows) < count:
        attention, region = attention[rows], region[rows]
    share = attention if relative else relative_attention(attention)
    share = share if share.dtype == torch.float64 else share.float()
    return _Maps(share.flatten(1), region, rows, present)


def _ratio(inside: Tensor, total: Tensor, maps: _Maps, paper_code_compat: bool) -> Tensor:
    """Convert counts (R, T) of the selected labels to OrganIoU (M, T) of all labels."""
    if paper_code_compat:
        inside = torch.where(inside == total, 0, inside)
    values = inside / total.clamp_min(1)
    values[(total == 0) & maps.present[maps.rows, None].isnan()] = torch.nan
    result = values.new_full((len(maps.present), values.shape[1]), torch.nan)
    return result.index_copy_(0, maps.rows, values)
