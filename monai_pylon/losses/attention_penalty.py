"""The mask loss (HiResCAM paper, section 3.5): evidence from where the abnormality cannot be costs.

The attention is that of a network's ``explain``: for AxialNet the terms of the slice scores, not divided by the number
of slices. Divided, as HiResCAM of the volume's score has it, all would be near 0 and the loss without effect.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils import check, check_choice, check_type

__all__ = ["MaskLoss", "mask_loss"]

_PENALTIES = ("bce", "l2")


def mask_loss(attention: torch.Tensor, allowed: torch.Tensor, penalty: str = "bce") -> torch.Tensor:
    """What the evidence on forbidden cells costs, for each sample, and of that the mean over the batch.

    Args:
        attention: (N, M, *grid), signed.
        allowed: (N, M, *grid) bool, or numbers of which 0 forbids. An absent abnormality is forbidden everywhere.
        penalty: "bce", the paper's: the mean of -log(1 - sigmoid(attention)) over a sample's forbidden cells, which
            draws the attention there below zero; or "l2": the Euclidean norm of the attention there, which draws it to
            zero. (The paper's formula has a sum instead of the mean, its program the mean.)

    Returns:
        a number (), at least float32; 0, with a gradient of 0, for samples in which nothing is forbidden.

    Raises:
        TypeError: where attention or allowed is no tensor.
        ValueError: where the shapes differ, NaN says what is allowed, or there is no such penalty.

    Example:
        >>> attention = torch.tensor([[[0.0, 3.0, 4.0]]])  # a sample, a label, three cells
        >>> mask_loss(attention, torch.tensor([[[True, False, False]]]), penalty="l2")
        tensor(5.)
    """
    check_choice(penalty, _PENALTIES, "penalty")
    check_type(attention, torch.Tensor, "attention")
    check_type(allowed, torch.Tensor, "allowed")
    check(attention.ndim >= 3 and len(attention) > 0, "attention", "of shape (N, M, *grid)", attention)
    remedy = "Make it on the attention's grid: monai_pylon.transforms.allowed_regions(organs, locations, grid)."
    check(allowed.shape == attention.shape, "allowed", f"of the attention's {tuple(attention.shape)}", allowed, remedy)
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
    """Binary cross entropy of the labels, and the weighted mask loss of the attention (section 3.5).

    Args:
        weight: of the mask loss (the paper's λ); 0 trains on the labels alone.
        penalty: "bce" or "l2"; see :func:`mask_loss`.

    Called with (explanation, labels, allowed) it returns the loss (). `explanation` is what
    ``Explained(net)`` gives: logits (N, M), attention (N, M, *grid), and what follows is not looked at. `labels` are
    (N, M) between 0 and 1, `allowed` is (N, M, *grid). MONAI's trainers pass one target: they may pass the pair
    (labels, allowed).

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range or the shapes do not fit.

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
        """The loss () of logits (N, M) and attention (N, M, *grid) for labels (N, M) and allowed (N, M, *grid)."""
        remedy = "Train Explained(net), which gives logits and attention."
        check_type(explanation, (tuple, list), "explanation", remedy)
        check(len(explanation) >= 2, "explanation", "(logits, attention, ...)", explanation, remedy)
        logits, attention = explanation[:2]
        labels, allowed = _targets(labels, allowed)
        check(labels.shape == logits.shape, "labels", f"of the logits' shape {tuple(logits.shape)}", labels)
        in_range = bool(((labels >= 0) & (labels <= 1)).all())
        check(in_range, "labels", "between 0 and 1, without NaN", labels, "1 says present, 0 absent.")
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits = logits.float()
        classification = F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        if self.weight == 0:
            return classification
        return classification + self.weight * mask_loss(attention, allowed, self.penalty)


def _targets(labels: Any, allowed: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """The labels and the allowed regions, of a pair or given apart."""
    if allowed is None:
        remedy = "Give MaskLoss()(explanation, labels, allowed), or the pair (labels, allowed)."
        pair = isinstance(labels, tuple | list) and len(labels) == 2
        check(pair, "labels", "a pair (labels, allowed) where allowed is not given", labels, remedy)
        labels, allowed = labels
    check_type(labels, torch.Tensor, "labels")
    return labels, allowed
