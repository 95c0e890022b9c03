"""Labels to explain: every form of ``class_idx`` as one label index for each map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from monai_pylon.utils import check, check_type

__all__: list[str] = []

ClassIndex = int | Sequence[int] | Sequence[Sequence[int]] | torch.Tensor | np.ndarray | str | None


def checked_labels(class_idx: ClassIndex) -> torch.Tensor | str | None:
    """Convert labels to an integer tensor (), (K,) or (N, K); None and "all" stay."""
    if class_idx is None or isinstance(class_idx, str):
        check(class_idx in (None, "all"), "class_idx", 'an integer, integers, "all" or None', class_idx)
        return class_idx
    remedy = 'Labels are counted from 0. Use "all" for every label and None for the highest score.'
    if not isinstance(class_idx, torch.Tensor | np.ndarray | np.integer):
        check_type(class_idx, (int, list, tuple, range), "class_idx", remedy)
    try:
        labels = torch.as_tensor(np.asarray(class_idx) if isinstance(class_idx, range | list | tuple) else class_idx)
    except (TypeError, ValueError):
        labels = torch.empty(0)
    integers = not labels.is_floating_point() and not labels.is_complex() and labels.dtype != torch.bool
    valid = integers and labels.numel() > 0 and labels.ndim <= 2
    check(valid, "class_idx", "one or more integers", class_idx, remedy)
    return labels.long()


def labels_per_sample(wanted: torch.Tensor | str | None, logits: torch.Tensor) -> torch.Tensor:
    """Return the requested labels of each sample (N, K), each from 0 to M - 1."""
    samples, count = logits.shape
    if wanted is None:
        return logits.argmax(1, keepdim=True)
    if isinstance(wanted, str):
        return torch.arange(count, device=logits.device).expand(samples, count)
    inside = bool(((wanted >= 0) & (wanted < count)).all())
    remedy = f"The network has {count} labels, counted from 0."
    check(inside, "class_idx", f"between 0 and {count - 1}", wanted.tolist(), remedy)
    if wanted.ndim == 2:
        check(len(wanted) == samples, "class_idx", f"of {samples} rows, one per sample", wanted.tolist())
        return wanted.to(logits.device)
    return wanted.to(logits.device).reshape(1, -1).expand(samples, -1)


def score_weights(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Encode K labels per sample (N, K) as weights of the scores (K, N, M)."""
    hot = torch.zeros((labels.shape[1], *logits.shape), dtype=logits.dtype, device=logits.device)
    return hot.scatter_(2, labels.T[:, :, None], 1)
