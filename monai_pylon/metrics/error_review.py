"""Wrong predictions that their maps expose (HiResCAM paper, section 14.2): evidence where the finding cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64

__all__ = ["error_review", "evidence_outside"]


def evidence_outside(attention: Tensor, regions: Tensor) -> NDArray[Any]:
    """Compute the share of the positive evidence that lies outside the region in which a finding can be.

    Args:
        attention: Signed maps (N, M, *grid), larger for more evidence.
        regions: Cells (N, M, *grid) where a finding with this label can be, bool or 0 and 1: its organ, whether the
            finding is present or not.

    Returns:
        Shares (N, M), 0 to 1. NaN for a map without positive evidence, and for an empty region.

    Raises:
        ValueError: If the shapes differ, or a map contains NaN.

    Example:
        >>> import torch
        >>> evidence_outside(torch.tensor([[[3.0, 1.0, -9.0]]]), torch.tensor([[[1, 0, 1]]])).tolist()
        [[0.25]]
    """
    maps, inside = as_float64(attention).numpy(), as_float64(regions).numpy() > 0
    check(maps.ndim >= 3 and maps.shape == inside.shape, "regions", f"of the maps' shape {maps.shape}", regions)
    check(not np.isnan(maps).any(), "attention", "without NaN", attention)
    axes = tuple(range(2, maps.ndim))
    positive = np.maximum(maps, 0)
    total = positive.sum(axes)
    known = (total > 0) & inside.any(axes)
    outside = np.where(inside, 0, positive).sum(axes)
    return np.divide(outside, total, out=np.full(total.shape, np.nan), where=known)


def error_review(
    probabilities: Tensor,
    truth: Tensor,
    outside: NDArray[Any],
    names: Sequence[str],
    labels: Sequence[str],
    thresholds: float | Sequence[float] = 0.5,
) -> list[dict[str, Any]]:
    """List the false positives, those with most evidence in the wrong place first.

    A reader who sees evidence for a lung finding in the heart, or outside the body, need not believe the prediction.
    The paper found this in 79 % of 212 wrong predictions, judged by eye. Here a prediction counts as exposed if more
    than half of its evidence lies outside. Right predictions have such maps too: compare the share with theirs.

    Args:
        probabilities: Probabilities (N, M).
        truth: Labels (N, M): 1 present, 0 absent, NaN unknown, which is never an error.
        outside: Shares (N, M) of :func:`evidence_outside`.
        names: Names of the N images or scans.
        labels: Names of the M labels.
        thresholds: Threshold of all labels, or one for each (M,). A probability above it is positive.

    Returns:
        For each false positive "name", "label", "probability", "outside" (None if undefined) and "exposed" (None if
        undefined), the largest share outside first, undefined ones last; then by probability.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> import torch
        >>> probabilities, truth = torch.tensor([[0.9], [0.8], [0.7]]), torch.tensor([[0.0], [0.0], [1.0]])
        >>> rows = error_review(probabilities, truth, np.array([[0.1], [0.6], [0.0]]), ["a", "b", "c"], ["nodule"])
        >>> [(row["name"], row["outside"], row["exposed"]) for row in rows]
        [('b', 0.6, True), ('a', 0.1, False)]
    """
    chances, known = as_float64(probabilities).numpy(), as_float64(truth).numpy()
    shape = (len(names), len(labels))
    for name, part in (("probabilities", chances), ("truth", known), ("outside", outside)):
        check(part.shape == shape, name, f"of shape {shape}", part)
    limits = np.broadcast_to(np.asarray(thresholds, dtype=float), (len(labels),))
    rows = []
    for image, label in np.argwhere((chances > limits) & (known == 0)):
        share = float(outside[image, label])
        undefined = np.isnan(share)
        rows.append(
            {
                "name": names[image],
                "label": labels[label],
                "probability": round(float(chances[image, label]), 4),
                "outside": None if undefined else round(share, 4),
                "exposed": None if undefined else share > 0.5,
            }
        )
    return sorted(rows, key=lambda row: (row["outside"] is None, -(row["outside"] or 0), -row["probability"]))
