"""Batches for MONAI's engines, with the regions of the mask loss if there are any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["known_samples", "prepare_training"]


def prepare_training(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, Any]:
    """Split a batch of images and labels into image and targets, for an engine's ``prepare_batch``.

    Args:
        batch: "image" (N, C, *spatial), "label" (N, M), and optionally "allowed" (N, M, *grid).
        device: Device for all of them.
        non_blocking: See ``torch.Tensor.to``.
        kwargs: Further arguments of ``torch.Tensor.to``.

    Returns:
        The image, and the pair (labels, allowed), or the labels alone.

    Example:
        >>> batch = {"image": torch.zeros(1, 1, 8, 8, 3), "label": torch.zeros(1, 80)}
        >>> prepare_training(batch)[1].shape
        torch.Size([1, 80])
    """
    keys = [key for key in ("image", "label", "allowed") if key in batch]
    image, *targets = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in keys)
    return image, tuple(targets) if len(targets) > 1 else targets[0]


def known_samples(targets: Any) -> int:
    """Count the images of a batch with at least one known label, for a mean over images.

    Args:
        targets: Labels (N, M), NaN for unknown, or the pair (labels, allowed).

    Returns:
        The number, 0 to N.

    Example:
        >>> known_samples(torch.tensor([[0.0, 1.0], [torch.nan, torch.nan]]))
        1
    """
    labels = targets if isinstance(targets, torch.Tensor) else targets[0]
    return int((~labels.isnan()).any(dim=1).sum())
