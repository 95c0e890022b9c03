"""Data list of MS-CXR: phrases of reports with boxes on radiographs of MIMIC-CXR."""

from __future__ import annotations

import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows, find_table, warn_of_repeated_rows
from monai_pylon.data.labeled_radiographs.boxes import RadiographBox, box_array
from monai_pylon.data.labeled_radiographs.images import NamedImages, readable_size
from monai_pylon.data.missing_files import MISSING, report_missing_files
from monai_pylon.data.patient_sections import SECTIONS, patient_sections
from monai_pylon.utils import check, check_choice

__all__ = ["is_ms_cxr", "ms_cxr_datalist"]

_NAME, _TABLE = "MS-CXR", "MS_CXR_Local_Alignment*.csv"
_COLUMNS = ("dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h", "image_width", "image_height")
_PATIENT = re.compile(r"(?:^|/)p(\d{8})/")
#: Difference of the shapes of file and table, as a share, and share of a side by which a box may leave the image.
_SHAPE, _TOLERANCE = 0.02, 0.01


def is_ms_cxr(root: str | PathLike[str]) -> bool:
    """Return whether a folder has the table of MS-CXR.

    Args:
        root: The folder.

    Returns:
        Whether it has MS_CXR_Local_Alignment_*.csv.

    Example:
        >>> is_ms_cxr("phantom")
        False
    """
    return find_table(Path(root), (".",), _TABLE) is not None


def _sections(file: Path, images: list[list[DatasetRow]], patients: list[str]) -> list[str]:
    """Return the section of each image: the column split of version 1.1, otherwise shares of the patients."""
    if "split" not in images[0][0].cells:
        return patient_sections(patients, None, str(file))
    given = []
    for rows in images:
        names = {row.text("split").lower() for row in rows}
        rows[0].check(len(names) == 1, "split", "the same in all rows of an image")
        given.append(names.pop())
    return patient_sections(patients, given, str(file))


def _box(row: DatasetRow, label: int, size: tuple[int, int]) -> RadiographBox:
    """Return a box of the table in pixels of the file, whose size may differ from that of the table."""
    width, height = row.number("image_width"), row.number("image_height")
    row.check(width > 0 and height > 0, "image_width", "positive")
    x_scale, y_scale = size[1] / width, size[0] / height
    requirement = f"of the shape of the file, {size[1]} x {size[0]} pixels"
    remedy = "The file is cropped or turned: use the images of MIMIC-CXR-JPG."
    row.check(abs(x_scale / y_scale - 1) <= _SHAPE, "image_width", requirement, remedy)
    x, y, w, h = (row.number(column) for column in "xywh")
    row.check(w > 0 and h > 0, "w", "positive, as h")
    inside = x < width and y < height and x + w > 0 and y + h > 0
    row.check(inside, "x", f"of a box on the image of {width:g} x {height:g} pixels")
    corners = (x * x_scale, y * y_scale, (x + w) * x_scale, (y + h) * y_scale)
    return RadiographBox(row.cells["dicom_id"], label, corners, row.line)


def ms_cxr_datalist(root: str | PathLike[str], section: str, missing: str = "error") -> list[dict[str, Any]]:
    """List the radiographs of MS-CXR with the boxes of their phrases.

    Reads `MS_CXR_Local_Alignment_v1.1.0.csv` (or an older version; of several the newest) in `root`, and the images of
    MIMIC-CXR-JPG or MIMIC-CXR that it names below `root`: by the path of the table (`files/p10/...`), or by name
    anywhere. Boxes are scaled from the size of the table to that of the file.

    The table names what is present only. All other labels are therefore unknown, and the area under the ROC curve is
    undefined; point and box localization are not.

    Args:
        root: The folder.
        section: "training", "validation", "test" or "all": the column `split`, or, without it, 70, 10 and 20 % of the
            patients. These are not the sections of MIMIC-CXR.
        missing: Treatment of images without a file: "error", or "skip".

    Returns:
        One dictionary for each image: image, its path; label (8,) float32, 1 or NaN; boxes (K, 5) float32 [x1, y1, x2,
        y2, class]; phrases, K texts, one for each box; patient_id; view "", and name.

    Raises:
        FileNotFoundError: If the table or an image is missing.
        ValueError: If a category is unknown, a number is none, a box is off its image, or the file's shape differs
            from that of the table; the error names the line.

    Example:
        >>> ms_cxr_datalist("MS-CXR", "test")
        Traceback (most recent call last):
        ...
        FileNotFoundError: MS-CXR/MS_CXR_Local_Alignment_v1.1.0.csv must exist. Download it with MS-CXR.
    """
    check_choice(section, (*SECTIONS, "all"), "section")
    check_choice(missing, MISSING, "missing")
    folder, labels = Path(root).expanduser(), public_labels(_NAME)
    file = find_table(folder, (".",), _TABLE) or folder / "MS_CXR_Local_Alignment_v1.1.0.csv"
    by_image: dict[str, list[DatasetRow]] = {}
    rows = list(dataset_rows(file, _COLUMNS, _NAME))
    for row in rows:
        by_image.setdefault(row.text("dicom_id"), []).append(row)
    warn_of_repeated_rows(rows, ("dicom_id", "label_text", *"xywh"))
    patients = []
    for own in by_image.values():
        found = _PATIENT.search(own[0].text("path").replace("\\", "/"))
        own[0].check(found is not None, "path", "a path with the patient's folder, such as files/p10/p10000032/...")
        patients.append(found[1] if found else "")
    sections = _sections(file, list(by_image.values()), patients)
    images, items, lost = NamedImages(folder), [], []
    for (name, own), patient, part in zip(by_image.items(), patients, sections, strict=True):
        if section not in (part, "all"):
            continue
        path = images.find(own[0].cells["path"].strip()) or images.find(name)
        if path is None:
            lost.append(f"{name} ({file}, line {own[0].line})")
            continue
        size = readable_size(path)
        numbers = [labels.index(row.choice("category_name", labels)) for row in own]
        boxes = [_box(row, number, size) for row, number in zip(own, numbers, strict=True)] if size else []
        label = np.full(len(labels), np.nan, dtype=np.float32)
        label[numbers] = 1
        phrases = [row.cells["label_text"].strip() for row in own] if size else []
        facts = {"phrases": phrases, "patient_id": patient, "view": ""}
        table = box_array(boxes, size or (1, 1), file, _TOLERANCE)
        items.append({"image": str(path), "label": label, "boxes": table, **facts, "name": name})
    report_missing_files(lost, folder, "JPEG, PNG or DICOM", missing)
    remedy = f"The sections of {file} are {', '.join(sorted(set(sections)))}."
    check(bool(items), "section", "one with radiographs", section, remedy)
    return items
