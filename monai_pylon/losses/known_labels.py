"""The loss of a bundle's training, where some labels may be unknown: they are left out, not guessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from monai_pylon.losses.attention_penalty import MaskLoss, mask_loss
from monai_pylon.utils import check, check_type

__all__ = ["KnownLabelsLoss"]


class KnownLabelsLoss(MaskLoss):
    """:class:`MaskLoss` for labels of which some are unknown (NaN); with weight 0 for networks without attention too.

    Args:
        weight: of the mask loss; 0 trains on the labels alone.
        penalty: "bce" or "l2".

    Called with (prediction, (labels (N, M), allowed (N, M, *grid))) it returns the loss (): the mean cross entropy of
    the known labels, and the weighted mask loss, in which an unknown label may lie anywhere. The prediction is an
    explanation, or with weight 0 the logits (N, M) alone; then the labels alone are enough. Where nothing is known the
    loss is 0.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where shapes do not fit, or labels are not between 0 and 1 or NaN.

    Example:
        >>> labels = torch.tensor([[1.0, torch.nan]])
        >>> KnownLabelsLoss(weight=0)(torch.zeros(1, 2), labels)  # log(2)
        tensor(0.6931)
    """

    def forward(
        self,
        explanation: torch.Tensor | Sequence[torch.Tensor],
        labels: torch.Tensor | Sequence[torch.Tensor],
        allowed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss () of logits (N, M) and attention (N, M, *grid) for labels (N, M) and allowed (N, M, *grid)."""
        if self.weight > 0:
            remedy = "Train Explained(net), which gives logits and attention, or set weight=0."
            check_type(explanation, (tuple, list), "explanation", remedy)
        logits: Any = explanation if isinstance(explanation, torch.Tensor) else explanation[0]
        given: Any = labels
        if isinstance(labels, tuple | list):
            check(len(labels) == 2 and allowed is None, "labels", "labels, or a pair (labels, allowed)", labels)
            given, allowed = labels
        check_type(given, torch.Tensor, "labels")
        check(given.shape == logits.shape, "labels", f"of the logits' shape {tuple(logits.shape)}", given)
        known = ~given.isnan()
        truth = torch.where(known, given, 0).to(logits.dtype)
        in_range = bool(((truth >= 0) & (truth <= 1)).all())
        check(in_range, "labels", "between 0 and 1, or NaN", given, "1 says present, 0 absent, NaN unknown.")
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits, truth = logits.float(), truth.float()
        each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        loss = torch.where(known, each, 0).sum() / known.sum().clamp_min(1)
        if self.weight == 0:
            return loss
        regions: Any = allowed
        check_type(regions, torch.Tensor, "allowed", "Give the pair (labels, allowed).")
        attention = explanation[1]
        free = (~known).reshape(*known.shape, *[1] * (attention.ndim - 2))
        return loss + self.weight * mask_loss(attention, (regions != 0) | free, self.penalty)
