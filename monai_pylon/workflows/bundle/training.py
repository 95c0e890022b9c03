"""Trainer, learning rates and loss weights of a training run."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.handlers import MLFlowHandler
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from monai_pylon.networks import Explained
from monai_pylon.utils import check, check_choice, check_type

__all__ = [
    "explained_network",
    "make_evaluator",
    "make_scheduler",
    "make_trainer",
    "parameter_groups",
    "positive_weights",
]

_SCHEDULES = ("plateau", "one_cycle")
#: Characters that MLflow refuses in names of metrics.
_NOT_IN_MLFLOW = re.compile(r"[^\w ./-]")


def explained_network(network: nn.Module, explained: bool, device: torch.device | str = "cpu") -> nn.Module:
    """Move a network to a device, and let it return explanations if the loss or a metric needs them.

    Args:
        network: Network of images (N, C, *spatial), with ``explain`` if explanations are needed.
        explained: Whether to return an `Explanation` instead of the logits (N, M).
        device: The device.

    Returns:
        The network, or the network in `Explained`.

    Example:
        >>> type(explained_network(nn.Linear(1, 1), explained=False)).__name__
        'Linear'
    """
    return (Explained(network) if explained else network).to(device)


def _adapt_mlflow(handlers: Any) -> None:
    """Let MLflow handlers log the loss, which ``--tracking mlflow`` gets in a tuple, and metrics of any name.

    MLflow refuses names such as "val_auroc_fibrosis (lung)"; the characters that it does not take become "_".
    """

    def alone(transform: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def loss(output: Any) -> Any:
            value = transform(output)
            return value[0] if isinstance(value, tuple | list) and len(value) == 1 else value

        return loss

    def renamed(log: Callable[..., None]) -> Callable[..., None]:
        def log_metrics(metrics: Mapping[str, Any], step: int | None = None) -> None:
            log({_NOT_IN_MLFLOW.sub("_", name): value for name, value in metrics.items()}, step)

        return log_metrics

    for handler in handlers or ():
        if isinstance(handler, MLFlowHandler):
            handler.output_transform = alone(handler.output_transform)
            handler._log_metrics = renamed(handler._log_metrics)  # type: ignore[method-assign]


def make_evaluator(**arguments: Any) -> SupervisedEvaluator:
    """Make MONAI's evaluator, whose handlers for MLflow accept metrics of any name.

    Args:
        arguments: Arguments of MONAI's SupervisedEvaluator.

    Returns:
        The evaluator.

    Example:
        >>> make_evaluator(device="cpu", val_data_loader=[], network=nn.Identity()).state.epoch
        0
    """
    _adapt_mlflow(arguments.get("val_handlers"))
    return SupervisedEvaluator(**arguments)


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
    _adapt_mlflow(arguments.get("train_handlers"))
    return SupervisedTrainer(**arguments)


def parameter_groups(
    network: nn.Module, learning_rate: float, decoder_rate: float | None = None
) -> list[dict[str, Any]]:
    """Group the trained parameters of a network for an optimizer, without the frozen ones.

    Args:
        network: Network with ``encoder``, for images (N, C, *spatial).
        learning_rate: Learning rate of the encoder.
        decoder_rate: Learning rate of everything else, which usually starts untrained; None for that of the encoder.

    Returns:
        One group, or two: the encoder, and everything else.

    Raises:
        ValueError: If a rate is not positive, or all parameters are frozen.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> groups = parameter_groups(PYLON(encoder="resnet18", frozen_stages=5), 2e-4, 1e-3)
        >>> [(len(group["params"]) > 0, group["lr"]) for group in groups]
        [(True, 0.001)]
    """
    for name, rate in (("learning_rate", learning_rate), ("decoder_rate", decoder_rate)):
        check(rate is None or rate > 0, name, "above 0", rate)
    own = {id(parameter) for parameter in network.encoder.parameters()}  # type: ignore[union-attr]
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    check(bool(trained), "frozen_stages", "fewer: no parameter is trained", "all")
    if decoder_rate is None:
        return [{"params": trained, "lr": learning_rate}]
    encoder = [parameter for parameter in trained if id(parameter) in own]
    others = [parameter for parameter in trained if id(parameter) not in own]
    groups = [{"params": encoder, "lr": learning_rate}, {"params": others, "lr": decoder_rate}]
    return [group for group in groups if group["params"]]


class _OneCycle(OneCycleLR):
    """One cycle that refuses to resume another one, whose steps would end too early or too late."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        then = state_dict["total_steps"]
        remedy = f"The cycle of the training to resume has {then} steps. Give its max_epochs, or --resume False."
        check(then == self.total_steps, "max_epochs", "as when the training began", f"{self.total_steps} steps", remedy)
        super().load_state_dict(state_dict)


def make_scheduler(schedule: str, optimizer: torch.optim.Optimizer, max_epochs: int, loader: Sized) -> Any:
    """Make the schedule of the learning rates.

    Args:
        schedule: "plateau", as in the PYLON paper: the rates are divided by 5 when the validation loss has not fallen
            for more than one epoch. Or "one_cycle": the optimizer's rates are the largest ones; all rise from a 25th in
            the first 30 % of the steps, and then fall to almost 0.
        optimizer: Optimizer with its rates.
        max_epochs: Epochs of the training.
        loader: Training data; its length is the number of steps in an epoch.

    Returns:
        The scheduler. That of one cycle makes a step after each batch, the other one after each validation.

    Raises:
        ValueError: If there is no such schedule.

    Example:
        >>> optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-3)
        >>> scheduler = make_scheduler("one_cycle", optimizer, max_epochs=10, loader=range(5))
        >>> scheduler.total_steps, round(optimizer.param_groups[0]["lr"], 6)
        (50, 4e-05)
    """
    check_choice(schedule, _SCHEDULES, "schedule")
    if schedule == "plateau":
        return ReduceLROnPlateau(optimizer, factor=0.2, patience=1)
    largest = [group["lr"] for group in optimizer.param_groups]
    return _OneCycle(optimizer, largest, total_steps=max_epochs * len(loader))


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
