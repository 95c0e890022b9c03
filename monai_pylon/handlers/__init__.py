"""Ignite handlers: metrics for each class, checkpoints, epoch history, early stopping, organ thresholds,
soft maximum, prior bias."""

from monai_pylon.handlers.checkpoints import TrainingCheckpoints
from monai_pylon.handlers.early_stopping import EarlyStopping, StopAtMinLR
from monai_pylon.handlers.history import CSVHistory
from monai_pylon.handlers.non_finite_loss import RaiseOnNonFiniteLoss
from monai_pylon.handlers.organ_thresholds import OrganThresholds
from monai_pylon.handlers.per_class import PerClassMetricHandler
from monai_pylon.handlers.prior_bias import PriorBias
from monai_pylon.handlers.soft_maximum import SoftMaximumSchedule
from monai_pylon.handlers.sync_buffers import SyncBuffers

__all__ = [
    "CSVHistory",
    "EarlyStopping",
    "OrganThresholds",
    "PerClassMetricHandler",
    "PriorBias",
    "RaiseOnNonFiniteLoss",
    "SoftMaximumSchedule",
    "StopAtMinLR",
    "SyncBuffers",
    "TrainingCheckpoints",
]
