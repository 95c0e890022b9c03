"""Parts of an engine's output and state that metrics, losses and handlers read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["logits_and_labels", "loss_of_output", "lower_is_better", "metric_of_engine"]


def logits_and_labels(output: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and labels of an evaluator's output.

    Args:
        output: "pred", the logits or an `Explanation`, and "label", of
            :func:`~monai_pylon.workflows.radiographs.prepare_radiographs` or
            :func:`~monai_pylon.workflows.chest_ct.prepare_scans`.

    Returns:
        Logits (N, M) and labels (N, M), float32.

    Example:
        >>> from monai_pylon.networks import Explanation
        >>> pred = Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 2, 2))
        >>> logits_and_labels({"pred": pred, "label": {"label": torch.zeros(1, 14), "boxes": []}})[0].shape
        torch.Size([1, 14])
    """
    pred, label = output["pred"], output["label"]
    logits = pred if isinstance(pred, torch.Tensor) else pred[0]
    labels = label["label"] if isinstance(label, Mapping) else label if isinstance(label, torch.Tensor) else label[0]
    return logits.float(), labels.float()


def loss_of_output(output: Mapping[str, Any]) -> Any:
    """Return the loss of a trainer's output.

    Args:
        output: "loss", and other entries.

    Returns:
        The loss.

    Example:
        >>> loss_of_output({"loss": 0.5})
        0.5
    """
    return output["loss"]


def lower_is_better(new: float, old: float) -> bool:
    """Return whether a new value of a loss is better than an old one.

    Args:
        new: New value.
        old: Best value so far.

    Returns:
        True if it is lower.

    Example:
        >>> lower_is_better(0.5, 0.6)
        True
    """
    return new < old


def metric_of_engine(engine: Any, name: str) -> Any:
    """Return a metric of an engine, for handlers that take a function of the engine.

    Args:
        engine: Ignite engine.
        name: Name of the metric.

    Returns:
        Its value.

    Example:
        >>> from types import SimpleNamespace
        >>> metric_of_engine(SimpleNamespace(state=SimpleNamespace(metrics={"val_loss": 0.5})), "val_loss")
        0.5
    """
    return engine.state.metrics[name]
