"""Pooling of many scores into one: the noisy-or of Li et al. 2018, and the mean probability."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils import check

__all__ = ["NoisyOrPool", "mean_probability_logit", "noisy_or_logit"]

#: Below this value (1 - exp(-t)) / t and -log(1 - t) / t are 1 to the last bit. Its square is still a float32.
_TINY = 1e-16


def noisy_or_logit(x: torch.Tensor, minimum: float = 0.98) -> torch.Tensor:
    """Compute the logit of p = 1 - prod(q) over all cells, q = minimum + (1 - minimum) (1 - sigmoid(x)).

    The minimum keeps a product over hundreds of cells from vanishing. The computation uses logarithms, so that values
    and gradients stay exact if sigmoids or the product are near 0: with u = (1 - minimum) sigmoid(x) and
    t = -sum(log(1 - u)), p = 1 - exp(-t) and the logit is log(1 - exp(-t)) + t.

    Args:
        x: Logits of the cells (N, M, *grid).
        minimum: Lower bound of the factors q, above 0 and below 1.

    Returns:
        Logits (N, M).

    Raises:
        ValueError: If minimum is out of range.

    Example:
        >>> p = 1 - (0.98 + 0.02 * 0.5) ** 4
        >>> torch.isclose(noisy_or_logit(torch.zeros(1, 1, 2, 2)), torch.tensor([[p / (1 - p)]]).log())
        tensor([[True]])
    """
    check(0 < minimum < 1, "minimum", "above 0 and below 1", minimum)
    s = F.logsigmoid(x.flatten(2))
    log_rest = math.log(1 - minimum)
    # log(-log(1 - u)) = log(u) + log(-log(1 - u) / u). log(u) is s + log_rest; the ratio tends to 1 if u vanishes.
    u = torch.exp(s + log_rest).clamp_min(_TINY)
    log_t = torch.logsumexp(s + log_rest + torch.log(-torch.log1p(-u) / u), dim=2)
    # log(1 - exp(-t)) = log(t) + log((1 - exp(-t)) / t), in the same way.
    t = log_t.exp()
    small = t.clamp_min(_TINY)
    return log_t + torch.log(-torch.expm1(-small) / small) + t


def mean_probability_logit(x: torch.Tensor) -> torch.Tensor:
    """Compute the logit of p = mean(sigmoid(x)) over the last axis.

    The computation uses logarithms, so that no probability is rounded to 0 or 1.

    Args:
        x: Logits (N, M, S) of S instances.

    Returns:
        Logits (N, M).

    Example:
        >>> mean_probability_logit(torch.tensor([[[-200.0, -200.0]]]))
        tensor([[-200.]])
    """
    return torch.logsumexp(F.logsigmoid(x), dim=-1) - torch.logsumexp(F.logsigmoid(-x), dim=-1)


class NoisyOrPool(nn.Module):
    """:func:`noisy_or_logit` as a pooling module, from the heatmap (N, M, *grid) to (N, M, 1).

    Args:
        minimum: Lower bound of the factors, above 0 and below 1.

    Raises:
        ValueError: If minimum is out of range.

    Example:
        >>> NoisyOrPool()(torch.zeros(2, 5, 3, 3)).shape
        torch.Size([2, 5, 1])
    """

    def __init__(self, minimum: float = 0.98) -> None:
        super().__init__()
        check(0 < minimum < 1, "minimum", "above 0 and below 1", minimum)
        self.minimum = minimum

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool a heatmap (N, M, *grid) to (N, M, 1)."""
        return noisy_or_logit(x, self.minimum).unsqueeze(2)
