"""Chest CT scans with the labels of RAD-ChestCT as a MONAI data list: the public release, or a folder of one's own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.chest_xray14 import validation_patients
from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.label_tables import ScanLabels, read_scan_labels, table_header
from monai_pylon.data.volume_reader import VOLUME_SUFFIXES, volume_name
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.tables import open_table

__all__ = ["ORGANS_ENDING", "rad_chestct_datalist"]

_LOGGER = logging.getLogger(__name__)
_SECTIONS = ("training", "validation", "test", "all")
_TABLES = {"training": "imgtrain", "validation": "imgvalid", "test": "imgtest"}
_ALIASES = {"train": "training", "valid": "validation", "val": "validation"}
_ID, _PATIENT = "NoteAcc_DEID", "MRN_DEID"
#: Shares of the patients where a folder's table has no column `section`; training has the rest.
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1

#: What the organ masks beside a scan are called after the scan's name; the bundle chest_ct_partition writes them so.
ORGANS_ENDING = "_organs"


class _Scans:
    """All scans in and below a folder, found by their path without ending, or by their name alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name: dict[str, list[str]] = {}
        for place, folders, names in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            volumes = sorted(name for name in names if name.lower().endswith(VOLUME_SUFFIXES))
            for name in volumes:
                self.by_name.setdefault(volume_name(name), []).append(os.path.join(place, name))
            if names and not volumes and is_dicom_file(Path(place, min(names))):
                self.by_name.setdefault(Path(place).name, []).append(place)

    def find(self, named: str) -> str | None:
        """Where a scan lies that a table names; None where there is none."""
        exact = self.folder / named
        if exact.exists():
            return str(exact)
        found = self.by_name.get(volume_name(named), [])
        above = Path(named).parent
        if above != Path("."):
            found = [path for path in found if Path(path).parent == self.folder / above]
        remedy = f"These have that name: {', '.join(found[:3])}. Name its folder too."
        check(len(found) <= 1, "scan", "the name of one scan", named, remedy)
        return found[0] if found else None


def _organs_beside(path: str) -> str | None:
    """The file with a scan's organ masks, beside it, where there is one."""
    beside = str(Path(path).parent / (volume_name(path) + ORGANS_ENDING))
    return next((beside + suffix for suffix in VOLUME_SUFFIXES if os.path.isfile(beside + suffix)), None)


def _name(scan: str) -> str:
    """A name for files: a scan's path without its ending, joined by two underscores."""
    return "__".join((*Path(scan).parent.parts, volume_name(scan)))


def _release_table(folder: Path, prefix: str) -> Path | None:
    """A section's table in the folder or one below it: the one with places where there are both forms."""
    tables = [*sorted(folder.glob(f"{prefix}*.csv")), *sorted(folder.glob(f"*/{prefix}*.csv"))]
    return next((file for file in tables if any("*" in name for name in table_header(file))), next(iter(tables), None))


def _patients(folder: Path) -> dict[str, str]:
    """The patient of each scan of the release, from its table of metadata; empty where there is none."""
    tables = [*sorted(folder.glob("CT_Scan_Metadata*.csv")), *sorted(folder.glob("*/CT_Scan_Metadata*.csv"))]
    if not tables:
        _LOGGER.warning("%s has no CT_Scan_Metadata*.csv: each scan counts as a patient of its own.", folder)
        return {}
    return {row[_ID]: row[_PATIENT] for _, row in open_table(tables[0], required=(_ID, _PATIENT))[1]}


def _release(
    folder: Path, section: str, labels: Sequence[str], missing_side: str
) -> list[tuple[ScanLabels, list[str]]]:
    """The tables of the sections asked for, each with its scans' patients."""
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


def _sections(file: Path, facts: Sequence[dict[str, str]], patients: Sequence[str]) -> list[str]:
    """The section of each row: what the table says, else a share of the patients, always the same ones."""
    if "section" in facts[0]:
        told = [_ALIASES.get(fact["section"].lower(), fact["section"].lower()) for fact in facts]
        for number, section in enumerate(told):
            check_choice(section, _SECTIONS[:3], f"{file}, row {number + 1}: section")
        homes: dict[str, str] = {}
        for patient, section in zip(patients, told, strict=True):
            remedy = f"Patient {patient} is in {homes.get(patient)} and {section}."
            check(homes.setdefault(patient, section) == section, str(file), "disjoint by patient", "not", remedy)
        return told
    test = _aside(patients, _TEST_SHARE)
    rest = [patient for patient in patients if patient not in test]
    validation = _aside(rest, _VALIDATION_SHARE / (1 - _TEST_SHARE))
    return ["test" if p in test else "validation" if p in validation else "training" for p in patients]


def _aside(patients: Iterable[str], share: float) -> set[str]:
    return validation_patients(patients, share)  # type: ignore[arg-type,return-value]


def _own(folder: Path, section: str, labels: Sequence[str]) -> list[tuple[ScanLabels, list[str]]]:
    """The rows of a folder's `labels.csv` in a section, with their patients."""
    file = folder / "labels.csv"
    table = read_scan_labels(file, labels)
    patients = [fact.get("patient") or _name(fact["scan"]) for fact in table.facts]
    rows = np.arange(len(patients))
    if section != "all":
        told = _sections(file, table.facts, patients)
        rows = np.array([row for row in rows if told[row] == section], dtype=int)
        check(len(rows) > 0, str(file), f"a table with a scan for {section}", f"one with {len(told)} for others")
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
    """Chest CT scans with their labels, for MONAI's data sets.

    `root` holds either the public release of RAD-ChestCT (zenodo.org/records/6406114) or scans of one's own.

    The release, with its tables in `root` or a folder below it and its volumes anywhere below:

    - `imgtrain_Abnormality_and_Location_Labels.csv`, `imgvalid_...`, `imgtest_...`: a column `NoteAcc_DEID` and one for
      each abnormality at each place, `nodule*right_upper`. Taken too, where there is none of these: tables of the
      authors' wide form, any `imgtrain*.csv` with a column for each abnormality (`cardiomegaly`) or for each in an
      organ (`right_lung_nodule`);
    - volumes `<NoteAcc_DEID>.npz`, read by :class:`NpzVolumeReader` (converted to NIfTI they are taken as well);
    - `CT_Scan_Metadata_Complete_35747.csv`, for the patients (`MRN_DEID`); without it each scan is a patient.

    These names and the places were taken from the release's description, the authors' published program and public
    programs that read it; the files themselves were not at hand.

    A folder of one's own:

    - `labels.csv`: a column `scan` (a path below the folder, its ending may be left out); perhaps `patient` and
      `section` (training, validation, test; without it, 70, 10 and 20 % of the patients, always the same ones); and one
      column for each label (`lung nodule`), or one for each label in each organ (`lung nodule*right lung`,
      `...*mediastinum`, `...*left lung`); 1, 0, or empty for unknown;
    - the scans: NIfTI, NRRD, MHA or NPZ files or folders with a DICOM series;
    - organ masks `<scan>_organs.nii.gz` beside a scan, where there are any (the bundle `chest_ct_partition` writes
      them).

    Args:
        root: the folder.
        section: "training", "validation", "test" or "all".
        labels: the names of the M labels, of the release among the 80 of Table 5.
        missing_side: what becomes of lung abnormalities whose place has no side, in the release: "drop" takes them for
            absent, as the paper's authors do, "both" puts them in both lungs.
        missing: "error", or "skip" to leave out scans of the table that are not there, as of a part of the release.

    Returns:
        one dictionary a scan, in the tables' order: image, its path; label (M,) float32, NaN where unknown; locations
        (M, 3) bool [right lung, mediastinum, left lung], where the table names places; patient_id; name; and organs,
        the path of its masks, where there are any.

    Raises:
        FileNotFoundError: where a table or a scan is missing.
        ValueError: for another section, a malformed table, a patient in several sections; it names file and line.

    Example:
        >>> rad_chestct_datalist("RAD-ChestCT", "train")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'test', 'all', but is 'train'. Did you mean ...
    """
    check_choice(section, _SECTIONS, "section")
    check_choice(missing, ("error", "skip"), "missing")
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
            path = scans.find(named)
            if path is None:
                lost.append(named)
                continue
            item = {"image": path, "label": table.label[row], "patient_id": patient, "name": _name(named)}
            if table.locations is not None:
                item["locations"] = table.locations[row]
            organs = _organs_beside(path)
            items.append(item if organs is None else {**item, "organs": organs})
    _tell_lost(folder, lost, missing)
    check(bool(items), str(folder), f"a folder with scans for {section}", "one without")
    return items


def _tell_lost(folder: Path, lost: Sequence[str], missing: str) -> None:
    if not lost:
        return
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    if missing == "error":
        raise FileNotFoundError(
            f"{lost[0]}{more} must lie in or below {folder}, as the table says. missing='skip' leaves such scans out."
        )
    _LOGGER.warning("%s%s of the table are not in or below %s: left out.", lost[0], more, folder)
