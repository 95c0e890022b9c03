"""Data, batches, explanations and result files of the chest CT bundles."""

from monai_pylon.workflows.chest_ct.copy_scan import CopyScan, scans_of_cohort
from monai_pylon.workflows.chest_ct.data import chest_ct_data
from monai_pylon.workflows.chest_ct.dicom_case import OrganDicom, ScanDicom
from monai_pylon.workflows.chest_ct.evidence_report import EvidenceReport
from monai_pylon.workflows.chest_ct.explainer import ExplainScan, ScanMapsInferer
from monai_pylon.workflows.chest_ct.grids import attention_geometry, attention_grid, evaluation_grid
from monai_pylon.workflows.chest_ct.nodules import NodulesOnScand
from monai_pylon.workflows.chest_ct.organ_writer import OrganWriter
from monai_pylon.workflows.chest_ct.pages import OrganPage, ScanPage
from monai_pylon.workflows.chest_ct.preprocessing import (
    cached_organs,
    cached_regions,
    rotation_probability,
    scan_transforms,
    unknown_scan,
)
from monai_pylon.workflows.chest_ct.regions import regions_of_training, training_command
from monai_pylon.workflows.chest_ct.scan_report import ScanEvaluationReport
from monai_pylon.workflows.chest_ct.training import (
    default_mask_loss,
    organ_iou_handler,
    organ_iou_handlers,
    organ_iou_metrics,
    scan_loss,
)
from monai_pylon.workflows.chest_ct.training_scans import patients_of_training_scans
from monai_pylon.workflows.chest_ct.two_models import other_model
from monai_pylon.workflows.chest_ct.writer import ScanWriter

__all__ = [
    "CopyScan",
    "EvidenceReport",
    "ExplainScan",
    "NodulesOnScand",
    "OrganDicom",
    "OrganPage",
    "OrganWriter",
    "ScanDicom",
    "ScanEvaluationReport",
    "ScanMapsInferer",
    "ScanPage",
    "ScanWriter",
    "attention_geometry",
    "attention_grid",
    "cached_organs",
    "cached_regions",
    "chest_ct_data",
    "default_mask_loss",
    "evaluation_grid",
    "organ_iou_handler",
    "organ_iou_handlers",
    "organ_iou_metrics",
    "other_model",
    "patients_of_training_scans",
    "regions_of_training",
    "rotation_probability",
    "scan_loss",
    "scan_transforms",
    "scans_of_cohort",
    "training_command",
    "unknown_scan",
]
