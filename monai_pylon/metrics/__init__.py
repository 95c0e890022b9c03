"""Localization metrics (points, boxes, organs), AUROC per class, and bootstrap intervals."""

from monai_pylon.metrics.auroc import PerClassAUROCMetric, auroc_per_class
from monai_pylon.metrics.box_metric import BoxLocalizationMetric, box_localization
from monai_pylon.metrics.intervals import Interval, bootstrap_interval
from monai_pylon.metrics.organ_metric import OrganIoUMetric
from monai_pylon.metrics.organ_overlap import organ_iou, organ_iou_curve, relative_attention, resample_attention
from monai_pylon.metrics.point_metric import PointLocalizationMetric, point_localization
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS

__all__ = [
    "BoxLocalizationMetric",
    "Interval",
    "ORGAN_IOU_THRESHOLDS",
    "OrganIoUMetric",
    "PerClassAUROCMetric",
    "PointLocalizationMetric",
    "auroc_per_class",
    "bootstrap_interval",
    "box_localization",
    "organ_iou",
    "organ_iou_curve",
    "point_localization",
    "relative_attention",
    "resample_attention",
]
