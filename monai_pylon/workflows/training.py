"""Small pieces of a training by ignite that MONAI does not have: when to stop, what to log, what a batch is."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.reports import update_rows
from monai_pylon.utils import check

__all__ = [
    "EpochHistory",
    "FiniteLoss",
    "SameBuffers",
    "StopAtLearningRate",
    "logits_and_labels",
    "maps_and_boxes",
    "StopWithoutProgress",
    "prepare_radiographs",
]

_LOGGER = logging.getLogger(__name__)


def prepare_radiographs(
    batch: Mapping[str, Any], device: torch.device | str | None = None, non_blocking: bool = False, **kwargs: Any
) -> tuple[torch.Tensor, dict[str, Any]]:
    """Take a batch of radiographs apart for an evaluator: the targets are labels and boxes.

    Args:
        batch: "image" (N, C, H, W), "label" (N, M), and "boxes", a list of N tensors (K, 5).
        device: where image and labels go.
        non_blocking: as of ``torch.Tensor.to``.
        kwargs: of ``torch.Tensor.to``.

    Returns:
        the image, and a dictionary of "label" and "boxes".

    Example:
        >>> batch = {"image": torch.zeros(1, 1, 8, 8), "label": torch.zeros(1, 14), "boxes": [torch.zeros(0, 5)]}
        >>> sorted(prepare_radiographs(batch)[1])
        ['boxes', 'label']
    """
    image, label = (batch[key].to(device=device, non_blocking=non_blocking, **kwargs) for key in ("image", "label"))
    return image, {"label": label, "boxes": list(batch["boxes"])}


def logits_and_labels(output: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Of an evaluator's output, what AUROC and loss compare.

    Args:
        output: "pred", the logits or an `Explanation`, and "label", of :func:`prepare_radiographs` or
            :func:`~monai_pylon.workflows.prepare_scans`.

    Returns:
        logits (N, M) and labels (N, M), float32.

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


def maps_and_boxes(output: Mapping[str, Any]) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Of an evaluator's output, what metrics of localization compare.

    Args:
        output: "pred", an `Explanation`, and "label", of :func:`prepare_radiographs`.

    Returns:
        heatmap logits (N, M, h, w) and a list of N tensors (K, 5).

    Example:
        >>> from monai_pylon.networks import Explanation
        >>> pred = Explanation(torch.zeros(1, 14), torch.zeros(1, 14, 2, 2))
        >>> maps_and_boxes({"pred": pred, "label": {"label": None, "boxes": [torch.zeros(0, 5)]}})[0].shape
        torch.Size([1, 14, 2, 2])
    """
    return output["pred"].attention, output["label"]["boxes"]


class FiniteLoss:
    """Ends a training with an error as soon as its loss is no number any more: what follows would be lost.

    An ignite handler for the trainer; put it first.

    Example:
        >>> from types import SimpleNamespace
        >>> state = SimpleNamespace(output={"loss": float("nan")}, epoch=2, iteration=40)
        >>> FiniteLoss()(SimpleNamespace(state=state))
        Traceback (most recent call last):
        ...
        ValueError: loss must be finite, but is nan. Epoch 2, iteration 40: lower --learning_rate, or try --amp False.
    """

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        engine.add_event_handler(optional_import("ignite.engine", name="Events")[0].ITERATION_COMPLETED, self)

    def __call__(self, engine: Any) -> None:
        """Called by the trainer after each step."""
        loss, state = float(torch.as_tensor(engine.state.output["loss"]).detach()), engine.state
        remedy = f"Epoch {state.epoch}, iteration {state.iteration}: lower --learning_rate, or try --amp False."
        check(math.isfinite(loss), "loss", "finite", loss, remedy)


class StopAtLearningRate:
    """Ends a training when its learning rate has fallen below a limit: with ReduceLROnPlateau, when nothing helps.

    An ignite handler for the trainer; put it after the one that sets the learning rate.

    Args:
        optimizer: whose learning rate.
        least: the limit.

    Raises:
        ValueError: for a limit that is not positive.

    Example:
        >>> optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=1e-7)
        >>> StopAtLearningRate(optimizer, least=1e-6).reached()
        True
    """

    def __init__(self, optimizer: torch.optim.Optimizer, least: float = 1e-6) -> None:
        check(least > 0, "least", "positive", least)
        self.optimizer, self.least = optimizer, least

    def reached(self) -> bool:
        """Whether every learning rate lies below the limit."""
        return all(group["lr"] < self.least for group in self.optimizer.param_groups)

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        for event in (events.STARTED, events.EPOCH_COMPLETED):  # a training that goes on may have been at its end
            engine.add_event_handler(event, self)

    def __call__(self, engine: Any) -> None:
        """Called by the trainer."""
        if self.reached():
            _LOGGER.info("The learning rate is below %g: the training ends.", self.least)
            engine.terminate()


class StopWithoutProgress:
    """Ends a training when the best epoch lies some epochs back.

    An ignite handler for the trainer; put it after the checkpoints. A training that goes on counts on.

    Args:
        checkpoints: `TrainingCheckpoints`, which know the best epoch.
        patience: epochs.

    Raises:
        ValueError: for a patience that is not positive.

    Example:
        >>> from types import SimpleNamespace
        >>> StopWithoutProgress(SimpleNamespace(best_epoch=4), patience=15).reached(epoch=19)
        True
    """

    def __init__(self, checkpoints: Any, patience: int = 15) -> None:
        check(patience > 0, "patience", "positive", patience)
        self.checkpoints, self.patience = checkpoints, patience

    def reached(self, epoch: int) -> bool:
        """Whether the best epoch lies too far back."""
        return epoch - self.checkpoints.best_epoch >= self.patience

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        for event in (events.STARTED, events.EPOCH_COMPLETED):  # a training that goes on may have been at its end
            engine.add_event_handler(event, self)

    def __call__(self, engine: Any) -> None:
        """Called by the trainer."""
        if engine.state.epoch and self.reached(engine.state.epoch):
            _LOGGER.info(
                "Epoch %d was the best; %d without a better one: end.", self.checkpoints.best_epoch, self.patience
            )
            engine.terminate()


class EpochHistory:
    """One line of the log and one row of a table for each epoch: losses, validation metrics, learning rate, seconds.

    An ignite handler for the trainer; put it after the handler that validates.

    Args:
        file: the table, a CSV.
        validator: the evaluator whose metrics are written.
        optimizer: whose learning rate is written.

    Example:
        >>> EpochHistory("logs/history.csv", validator=None).file.name
        'history.csv'
    """

    def __init__(
        self, file: str | PathLike[str], validator: Any, optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        self.file, self.validator, self.optimizer = Path(file).expanduser(), validator, optimizer
        self.started = time.perf_counter()

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        engine.add_event_handler(events.EPOCH_STARTED, self.start)
        engine.add_event_handler(events.EPOCH_COMPLETED, self)

    def start(self, engine: Any) -> None:
        """Called by the trainer when an epoch begins."""
        self.started = time.perf_counter()

    def __call__(self, engine: Any) -> None:
        """Called by the trainer when an epoch is over."""
        if engine.state.rank > 0:
            return
        metrics = {**engine.state.metrics, **self.validator.state.metrics}
        numbers = {name: float(value) for name, value in metrics.items()}
        if self.optimizer is not None:
            numbers["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        numbers["seconds"] = round(time.perf_counter() - self.started, 1)
        update_rows(self.file, {"epoch": engine.state.epoch, **numbers}, key="epoch")
        short = ("train_loss", "val_loss", "val_auroc", "val_points", "val_organ_iou", "learning_rate", "seconds")
        told = ", ".join(f"{name} {numbers[name]:.4g}" for name in short if not math.isnan(numbers.get(name, math.nan)))
        _LOGGER.info("Epoch %d of at most %d: %s", engine.state.epoch, engine.state.max_epochs, told)


class SameBuffers:
    """Before each validation, gives every process the first one's buffers, such as the means of BatchNorm.

    An ignite handler for a validator in several processes: they differ a little after the last training step, and what
    is validated should be what is saved. In one process it does nothing.

    Args:
        network: the bare network.

    Example:
        >>> SameBuffers(torch.nn.BatchNorm2d(4))(None)
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
