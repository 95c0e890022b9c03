"""Logits and attention from one forward pass of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.networks.tracing import is_traced_or_exported
from monai_pylon.utils import check

__all__ = ["Explained", "Explanation"]


class Explanation(NamedTuple):
    """The logits of M labels together with the maps from which the network computes them.

    Attributes:
        logits: Logits (N, M).
        attention: Maps (N, M, *grid), signed, on the network's own grid, float32 or float64. The logits are computed
            from them.
        slice_scores: Scores (N, M, S) of networks that score the slices of a volume, else None.

    Example:
        >>> Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 64, 64)).slice_scores is None
        True
    """

    logits: torch.Tensor
    attention: torch.Tensor
    slice_scores: torch.Tensor | None = None


class Explained(nn.Module):
    """A wrapper whose forward is the network's ``explain``, for losses on the attention, DDP and export.

    Its state dict is that of the bare network, so that each loads the checkpoints of the other.

    Args:
        net: Network with ``explain(x)``.

    The module turns an image (N, C, *spatial) into an :class:`Explanation`. While it is traced or exported, it returns
    a plain tuple of the parts that are not None.

    Raises:
        ValueError: If the network has no ``explain``.

    Example:
        >>> from monai_pylon.networks.nets import MaxPoolBackbone
        >>> net = Explained(MaxPoolBackbone(encoder="resnet18")).eval()
        >>> net(torch.zeros(1, 1, 64, 64)).attention.shape
        torch.Size([1, 14, 2, 2])
        >>> next(iter(net.state_dict()))
        'encoder.conv1.weight'
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        check(callable(getattr(net, "explain", None)), "net", "a network with a method explain", type(net).__name__)
        self.net = net
        self.training = net.training

    def forward(self, x: torch.Tensor) -> Explanation | tuple[torch.Tensor, ...]:
        """Explain an image (N, C, *spatial)."""
        explanation: Explanation = self.net.explain(x)  # type: ignore[operator]
        if is_traced_or_exported():
            return tuple(part for part in explanation if part is not None)
        return explanation

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state of the bare network, without a prefix for this wrapper."""
        return self.net.state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Rename the bare network's keys to those of the child ``net``, which PyTorch loads next."""
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[f"{prefix}net.{key[len(prefix) :]}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load a state dict of the bare network. Errors name the bare network's keys."""
        return self.net.load_state_dict(state_dict, strict=strict, assign=assign)
