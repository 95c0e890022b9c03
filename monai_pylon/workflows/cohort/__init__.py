"""Long jobs over many scans.

- :mod:`~monai_pylon.workflows.cohort.inputs` lists the scans or radiographs of an input.
- :mod:`~monai_pylon.workflows.cohort.runner` processes them, by ``scan_job``, one after another or on the workers of
  ``cluster``; ``resume`` has the rule that decides which scans an earlier run finished, ``memory`` measures memory.
- ``ledger`` keeps their states and rows in a ``database``, for several jobs (``claimants``); ``table`` is its export.
- ``report_cohort`` turns scans and reports into masks, labels and allowed regions for a training: ``report_matching``
  assigns reports to scans, ``report_labels`` labels them, ``summary_page`` writes a page about the result.
- ``phantom_archive`` writes synthetic scans and reports to try this without data.
"""

from monai_pylon.workflows.cohort.archive import scans_and_reports
from monai_pylon.workflows.cohort.dicom_writer import DicomWriter
from monai_pylon.workflows.cohort.findings_json import FindingsWriter
from monai_pylon.workflows.cohort.inputs import list_radiographs, list_scans
from monai_pylon.workflows.cohort.memory import peak_memory_mb
from monai_pylon.workflows.cohort.notice import checkpoint_notice
from monai_pylon.workflows.cohort.page_writer import PageWriter
from monai_pylon.workflows.cohort.phantom_archive import write_phantom_archive
from monai_pylon.workflows.cohort.report_cohort import ReportCohort
from monai_pylon.workflows.cohort.report_labels import label_matched_reports
from monai_pylon.workflows.cohort.report_matching import match_reports
from monai_pylon.workflows.cohort.runner import CohortRunner, CohortSummary
from monai_pylon.workflows.cohort.summary_page import save_cohort_page

__all__ = [
    "CohortRunner",
    "CohortSummary",
    "DicomWriter",
    "FindingsWriter",
    "PageWriter",
    "ReportCohort",
    "checkpoint_notice",
    "label_matched_reports",
    "list_radiographs",
    "list_scans",
    "match_reports",
    "peak_memory_mb",
    "save_cohort_page",
    "scans_and_reports",
    "write_phantom_archive",
]
