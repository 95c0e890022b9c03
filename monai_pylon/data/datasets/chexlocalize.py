"""Data list of CheXlocalize: radiographs of CheXpert with outlines of ten findings by radiologists."""

from __future__ import annotations

import json
import logging
import re
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.data.datasets.labels import match_labels, public_labels
from monai_pylon.data.datasets.masks import draw_mask, mask_boxes
from monai_pylon.data.datasets.rows import find_table
from monai_pylon.data.labeled_radiographs.images import NamedImages, readable_size
from monai_pylon.data.labeled_radiographs.tables import read_label_rows
from monai_pylon.data.missing_files import MISSING, finish_datalist
from monai_pylon.utils import check, check_choice, nearest_name

__all__ = ["chexlocalize_datalist", "is_chexlocalize"]

_LOGGER = logging.getLogger(__name__)
_NAME = "CheXlocalize"
_PARTS = {"validation": "val", "test": "test"}
_FOLDERS = (".", "CheXlocalize")
_STUDY = re.compile(r"(patient\d+)[/\\](study\d+)[/\\](view\d+_(?:frontal|lateral))")
_CHEXPERT = ("CheXpert-v1.0", "CheXpert-v1.0-small", "CheXpert")
_REMEDY = "Download the file again."


def is_chexlocalize(root: str | PathLike[str]) -> bool:
    """Return whether a folder has the outlines of CheXlocalize.

    Args:
        root: The folder.

    Returns:
        Whether it, or its folder CheXlocalize, has gt_annotations_*.json or gt_segmentations_*.json.

    Example:
        >>> is_chexlocalize("phantom")
        False
    """
    return any(_outlines(Path(root), part) for part in _PARTS.values())


def _outlines(root: Path, part: str) -> Path | None:
    """Return the file of outlines: the polygons if there are any, otherwise the masks."""
    kinds = ("annotations", "segmentations")
    return next((file for kind in kinds if (file := find_table(root, _FOLDERS, f"gt_{kind}_{part}.json"))), None)


def _read_masks(file: Path, labels: tuple[str, ...]) -> dict[str, list[dict[str, Any]]]:
    """Read the masks of each image, without empty ones."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} must be JSON, but is not ({error}). {_REMEDY}") from error
    check(isinstance(content, dict) and bool(content), str(file), "a dictionary with an entry for each image", content)
    found: dict[str, list[dict[str, Any]]] = {}
    for image, entry in content.items():
        check(isinstance(entry, dict), f"{file}, {image}", "a dictionary", entry, _REMEDY)
        masks = found.setdefault(image, [])
        for name, outline in entry.items():
            if name == "img_size":
                continue
            near = nearest_name(name, labels)
            hint = f"Did you mean {near!r}?" if near else "This version of the dataset is not known."
            check(name in labels, f"{file}, {image}", "one of the ten findings", name, hint)
            mask = _mask(f"{file}, {image}, {name}", outline, entry.get("img_size"))
            masks.append({"label": labels.index(name), **mask})
    return found


def _mask(where: str, outline: Any, size: Any) -> dict[str, Any]:
    """Return the mask of one finding: polygons with the size of the image, or run lengths with their own."""
    if isinstance(outline, dict):
        check({"size", "counts"} <= set(outline), where, "a mask with 'size' and 'counts'", sorted(outline), _REMEDY)
        return {"size": outline["size"], "counts": outline["counts"]}
    check(isinstance(outline, list), where, "a list of polygons, or a mask", outline, _REMEDY)
    check(size is not None, where, "in an entry with img_size", "none", _REMEDY)
    return {"size": size, "polygons": outline}


def _boxes(where: str, masks: list[dict[str, Any]], size: tuple[int, int]) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Return the masks that are not empty, and their boxes (K, 5) in pixels of the image file of a size."""
    kept, tables = [], [np.zeros((0, 5), dtype=np.float32)]
    for mask in masks:
        try:
            boxes = mask_boxes(draw_mask(mask))
        except ValueError as error:
            raise ValueError(f"{where}, class {mask['label']}: {error}") from error
        rows, columns = mask["size"]
        same = abs(rows / columns / (size[0] / size[1]) - 1) < 0.02
        check(same, f"{where}: size", f"of the shape of the image, {size[0]} rows and {size[1]} columns", mask["size"])
        if len(boxes):
            scale = [size[1] / columns, size[0] / rows] * 2
            tables.append(np.column_stack([boxes * scale, np.full(len(boxes), mask["label"])]).astype(np.float32))
            kept.append({**mask, "image_size": list(size)})
        elif mask.get("polygons"):
            _LOGGER.warning("%s, class %d: the polygons hold no pixel of the image. Left out.", where, mask["label"])
    return kept, np.concatenate(tables)


def chexlocalize_datalist(root: str | PathLike[str], section: str, missing: str = "error") -> list[dict[str, Any]]:
    """List the radiographs of CheXlocalize with the masks of ten findings.

    Reads, in `root` or its folder `CheXlocalize`, `gt_annotations_val.json` (polygons) or `gt_segmentations_val.json`
    (run lengths of COCO), and the same for test; `CheXpert/val_labels.csv` and `CheXpert/test_labels.csv`; and images
    anywhere below, with the folders `patient.../study.../view1_frontal.jpg` of CheXpert.

    Args:
        root: The folder.
        section: "validation", "test" or "all". There is no training part.
        missing: Treatment of images without a file: "error", or "skip".

    Returns:
        One dictionary for each frontal image of the tables of labels: image, its path; label (10,) float32, NaN if
        unknown; boxes (K, 5) float32 [x1, y1, x2, y2, class], one around each connected part of a mask, in pixels of
        the file; masks, dictionaries with "label", "size", "polygons" or "counts", and "image_size" (see
        :func:`~monai_pylon.data.datasets.masks.draw_mask`); patient_id, view "" and name.

    Raises:
        FileNotFoundError: If a table or an image is missing.
        ValueError: If a finding is unknown, a mask does not fit its size or its image, or outlines name an image
            without labels.

    Example:
        >>> chexlocalize_datalist("CheXlocalize", "training")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'validation', 'test', 'all', but is 'training'.
    """
    check_choice(section, (*_PARTS, "all"), "section")
    check_choice(missing, MISSING, "missing")
    folder, items, lost = Path(root).expanduser(), [], []
    images = NamedImages(folder)
    for part in _PARTS.values() if section == "all" else [_PARTS[section]]:
        found, without = _items(folder, part, images)
        items += found
        lost += without
    return finish_datalist(items, lost, folder, section, "JPEG or PNG", missing, "radiograph")


def _items(folder: Path, part: str, images: NamedImages) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the items of a part of the dataset, and its images without a file."""
    file, labels = _outlines(folder, part), public_labels(_NAME)
    table = find_table(folder, (".", "CheXpert"), f"{part}_labels.csv")
    if file is None or table is None:
        name = f"gt_annotations_{part}.json" if file is None else f"CheXpert/{part}_labels.csv"
        raise FileNotFoundError(f"{folder / name} must exist. Download it with {_NAME}.")
    masks, rows = _read_masks(file, labels), read_label_rows(table)
    numbers = match_labels(rows.labels, labels)
    studies = [_STUDY.search(fact["image"]) for fact in rows.facts]
    unknown = set(masks) - {"_".join(study.groups()) for study in studies if study}
    check(not unknown, str(file), f"about images of {table}", sorted(unknown), _REMEDY)
    items, lost = [], []
    for row, study in enumerate(studies):
        where = f"{table}, line {rows.lines[row]}: {rows.facts[row]['image']}"
        if study is None:
            raise ValueError(f"{where} must end in patient.../study.../view1_frontal.jpg. {_REMEDY}")
        name = "_".join(study.groups())
        path = None if name.endswith("lateral") else _find(images, part, study)
        if path is None:
            lost += [] if name.endswith("lateral") else [where]
            continue
        size = readable_size(path)
        own, boxes = _boxes(f"{file}, {name}", masks.get(name, []) if size else [], size or (1, 1))
        values = [np.nan if k is None or rows.values[row, k] == -1 else rows.values[row, k] for k in numbers]
        item = {"image": str(path), "label": np.array(values, dtype=np.float32), "boxes": boxes, "masks": own}
        items.append({**item, "patient_id": study[1], "view": "", "name": name})
    return items, lost


def _find(images: NamedImages, part: str, study: re.Match[str]) -> Path | None:
    """Return the path of an image by its folders of patient and study, below any folder of CheXpert."""
    parts = {"val": ("val", "valid"), "test": ("test",)}[part]
    tops = [Path(top, own) for top in (".", *_CHEXPERT) for own in parts]
    return next((path for top in tops if (path := images.find(str(top / Path(*study.groups()))))), None)
