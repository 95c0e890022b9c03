"""Components shared by all bundles: networks by name, override checks, evaluation reports, error reporting."""

from monai_pylon.workflows.bundle.errors import install_excepthook, root_cause
from monai_pylon.workflows.bundle.evaluation import (
    EvaluationReport,
    auroc_intervals,
    localization_intervals,
    report_rows,
)
from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names
from monai_pylon.workflows.bundle.networks import (
    explained_layer,
    make_network,
    network_table,
)
from monai_pylon.workflows.bundle.outputs import logits_and_labels
from monai_pylon.workflows.bundle.overrides import check_overrides, running_workflow, unknown_keys

__all__ = [
    "EvaluationReport",
    "auroc_intervals",
    "bundle_folder",
    "bundle_names",
    "check_overrides",
    "explained_layer",
    "install_excepthook",
    "localization_intervals",
    "logits_and_labels",
    "make_network",
    "network_table",
    "report_rows",
    "root_cause",
    "running_workflow",
    "unknown_keys",
]
