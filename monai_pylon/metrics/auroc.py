"""Area under the ROC curve, class by class: a class without positives or without negatives is undefined, not an error.

MONAI's ROCAUCMetric warns of such a class and then makes the mean of all classes NaN, and it walks through the images
one by one in Python. Here the area comes from ranks (the Mann-Whitney statistic), which SciPy computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from monai.utils import convert_to_tensor
from scipy.stats import rankdata
from torch import Tensor

from monai_pylon.utils import check

__all__ = ["PerClassAUROCMetric", "auroc_per_class"]


def auroc_per_class(scores: Tensor, labels: Tensor) -> Tensor:
    """The area under the ROC curve of each class.

    It is the probability that an image with the abnormality has a higher score than one without, where equal scores
    count one half. Logits and probabilities give the same area.

    Args:
        scores: (N, M), larger is more evidence.
        labels: (N, M), 1 present, 0 absent, NaN unknown (that image is left out of that class).

    Returns:
        (M,) float64; NaN for a class without positives or without negatives.

    Raises:
        ValueError: for NaN among the scores, other shapes, labels other than 0, 1 and NaN.

    Example:
        >>> scores = torch.tensor([[0.1, 0.2], [0.4, 0.3], [0.3, 0.9]])
        >>> auroc_per_class(scores, torch.tensor([[0, 0], [1, 0], [1, 0]]))
        tensor([1., nan], dtype=torch.float64)
    """
    score = convert_to_tensor(scores, device="cpu", dtype=torch.float64, track_meta=False).numpy()
    label = convert_to_tensor(labels, device="cpu", dtype=torch.float64, track_meta=False).numpy()
    check(score.ndim == 2, "scores", "of shape (N, M)", scores)
    check(label.shape == score.shape, "labels", f"of the scores' shape {score.shape}", labels)
    check(not np.isnan(score).any(), "scores", "without NaN", scores, "The network gave NaN: see its training.")
    check(bool(np.isin(label[~np.isnan(label)], (0, 1)).all()), "labels", "0, 1 or NaN", labels)
    areas = np.full(score.shape[1], np.nan)
    for column in range(score.shape[1]):
        known = ~np.isnan(label[:, column])
        positive = label[known, column] == 1
        pairs = positive.sum() * (~positive).sum()
        if pairs:
            ranks = rankdata(score[known, column])[positive]
            areas[column] = (ranks.sum() - len(ranks) * (len(ranks) + 1) / 2) / pairs
    return torch.from_numpy(areas)


class PerClassAUROCMetric(CumulativeIterationMetric):
    """:func:`auroc_per_class` as a MONAI metric: it gathers scores and labels, over all processes.

    Called with scores (N, M) and labels (N, M), or lists of (M,).

    Example:
        >>> metric = PerClassAUROCMetric()
        >>> _ = metric(torch.tensor([[0.1, 0.2], [0.4, 0.3]]), torch.tensor([[0, 0], [1, 0]]))
        >>> metric.aggregate()
        {'per_class': tensor([1., nan]), 'macro': 1.0, 'weighted': 1.0}
    """

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> list[Tensor]:
        check(y is not None, "y", "the labels (N, M)", y)
        labels = convert_to_tensor(y, track_meta=False)
        check(labels.shape == y_pred.shape, "y", f"of the scores' shape {tuple(y_pred.shape)}", labels)
        scores = convert_to_tensor(y_pred, track_meta=False)
        return [scores if scores.dtype == torch.float64 else scores.float(), labels.float()]

    def aggregate(self) -> dict[str, Any]:
        """The areas since `reset`: per_class (M,); macro, their mean; weighted, their mean by number of positives.

        Classes without positives or without negatives are NaN, and left out of both means.
        """
        kept = self.get_buffer()
        check(kept is not None, "the metric", "called with scores and labels before aggregate()", kept)
        scores, labels = kept
        areas = auroc_per_class(scores, labels)
        weight = labels.nansum(dim=0).double().cpu() * ~areas.isnan()
        return {
            "per_class": areas.float(),
            "macro": areas.nanmean().item(),
            "weighted": ((areas.nan_to_num() * weight).sum() / weight.sum()).item(),
        }
