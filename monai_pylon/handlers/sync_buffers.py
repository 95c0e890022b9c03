"""Synchronize buffers between processes before each validation."""

from __future__ import annotations

import logging
from typing import Any

import torch
from monai.utils import optional_import

__all__ = ["SyncBuffers"]

_LOGGER = logging.getLogger(__name__)


class SyncBuffers:
    """Before each validation, gives every process the first one's buffers, such as the means of BatchNorm.

    An ignite handler for a validator in several processes: they differ a little after the last training step, and what
    is validated should be what is saved. In one process it does nothing.

    Args:
        network: the bare network.

    Example:
        >>> SyncBuffers(torch.nn.BatchNorm2d(4))(None)
    """

    def __init__(self, network: torch.nn.Module) -> None:
        self.network = network

    def attach(self, engine: Any) -> None:
        """Attach to the validator."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].STARTED, self)

    def __call__(self, engine: Any) -> None:
        """Called by the validator when it starts."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            for buffer in self.network.buffers():
                torch.distributed.broadcast(buffer, src=0)
