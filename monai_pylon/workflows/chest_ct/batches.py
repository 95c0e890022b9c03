"""What a batch of chest CTs is to a trainer and an evaluator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["known_samples", "prepare_scans"]


def prepare_scans(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, Any]:
    """Take a batch of CTs apart for a trainer or evaluator: the targets are labels, and allowed regions where known.

    Args:
        batch: "image" (N, 1, X, Y, Z), "label" (N, M), and perhaps "allowed" (N, M, *grid).
        device: where they go.
        non_blocking: as of ``torch.Tensor.to``.
        kwargs: of ``torch.Tensor.to``.

    Returns:
        the image, and the pair (labels, allowed), or the labels alone.

    Example:
        >>> batch = {"image": torch.zeros(1, 1, 8, 8, 3), "label": torch.zeros(1, 80)}
        >>> prepare_scans(batch)[1].shape
        torch.Size([1, 80])
    """
    keys = [key for key in ("image", "label", "allowed") if key in batch]
    image, *targets = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in keys)
    return image, tuple(targets) if len(targets) > 1 else targets[0]


def known_samples(targets: Any) -> int:
    """How many scans of a batch have a known label: what a mean over scans must count.

    Args:
        targets: labels (N, M), NaN for unknown, or the pair (labels, allowed).

    Returns:
        the number, 0 to N.

    Example:
        >>> known_samples(torch.tensor([[0.0, 1.0], [torch.nan, torch.nan]]))
        1
    """
    labels = targets if isinstance(targets, torch.Tensor) else targets[0]
    return int((~labels.isnan()).any(dim=1).sum())
