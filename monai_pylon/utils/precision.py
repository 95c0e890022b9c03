"""How many digits a map keeps: at least those of float32, whatever precision the network runs in."""

from __future__ import annotations

import torch

__all__ = ["at_least_float32"]


def at_least_float32(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in float32, or in float64 where it is.

    Args:
        tensor: (...), of any floating type.

    Returns:
        (...), the tensor itself where it has that precision.

    Example:
        >>> at_least_float32(torch.zeros(1, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
