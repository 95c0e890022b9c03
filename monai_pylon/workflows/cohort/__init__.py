"""Long jobs over many scans.

- :mod:`~monai_pylon.workflows.cohort.inputs` lists the scans or radiographs of an input.
- :mod:`~monai_pylon.workflows.cohort.runner` processes them one after another; ``resume`` has the rule that decides
  which scans an earlier run finished, ``memory`` measures peak memory.
- ``report_cohort`` turns scans and reports into masks, labels and allowed regions for a training: ``report_matching``
  assigns reports to scans, ``report_labels`` labels them, ``summary_page`` writes a page about the result.
- ``phantom_archive`` writes synthetic scans and reports to try this without data.
"""

from monai_pylon.workflows.cohort.archive import scans_and_reports
from monai_pylon.workflows.cohort.inputs import list_radiographs, list_scans
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from monai_pylon.workflows.cohort.phantom_archive import write_phantom_archive
from monai_pylon.workflows.cohort.report_cohort import ReportCohort, ReportCohortSummary
from monai_pylon.workflows.cohort.report_labels import (
    LabeledReports,
    label_matched_reports,
    labels_of_table,
    reports_of_table,
)
from monai_pylon.workflows.cohort.report_matching import (
    ReportMatches,
    known_sections,
    match_reports,
    scan_key,
)
from monai_pylon.workflows.cohort.runner import CohortRunner, CohortSummary
from monai_pylon.workflows.cohort.summary_page import (
    CohortFacts,
    label_counts,
    mask_verdicts,
    save_cohort_page,
)

__all__ = [
    "CohortFacts",
    "CohortRunner",
    "CohortSummary",
    "LabeledReports",
    "ReportCohort",
    "ReportCohortSummary",
    "ReportMatches",
    "known_sections",
    "label_counts",
    "label_matched_reports",
    "labels_of_table",
    "list_radiographs",
    "list_scans",
    "mask_verdicts",
    "match_reports",
    "peak_memory_mb",
    "reports_of_table",
    "restart_peak_memory",
    "save_cohort_page",
    "scan_key",
    "scans_and_reports",
    "write_phantom_archive",
]
