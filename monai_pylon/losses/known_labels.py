"""Training loss of the bundles, which ignores unknown labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F  # noqa: N812

from monai_pylon.losses.attention_penalty import MaskLoss, mask_loss
from monai_pylon.utils import check, check_type

__all__ = ["KnownLabelsLoss"]


class KnownLabelsLoss(MaskLoss):
    """:class:`MaskLoss` for labels that may be unknown (NaN).

    Called with (prediction, (labels (N, M), allowed (N, M, *grid))) it returns the loss (): the mean cross entropy of
    the known labels plus the weighted mask loss. For an unknown label every grid cell is allowed. If no label is known,
    the loss is 0. The prediction is an explanation. With weight 0 it may be the logits (N, M) alone, and the target may
    be the labels alone: networks without attention can be trained as well.

    Args:
        weight: Weight of the mask loss. 0 trains on the labels alone.
        penalty: "bce" or "l2"; see :func:`mask_loss`.
        pos_weight: M positive weights of present labels in the cross entropy; None weights none.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the shapes do not fit, a weight is not positive, or a label is neither between 0 and 1 nor NaN.

    Example:
        >>> labels = torch.tensor([[1.0, torch.nan]])
        >>> KnownLabelsLoss(weight=0)(torch.zeros(1, 2), labels)  # log(2)
        tensor(0.6931)
    """

    def __init__(
        self, weight: float = 1 / 3, penalty: str = "bce", pos_weight: Sequence[float] | torch.Tensor | None = None
    ) -> None:
        super().__init__(weight, penalty)
        self.pos_weight = None if pos_weight is None else torch.as_tensor(pos_weight, dtype=torch.float32)
        if self.pos_weight is not None:
            sound = self.pos_weight.ndim == 1 and bool((self.pos_weight.isfinite() & (self.pos_weight > 0)).all())
            check(sound, "pos_weight", "M positive numbers", pos_weight)

    def forward(
        self,
        explanation: torch.Tensor | Sequence[torch.Tensor],
        labels: torch.Tensor | Sequence[torch.Tensor],
        allowed: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss () from logits and labels (N, M) and attention and allowed regions (N, M, *grid)."""
        if self.weight > 0:
            remedy = "Train Explained(net), which returns logits and attention, or set weight=0."
            check_type(explanation, (tuple, list), "explanation", remedy)
        logits: Any = explanation if isinstance(explanation, torch.Tensor) else explanation[0]
        given: Any = labels
        if isinstance(labels, tuple | list):
            check(len(labels) == 2 and allowed is None, "labels", "labels, or a pair (labels, allowed)", labels)
            given, allowed = labels
        check_type(given, torch.Tensor, "labels")
        check(logits.ndim == 2, "explanation", "logits (N, M), or (logits, attention, ...)", logits)
        check(given.shape == logits.shape, "labels", f"of the logits' shape {tuple(logits.shape)}", given)
        known = ~given.isnan()
        truth = torch.where(known, given, 0).to(logits.dtype)
        in_range = bool(((truth >= 0) & (truth <= 1)).all())
        remedy = "Use 1 for present, 0 for absent and NaN for unknown. Convert -1 (uncertain in CheXpert) first."
        check(in_range, "labels", "between 0 and 1, or NaN", given, remedy)
        if logits.dtype in (torch.float16, torch.bfloat16):
            logits, truth = logits.float(), truth.float()
        positive = self.pos_weight
        if positive is not None:
            remedy = "Give one weight for each label."
            check(len(positive) == logits.shape[1], "pos_weight", f"{logits.shape[1]} numbers", positive, remedy)
            positive = positive.to(logits)
        each = F.binary_cross_entropy_with_logits(logits, truth, reduction="none", pos_weight=positive)
        loss = torch.where(known, each, 0).sum() / known.sum().clamp_min(1)
        if self.weight == 0:
            return loss
        regions: Any = allowed
        check_type(regions, torch.Tensor, "allowed", "Pass the pair (labels, allowed).")
        attention = explanation[1]
        shape = tuple(attention.shape)
        check(regions.shape == shape, "allowed", f"of the attention's shape {shape}", regions)
        known_regions = not regions.is_floating_point() or not bool(regions.isnan().any())
        check(known_regions, "allowed", "without NaN", regions, "Give 0 or 1 for each grid cell.")
        anywhere = (~known).reshape(*known.shape, *[1] * (attention.ndim - 2))
        return loss + self.weight * mask_loss(attention, (regions != 0) | anywhere, self.penalty)
