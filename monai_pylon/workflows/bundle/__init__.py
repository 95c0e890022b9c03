"""Components shared by all bundles: networks by name, loaders, handlers with a switch, override checks, reports."""

from monai_pylon.workflows.bundle.batches import prepare_training
from monai_pylon.workflows.bundle.errors import install_excepthook
from monai_pylon.workflows.bundle.loaders import join_transforms, make_dataloader
from monai_pylon.workflows.bundle.networks import default_weights, explained_layer, make_network, network_specification
from monai_pylon.workflows.bundle.outputs import logits_and_labels
from monai_pylon.workflows.bundle.overrides import CheckedWorkflow, check_command_line
from monai_pylon.workflows.bundle.processes import (
    distributed_network,
    process_device,
    share_of_batch,
    start_processes,
    stop_processes,
)
from monai_pylon.workflows.bundle.sections import absolute_dataset_dir
from monai_pylon.workflows.bundle.skip_unreadable import SkipUnreadableDataset
from monai_pylon.workflows.bundle.tracking import mlflow_handler, progress_handler, tensorboard_handler
from monai_pylon.workflows.bundle.training import (
    explained_network,
    make_evaluator,
    make_scheduler,
    make_trainer,
    parameter_groups,
    positive_weights,
)

__all__ = [
    "CheckedWorkflow",
    "SkipUnreadableDataset",
    "absolute_dataset_dir",
    "check_command_line",
    "default_weights",
    "distributed_network",
    "explained_layer",
    "explained_network",
    "install_excepthook",
    "join_transforms",
    "logits_and_labels",
    "make_dataloader",
    "make_evaluator",
    "make_network",
    "make_scheduler",
    "make_trainer",
    "mlflow_handler",
    "network_specification",
    "parameter_groups",
    "positive_weights",
    "prepare_training",
    "process_device",
    "progress_handler",
    "share_of_batch",
    "start_processes",
    "stop_processes",
    "tensorboard_handler",
]
