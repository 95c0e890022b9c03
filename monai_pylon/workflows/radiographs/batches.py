"""Small pieces of a training by ignite that MONAI does not have: when to stop, what to log, what a batch is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch

__all__ = [
    "maps_and_boxes",
    "prepare_radiographs",
]

_LOGGER = logging.getLogger(__name__)


def prepare_radiographs(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Take a batch of radiographs apart for an evaluator: the targets are labels and boxes.

    Args:
        batch: "image" (N, C, H, W), "label" (N, M), and "boxes", a list of N tensors (K, 5).
        device: where image and labels go.
        non_blocking: as of ``torch.Tensor.to``.
        kwargs: of ``torch.Tensor.to``.

    Returns:
        the image, and a dictionary of "label" and "boxes".

    Example:
        >>> batch = {"image": torch.zeros(1, 1, 8, 8), "label": torch.zeros(1, 14), "boxes": [torch.zeros(0, 5)]}
        >>> sorted(prepare_radiographs(batch)[1])
        ['boxes', 'label']
    """
    image, label = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in ("image", "label"))
    return image, {"label": label, "boxes": list(batch["boxes"])}


def maps_and_boxes(output: Mapping[str, Any]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Of an evaluator's output, what metrics of localization compare.

    Args:
        output: "pred", an `Explanation`, and "label", of :func:`prepare_radiographs`.

    Returns:
        heatmap logits (N, M, h, w) and a list of N tensors (K, 5).

    Example:
        >>> from monai_pylon.networks import Explanation
        >>> pred = Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 2, 2))
        >>> maps_and_boxes({"pred": pred, "label": {"label": None, "boxes": [torch.zeros(0, 5)]}})[0].shape
        torch.Size([1, 14, 2, 2])
    """
    return output["pred"].attention, output["label"]["boxes"]
