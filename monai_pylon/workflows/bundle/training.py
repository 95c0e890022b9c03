"""Trainer and loss weights of a training run."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.engines import SupervisedTrainer

from monai_pylon.utils import check, check_type

__all__ = ["make_trainer", "positive_weights"]


def make_trainer(accumulation_steps: int = 1, **arguments: Any) -> SupervisedTrainer:
    """Make MONAI's trainer, with gradient accumulation if it is wanted.

    Args:
        accumulation_steps: Batches whose gradients are averaged for one step of the optimizer. The last batches of an
            epoch make a step too, even if they are fewer.
        arguments: Arguments of MONAI's SupervisedTrainer.

    Returns:
        The trainer.

    Raises:
        TypeError: If accumulation_steps is no whole number.
        ValueError: If it is not positive, or more than 1 with a MONAI that cannot accumulate (before 1.6).

    Example:
        >>> make_trainer(accumulation_steps=0)
        Traceback (most recent call last):
        ...
        ValueError: accumulation_steps must be 1 or more, but is 0.
    """
    check_type(accumulation_steps, int, "accumulation_steps")
    check(accumulation_steps >= 1, "accumulation_steps", "1 or more", accumulation_steps)
    if accumulation_steps > 1:
        able = "accumulation_steps" in inspect.signature(SupervisedTrainer.__init__).parameters
        check(able, "accumulation_steps", "1 with this version of MONAI", accumulation_steps, "Install MONAI 1.6.")
        arguments["accumulation_steps"] = accumulation_steps
    return SupervisedTrainer(**arguments)


def _labels_of(dataset: Any) -> np.ndarray:
    """Return the labels (N, M) of a dataset that lists them; it is not read."""
    while hasattr(dataset, "data") and not isinstance(dataset, Sequence | np.ndarray):
        dataset = dataset.data
    items = dataset if isinstance(dataset, Sequence) else ()
    listed = bool(items) and all(isinstance(item, Mapping) and "label" in item for item in items)
    remedy = "Phantoms have no list of labels: give numbers."
    check(listed, "pos_weight", "a number or a list of numbers for this dataset", "balanced", remedy)
    return np.array([item["label"] for item in items], dtype=np.float64)


def positive_weights(
    pos_weight: str | float | Sequence[float] | None,
    labels: Sequence[str],
    dataset: Any = None,
    device: torch.device | str = "cpu",
) -> torch.Tensor | None:
    """Return the weights of present labels in the loss, by which rare findings count more.

    Args:
        pos_weight: None for no weights; one number for all labels; M numbers; or "balanced", which takes the number of
            absent per present ones in the training data (1 for a label without one of them).
        labels: Names of the M labels.
        dataset: Training data, for "balanced".
        device: Device of the loss.

    Returns:
        (M,) float32, or None.

    Raises:
        ValueError: If a weight is not positive, their number is wrong, or a dataset lists no labels.

    Example:
        >>> items = [{"label": [1, 0]}, {"label": [0, 0]}, {"label": [0, 1]}]
        >>> positive_weights("balanced", ["mass", "nodule"], items)
        tensor([2., 2.])
    """
    if pos_weight is None:
        return None
    if isinstance(pos_weight, str):
        check(pos_weight == "balanced", "pos_weight", "'balanced', a number, or a list of numbers", pos_weight)
        known = _labels_of(dataset)
        present, absent = (known == 1).sum(axis=0), (known == 0).sum(axis=0)
        weights = np.where((present > 0) & (absent > 0), absent / np.maximum(present, 1), 1.0)
    else:
        weights = np.asarray(pos_weight, dtype=np.float64)
        weights = np.full(len(labels), weights) if weights.ndim == 0 else weights
    fits = weights.shape == (len(labels),) and bool((np.isfinite(weights) & (weights > 0)).all())
    check(fits, "pos_weight", f"a positive number, or {len(labels)} of them", pos_weight)
    return torch.tensor(weights, dtype=torch.float32, device=device)
