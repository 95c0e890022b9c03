"""A small archive of scans and reports of patients who do not exist, to try everything without data."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import nibabel

from monai_pylon.data import PhantomChestCTs
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import write_rows

__all__ = ["write_phantom_archive"]


def _section(number: int) -> str:
    """Of six patients four train."""
    return {4: "validation", 5: "test"}.get(number % 6, "training")


def _is_there(file: Path, shape: tuple[int, ...]) -> bool:
    return file.is_file() and nibabel.nifti1.Nifti1Image.from_filename(file).shape == shape


def write_phantom_archive(
    folder: str | PathLike[str], patients: int = 12, spacing: Sequence[float] = (3.0, 3.0, 3.0)
) -> tuple[Path, Path]:
    """Write chest CTs and reports as an archive would give them: a scan and a free-text report for each patient.

    Args:
        folder: where to; scans that are there already are left as they are.
        patients: how many.
        spacing: of the voxels (x, y, z), in mm.

    Returns:
        the folder with the scans, `phantom_0.nii.gz` and so on; and the table of reports, with the columns id, patient,
        section (four of six patients train) and report.

    Raises:
        ValueError: for no patient at all, or a spacing that makes no chest.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scans, reports = write_phantom_archive(folder, patients=2, spacing=(9, 9, 12))
        ...     sorted(file.name for file in scans.iterdir()), reports.name
        (['phantom_0.nii.gz', 'phantom_1.nii.gz'], 'reports.csv')
    """
    drawn = PhantomChestCTs(patients, spacing)
    place = Path(folder).expanduser()
    scans, table = place / "scans", place / "reports.csv"
    rows = []
    for number in range(len(drawn)):
        phantom, name = drawn.phantom(number), f"phantom_{number}"
        if not _is_there(scans / f"{name}.nii.gz", phantom.image.shape):
            save_volume_nifti(scans / f"{name}.nii.gz", phantom.image, phantom.affine)
        rows.append({"id": name, "patient": name, "section": _section(number), "report": phantom.report})
    write_rows(table, rows)
    return scans, table
