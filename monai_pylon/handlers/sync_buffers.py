"""Synchronize buffers between processes before each validation."""

from __future__ import annotations

from typing import Any

import torch
from monai.utils import optional_import

__all__ = ["SyncBuffers"]


class SyncBuffers:
    """Ignite handler of a validator that copies the first process's buffers to all others before each validation.

    Buffers such as the running means of BatchNorm differ a little between processes after a training step. The first
    process saves its own, so all have to validate with these. In one process the handler does nothing.

    Args:
        network: The bare network.

    Example:
        >>> SyncBuffers(torch.nn.BatchNorm2d(4))(None)
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network

    def attach(self, engine: Any) -> None:
        """Attach to the validator."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].STARTED, self)

    def __call__(self, engine: Any) -> None:
        """Copy the buffers; called when the validation starts."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)
