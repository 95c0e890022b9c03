"""Data list of radiographs with labels of any name: a folder or table of the user, or CheXpert."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.data.labeled_radiographs.boxes import RadiographBox, box_array, read_radiograph_boxes
from monai_pylon.data.labeled_radiographs.images import NamedImages, name_parts, readable_size, result_name
from monai_pylon.data.labeled_radiographs.tables import RadiographLabels, read_label_rows
from monai_pylon.data.missing_files import MISSING, report_missing_files
from monai_pylon.data.patient_sections import SECTIONS, patient_sections, validation_patients
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["has_own_labels", "own_label_names", "radiograph_datalist"]

_LOGGER = logging.getLogger(__name__)
_PATIENT = re.compile(r"(?:^|[/\\])(patient\d+)[/\\]")
_POLICIES = {"ignore": np.nan, "zeros": 0.0, "ones": 1.0}
#: Share of the patients of CheXpert's train.csv that validate if there is no test table.
_VALIDATION_SHARE = 0.1


class _Layout(NamedTuple):
    """Tables of a dataset."""

    #: Folder below which the images lie.
    folder: Path
    #: Table of each section, or one table under "all".
    tables: dict[str, Path]
    #: Table of boxes, or None.
    boxes: Path | None
    #: Policy for empty cells.
    empty: str


def _layout(root: str | PathLike[str]) -> _Layout | None:
    """Find the tables of a dataset; None if it is none of these layouts."""
    path = Path(root).expanduser()
    table = path if path.is_file() else path / "labels.csv"
    boxes = table.with_name("boxes.csv") if table.with_name("boxes.csv").is_file() else None
    if table.is_file():
        return _Layout(table.parent, {"all": table}, boxes, "ignore")
    if (path / "train.csv").is_file() and (path / "valid.csv").is_file():
        test = next((path / name for name in ("test.csv", "test_labels.csv") if (path / name).is_file()), None)
        tables = {"training": path / "train.csv", "test" if test is None else "validation": path / "valid.csv"}
        return _Layout(path, tables | ({} if test is None else {"test": test}), boxes, "zeros")
    return None


def has_own_labels(root: str | PathLike[str]) -> bool:
    """Return whether a dataset has tables that :func:`radiograph_datalist` reads.

    Args:
        root: A folder, or a table.

    Returns:
        True for a table, and for a folder with `labels.csv`, or with CheXpert's `train.csv` and `valid.csv`.

    Example:
        >>> has_own_labels("phantom")
        False
    """
    return _layout(root) is not None


def own_label_names(root: str | PathLike[str]) -> tuple[str, ...]:
    """Return the labels of a dataset: every column of its (training) table that holds 1, 0 and -1.

    Args:
        root: See :func:`radiograph_datalist`.

    Returns:
        The labels, in the order of the table.

    Raises:
        FileNotFoundError: If there is no such table.

    Example:
        >>> own_label_names("radiographs")
        Traceback (most recent call last):
        ...
        FileNotFoundError: root must be a table, or a folder with labels.csv (or CheXpert's train.csv and valid.csv)...
    """
    layout = _required_layout(root)
    return read_label_rows(next(iter(layout.tables.values()))).labels


def _required_layout(root: str | PathLike[str]) -> _Layout:
    check_type(root, (str, PathLike), "root")
    layout = _layout(root)
    if layout is None:
        raise FileNotFoundError(
            "root must be a table, or a folder with labels.csv (or CheXpert's train.csv and valid.csv), "
            f"but is {str(root)!r}."
        )
    return layout


def _patients(file: Path, facts: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the patient of each row: its column, else CheXpert's folder `patient12345`, else the image itself."""
    if "patient" in facts[0]:
        return [fact["patient"] or f"image {fact['image']}" for fact in facts]
    found = [_PATIENT.search(fact["image"]) for fact in facts]
    if all(found):
        return [match[1] for match in found if match]
    _LOGGER.warning("%s has no column 'patient': each radiograph counts as a patient.", file)
    return [fact["image"] for fact in facts]


def _sections_of_rows(layout: _Layout, part: str, table: RadiographLabels, patients: Sequence[str]) -> list[str]:
    """Return the section of each row of a table."""
    file = layout.tables[part]
    if part == "all":
        given = [fact["section"] for fact in table.facts] if "section" in table.facts[0] else None
        return patient_sections(patients, given, str(file))
    if part == "training" and "validation" not in layout.tables:
        aside = validation_patients(patients, _VALIDATION_SHARE)
        return ["validation" if patient in aside else "training" for patient in patients]
    return [part] * len(patients)


def _parts(layout: _Layout, section: str) -> list[str]:
    """Return the tables that hold rows of a section."""
    if section == "all" or "all" in layout.tables:
        return list(layout.tables)
    return [section if section in layout.tables else "training"]


def _apply_policies(values: np.ndarray, empty: str, uncertain: str) -> np.ndarray:
    """Return labels (N, M) of 1, 0, -1 (uncertain) and NaN (empty) as 1, 0 and NaN (unknown)."""
    filled = np.where(np.isnan(values), _POLICIES[empty], values)
    return np.where(filled == -1, _POLICIES[uncertain], filled).astype(np.float32)


def _check_same_files(file: Path, table: RadiographLabels, images: NamedImages) -> None:
    """Raise if two rows name the same file in different ways: it could be in two sections."""
    rows: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for row, fact in enumerate(table.facts):
        parts = name_parts(fact["image"])
        rows.setdefault(parts[-1], []).append((parts, row))
    for similar in rows.values():
        paths = {parts for parts, _ in similar}
        if len(paths) == len(similar) and len({len(parts) for parts in paths}) == 1:
            continue  # all in different folders, as in CheXpert
        first: dict[Path, int] = {}
        for _, row in similar:
            path = images.find(table.facts[row]["image"])
            earlier = row if path is None else first.setdefault(path.resolve(), row)
            if earlier != row:
                lines = f"lines {table.lines[earlier]} and {table.lines[row]}"
                raise ValueError(f"{file}: {path} is in {lines}. Keep one row for each image.")


def _boxes_of_images(
    layout: _Layout, images: NamedImages, labels: Sequence[str], missing: str
) -> dict[Path, list[RadiographBox]]:
    """Read the boxes of each image."""
    boxes: dict[Path, list[RadiographBox]] = {}
    others = () if layout.boxes is None else read_label_rows(next(iter(layout.tables.values()))).labels
    for box in () if layout.boxes is None else read_radiograph_boxes(layout.boxes, labels, others):
        path = images.find(box.image)
        where = f"{layout.boxes}, line {box.line}: image"
        check(path is not None or missing == "skip", where, f"an image in or below {layout.folder}", box.image)
        if path is not None:
            boxes.setdefault(path, []).append(box)
    return boxes


def radiograph_datalist(
    root: str | PathLike[str],
    section: str,
    labels: Sequence[str] | None = None,
    uncertain: str = "ignore",
    empty: str | None = None,
    frontal_only: bool = True,
    missing: str = "error",
) -> list[dict[str, Any]]:
    """List radiographs with labels of any name, for MONAI's datasets.

    `root` is one of

    - a folder with `labels.csv` and images (PNG, JPEG or DICOM) in or below it, or the path of such a table: one row
      for each image with the columns `image` (a path below the table's folder, with or without ending, or an absolute
      one), optionally `patient`, `section` (training, validation, test; without it 70, 10 and 20 % of the patients,
      always the same ones) and `view`, and one for each label: 1 present, 0 absent, -1 uncertain, empty unknown;
    - CheXpert's folder, with `train.csv`, `valid.csv` and perhaps `test.csv` (or `test_labels.csv`). Without a test
      table, `valid.csv` is the test, and a tenth of the patients of `train.csv` validates.

    Either may have `boxes.csv` beside it: `image`, `label`, `x`, `y`, `width`, `height` in pixels of the image file.

    Args:
        root: The folder or table.
        section: "training", "validation", "test" or "all".
        labels: Names of the M labels; None takes all label columns.
        uncertain: Policy for uncertain labels (-1) in training: "ignore" makes them unknown, "zeros" absent, "ones"
            present. It holds for "all" too; in validation and test they are unknown.
        empty: Policy for empty cells: "ignore" or "zeros". None ignores them, but takes them as absent in CheXpert,
            whose empty cells are findings that the report does not mention.
        frontal_only: Leave out rows whose column `Frontal/Lateral` says that the image is lateral.
        missing: Treatment of images without a file: "error", or "skip".

    Returns:
        One dictionary for each image, in the order of the tables: image, its path; label (M,) float32, NaN if unknown;
        boxes (K, 5) float32 [x1, y1, x2, y2, class]; patient_id, a text; view; name.

    Raises:
        FileNotFoundError: If a table or an image is missing.
        ValueError: If an argument is unknown, a table malformed, a patient in several sections, or a box off its image;
            the error names file and line.

    Example:
        >>> radiograph_datalist("radiographs", "train")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'test', 'all', but is 'train'. Did you mean ...
    """
    check_choice(section, (*SECTIONS, "all"), "section")
    check_choice(uncertain, _POLICIES, "uncertain")
    check_choice(missing, MISSING, "missing")
    layout = _required_layout(root)
    meaning = layout.empty if empty is None else empty
    check_choice(meaning, ("ignore", "zeros"), "empty")
    if labels is not None:
        check_type(labels, (list, tuple), "labels", "Write --labels \"['first', 'second']\".")
    names = own_label_names(root) if labels is None else tuple(labels)
    images = NamedImages(layout.folder)
    boxes = _boxes_of_images(layout, images, names, missing)
    items, lost, total = [], [], 0
    for part in _parts(layout, section):
        table = read_label_rows(layout.tables[part], names)
        _check_same_files(layout.tables[part], table, images)
        patients = _patients(layout.tables[part], table.facts)
        sections = ["all"] * len(patients) if section == "all" else _sections_of_rows(layout, part, table, patients)
        label = _apply_policies(table.values, meaning, uncertain if section in ("training", "all") else "ignore")
        total += len(patients)
        for row, fact in enumerate(table.facts):
            if sections[row] != section or (frontal_only and fact.get("projection", "").lower() == "lateral"):
                continue
            path = images.find(fact["image"])
            if path is None:
                lost.append(f"{fact['image']} ({layout.tables[part]}, line {table.lines[row]})")
                continue
            own = boxes.get(path, [])
            size = readable_size(path) if own else None
            found = box_array(own if size else [], size or (1, 1), layout.boxes or layout.folder)
            facts = {"patient_id": patients[row], "view": fact.get("view", ""), "name": result_name(fact["image"])}
            items.append({"image": str(path), "label": label[row], "boxes": found, **facts})
    report_missing_files(lost, layout.folder, "PNG, JPEG or DICOM", missing)
    if not items:
        raise ValueError(f"{root} has no radiograph for {section}. Its {total} radiographs are in other sections.")
    return items
