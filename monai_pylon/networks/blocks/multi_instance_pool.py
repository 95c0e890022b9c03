"""Many scores to one: Li 2018's (the image is positive unless every cell is negative), and the mean probability."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monai_pylon.utils import check

__all__ = ["NoisyOrPool", "mean_probability_logit", "noisy_or_logit"]

#: Below it (1 - exp(-t)) / t and -log(1 - t) / t are 1 to the last bit; its square is still a float32.
_TINY = 1e-16


def noisy_or_logit(x: torch.Tensor, minimum: float = 0.98) -> torch.Tensor:
    """The logit of p = 1 - prod(q), q = minimum + (1 - minimum) (1 - sigmoid(x)), over all cells of a map.

    The minimum keeps a product over hundreds of cells from vanishing. Everything is computed in logarithms, so that
    neither value nor gradient is lost where sigmoids are near 0 or the product is: with u = (1 - minimum) sigmoid(x)
    and t = -sum(log(1 - u)) it is p = 1 - exp(-t), and the logit log(1 - exp(-t)) + t.

    Args:
        x: (N, M, *grid), a logit for every cell.
        minimum: of the factors, above 0 and below 1.

    Returns:
        (N, M).

    Raises:
        ValueError: where minimum is out of its range.

    Example:
        >>> p = 1 - (0.98 + 0.02 * 0.5) ** 4
        >>> torch.isclose(noisy_or_logit(torch.zeros(1, 1, 2, 2)), torch.tensor([[p / (1 - p)]]).log())
        tensor([[True]])
    """
    check(0 < minimum < 1, "minimum", "above 0 and below 1", minimum)
    s = F.logsigmoid(x.flatten(2))
    log_rest = math.log(1 - minimum)
    # log(-log(1 - u)) = log(u) + log(-log(1 - u) / u); log(u) needs no u, and the ratio goes to 1 where u vanishes.
    u = torch.exp(s + log_rest).clamp_min(_TINY)
    log_t = torch.logsumexp(s + log_rest + torch.log(-torch.log1p(-u) / u), dim=2)
    # The same for log(1 - exp(-t)).
    t = log_t.exp()
    small = t.clamp_min(_TINY)
    return log_t + torch.log(-torch.expm1(-small) / small) + t


def mean_probability_logit(x: torch.Tensor) -> torch.Tensor:
    """The logit of p = mean(sigmoid(x)) over the last axis, in logarithms: no probability is rounded to 0 or 1.

    Args:
        x: (N, M, S), a logit for each of S instances.

    Returns:
        (N, M).

    Example:
        >>> mean_probability_logit(torch.tensor([[[-200.0, -200.0]]]))
        tensor([[-200.]])
    """
    return torch.logsumexp(F.logsigmoid(x), dim=-1) - torch.logsumexp(F.logsigmoid(-x), dim=-1)


class NoisyOrPool(nn.Module):
    """:func:`noisy_or_logit` as a module: from the map (N, M, *grid) to (N, M, 1), as other poolings have it.

    Args:
        minimum: of the factors, above 0 and below 1.

    Raises:
        ValueError: where minimum is out of its range.

    Example:
        >>> NoisyOrPool()(torch.zeros(2, 5, 3, 3)).shape
        torch.Size([2, 5, 1])
    """

    def __init__(self, minimum: float = 0.98) -> None:
        super().__init__()
        check(0 < minimum < 1, "minimum", "above 0 and below 1", minimum)
        self.minimum = minimum

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool a map (N, M, *grid)."""
        return noisy_or_logit(x, self.minimum).unsqueeze(2)
