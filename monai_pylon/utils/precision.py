"""Precision of maps: at least float32, also if the network runs in lower precision."""

from __future__ import annotations

import torch

__all__ = ["at_least_float32"]


def at_least_float32(tensor: torch.Tensor) -> torch.Tensor:
    """Convert a tensor of lower precision to float32.

    Args:
        tensor: (...), of any floating type.

    Returns:
        (...), the same tensor if it is float32 or float64.

    Example:
        >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
