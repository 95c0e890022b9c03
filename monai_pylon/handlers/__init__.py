"""Metrics in ignite engines; needs pytorch-ignite, as MONAI's own handlers do."""

from monai_pylon.handlers.per_class import PerClassMetricHandler

__all__ = ["PerClassMetricHandler"]
