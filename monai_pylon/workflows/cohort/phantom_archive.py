"""Small archive of synthetic scans and reports, to try a cohort without data."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import nibabel

from monai_pylon.data.phantoms.datasets import PhantomChestCTs
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import write_rows

__all__ = ["write_phantom_archive"]


def _section(number: int) -> str:
    """Return the section of a patient: of six patients four are for training."""
    return {4: "validation", 5: "test"}.get(number % 6, "training")


def _exists_with_shape(file: Path, shape: tuple[int, ...]) -> bool:
    return file.is_file() and nibabel.nifti1.Nifti1Image.from_filename(file).shape == shape


def write_phantom_archive(
    folder: str | PathLike[str], patients: int = 12, spacing: Sequence[float] = (3.0, 3.0, 3.0)
) -> tuple[Path, Path]:
    """Write a phantom chest CT and a free-text report for each patient.

    Args:
        folder: Folder for the archive; existing scans of the same shape are kept.
        patients: Number of patients.
        spacing: Voxel spacing (x, y, z) in mm.

    Returns:
        The folder with the scans `phantom_0.nii.gz`, `phantom_1.nii.gz` and so on, and the table of reports with the
        columns id, patient, section (four of six patients are for training) and report.

    Raises:
        ValueError: If the number of patients is not positive, or the spacing is invalid or too coarse.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scans, reports = write_phantom_archive(folder, patients=2, spacing=(9, 9, 12))
        ...     sorted(file.name for file in scans.iterdir()), reports.name
        (['phantom_0.nii.gz', 'phantom_1.nii.gz'], 'reports.csv')
    """
    phantoms = PhantomChestCTs(patients, spacing)
    archive = Path(folder).expanduser()
    scans, table = archive / "scans", archive / "reports.csv"
    rows = []
    for number in range(len(phantoms)):
        phantom, name = phantoms.phantom(number), f"phantom_{number}"
        if not _exists_with_shape(scans / f"{name}.nii.gz", phantom.image.shape):
            save_volume_nifti(scans / f"{name}.nii.gz", phantom.image, phantom.affine)
        rows.append({"id": name, "patient": name, "section": _section(number), "report": phantom.report})
    write_rows(table, rows)
    return scans, table
