"""Inputs of a cohort: one file, a DICOM folder, a folder with many of them, or a MONAI data list."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.data.volume_reader import VOLUME_SUFFIXES, volume_name
from monai_pylon.utils import check, check_type, describe

__all__ = ["list_radiographs", "list_scans"]


def _ending(path: Path, suffixes: Sequence[str]) -> str:
    """Return the longest of some endings that a file name has, or an empty text."""
    longest_first = sorted(suffixes, key=len, reverse=True)
    return next((suffix for suffix in longest_first if path.name.lower().endswith(suffix)), "")


def _scans_in(folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Yield the volumes of a folder, and the folder itself if it holds DICOM files; organ masks of a scan are none.

    An index of a CD (DICOMDIR) is no scan, and neither are the masks in TotalSegmentator's folder "segmentations".
    """
    if folder.name == "segmentations" and any(folder.parent.glob("ct.nii*")):
        return
    others = [file for file in files if not _ending(file, VOLUME_SUFFIXES) and file.name.upper() != "DICOMDIR"]
    if any(is_dicom_file(file) for file in others):
        yield folder
    volumes = [file for file in files if _ending(file, VOLUME_SUFFIXES)]
    masks = {volume_name(file) + ORGANS_ENDING for file in volumes}
    yield from (file for file in volumes if volume_name(file) not in masks)


def _radiographs_in(folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Yield the images and DICOM files of a folder; an index of a CD (DICOMDIR) is none."""
    images = (file for file in files if _ending(file, _RADIOGRAPHS.suffixes) or is_dicom_file(file))
    yield from (file for file in images if file.name.upper() != "DICOMDIR")


class _Kind(NamedTuple):
    """Kind of input.

    Attributes:
        name: Singular, for error messages.
        suffixes: Endings that are not part of the name of a result.
        description: Files and folders of this kind, for error messages.
        find: Function from a folder and its files to the inputs of this kind.
    """

    name: str
    suffixes: Sequence[str]
    description: str
    find: Callable[[Path, Sequence[Path]], Iterator[Path]]


_SCANS = _Kind("scan", VOLUME_SUFFIXES, "folders with DICOM files", _scans_in)
_RADIOGRAPHS = _Kind(
    "radiograph", (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".dcm"), "DICOM files", _radiographs_in
)


def _search(folder: Path, leave_out: Path | None, kind: _Kind) -> Iterator[Path]:
    """Yield the inputs in and below a folder in sorted order, without hidden files and folders."""
    for parent, folders, files in os.walk(folder):
        current = Path(parent)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and current / name != leave_out)
        yield from kind.find(current, sorted(current / name for name in files if not name.startswith(".")))


def _read_data_list(path: Path) -> list[dict[str, Any]]:
    """Return the items of a data list; of one with sections those of "testing" or, without it, of all sections."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict):
        sections = [content["testing"]] if "testing" in content else content.values()
        content = [item for section in sections if isinstance(section, list) for item in section]
    check(isinstance(content, list), "input", "a data list (a JSON list, or sections of lists)", str(path))
    items = [{"image": item} if isinstance(item, str) else item for item in content]
    for item in items:
        if not (isinstance(item, dict) and isinstance(item.get("image"), str)):
            requirement = 'Each item must be a path or a dictionary with a path as "image".'
            raise ValueError(f"{path} has the item {describe(item)}. {requirement}")
    # A path is relative to the data list; joining leaves an absolute path unchanged.
    return [item | {"image": str(path.parent / Path(item["image"]).expanduser())} for item in items]


def _unique_names(paths: Sequence[Path], root: Path, suffixes: Sequence[str]) -> list[str]:
    """Return a unique file name for each path: its path below the root, then with its ending, then with a number."""
    relative = [
        path.relative_to(root) if path != root and path.is_relative_to(root) else Path(path.name) for path in paths
    ]
    endings = [_ending(path, suffixes) for path in relative]
    stems = [path.name[: len(path.name) - len(ending)] for path, ending in zip(relative, endings, strict=True)]
    joined = ["__".join((*path.parts[:-1], stem)) for path, stem in zip(relative, stems, strict=True)]
    safe = [re.sub(r"[^\w.+-]+", "_", name).strip("_") or "scan" for name in joined]
    counts = Counter(safe)
    names: dict[str, None] = {}
    for ending, name in zip(endings, safe, strict=True):
        name = name + ending.replace(".", "_") if counts[name] > 1 else name
        unique, number = name, 2
        while unique in names:
            unique, number = f"{name}_{number}", number + 1
        names[unique] = None
    return list(names)


def _list_inputs(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None, kind: _Kind
) -> list[dict[str, Any]]:
    """List the inputs of a kind that a source has, each with a unique name."""
    if source is None:
        return []
    check_type(source, (str, PathLike), "input", "For a folder with the name 7, write ./7.")
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"input must be a file or folder that exists, but is {str(source)!r}.")
    if path.suffix.lower() == ".json":
        items, root = _read_data_list(path), path.parent
    elif path.is_dir():
        skipped = Path(leave_out).expanduser().absolute() if leave_out is not None else None
        items, root = [{"image": str(found)} for found in _search(path, skipped, kind)], path
    else:
        items, root = [{"image": str(path)}], path.parent
    remedy = f"Each {kind.name} is one of: files ending in {', '.join(kind.suffixes)}; {kind.description}."
    check(bool(items), "input", f"a file, folder or data list with at least one {kind.name}", str(source), remedy)
    names = _unique_names([Path(item["image"]) for item in items], root, kind.suffixes)
    return [item | {"scan": name} for item, name in zip(items, names, strict=True)]


def list_scans(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """List the scans of an input, each with a unique name for its results.

    Args:
        source: One of the following. None gives an empty list.

            - A NIfTI, NRRD, MHA or NPZ file.
            - A folder with a DICOM series.
            - A folder with such files and folders at any depth. Organ masks ``<scan>_organs`` beside their scan are
              left out.
            - A JSON data list: a list of paths or of ``{"image": path}``, or sections of such lists. If there is a
              section "testing", only this is taken. An item may name a DICOM ``"series_uid"``.
        leave_out: Folder to skip, such as the one for the results.

    Returns:
        Items with "image" (the absolute path), "scan" (the name) and all other entries of a data list. The name is the
        path below the folder without ending, joined by two underscores.

    Raises:
        TypeError: If the source is not a path.
        FileNotFoundError: If the source does not exist.
        ValueError: If the source has no scan, or the data list has an item without path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.nii.gz", "a.nrrd", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [item["scan"] for item in list_scans(folder)]
        ['a', 'b']
    """
    return _list_inputs(source, leave_out, _SCANS)


def list_radiographs(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """List the radiographs of an input, each with a unique name for its results.

    Args:
        source: One of the following. None gives an empty list.

            - A PNG, JPEG, TIFF, GIF, BMP or DICOM file.
            - A folder with such files at any depth.
            - A JSON data list as for :func:`list_scans`. An item may have "boxes", a list of [x1, y1, x2, y2, class]
              in pixels of the file.
        leave_out: Folder to skip, such as the one for the results.

    Returns:
        Items with "image" (the absolute path), "scan" (the name) and all other entries of a data list. The name is the
        path below the folder without ending, joined by two underscores.

    Raises:
        TypeError: If the source is not a path.
        FileNotFoundError: If the source does not exist.
        ValueError: If the source has no radiograph, or the data list has an item without path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.png", "a.JPG", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [item["scan"] for item in list_radiographs(folder)]
        ['a', 'b']
    """
    return _list_inputs(source, leave_out, _RADIOGRAPHS)
