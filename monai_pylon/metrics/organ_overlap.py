"""OrganIoU (HiResCAM paper, section 4): which share of a label's attention lies where the label may be.

It says something of the network, not of the explanation: a low value means that the network scores the abnormality by
places outside the organs in which the report puts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from monai.utils import convert_to_tensor
from torch import Tensor
from torch.nn import functional

from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, check_thresholds, count_above
from monai_pylon.utils import check

__all__ = ["organ_iou", "organ_iou_curve", "relative_attention", "resample_attention"]

_MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}


def relative_attention(attention: Tensor) -> Tensor:
    """Each label's positive attention as a share of its maximum.

    Args:
        attention: (M, *grid), signed.

    Returns:
        (M, *grid) between 0 and 1, at least float32; zeros for a label without positive attention.

    Raises:
        ValueError: where there is no grid, or a value is not finite.

    Example:
        >>> relative_attention(torch.tensor([[-1.0, 2.0, 4.0], [-1.0, 0.0, -2.0]]))
        tensor([[0.0000, 0.5000, 1.0000],
                [0.0000, 0.0000, 0.0000]])
    """
    attention = convert_to_tensor(attention, track_meta=False)
    check(attention.ndim >= 2, "attention", "of shape (M, *grid)", attention)
    attention = attention if attention.dtype == torch.float64 else attention.float()
    lowest, highest = attention.flatten(1).aminmax(dim=1)  # NaN, if there is any
    remedy = "The network gave NaN or infinity: see its training."
    check(bool((highest - lowest).isfinite().all()), "attention", "finite", attention, remedy)
    highest = torch.where(highest > 0, highest, 1).reshape(-1, *[1] * (attention.ndim - 1))
    return attention.clamp_min(0).div_(highest)


def resample_attention(attention: Tensor, grid: Sequence[int]) -> Tensor:
    """Relative attention on another grid, for networks whose maps are finer or coarser than the allowed regions.

    As the authors do it: first divided by its maximum, then interpolated linearly along each axis.

    Args:
        attention: (M, *grid), signed.
        grid: the cells wanted along each axis.

    Returns:
        (M, *grid) between 0 and 1; give it to :func:`organ_iou` with ``relative=True``.

    Raises:
        ValueError: where the grids do not have as many axes, up to three.

    Example:
        >>> resample_attention(torch.tensor([[-1.0, 4.0]]), [4])
        tensor([[0.0000, 0.2500, 0.7500, 1.0000]])
    """
    relative = relative_attention(attention)
    axes = relative.ndim - 1
    check(len(grid) == axes and axes in _MODES, "grid", f"{axes} numbers of cells", grid)
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
    """The share of each label's attention that lies in its allowed region.

    A label's positive attention is divided by its maximum; cells **above** the threshold count; OrganIoU is the share
    of these that is allowed: 1 if the network used the allowed region alone, 0 if nothing of it.

    Args:
        attention: (M, *grid), signed.
        allowed: (M, *grid) bool, or numbers of which 0 forbids.
        threshold: between 0 and 1, one for all labels or (M,); NaN leaves a label out.
        labels: (M,), 1 present, 0 absent, NaN unknown; None: all unknown.
        paper_code_compat: 0 instead of 1 where nothing forbidden is above the threshold, as the authors' program has
            it against the paper's text: for comparisons with their tables alone.
        relative: whether the attention is relative already, as :func:`resample_attention` gives it.

    Returns:
        (M,) float32 between 0 and 1; NaN for an absent label, and for an unknown one whose region is empty or which has
        no attention above the threshold. A label that is present but has no positive attention has 0.

    Raises:
        ValueError: for attention that is not finite, other shapes, thresholds or labels out of range.

    Example:
        >>> attention = torch.tensor([[4.0, 3.0, 1.0, -9.0]])
        >>> organ_iou(attention, torch.tensor([[1, 0, 0, 0]]), threshold=0.5)
        tensor([0.5000])
    """
    maps = _checked(attention, allowed, labels, relative)
    threshold = torch.as_tensor(threshold, dtype=torch.float64)
    count = len(maps.present)
    per_label = threshold.ndim == 0 or threshold.shape == (count,)
    check(per_label, "threshold", f"a number, or {count}, one for each label", threshold)
    in_range = bool(((threshold >= 0) & (threshold <= 1) | threshold.isnan()).all())
    check(in_range, "threshold", "between 0 and 1", threshold.tolist())
    threshold = threshold.to(maps.share.device).expand(count)
    above = maps.share > threshold[maps.rows, None].to(maps.share.dtype)
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
    """:func:`organ_iou` at many thresholds, for the price of a few.

    Args:
        attention: (M, *grid), signed.
        allowed: (M, *grid) bool, or numbers of which 0 forbids.
        thresholds: (T,) ascending; the authors' 53 by default.
        labels: (M,), 1 present, 0 absent, NaN unknown; None: all unknown.
        paper_code_compat: see :func:`organ_iou`.
        relative: whether the attention is relative already.

    Returns:
        (M, T) float32.

    Raises:
        ValueError: as :func:`organ_iou`.

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
    """The labels that may have a value: relative attention (R, P), allowed cells (R, P), and which they are, (R,).

    Of all labels (M,), whether they are present: 1, 0, or NaN for unknown.
    """

    share: Tensor
    region: Tensor
    rows: Tensor
    present: Tensor


def _checked(attention: Tensor, allowed: Tensor, labels: Tensor | None, relative: bool) -> _Maps:
    attention = convert_to_tensor(attention, track_meta=False)
    check(attention.ndim >= 2, "attention", "of shape (M, *grid)", attention)
    count, grid = len(attention), tuple(attention.shape[1:])
    region = convert_to_tensor(allowed, device=attention.device, track_meta=False)
    remedy = "Bring the attention to the regions' grid: resample_attention(attention, grid), then with relative=True."
    fits = region.shape == attention.shape
    check(fits, "allowed", f"of the attention's {count} labels and grid {grid}", allowed, remedy)
    region = (region if region.dtype == torch.bool else region != 0).flatten(1)
    if labels is None:
        present = attention.new_full((count,), torch.nan, dtype=torch.float32)
        rows = region.any(1).nonzero()[:, 0]
    else:
        present = convert_to_tensor(labels, torch.float32, attention.device, wrap_sequence=True, track_meta=False)
        check(present.shape == (count,), "labels", f"of shape ({count},)", labels)
        known = bool(((present == 0) | (present == 1) | present.isnan()).all())
        check(known, "labels", "0, 1 or NaN", labels)
        rows = ((present == 1) | (present.isnan() & region.any(1))).nonzero()[:, 0]
    if relative:
        in_range = bool(((attention >= 0) & (attention <= 1)).all())
        check(in_range, "attention", "between 0 and 1 where it is relative", attention)
    if len(rows) < count:
        attention, region = attention[rows], region[rows]
    share = attention if relative else relative_attention(attention)
    share = share if share.dtype == torch.float64 else share.float()
    return _Maps(share.flatten(1), region, rows, present)


def _ratio(inside: Tensor, total: Tensor, maps: _Maps, paper_code_compat: bool) -> Tensor:
    """Counts (R, T) of some labels to OrganIoU (M, T) of all: what is undefined, and what is 0."""
    if paper_code_compat:
        inside = torch.where(inside == total, 0, inside)
    values = inside / total.clamp_min(1)
    values[(total == 0) & maps.present[maps.rows, None].isnan()] = torch.nan
    result = values.new_full((len(maps.present), values.shape[1]), torch.nan)
    return result.index_copy_(0, maps.rows, values)
