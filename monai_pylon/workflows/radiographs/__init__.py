"""Data, batches, evaluation and result files of the chest X-ray bundle."""

from monai_pylon.workflows.radiographs.batches import maps_and_boxes, prepare_radiographs
from monai_pylon.workflows.radiographs.box_regions import training_regions
from monai_pylon.workflows.radiographs.data import radiograph_data
from monai_pylon.workflows.radiographs.dicom_case import RadiographDicom
from monai_pylon.workflows.radiographs.evaluation import (
    RadiographEvaluationReport,
    describe_evaluation,
    localization_handler,
)
from monai_pylon.workflows.radiographs.labels import checkpoint_labels, dataset_labels
from monai_pylon.workflows.radiographs.masks import MasksOnImaged, unknown_radiograph
from monai_pylon.workflows.radiographs.other_patients import training_patients
from monai_pylon.workflows.radiographs.page import RadiographPage
from monai_pylon.workflows.radiographs.writer import ExplainItem, RadiographWriter

__all__ = [
    "ExplainItem",
    "MasksOnImaged",
    "RadiographDicom",
    "RadiographEvaluationReport",
    "RadiographPage",
    "RadiographWriter",
    "checkpoint_labels",
    "dataset_labels",
    "describe_evaluation",
    "localization_handler",
    "maps_and_boxes",
    "prepare_radiographs",
    "radiograph_data",
    "training_patients",
    "training_regions",
    "unknown_radiograph",
]
