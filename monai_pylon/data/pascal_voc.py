"""Data list of PASCAL VOC 2012: natural images, 20 classes, boxes, some outlines (HiResCAM, section 13)."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree

import numpy as np

from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS
from monai_pylon.utils import check_choice, check_type, describe, nearest_name

__all__ = ["pascal_voc_datalist"]

_LISTS = {"training": "train", "validation": "val", "test": "test", "all": "trainval"}
_INDEX = {label: number for number, label in enumerate(PASCAL_VOC_LABELS)}
#: Possible folders of the dataset below the root.
_FOLDERS = (".", "VOC2012", "VOCdevkit/VOC2012")


def _fail(file: Path, requirement: str, value: object, remedy: str = "") -> NoReturn:
    raise ValueError(f"{file}: must have {requirement}, but has {describe(value)}. {remedy}".rstrip())


def _text(file: Path, node: ElementTree.Element, name: str) -> str:
    found = (node.findtext(name) or "").strip()
    if not found:
        _fail(file, f"a value for {name!r} in each <{node.tag}>", "none")
    return found


def _box(file: Path, entry: ElementTree.Element, columns: int, rows: int) -> tuple[float, float, float, float, int]:
    """Return [x1, y1, x2, y2, class] of an object; the file counts pixels from 1 and includes the last one."""
    name = _text(file, entry, "name")
    if name not in _INDEX:
        near = nearest_name(name, _INDEX)
        _fail(file, "one of the 20 classes", name, f"Did you mean {near!r}?" if near else "")
    frame = entry.find("bndbox")
    if frame is None:
        _fail(file, "a <bndbox> in each <object>", name)
    edges = [_text(file, frame, edge) for edge in ("xmin", "ymin", "xmax", "ymax")]
    try:
        left, top, right, bottom = (float(edge) for edge in edges)
    except ValueError:
        _fail(file, "numbers in <bndbox>", edges)
    x1, y1, x2, y2 = max(left - 1, 0), max(top - 1, 0), min(right, columns), min(bottom, rows)
    if not (x2 > x1 and y2 > y1):
        _fail(file, f"boxes inside the image of {columns} x {rows} pixels", edges)
    return x1, y1, x2, y2, _INDEX[name]


def _read_annotation(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read boxes (K, 5) float32, and whether each is difficult (K,) bool."""
    try:
        tree = ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise ValueError(f"{file}: must be XML, but is not ({error}). Unpack the archive again.") from error
    size = tree.find("size")
    if size is None:
        _fail(file, "a <size>", "none")
    sides = [_text(file, size, name) for name in ("width", "height")]
    if not all(side.isdecimal() for side in sides):
        _fail(file, "whole numbers in <size>", sides)
    entries = tree.findall("object")
    boxes = [_box(file, entry, int(sides[0]), int(sides[1])) for entry in entries]
    difficult = [(entry.findtext("difficult") or "0").strip() == "1" for entry in entries]
    return np.array(boxes, dtype=np.float32).reshape(-1, 5), np.array(difficult, dtype=bool)


def _item(folder: Path, name: str, listed: str) -> dict[str, Any]:
    """Return the item of one image, or raise FileNotFoundError with the list that names it."""
    if Path(name).name != name:
        _fail(Path(listed.rstrip(",")), "names of images without folders", name)
    image, annotation = folder / "JPEGImages" / f"{name}.jpg", folder / "Annotations" / f"{name}.xml"
    for file in (image, annotation):
        if not file.is_file():
            raise FileNotFoundError(f"{file} must exist: {listed} names it. Unpack the whole archive of VOC 2012.")
    boxes, difficult = _read_annotation(annotation)
    label = np.zeros(len(PASCAL_VOC_LABELS), dtype=np.uint8)
    label[boxes[:, 4].astype(int)] = 1
    item = {"image": str(image), "label": label, "boxes": boxes, "difficult": difficult, "name": name}
    outlines = folder / "SegmentationClass" / f"{name}.png"
    return {**item, "segmentation": str(outlines)} if outlines.is_file() else item


def pascal_voc_datalist(root: str | PathLike[str], section: str) -> list[dict[str, Any]]:
    """List the images of PASCAL VOC 2012 with their labels and boxes, for MONAI's datasets (HiResCAM, section 13).

    Reads the official lists in `ImageSets/Main`: "training" is `train.txt`, "validation" `val.txt`, "test" `test.txt`
    (whose annotations are not public for 2012), "all" `trainval.txt`.

    Args:
        root: The folder with `JPEGImages`, `Annotations` and `ImageSets`, or one that contains it as `VOC2012` or
            `VOCdevkit/VOC2012`.
        section: "training", "validation", "test" or "all".

    Returns:
        One dictionary for each image, in the order of the list: image, its path; label (20,) uint8 in the order of
        PASCAL_VOC_LABELS, 1 if the class has an object, difficult ones included; boxes (K, 5) float32 [x1, y1, x2, y2,
        class] in pixels; difficult (K,) bool, as annotated; name; and, if available, segmentation, the path of a PNG of
        (H, W) whose value is the class plus one, 255 at uncertain borders.

    Raises:
        FileNotFoundError: If a folder, a list, an image or an annotation is missing.
        ValueError: If the section or a class is unknown, or an annotation is malformed; the error names the file, or
            the line.

    Example:
        >>> pascal_voc_datalist("VOC2012", "train")
        Traceback (most recent call last):
        ...
        ValueError: section must be one of 'training', 'validation', 'test', 'all', but is 'train'. Did you mean ...
    """
    check_choice(section, tuple(_LISTS), "section")
    check_type(root, (str, PathLike), "root")
    folders = [Path(root).expanduser() / name for name in _FOLDERS]
    folder = next((one for one in folders if (one / "ImageSets" / "Main").is_dir()), None)
    if folder is None:
        raise FileNotFoundError(f"root must hold VOC2012 with its folder ImageSets/Main, but {str(root)!r} does not.")
    file = folder / "ImageSets" / "Main" / f"{_LISTS[section]}.txt"
    if not file.is_file():
        raise FileNotFoundError(f"{file} must exist: it is the list of the section {section!r}.")
    names: dict[str, int] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        name = line.strip()
        if name in names:
            raise ValueError(
                f"{file}, line {number}: must name each image once, but {name!r} is on line {names[name]}."
            )
        if name:
            names[name] = number
    if not names:
        raise ValueError(f"{file} must name an image on each line, but is empty. Unpack the archive again.")
    return [_item(folder, name, f"{file}, line {number},") for name, number in names.items()]
