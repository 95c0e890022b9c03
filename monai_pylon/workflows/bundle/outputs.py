"""Parts of an evaluator's output that metrics and losses compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["logits_and_labels"]


def logits_and_labels(output: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of an evaluator's output, what AUROC and loss compare.

    Args:
        output: "pred", the logits or an `Explanation`, and "label", of :func:`prepare_radiographs` or
            :func:`~monai_pylon.workflows.chest_ct.prepare_scans`.

    Returns:
        logits (N, M) and labels (N, M), float32.

    Example:
        >>> from monai_pylon.networks import Explanation
        >>> pred = Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 2, 2))
        >>> logits_and_labels({"pred": pred, "label": {"label": torch.zeros(1, 14), "boxes": []}})[0].shape
        torch.Size([1, 14])
    """
    pred, label = output["pred"], output["label"]
    logits = pred if isinstance(pred, torch.Tensor) else pred[0]
    labels = label["label"] if isinstance(label, Mapping) else label if isinstance(label, torch.Tensor) else label[0]
    return logits.float(), labels.float()
