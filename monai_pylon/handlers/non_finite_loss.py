"""Stop training when the loss becomes NaN or infinite."""

from __future__ import annotations

import math
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.utils import check

__all__ = ["RaiseOnNonFiniteLoss"]


class RaiseOnNonFiniteLoss:
    """Ignite handler of a trainer that raises an error when the loss becomes NaN or infinite. Put it first.

    Ignite's TerminateOnNan is no replacement: it logs a warning and ends the run normally, so the command would
    succeed with exit code 0.

    Example:
        >>> from types import SimpleNamespace
        >>> state = SimpleNamespace(output={"loss": float("nan")}, epoch=2, iteration=40)
        >>> RaiseOnNonFiniteLoss()(SimpleNamespace(state=state))
        Traceback (most recent call last):
        ...
        ValueError: loss must be finite, but is nan. Epoch 2, iteration 40: lower --learning_rate, or try --amp False.
    """

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].ITERATION_COMPLETED, self)

    def __call__(self, engine: Any) -> None:
        """Check the loss; called after each step."""
        loss, state = float(torch.as_tensor(engine.state.output["loss"]).detach()), engine.state
        remedy = f"Epoch {state.epoch}, iteration {state.iteration}: lower --learning_rate, or try --amp False."
        check(math.isfinite(loss), "loss", "finite", loss, remedy)
