"""The scans and reports of a run: those of an archive, or of phantoms."""

from __future__ import annotations

from os import PathLike
from typing import Any

from monai_pylon.workflows.cohort.phantom_archive import write_phantom_archive

__all__ = ["scans_and_reports"]


def scans_and_reports(
    scans: str | PathLike[str] | None,
    reports: str | PathLike[str] | None,
    phantom_folder: str | PathLike[str],
    phantoms: int = 12,
) -> tuple[Any, Any]:
    """Return the scans and reports of a run.

    Args:
        scans: Scans, see :func:`~monai_pylon.workflows.cohort.list_scans`; "phantom" writes phantoms with reports.
        reports: Reports, see :func:`~monai_pylon.labeler.report_files.read_reports`.
        phantom_folder: Folder for the phantoms.
        phantoms: Number of phantoms.

    Returns:
        The scans and the reports, or the folder and the table of the phantoms.

    Example:
        >>> scans_and_reports("scans", "reports.csv", "phantoms")
        ('scans', 'reports.csv')
    """
    return write_phantom_archive(phantom_folder, phantoms) if scans == "phantom" else (scans, reports)
