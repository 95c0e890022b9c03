"""Labels and locations from free-text radiology reports (SARLE with locations), for PARTITION's allowed regions.

The vocabulary and the rules are the CSV files in ``rules/``. Nothing is learned, and no data leaves the computer.
"""

from monai_pylon.labeler.cohort import label_reports
from monai_pylon.labeler.findings import Finding
from monai_pylon.labeler.label_table import read_label_table, write_label_table
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.other_labelers.classes import chexbert_labels, ct_rate_labels
from monai_pylon.labeler.other_labelers.language_model import language_model_labels
from monai_pylon.labeler.other_labelers.radgraph import radgraph_labels
from monai_pylon.labeler.routing import label_with_model
from monai_pylon.labeler.states import training_labels, write_states

__all__ = [
    "Finding",
    "ReportLabeler",
    "chexbert_labels",
    "ct_rate_labels",
    "label_reports",
    "label_with_model",
    "language_model_labels",
    "radgraph_labels",
    "read_label_table",
    "training_labels",
    "write_label_table",
    "write_states",
]
