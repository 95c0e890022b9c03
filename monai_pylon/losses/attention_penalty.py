"""Mask loss (HiResCAM paper, section 3.5): a penalty on attention outside the allowed region.

The attention is that of a network's ``explain``. For AxialNet it holds the terms of the slice scores, not divided by
the number of slices. HiResCAM of the volume's score divides by it: the values would be near 0 and the loss would have
no effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.outputs import attention_of

__all__ = ["MaskLoss", "mask_loss"]

_PENALTIES = ("bce", "l2")


def mask_loss(attention: torch.Tensor, allowed: torch.Tensor, penalty: str = "bce") -> torch.Tensor:
    """Penalize attention outside the allowed region.

    Args:
        attention: Signed attention (N, M, *grid), or an explanation that contains it.
        allowed: Allowed regions (N, M, *grid), bool or numeric. A value of 0 forbids the grid cell. For an absent
            abnormality every grid cell is forbidden.
        penalty: "bce" or "l2". "bce" is the paper's penalty: the mean of -log(1 - sigmoid(attention)) over the
            forbidden grid cells of a sample. It pushes the attention there below zero. (The paper's formula has a sum,
            the authors' program the mean.) "l2" is the Euclidean norm of the attention there. It pushes it to zero.

    Returns:
        Mean penalty () over the samples, at least float32. A sample without forbidden grid cells contributes 0 and has
        a gradient of 0.

    Raises:
        TypeError: If attention or allowed is not a tensor.
        ValueError: If the shapes differ, allowed contains NaN, or the penalty is unknown.

    Example:
        >>> attention = torch.tensor([[[0.0, 3.0, 4.0]]])  # one sample, one label, three grid cells
        >>> mask_loss(attention, torch.tensor([[[True, False, False]]]), penalty="l2")
        tensor(5.)
    """
    check_choice(penalty, _PENALTIES, "penalty")
    attention = attention_of(attention, "attention")
    check_type(allowed, torch.Tensor, "allowed")
    check(len(attention) > 0, "attention", "of shape (N, M, *grid), N > 0", attention)
    remedy = "Use the attention's grid: monai_pylon.transforms.allowed_regions(organs, locations, grid)."
    shape = tuple(attention.shape)
    check(allowed.shape == shape, "allowed", f"of the attention's shape {shape}", allowed, remedy)
    known = not allowed.is_floating_point() or not bool(allowed.isnan().any())
    check(known, "allowed", "without NaN", allowed, remedy)
    if attention.dtype in (torch.float16, torch.bfloat16):
        attention = attention.float()
    forbidden = (allowed == 0).flatten(1)
    evidence = attention.flatten(1)
    if penalty == "l2":
        return torch.linalg.vector_norm(torch.where(forbidden, evidence, 0), dim=1).mean()
    count = forbidden.sum(1).clamp_min(1)
    return (torch.where(forbidden, F.softplus(evidence), 0).sum(1) / count).mean()


class MaskLoss(nn.Module):
    """Binary cross entropy of the labels plus the weighted mask loss of the attention (section 3.5).

    Called with (explanation, labels, allowed) it returns the loss (). `explanation` is the output of
    ``Explained(net)``: logits (N, M), attention (N, M, *grid), and optional further parts, which are ignored. `labels`
    are (N, M), between 0 and 1. `allowed` is (N, M, *grid). MONAI's trainers pass one target: the pair
    (labels, allowed) is accepted too.

    Args:
        weight: Weight of the mask loss (the paper's λ). 0 trains on the labels alone.
        penalty: "bce" or "l2"; see :func:`mask_loss`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range or the shapes do not fit.

    Example:
        >>> explanation = torch.zeros(1, 2), torch.zeros(1, 2, 6, 6, 3)
        >>> labels, allowed = torch.tensor([[1, 0]]), torch.zeros(1, 2, 6, 6, 3)
        >>> MaskLoss(weight=1 / 3)(explanation, labels, allowed)  # 4/3 of log(2)
        tensor(0.9242)
    """

    def __init__(self, weight: float = 1 / 3, penalty: str = "bce") -> None:
        super().__init__()
        check_type(weight, (int, float), "weight")
        check(weight >= 0 and math.isfinite(weight), "weight", "a finite number, 0 or more", weight)
        check_choice(penalty, _PENALTIES, "penalty")
        self.weight, self.penalty = weight, penalty

    def forward(
        self,
        explanation: Sequence[torch.Tensor],
        labels: torch.Tensor | Sequence[torch.Tensor],
        allowed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss () from logits and labels (N, M) and attention and allowed regions (N, M, *grid)."""
        remedy = "Train Explained(net), which returns logits and attention."
        check_type(explanation, (tuple, list), "explanation", remedy)
        check(len(explanation) >= 2, "explanation", "(logits, attention, ...)", explanation, remedy)
        logits, attention = explanation[:2]
        labels, allowed = _targets(labels, allowed)
        check(logits.ndim == 2, "explanation", "(logits (N, M), attention, ...)", logits, remedy)
        check(labels.shape == logits.shape, "labels", f"of the logits' shape {tuple(logits.shape)}", labels)
        in_range = bool(((labels >= 0) & (labels <= 1)).all())
        remedy = "Use 1 for present and 0 for absent. KnownLabelsLoss ignores NaN, to which you may convert -1."
        check(in_range, "labels", "between 0 and 1, without NaN", labels, remedy)
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        classification = F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        if self.weight == 0:
            return classification
        return classification + self.weight * mask_loss(attention, allowed, self.penalty)


def _targets(labels: Any, allowed: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels and allowed regions, given as a pair or separately."""
    if allowed is None:
        remedy = "Call MaskLoss()(explanation, labels, allowed), or pass the pair (labels, allowed)."
        pair = isinstance(labels, tuple | list) and len(labels) == 2
        check(pair, "labels", "a pair (labels, allowed) if allowed is not given", labels, remedy)
        labels, allowed = labels
    check_type(labels, torch.Tensor, "labels")
    return labels, allowed
