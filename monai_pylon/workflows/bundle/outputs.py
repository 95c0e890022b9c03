"""Parts of an engine's output that metrics read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["logits_and_labels"]


def logits_and_labels(output: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and labels of an evaluator's output.

    Args:
        output: "pred", the logits or an `Explanation`, and "label", of
            :func:`~monai_pylon.workflows.radiographs.prepare_radiographs` or
            :func:`~monai_pylon.workflows.bundle.prepare_training`.

    Returns:
        Logits (N, M) and labels (N, M), float32.

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
