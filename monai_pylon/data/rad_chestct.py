"""Data list of chest CTs with the labels of RAD-ChestCT: the public release, or a folder of the user."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.label_tables import ScanLabels, read_scan_labels, table_header
from monai_pylon.data.missing_files import MISSING, finish_datalist
from monai_pylon.data.patient_sections import SECTIONS, patient_sections
from monai_pylon.data.volume_reader import VOLUME_SUFFIXES, volume_name
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import check_choice, check_type
from monai_pylon.utils.files import path_below
from monai_pylon.utils.tables import open_table

__all__ = ["ORGANS_ENDING", "rad_chestct_datalist"]

_LOGGER = logging.getLogger(__name__)

_SECTIONS = (*SECTIONS, "all")
_TABLES = {"training": "imgtrain", "validation": "imgvalid", "test": "imgtest"}
_ID, _PATIENT = "NoteAcc_DEID", "MRN_DEID"
#: Suffix of the names of organ masks beside a scan, as written by the bundle chest_ct_partition.
ORGANS_ENDING = "_organs"


class _Scans:
    """Index of all scans in and below a folder, by path without ending, or by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name: dict[str, list[str]] = {}
        for path, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            volumes = sorted(name for name in names if name.lower().endswith(VOLUME_SUFFIXES))
            for name in volumes:
                self.by_name.setdefault(volume_name(name), []).append(os.path.join(path, name))
            if names and not volumes and is_dicom_file(Path(path, min(names))):
                self.by_name.setdefault(Path(path).name, []).append(path)

    def find(self, named: str, table: str) -> str | None:
        """Return the path of a scan named in a table, or None if there is none; refuse one outside of the folder."""
        exact = path_below(self.folder, named, table)
        if exact.exists():
            return str(exact)
        found = self.by_name.get(volume_name(named), [])
        parent = Path(named).parent
        if parent != Path("."):
            found = [path for path in found if Path(path).parent == self.folder / parent]
        if len(found) > 1:
            raise ValueError(f"{named!r} is the name of several scans: {', '.join(found[:3])}. Name the folder too.")
        return found[0] if found else None


def _organs_beside(path: str) -> str | None:
    """Return the path of the organ masks beside a scan, or None if there are none."""
    beside = str(Path(path).parent / (volume_name(path) + ORGANS_ENDING))
    return next((beside + suffix for suffix in VOLUME_SUFFIXES if os.path.isfile(beside + suffix)), None)


def _name(scan: str) -> str:
    """Return a name for files: the path of a scan without its ending, joined by two underscores."""
    return "__".join((*Path(scan).parent.parts, volume_name(scan)))


def _release_table(folder: Path, prefix: str) -> Path | None:
    """Return the table of a section in a folder or one below it, with locations if there are both forms."""
    tables = [*sorted(folder.glob(f"{prefix}*.csv")), *sorted(folder.glob(f"*/{prefix}*.csv"))]
    return next((file for file in tables if any("*" in name for name in table_header(file))), next(iter(tables), None))


def _patients(folder: Path) -> dict[str, str]:
    """Read the patient of each scan of the release from its table of metadata; empty if there is none."""
    tables = [*sorted(folder.glob("CT_Scan_Metadata*.csv")), *sorted(folder.glob("*/CT_Scan_Metadata*.csv"))]
    if not tables:
        _LOGGER.warning("%s has no CT_Scan_Metadata*.csv. Each scan becomes a patient.", folder)
        return {}
    return {row[_ID]: row[_PATIENT] for _, row in open_table(tables[0], required=(_ID, _PATIENT))[1]}


def _release(
    folder: Path, section: str, labels: Sequence[str], missing_side: str
) -> list[tuple[ScanLabels, list[str]]]:
    """Read the tables of the requested sections, each with the patients of its scans."""
    patients = _patients(folder)
    parts = []
    for prefix in _TABLES.values() if section == "all" else [_TABLES[section]]:
        file = _release_table(folder, prefix)
        if file is None:
            raise FileNotFoundError(
                f"{folder / prefix}_Abnormality_and_Location_Labels.csv must exist. Download it with RAD-ChestCT."
            )
        table = read_scan_labels(file, labels, (_ID,), release=True, missing_side=missing_side)
        names = [volume_name(fact[_ID]) for fact in table.facts]
        parts.append((table, [patients.get(name, name) for name in names]))
    return parts


def _own(folder: Path, section: str, labels: Sequence[str]) -> list[tuple[ScanLabels, list[str]]]:
    """Read the rows of a section in a folder's `labels.csv`, with their patients."""
    file = folder / "labels.csv"
    table = read_scan_labels(file, labels)
    patients = [fact.get("patient") or _name(fact["scan"]) for fact in table.facts]
    rows = np.arange(len(patients))
    if section != "all":
        given = [fact["section"] for fact in table.facts] if "section" in table.facts[0] else None
        sections = patient_sections(patients, given, str(file))
        rows = np.array([row for row in rows if sections[row] == section], dtype=int)
        if len(rows) == 0:
            raise ValueError(f"{file} has no scan for {section}. Its {len(sections)} scans are in other sections.")
    facts = [table.facts[row] for row in rows]
    locations = None if table.locations is None else table.locations[rows]
    return [(ScanLabels(facts, table.label[rows], locations), [patients[row] for row in rows])]


def rad_chestct_datalist(
    root: str | PathLike[str],
    section: str,
    labels: Sequence[str] = CHEST_CT_LABELS,
    missing_side: str = "drop",
    missing: str = "error",
) -> list[dict[str, Any]]:
    """List chest CTs with their labels, for MONAI's datasets.

    `root` contains either the public release of RAD-ChestCT (zenodo.org/records/6406114) or scans of the user.

    The release, with its tables in `root` or a folder below it and its volumes anywhere below:

    - `imgtrain_Abnormality_and_Location_Labels.csv`, `imgvalid_...`, `imgtest_...`: a column `NoteAcc_DEID` and one for
      each abnormality at each location, `nodule*right_upper`. If there is none, tables of the authors' wide form are
      read: any `imgtrain*.csv` with a column for each abnormality (`cardiomegaly`) or for each in an organ
      (`right_lung_nodule`);
    - volumes `<NoteAcc_DEID>.npz`, read by :func:`read_volume`, or converted to NIfTI;
    - `CT_Scan_Metadata_Complete_35747.csv`, for the patients (`MRN_DEID`); without it each scan is a patient.

    These names and locations were taken from the release's description, the authors' published program and public
    programs that read it; the files themselves were not available.

    A folder of the user:

    - `labels.csv`: a column `scan` (a path below the folder, with or without ending); optionally `patient` and
      `section` (training, validation, test; without it 70, 10 and 20 % of the patients, always the same ones); and one
      column for each label (`lung nodule`), or one for each label in each organ (`lung nodule*right lung`,
      `...*mediastinum`, `...*left lung`); 1, 0, or empty for unknown;
    - the scans: NIfTI, NRRD, MHA or NPZ files or folders with a DICOM series;
    - optionally, organ masks `<scan>_organs.nii.gz` beside a scan (as written by the bundle `chest_ct_partition`).

    Args:
        root: The folder.
        section: "training", "validation", "test" or "all".
        labels: Names of the M labels; for the release, among the 80 of Table 5.
        missing_side: Treatment of lung abnormalities without a side in the release: "drop" makes them absent, as the
            paper's authors do; "both" puts them in both lungs.
        missing: Treatment of scans of the table without a file: "error", or "skip".

    Returns:
        One dictionary for each scan, in the order of the tables: image, its path; label (M,) float32, NaN if unknown;
        locations (M, 3) bool [right lung, mediastinum, left lung], if the table has locations; patient_id; name; and
        organs, the path of its masks, if there are any.

    Raises:
        FileNotFoundError: If a table or a scan is missing.
        ValueError: If the section is unknown, a table malformed, a patient in several sections, or a scan outside of
            `root`; the error names file and line, or the scan.

    Example:
        >>> rad_chestct_datalist("RAD-ChestCT", "train")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'test', 'all', but is 'train'. Did you mean ...
    """
    check_choice(section, _SECTIONS, "section")
    check_choice(missing, MISSING, "missing")
    check_type(root, (str, PathLike), "root")
    folder = Path(root).expanduser()
    own = (folder / "labels.csv").is_file()
    if not own and _release_table(folder, "imgt") is None:
        raise FileNotFoundError(
            f"{folder} must hold labels.csv, or RAD-ChestCT's imgtrain_Abnormality_and_Location_Labels.csv, ..."
        )
    parts = _own(folder, section, labels) if own else _release(folder, section, labels, missing_side)
    scans, items, lost = _Scans(folder), [], []
    for table, patients in parts:
        for row, (fact, patient) in enumerate(zip(table.facts, patients, strict=True)):
            named = fact["scan"] if own else fact[_ID]
            path = scans.find(named, str(folder / "labels.csv") if own else f"The table of {folder} for {section}")
            if path is None:
                lost.append(named)
                continue
            item = {"image": path, "label": table.label[row], "patient_id": patient, "name": _name(named)}
            if table.locations is not None:
                item["locations"] = table.locations[row]
            organs = _organs_beside(path)
            items.append(item if organs is None else {**item, "organs": organs})
    return finish_datalist(items, lost, folder, section, "a CT or a folder with a DICOM series", missing, "scans")
