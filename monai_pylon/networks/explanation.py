"""What a network says and why: logits and attention out of one forward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check

__all__ = ["Explained", "Explanation"]


class Explanation(NamedTuple):
    """The scores of M labels together with the maps that they are computed from.

    Attributes:
        logits: (N, M).
        attention: (N, M, *grid), signed, on the network's own grid, at least float32. It is no picture made afterwards:
            the logits are computed from it.
        slice_scores: (N, M, S) for networks that score slices of a volume, else None.

    Example:
        >>> Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 64, 64)).slice_scores is None
        True
    """

    logits: torch.Tensor
    attention: torch.Tensor
    slice_scores: torch.Tensor | None = None


class Explained(nn.Module):
    """A network whose forward is its ``explain``: for losses on the attention, for DDP and for export.

    Its state dict is that of the bare network, so that either loads the checkpoints of the other.

    Args:
        net: a network with ``explain(x)``.

    Called with an image (N, C, *spatial) it returns an :class:`Explanation`; while it is traced or exported a plain
    tuple of the tensors that are there.

    Raises:
        ValueError: where the network has no ``explain``.

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
        """The state of the bare network, without a prefix of this wrapper."""
        return self.net.state_dict(*args, **kwargs)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Turn the bare network's keys into the ones that PyTorch looks for next, those of the child ``net``."""
        for key in [key for key in state_dict if key.startswith(prefix)]:
            state_dict[f"{prefix}net.{key[len(prefix) :]}"] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load a state dict of the bare network; errors name its own keys."""
        return self.net.load_state_dict(state_dict, strict=strict, assign=assign)


def is_traced_or_exported() -> bool:
    """Whether a network is just being traced or exported, where only plain tuples of tensors may leave it."""
    exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # is_exporting is new in torch 2.7
    return bool(torch.jit.is_tracing() or exporting())
