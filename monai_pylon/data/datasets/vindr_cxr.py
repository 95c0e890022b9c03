"""Data list of VinDr-CXR: radiographs with the labels and boxes of several readers."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows, find_table, warn_of_repeated_rows
from monai_pylon.data.labeled_radiographs.boxes import RadiographBox, box_array
from monai_pylon.data.labeled_radiographs.images import NamedImages, readable_size
from monai_pylon.data.missing_files import MISSING, finish_datalist
from monai_pylon.data.patient_sections import SECTIONS, patients_of_section
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["is_vindr_cxr", "vindr_cxr_datalist"]

_LOGGER = logging.getLogger(__name__)
_NAME, _NO_FINDING = "VinDr-CXR", "No finding"
_FOLDERS = (".", "annotations", "1.0.0", "1.0.0/annotations")
_SIDES = ("x_min", "y_min", "x_max", "y_max")
#: Labels of whole images, which have no boxes.
_GLOBAL = ("COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases")
#: Names of classes in one of the tables, and those of the list of labels.
_ALIASES = {"Other disease": "Other diseases", "Interstitial lung disease": "ILD", "Lung opacity": "Lung Opacity"}
#: Share of the training images that validate. The tables name no patients, so each image counts as one.
_VALIDATION_SHARE = 0.1
#: Share of an image's side by which a box may leave it.
_TOLERANCE = 0.01


def is_vindr_cxr(root: str | PathLike[str]) -> bool:
    """Return whether a folder has the tables of VinDr-CXR.

    Args:
        root: The folder.

    Returns:
        Whether it has annotations_train.csv or annotations_test.csv.

    Example:
        >>> is_vindr_cxr("phantom")
        False
    """
    return any(find_table(Path(root), _FOLDERS, f"annotations_{part}.csv") for part in ("train", "test"))


def _read_boxes(file: Path, labels: tuple[str, ...]) -> tuple[dict[str, Counter], dict[str, list[RadiographBox]], int]:
    """Read the table of boxes: readers of each class and boxes of each image, and the number of readers of an image."""
    votes: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    boxes: dict[str, list[RadiographBox]] = defaultdict(list)
    readers: dict[str, set[str]] = defaultdict(set)
    rows = list(dataset_rows(file, ("image_id", "class_name", *_SIDES), _NAME))
    names = [*labels, *_ALIASES]
    for row in rows:
        image, reader = row.text("image_id"), row.cells.get("rad_id", "").strip()
        readers[image].add(reader)
        name = row.choice("class_name", names)
        number = labels.index(_ALIASES.get(name, name))
        votes[image][number].add(reader)
        if name == _NO_FINDING or not any(row.cells[side].strip() for side in _SIDES):
            row.check(not any(row.cells[side].strip() for side in _SIDES), "x_min", "empty for No finding")
            continue
        x1, y1, x2, y2 = (row.number(side) for side in _SIDES)
        row.check(x2 > x1 and y2 > y1, "x_max", "a corner right of and below x_min, y_min")
        boxes[image].append(RadiographBox(image, number, (x1, y1, x2, y2), row.line))
    warn_of_repeated_rows([row for row in rows if row.cells["x_min"].strip()], _repeated(rows[0]))
    counted = {image: Counter({k: len(who) for k, who in own.items()}) for image, own in votes.items()}
    return counted, boxes, max(map(len, readers.values()))


def _repeated(row: DatasetRow) -> tuple[str, ...]:
    """Return the columns that tell two boxes apart."""
    return ("image_id", *(("rad_id",) if "rad_id" in row.cells else ()), "class_name", *_SIDES)


def _read_global(file: Path | None, labels: tuple[str, ...], votes: dict[str, Counter]) -> None:
    """Add the readers of the labels of whole images, such as tuberculosis, to those of the boxes."""
    if file is None:
        _LOGGER.warning("There is no image_labels_*.csv: labels of whole images, such as Tuberculosis, are unknown.")
        return
    found: dict[str, Counter] = defaultdict(Counter)
    seen: dict[tuple[str, str], int] = {}
    for row in dataset_rows(file, ("image_id", _NO_FINDING), _NAME):
        image, reader = row.text("image_id"), row.cells.get("rad_id", "").strip()
        earlier = seen.setdefault((image, reader), row.line)
        row.check(earlier == row.line, "image_id", f"another image or reader than in line {earlier}", "Delete one row.")
        for column in row.cells:
            name = _ALIASES.get(column, column)
            if name in labels:
                found[image][labels.index(name)] += int(row.binary(column) == 1)
    for image, counted in found.items():
        own = votes.setdefault(image, Counter())
        for number, count in counted.items():
            own[number] = max(own[number], count)


def _label(votes: Counter, count: int, needed: int) -> np.ndarray:
    """Return the labels of an image: 1 if enough readers agree, NaN if only some marked the class, otherwise 0."""
    given = np.array([votes[number] for number in range(count)])
    return np.where(given >= needed, 1, np.where(given > 0, np.nan, 0)).astype(np.float32)


def vindr_cxr_datalist(
    root: str | PathLike[str], section: str, least_readers: int = 2, missing: str = "error"
) -> list[dict[str, Any]]:
    """List the radiographs of VinDr-CXR with the labels and boxes of their readers.

    Reads `annotations_train.csv` and `annotations_test.csv` (image_id, class_name, x_min, y_min, x_max, y_max, and
    rad_id for training), `image_labels_train.csv` and `image_labels_test.csv` if they exist, in `root` or its folder
    `annotations`, and images anywhere below. Boxes are in pixels of the original image.

    Three readers each saw an image of the training part. A class is present if `least_readers` of them marked it,
    unknown if fewer did, absent if none did; boxes of present classes are kept, of all readers. The test part has one
    consensus.

    Args:
        root: The folder.
        section: "training", "validation" (a tenth of the training images), "test" or "all".
        least_readers: Readers that must agree; at most the number of readers of an image.
        missing: Treatment of images without a file: "error", or "skip".

    Returns:
        One dictionary for each image: image, its path; label (28,) float32, NaN if unknown; boxes (K, 5) float32
        [x1, y1, x2, y2, class] in pixels; patient_id (the image: the tables name no patients); view "", and name.

    Raises:
        FileNotFoundError: If a table or an image is missing.
        ValueError: If a class is unknown, a number is none, or a box is off its image; the error names the line.

    Example:
        >>> vindr_cxr_datalist("VinDr-CXR", "test")
        Traceback (most recent call last):
        ...
        FileNotFoundError: VinDr-CXR/annotations_test.csv must exist. Download it with VinDr-CXR.
    """
    check_choice(section, (*SECTIONS, "all"), "section")
    check_choice(missing, MISSING, "missing")
    check_type(least_readers, int, "least_readers")
    check(least_readers > 0, "least_readers", "1 or more", least_readers)
    folder, labels = Path(root).expanduser(), public_labels(_NAME)
    images, items, lost = NamedImages(folder), [], []
    for part in ("train", "test"):
        if section != "all" and (part == "test") != (section == "test"):
            continue
        file = find_table(folder, _FOLDERS, f"annotations_{part}.csv") or folder / f"annotations_{part}.csv"
        votes, boxes, readers = _read_boxes(file, labels)
        whole = find_table(folder, _FOLDERS, f"image_labels_{part}.csv")
        _read_global(whole, labels, votes)
        chosen = patients_of_section(votes, section, _VALIDATION_SHARE)
        for image, own in votes.items():
            if image not in chosen:
                continue
            path = images.find(image)
            if path is None:
                lost.append(f"{image} ({file})")
                continue
            label = _label(own, len(labels), min(least_readers, readers))
            if whole is None:
                label[[labels.index(name) for name in _GLOBAL]] = np.nan
            kept = [box for box in boxes.get(image, ()) if label[box.label] == 1]
            size = readable_size(path) if kept else None
            table = box_array(kept if size else [], size or (1, 1), file, _TOLERANCE)
            facts = {"patient_id": image, "view": "", "name": image}
            items.append({"image": str(path), "label": label, "boxes": table, **facts})
    return finish_datalist(items, lost, folder, section, "DICOM, PNG or JPEG", missing, "radiograph")
