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
from monai_pylon.workflows.cohort.notice import checkpoint_notice
from monai_pylon.workflows.cohort.page_writer import PageWriter
from monai_pylon.workflows.cohort.report_cohort import ReportCohort
from monai_pylon.workflows.cohort.runner import CohortRunner

__all__ = [
    "CohortRunner",
    "DicomWriter",
    "FindingsWriter",
    "PageWriter",
    "ReportCohort",
    "checkpoint_notice",
    "list_radiographs",
    "list_scans",
    "scans_and_reports",
]
