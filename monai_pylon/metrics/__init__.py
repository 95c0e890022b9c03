"""How well maps find what they should: point and box localization, AUROC, and how sure the numbers are."""

from monai_pylon.metrics.auroc import PerClassAUROCMetric, auroc_per_class
from monai_pylon.metrics.box_metric import BoxLocalizationMetric, box_localization
from monai_pylon.metrics.intervals import Interval, bootstrap_interval
from monai_pylon.metrics.point_metric import PointLocalizationMetric, point_localization

__all__ = [
    "BoxLocalizationMetric",
    "Interval",
    "PerClassAUROCMetric",
    "PointLocalizationMetric",
    "auroc_per_class",
    "bootstrap_interval",
    "box_localization",
    "point_localization",
]
