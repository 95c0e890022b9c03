"""OrganIoU over many volumes, with thresholds chosen on the validation set and kept for the test set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.metrics import CumulativeIterationMetric
from torch import Tensor

from monai_pylon.metrics.instances import check_classes, class_averages
from monai_pylon.metrics.organ_overlap import organ_iou, organ_iou_curve
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, best_thresholds, values_at
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64
from monai_pylon.utils.outputs import attention_of

__all__ = ["OrganIoUMetric"]


class OrganIoUMetric(CumulativeIterationMetric):
    """MONAI metric for :func:`organ_iou`, with the paper's choice of a threshold per label.

    Without thresholds the metric tries the authors' 53 thresholds on each volume. Call :meth:`tune_thresholds` after
    the validation set: it chooses the best threshold of each label and keeps it. After `reset`, the kept thresholds are
    used for the test set. Before tuning, `aggregate` uses the best thresholds of the volumes seen, as the paper's
    validation results do. Such a result is too optimistic for a test.

    Called with

    - `y_pred`: attention (N, M, *grid), an Explanation, or a list of (M, *grid);
    - `y`: allowed regions (N, M, *grid), or the pair (labels (N, M), allowed), or a list of either for each sample;
    - `labels` (N, M), if they are not in the pair.

    It returns and keeps the values: (N, M), or (N, M, 53) without thresholds. They are NaN for absent labels. Like
    every MONAI metric it gathers the values of several processes.

    Args:
        thresholds: One threshold for all labels, or (M,), such as those tuned on another dataset. NaN excludes a label.
            None: the thresholds are to be tuned.
        paper_code_compat: See :func:`organ_iou`.
        relative: Whether the attention is relative already; see :func:`resample_attention`.

    Raises:
        ValueError: If a threshold is out of range, or an input is invalid for :func:`organ_iou`.

    Example:
        >>> attention = torch.tensor([[[4.0, 3.0, 1.0, -9.0]]])
        >>> metric = OrganIoUMetric()
        >>> _ = metric(attention, (torch.tensor([[1]]), torch.tensor([[[1, 0, 0, 0]]])))
        >>> metric.tune_thresholds()
        tensor([0.7600], dtype=torch.float64)
        >>> metric.aggregate()["macro"]
        1.0
    """

    def __init__(
        self,
        thresholds: float | Sequence[float] | Tensor | None = None,
        paper_code_compat: bool = False,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.tries = thresholds is None
        self.thresholds = None if thresholds is None else as_float64(thresholds)
        if self.thresholds is not None:
            kept = self.thresholds
            check(kept.ndim <= 1, "thresholds", "a number or of shape (M,)", thresholds)
            in_range = bool(((kept >= 0) & (kept <= 1) | kept.isnan()).all())
            check(in_range, "thresholds", "between 0 and 1, or NaN", thresholds)
        self.paper_code_compat, self.relative = paper_code_compat, relative

    def _compute_list(self, y_pred: Any, y: Any = None, labels: Any = None, **kwargs: Any) -> Tensor:
        attention = attention_of(y_pred)
        check_classes(self._buffers, attention, "y_pred")
        allowed, paired = _regions(y, attention)
        return self._compute_tensor(attention, allowed, labels=paired if labels is None else labels)

    def _compute_tensor(self, y_pred: Tensor, y: Any = None, labels: Any = None, **kwargs: Any) -> Tensor:
        """Compute OrganIoU (N, M), or (N, M, 53) if thresholds are to be tuned, one sample at a time."""
        check(y is not None, "y", "the allowed regions (N, M, *grid)", y)
        y_pred = attention_of(y_pred)
        check_classes(self._buffers, y_pred, "y_pred")
        samples = len(y_pred)
        check(len(y) == samples, "y", f"of {samples} samples", y)
        each = [None] * samples if labels is None else labels
        check(len(each) == samples, "labels", f"of {samples} samples", labels)
        return torch.stack([self._values(a.detach(), g, m) for a, g, m in zip(y_pred, y, each, strict=True)])

    def _values(self, attention: Tensor, allowed: Tensor, labels: Tensor | None) -> Tensor:
        """Compute OrganIoU of one sample: (M,), or (M, 53) if thresholds are to be tuned."""
        compat, relative = self.paper_code_compat, self.relative
        if self.tries:
            return organ_iou_curve(attention, allowed, ORGAN_IOU_THRESHOLDS, labels, compat, relative)
        thresholds: Any = self.thresholds
        return organ_iou(attention, allowed, thresholds, labels, compat, relative)

    def tune_thresholds(self) -> Tensor:
        """Choose and keep the threshold of each label with the best mean over the volumes since `reset`.

        Returns:
            Thresholds (M,). Of equally good ones the lowest. NaN for a label that no volume has: it will be excluded
            from the test.

        Raises:
            ValueError: If the metric was created with thresholds, or has seen no volume.
        """
        if not self.tries:
            raise ValueError("The metric has fixed thresholds, which cannot be tuned. Create it with OrganIoUMetric().")
        self.thresholds = best_thresholds(self._kept(), ORGAN_IOU_THRESHOLDS).cpu()
        return self.thresholds

    def aggregate(self) -> dict[str, Any]:
        """Average over all volumes since `reset`.

        Returns:
            per_class (M,), the mean of each label; macro, the mean of these; weighted, the mean over all pairs of a
            volume and a label that it has (the paper's "overall"); thresholds, (M,) or (), used for these means.
        """
        values, thresholds = self._kept(), self.thresholds
        if self.tries:
            thresholds = best_thresholds(values, ORGAN_IOU_THRESHOLDS).cpu() if thresholds is None else thresholds
            values = values_at(values, ORGAN_IOU_THRESHOLDS, thresholds)
        return {**class_averages(values), "thresholds": thresholds}

    def _kept(self) -> Tensor:
        """Return the values of all processes since `reset`."""
        values = self.get_buffer()
        check(values is not None, "the metric", "called with attention and allowed regions first", values)
        return values


def _regions(y: Any, attention: Tensor) -> tuple[Any, Any]:
    """Return allowed regions and labels (or None) from a tensor, a pair, a list of tensors or a list of pairs."""
    if isinstance(y, Tensor) or y is None:
        return y, None
    check(len(y) > 0, "y", "allowed regions, or the pair (labels, allowed)", y)
    if not isinstance(y[0], Tensor):  # one pair per sample
        return [allowed for _, allowed in y], [labels for labels, _ in y]
    if len(y) == 2 and y[1].ndim == attention.ndim:
        return y[1], y[0]
    return y, None
