"""OrganIoU over many volumes: thresholds chosen on the validation part, kept for the test part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from monai.metrics import CumulativeIterationMetric
from torch import Tensor

from monai_pylon.metrics.instances import class_averages
from monai_pylon.metrics.organ_overlap import organ_iou, organ_iou_curve
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS, best_thresholds, values_at
from monai_pylon.utils import check

__all__ = ["OrganIoUMetric"]


class OrganIoUMetric(CumulativeIterationMetric):
    """:func:`organ_iou` as a MONAI metric, with the paper's choice of a threshold for each label.

    Without thresholds it tries the authors' 53 on every volume. :meth:`tune_thresholds`, after the validation part,
    chooses the best for each label and keeps them: after `reset` they count for the test part. Until then `aggregate`
    uses the best ones for the volumes seen, as the paper's validation numbers do; such a number is too good for a test.

    Called with

    - `y_pred`: attention (N, M, *grid), an Explanation, or a list of (M, *grid);
    - `y`: allowed regions (N, M, *grid), or the pair (labels (N, M), allowed), or a list of either for each sample;
    - `labels` (N, M), where they are not in the pair.

    it returns and keeps the values, NaN for labels that are absent: (N, M), or (N, M, 53) where it was made without
    thresholds. Over several processes it gathers them as every MONAI metric does.

    Args:
        thresholds: one for all labels, or (M,), such as those that another part was tuned to; NaN leaves a label out.
            None: to be tuned.
        paper_code_compat: see :func:`organ_iou`.
        relative: whether the attention is relative already; see :func:`resample_attention`.

    Raises:
        ValueError: for thresholds out of range, and for what :func:`organ_iou` refuses.

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
        self.thresholds = None if thresholds is None else torch.as_tensor(thresholds, dtype=torch.float64)
        if self.thresholds is not None:
            kept = self.thresholds
            check(kept.ndim <= 1, "thresholds", "a number or of shape (M,)", thresholds)
            in_range = bool(((kept >= 0) & (kept <= 1) | kept.isnan()).all())
            check(in_range, "thresholds", "between 0 and 1, or NaN", thresholds)
        self.paper_code_compat, self.relative = paper_code_compat, relative

    def _compute_list(self, y_pred: Any, y: Any = None, labels: Any = None, **kwargs: Any) -> Tensor:
        attention = _attention(y_pred)
        allowed, paired = _regions(y, attention)
        return self._compute_tensor(attention, allowed, labels=paired if labels is None else labels)

    def _compute_tensor(self, y_pred: Tensor, y: Any = None, labels: Any = None, **kwargs: Any) -> Tensor:
        check(y is not None, "y", "the allowed regions (N, M, *grid)", y)
        check(y_pred.ndim >= 3, "y_pred", "of shape (N, M, *grid)", y_pred)
        samples = len(y_pred)
        check(len(y) == samples, "y", f"of {samples} samples", y)
        each = [None] * samples if labels is None else labels
        check(len(each) == samples, "labels", f"of {samples} samples", labels)
        return torch.stack([self._values(a.detach(), g, m) for a, g, m in zip(y_pred, y, each, strict=True)])

    def _values(self, attention: Tensor, allowed: Tensor, labels: Tensor | None) -> Tensor:
        """Of one sample: (M,), or (M, 53) where thresholds are to be tuned."""
        compat, relative = self.paper_code_compat, self.relative
        if self.tries:
            return organ_iou_curve(attention, allowed, ORGAN_IOU_THRESHOLDS, labels, compat, relative)
        thresholds: Any = self.thresholds
        return organ_iou(attention, allowed, thresholds, labels, compat, relative)

    def tune_thresholds(self) -> Tensor:
        """Choose and keep the threshold of each label (M,) with the best mean over the volumes since `reset`.

        Of equally good ones the lowest; NaN for a label that no volume had: it will be left out of the test.

        Raises:
            ValueError: where the metric was made with thresholds, or has seen no volume.
        """
        remedy = "Make another one with OrganIoUMetric()."
        check(self.tries, "the metric", "made without thresholds to be tuned", self.thresholds, remedy)
        self.thresholds = best_thresholds(self._kept(), ORGAN_IOU_THRESHOLDS).cpu()
        return self.thresholds

    def aggregate(self) -> dict[str, Any]:
        """The averages over all volumes since `reset`, and the thresholds (M,) or () that they hold for.

        per_class (M,), the mean of each label; macro, the mean of these; weighted, the mean over all pairs of a volume
        and a label that it has: the paper's "overall".
        """
        values, thresholds = self._kept(), self.thresholds
        if self.tries:
            thresholds = best_thresholds(values, ORGAN_IOU_THRESHOLDS).cpu() if thresholds is None else thresholds
            values = values_at(values, ORGAN_IOU_THRESHOLDS, thresholds)
        return {**class_averages(values), "thresholds": thresholds}

    def _kept(self) -> Tensor:
        """What was returned since `reset`, by all processes."""
        values = self.get_buffer()
        check(values is not None, "the metric", "called with attention and allowed regions first", values)
        return values


def _attention(given: Any) -> Tensor:
    """The attention (N, M, *grid) of an explanation, a tensor, or a list of samples."""
    if isinstance(given, Tensor):
        return given
    explained = len(given) >= 2 and given[0].ndim == 2 and given[1].ndim >= 3
    return given[1] if explained else torch.stack(list(given))


def _regions(given: Any, attention: Tensor) -> tuple[Any, Any]:
    """Allowed regions and labels (or None) of a tensor, a pair, a list of tensors or a list of pairs."""
    if isinstance(given, Tensor) or given is None:
        return given, None
    check(len(given) > 0, "y", "allowed regions, or the pair (labels, allowed)", given)
    if not isinstance(given[0], Tensor):  # a pair for each sample
        return [allowed for _, allowed in given], [labels for labels, _ in given]
    if len(given) == 2 and given[1].ndim == attention.ndim:
        return given[1], given[0]
    return given, None
