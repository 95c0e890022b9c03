"""Handlers that show or record a training, each with a switch. In several processes only the first one records."""

from __future__ import annotations

from operator import itemgetter
from os import PathLike
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from monai.handlers import MLFlowHandler, TensorBoardStatsHandler
from monai.utils import optional_import

from monai_pylon.workflows.bundle.processes import is_first_process

__all__ = ["mlflow_handler", "progress_handler", "tensorboard_handler"]

_LOSS = itemgetter("loss")  # of a trainer's output


def progress_handler(show: bool, desc: str) -> Any:
    """Make ignite's progress bar.

    Args:
        show: Whether to show it.
        desc: Description in front of the bar.

    Returns:
        The handler; None if it is off, which MONAI's parser leaves out of a list of handlers.

    Example:
        >>> progress_handler(False, "training") is None
        True
    """
    return optional_import("ignite.handlers", name="ProgressBar")[0](desc=desc) if show and is_first_process() else None


def tensorboard_handler(enabled: bool | None, log_dir: str | PathLike[str], training: bool = False) -> Any:
    """Make MONAI's TensorBoard handler.

    Args:
        enabled: Whether to record; None records if TensorBoard is installed.
        log_dir: Folder for the curves.
        training: Whether it belongs to a trainer, whose loss is then recorded at each iteration.

    Returns:
        The handler; None if it is off.

    Example:
        >>> tensorboard_handler(False, "logs") is None
        True
    """
    wanted = optional_import("torch.utils.tensorboard")[1] if enabled is None else enabled
    if not wanted or not is_first_process():
        return None
    if not training:
        return TensorBoardStatsHandler(log_dir=str(log_dir), iteration_log=False)
    return TensorBoardStatsHandler(log_dir=str(log_dir), tag_name="train_loss_iteration", output_transform=_LOSS)


def mlflow_handler(
    enabled: bool,
    output_dir: str | PathLike[str],
    experiment: str,
    name: str,
    uri: str | None = None,
    validator: Any = None,
) -> Any:
    """Make MONAI's MLflow handler for a trainer.

    Args:
        enabled: Whether to record.
        output_dir: Folder of the default database, `mlflow.db`.
        experiment: First part of the experiment's name.
        name: Second part, such as the network's name.
        uri: MLflow's tracking URI; None for the default database.
        validator: Evaluator whose metrics are recorded too, after each epoch; None records those of the trainer only.

    Returns:
        The handler; None if it is off.

    Example:
        >>> mlflow_handler(False, "logs", "chest_xray", "pylon") is None
        True
    """
    if not enabled or not is_first_process():
        return None
    database = f"sqlite:///{Path(output_dir).expanduser().absolute() / 'mlflow.db'}"
    handler: Any = MLFlowHandler(
        tracking_uri=database if uri is None else uri,
        experiment_name=f"{experiment}_{name}",
        output_transform=_LOSS,
    )
    if validator is not None:

        def log_epoch(engine: Any) -> None:
            metrics = {**engine.state.metrics, **validator.state.metrics}
            state = SimpleNamespace(metrics=metrics, epoch=engine.state.epoch)
            handler._default_epoch_log(SimpleNamespace(state=state))

        handler.epoch_logger = log_epoch
    return handler
