"""What a bundle's JSON cannot say: long jobs over many scans, training, evaluation, and checked overrides."""

from monai_pylon.workflows.checkpoints import TrainingCheckpoints, file_mark, load_checkpoint, read_checkpoint
from monai_pylon.workflows.errors import cause_of, end_with_the_cause
from monai_pylon.workflows.evaluation import EvaluationReport, auroc_intervals, localization_intervals, report_rows
from monai_pylon.workflows.film_data import radiograph_data, read_folds, section_of_folds
from monai_pylon.workflows.film_report import FilmEvaluationReport
from monai_pylon.workflows.film_writer import ExplainItem, FilmWriter
from monai_pylon.workflows.kept_results import KeepOnDiskd, content_mark
from monai_pylon.workflows.memory import peak_memory_mb, restart_peak_memory
from monai_pylon.workflows.networks import bundle_folder, explained_layer, make_network, network_table
from monai_pylon.workflows.organ_thresholds import OrganThresholds
from monai_pylon.workflows.organ_writer import OrganWriter
from monai_pylon.workflows.overrides import check_overrides, running_workflow, unknown_keys
from monai_pylon.workflows.phantom_archive import write_phantom_archive
from monai_pylon.workflows.region_recipe import RegionsInCache, RegionWriter, regions_of_training, training_command
from monai_pylon.workflows.report_cohort import ReportCohort, ReportCohortSummary
from monai_pylon.workflows.report_labels import (
    LabeledReports,
    label_matched_reports,
    labels_of_table,
    reports_of_table,
)
from monai_pylon.workflows.report_matching import ReportMatches, known_sections, match_reports, scan_key
from monai_pylon.workflows.report_summary import CohortFacts, label_counts, mask_verdicts, save_cohort_page
from monai_pylon.workflows.runner import CohortRunner, CohortSummary
from monai_pylon.workflows.scan_batches import known_samples, prepare_scans
from monai_pylon.workflows.scan_data import ForgivingDataset, OrgansOfScand, attention_grid, chest_ct_data
from monai_pylon.workflows.scan_explainer import (
    ExplainScan,
    ScanMaps,
    ScanMapsInferer,
    maps_and_regions,
    maps_on_axes,
)
from monai_pylon.workflows.scan_keeper import KeepScan, scans_of_cohort
from monai_pylon.workflows.scan_writer import ScanWriter, map_on_scan, slice_heights
from monai_pylon.workflows.scans import list_films, list_scans
from monai_pylon.workflows.training import (
    EpochHistory,
    FiniteLoss,
    SameBuffers,
    StopAtLearningRate,
    StopWithoutProgress,
    logits_and_labels,
    maps_and_boxes,
    prepare_radiographs,
)

__all__ = [
    "CohortFacts",
    "CohortRunner",
    "CohortSummary",
    "EpochHistory",
    "EvaluationReport",
    "ExplainItem",
    "ExplainScan",
    "FilmEvaluationReport",
    "FilmWriter",
    "FiniteLoss",
    "ForgivingDataset",
    "KeepOnDiskd",
    "KeepScan",
    "LabeledReports",
    "OrganThresholds",
    "OrganWriter",
    "OrgansOfScand",
    "RegionWriter",
    "RegionsInCache",
    "ReportCohort",
    "ReportCohortSummary",
    "ReportMatches",
    "SameBuffers",
    "ScanMaps",
    "ScanMapsInferer",
    "ScanWriter",
    "StopAtLearningRate",
    "StopWithoutProgress",
    "TrainingCheckpoints",
    "attention_grid",
    "auroc_intervals",
    "bundle_folder",
    "cause_of",
    "check_overrides",
    "chest_ct_data",
    "content_mark",
    "end_with_the_cause",
    "explained_layer",
    "file_mark",
    "known_samples",
    "known_sections",
    "label_counts",
    "label_matched_reports",
    "labels_of_table",
    "list_films",
    "list_scans",
    "load_checkpoint",
    "localization_intervals",
    "logits_and_labels",
    "make_network",
    "map_on_scan",
    "maps_and_boxes",
    "maps_and_regions",
    "maps_on_axes",
    "mask_verdicts",
    "match_reports",
    "network_table",
    "peak_memory_mb",
    "prepare_radiographs",
    "prepare_scans",
    "radiograph_data",
    "read_checkpoint",
    "read_folds",
    "regions_of_training",
    "report_rows",
    "reports_of_table",
    "restart_peak_memory",
    "running_workflow",
    "save_cohort_page",
    "scan_key",
    "scans_of_cohort",
    "section_of_folds",
    "slice_heights",
    "training_command",
    "unknown_keys",
    "write_phantom_archive",
]
