"""What a bundle's JSON cannot say: long jobs over many scans, their outputs, and checked overrides."""

from monai_pylon.workflows.errors import cause_of, end_with_the_cause
from monai_pylon.workflows.memory import peak_memory_mb, restart_peak_memory
from monai_pylon.workflows.organ_writer import OrganWriter
from monai_pylon.workflows.overrides import check_overrides, unknown_keys
from monai_pylon.workflows.runner import CohortRunner, CohortSummary
from monai_pylon.workflows.scans import list_scans

__all__ = [
    "CohortRunner",
    "CohortSummary",
    "OrganWriter",
    "cause_of",
    "check_overrides",
    "end_with_the_cause",
    "list_scans",
    "peak_memory_mb",
    "restart_peak_memory",
    "unknown_keys",
]
