"""Soft maximum over the cells of a map, which gives every cell a gradient in training."""

from __future__ import annotations

import math

import torch
from monai.networks.layers.factories import Pool
from torch import nn

from monai_pylon.utils import check

__all__ = ["SoftMaximumPool", "soft_maximum"]


def soft_maximum(x: torch.Tensor, sharpness: float | torch.Tensor) -> torch.Tensor:
    """Compute (1 / r) log mean exp(r x) over all cells.

    The value lies between the mean (sharpness r to 0) and the maximum (r to infinity). Cell i gets the share
    exp(r x_i) / sum exp(r x) of the gradient, whereas the maximum passes all of it to one cell.

    Args:
        x: Maps (N, M, *grid).
        sharpness: r, above 0.

    Returns:
        Values (N, M).

    Raises:
        ValueError: If the sharpness is not above 0.

    Example:
        >>> x = torch.tensor([[[0.0, 1.0]]])
        >>> [round(soft_maximum(x, r).item(), 3) for r in (1e-3, 1.0, 100.0)]
        [0.5, 0.62, 0.993]
    """
    if not isinstance(sharpness, torch.Tensor):
        check(0 < sharpness < math.inf, "sharpness", "above 0 and finite", sharpness)
    flat = x.flatten(2)
    return (torch.logsumexp(sharpness * flat, 2) - math.log(flat.shape[2])) / sharpness


class SoftMaximumPool(nn.Module):
    """Pooling by the soft maximum in training and by the maximum otherwise, from (N, M, *grid) to (N, M, 1, ...).

    In evaluation mode it equals the global maximum. It has no weights, so checkpoints do not depend on it. While
    training, ``sharpness`` sets r; infinity is the maximum.

    Args:
        spatial_dims: 2 or 3.
        sharpness: First value of r, above 0.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> network = PYLON(encoder="resnet18")
        >>> network.pool = SoftMaximumPool(2, sharpness=1.0)
        >>> logits, attention, _ = network.eval().explain(torch.zeros(1, 1, 64, 64))
        >>> bool((attention.amax((2, 3)) == logits).all())
        True
    """

    def __init__(self, spatial_dims: int = 2, sharpness: float = 1.0) -> None:
        super().__init__()
        check(spatial_dims in (2, 3), "spatial_dims", "2 or 3", spatial_dims)
        self.maximum = Pool["adaptivemax", spatial_dims](1)
        self.register_buffer("_sharpness", torch.tensor(1.0), persistent=False)
        self.sharpness = sharpness

    @property
    def sharpness(self) -> float:
        """Sharpness r of the soft maximum in training; infinity is the maximum."""
        return math.inf if self._is_maximum else float(self._sharpness)  # type: ignore[arg-type]

    @sharpness.setter
    def sharpness(self, value: float) -> None:
        check(value > 0, "sharpness", "above 0", value)
        self._is_maximum = math.isinf(value)
        if not self._is_maximum:  # a tensor, so that a compiled network is not compiled again for every value
            self._sharpness.fill_(value)  # type: ignore[operator]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool maps (N, M, *grid) to (N, M, 1, ...)."""
        if not self.training or self._is_maximum:
            return self.maximum(x)
        pooled = soft_maximum(x, self._sharpness)  # type: ignore[arg-type]
        return pooled.reshape(*pooled.shape, *[1] * (x.ndim - 2))
