"""Area under the ROC curve of each class, NaN for a class without positives or without negatives.

MONAI's ROCAUCMetric warns about such a class and returns NaN for the mean of all classes. It also loops over the images
in Python. Here the area is computed from ranks (the Mann-Whitney statistic) with SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.metrics import CumulativeIterationMetric
from scipy.stats import rankdata
from torch import Tensor

from monai_pylon.metrics.instances import check_classes
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64
from monai_pylon.utils.outputs import check_binary_labels, logits_of, stacked

__all__ = ["PerClassAUROCMetric", "auroc_per_class"]


def auroc_per_class(scores: Tensor, labels: Tensor) -> Tensor:
    """Compute the area under the ROC curve of each class.

    The area is the probability that an image with the abnormality has a higher score than an image without it. Equal
    scores count one half. Logits and probabilities give the same area.

    Args:
        scores: Scores (N, M), or an explanation with logits. A larger score is more evidence.
        labels: Labels (N, M): 1 present, 0 absent, NaN unknown. An unknown label excludes the image from that class.

    Returns:
        Areas (M,), float64. NaN for a class without positives or without negatives.

    Raises:
        ValueError: If the scores contain NaN, the shapes differ, or a label is not 0, 1 or NaN.

    Example:
        >>> scores = torch.tensor([[0.1, 0.2], [0.4, 0.3], [0.3, 0.9]])
        >>> auroc_per_class(scores, torch.tensor([[0, 0], [1, 0], [1, 0]]))
        tensor([1., nan], dtype=torch.float64)
    """
    scores = logits_of(scores, "scores")
    _check(scores, labels, "scores", "labels")
    score, label = as_float64(scores).numpy(), as_float64(labels).numpy()
    areas = np.full(score.shape[1], np.nan)
    for column in range(score.shape[1]):
        known = ~np.isnan(label[:, column])
        positive = label[known, column] == 1
        pairs = positive.sum() * (~positive).sum()
        if pairs:
            ranks = rankdata(score[known, column])[positive]
            areas[column] = (ranks.sum() - len(ranks) * (len(ranks) + 1) / 2) / pairs
    return torch.from_numpy(areas)


def _check(scores: Tensor, labels: Tensor, scores_name: str, labels_name: str) -> None:
    """Check scores (N, M) and their labels."""
    shape = tuple(scores.shape)
    check(tuple(labels.shape) == shape, labels_name, f"of the scores' shape {shape}", labels)
    check(not bool(scores.isnan().any()), scores_name, "without NaN", scores, "Check the training of the network.")
    check_binary_labels(labels, labels_name)


class PerClassAUROCMetric(CumulativeIterationMetric):
    """MONAI metric for :func:`auroc_per_class`.

    Called with scores (N, M), or an explanation with logits, and labels (N, M), or with lists of them for each sample.
    Each call checks its inputs. The metric gathers them over all processes.

    Example:
        >>> metric = PerClassAUROCMetric()
        >>> _ = metric(torch.tensor([[0.1, 0.2], [0.4, 0.3]]), torch.tensor([[0, 0], [1, 0]]))
        >>> metric.aggregate()
        {'per_class': tensor([1., nan]), 'macro': 1.0, 'weighted': 1.0}
    """

    def _compute_list(self, y_pred: Any, y: Any = None, **kwargs: Any) -> Any:
        check(y is not None, "y", "the labels (N, M)", y)
        scores, labels = logits_of(y_pred), stacked(y, "y")
        _check(scores, labels, "y_pred", "y")
        check_classes(self._buffers, scores, "y_pred")
        scores = scores.detach()
        return [scores if scores.dtype == torch.float64 else scores.float(), labels.detach().float()]

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Any:
        return self._compute_list(y_pred, y)

    def aggregate(self) -> dict[str, Any]:
        """Compute the areas of all images since `reset`.

        Returns:
            per_class (M,), the area of each class; macro, the mean of these; weighted, their mean weighted by the
            number of positives. A class without positives or without negatives is NaN and excluded from both means.
        """
        gathered = self.get_buffer()
        check(gathered is not None, "the metric", "called with scores and labels before aggregate()", gathered)
        scores, labels = gathered
        areas = auroc_per_class(scores, labels)
        weight = as_float64(labels).nansum(dim=0) * ~areas.isnan()
        return {
            "per_class": areas.float(),
            "macro": areas.nanmean().item(),
            "weighted": ((areas.nan_to_num() * weight).sum() / weight.sum()).item(),
        }
