"""Localization metrics (points, boxes, organs), AUROC per class, and bootstrap intervals."""

from monai_pylon.metrics.auroc import PerClassAUROCMetric
from monai_pylon.metrics.baselines import LocalizationBaselinesMetric, class_points
from monai_pylon.metrics.box_metric import BoxLocalizationMetric, box_localization
from monai_pylon.metrics.intervals import bootstrap_interval
from monai_pylon.metrics.organ_metric import OrganIoUMetric
from monai_pylon.metrics.organ_overlap import organ_iou, resample_attention
from monai_pylon.metrics.point_metric import PointLocalizationMetric, point_localization

__all__ = [
    "BoxLocalizationMetric",
    "LocalizationBaselinesMetric",
    "OrganIoUMetric",
    "PerClassAUROCMetric",
    "PointLocalizationMetric",
    "bootstrap_interval",
    "box_localization",
    "class_points",
    "organ_iou",
    "point_localization",
    "resample_attention",
]
