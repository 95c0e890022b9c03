"""Batches of radiographs for MONAI's engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["maps_and_boxes", "prepare_radiographs"]


def prepare_radiographs(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Split a batch of radiographs into image and targets, for an evaluator's ``prepare_batch``.

    Args:
        batch: "image" (N, C, H, W), "label" (N, M), and "boxes", a list of N tensors (K, 5).
        device: Device for image and labels.
        non_blocking: See ``torch.Tensor.to``.
        kwargs: Further arguments of ``torch.Tensor.to``.

    Returns:
        The image, and a dictionary of "label" and "boxes".

    Example:
        >>> batch = {"image": torch.zeros(1, 1, 8, 8), "label": torch.zeros(1, 14), "boxes": [torch.zeros(0, 5)]}
        >>> sorted(prepare_radiographs(batch)[1])
        ['boxes', 'label']
    """
    image, label = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in ("image", "label"))
    return image, {"label": label, "boxes": list(batch["boxes"])}


def maps_and_boxes(output: Mapping[str, Any]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return maps and boxes of an evaluator's output, for localization metrics.

    Args:
        output: "pred", an `Explanation`, and "label", of :func:`prepare_radiographs`.

    Returns:
        Heatmap logits (N, M, h, w) and a list of N tensors (K, 5).

    Example:
        >>> from monai_pylon.networks import Explanation
        >>> pred = Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 2, 2))
        >>> maps_and_boxes({"pred": pred, "label": {"label": None, "boxes": [torch.zeros(0, 5)]}})[0].shape
        torch.Size([1, 14, 2, 2])
    """
    return output["pred"].attention, output["label"]["boxes"]
