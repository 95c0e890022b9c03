"""Inputs of a long job: one file, a DICOM folder, a folder with many of both, or a MONAI data list."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.data import ORGANS_ENDING, VOLUME_SUFFIXES, is_dicom_file, volume_name
from monai_pylon.utils import check, check_type

__all__ = ["list_radiographs", "list_scans"]

#: Endings of pictures; DICOM files count as radiographs whatever their ending.
_RADIOGRAPH_SUFFIXES = (".png", ".jpg", ".jpeg")


def _ending(path: Path, suffixes: Sequence[str]) -> str:
    longest_first = sorted(suffixes, key=len, reverse=True)
    return next((suffix for suffix in longest_first if path.name.lower().endswith(suffix)), "")


def _walk(folder: Path, leave_out: Path | None, suffixes: Sequence[str], dicom_folders: bool) -> Iterator[Path]:
    """Files with an ending, and DICOM folders or files, in and below a folder, sorted; hidden ones are left out."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and (here / name) != leave_out)
        seen = sorted(here / name for name in files if not name.startswith("."))
        if not dicom_folders:
            yield from (file for file in seen if _ending(file, suffixes) or is_dicom_file(file))
            continue
        if any(is_dicom_file(file) for file in seen if not _ending(file, suffixes)):
            yield here
        volumes = [file for file in seen if _ending(file, suffixes)]
        names = {volume_name(file) for file in volumes}
        masks = {name + ORGANS_ENDING for name in names}  # what lies beside its scan is none
        yield from (file for file in volumes if volume_name(file) not in masks)


def _read_data_list(path: Path) -> list[dict[str, Any]]:
    """The items of a data list; of a dictionary of sections, "testing" or, where it has none, all of them."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(content, dict):
        sections = (
            [content["testing"]] if "testing" in content else [v for v in content.values() if isinstance(v, list)]
        )
        content = [item for section in sections for item in section]
    check(isinstance(content, list), "input", "a data list (a JSON list, or sections of lists)", str(path))
    items = [{"image": item} if isinstance(item, str) else item for item in content]
    for item in items:
        good = isinstance(item, dict) and isinstance(item.get("image"), str)
        check(good, "data list", 'a list of paths or of items with a path as "image"', item, f"In {path}.")
    # a path in a data list is meant relative to the list; joining leaves absolute paths as they are
    return [item | {"image": str(path.parent / Path(item["image"]).expanduser())} for item in items]


def _names(paths: Sequence[Path], root: Path, suffixes: Sequence[str]) -> list[str]:
    """A file name for each scan, unique: its path below the root, else with its ending, else with a number."""
    relative = [
        path.relative_to(root) if path != root and path.is_relative_to(root) else Path(path.name) for path in paths
    ]
    endings = [_ending(path, suffixes) for path in relative]
    stems = [path.name[: len(path.name) - len(ending)] for path, ending in zip(relative, endings, strict=True)]
    short = ["__".join((*path.parts[:-1], stem)) for path, stem in zip(relative, stems, strict=True)]
    safe = [re.sub(r"[^\w.+-]+", "_", name).strip("_") or "scan" for name in short]
    twice = {name for name in safe if safe.count(name) > 1}
    names: list[str] = []
    for ending, name in zip(endings, safe, strict=True):
        name = name + ending.replace(".", "_") if name in twice else name
        same = sum(other == name or re.fullmatch(re.escape(name) + r"_\d+", other) is not None for other in names)
        names.append(f"{name}_{same + 1}" if name in names else name)
    return names


def _list(
    source: str | PathLike[str], leave_out: str | PathLike[str] | None, suffixes: Sequence[str], dicom_folders: bool
) -> list[dict[str, Any]]:
    check_type(source, (str, PathLike), "input", "Write ./7 for a folder with the name 7.")
    place = Path(source).expanduser().absolute()
    if not place.exists():
        raise FileNotFoundError(f"input must be a file or folder that exists, but is {str(source)!r}.")
    if place.suffix.lower() == ".json":
        items, root = _read_data_list(place), place.parent
    elif place.is_dir():
        spared = Path(leave_out).expanduser().absolute() if leave_out is not None else None
        items, root = [{"image": str(path)} for path in _walk(place, spared, suffixes, dicom_folders)], place
    else:
        items, root = [{"image": str(place)}], place.parent
    what, dicom = ("scan", "folders with DICOM files") if dicom_folders else ("radiograph", "DICOM files")
    remedy = f"Files ending in {', '.join(suffixes)} and {dicom} are taken for {what}s."
    check(bool(items), "input", f"a file, folder or data list with at least one {what}", str(source), remedy)
    names = _names([Path(item["image"]) for item in items], root, suffixes)
    return [item | {"scan": name} for item, name in zip(items, names, strict=True)]


def list_scans(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """List the scans that an input names, each with a name of its own for its results.

    Args:
        source: a NIfTI, NRRD, MHA or NPZ file; a folder with a DICOM series; a folder in and below which such files and
            folders lie (organ masks ``<scan>_organs`` beside their scan are left out); a JSON data list (a list of
            paths or of ``{"image": path}``, or sections of such lists, of which "testing" is taken where there is one;
            an item may name a DICOM ``"series_uid"``). None lists nothing.
        leave_out: a folder to leave out, such as the one for the results.

    Returns:
        items with "image" (the absolute path), "scan" (a unique name: the path below the folder searched, joined by
        two underscores, without ending) and whatever else a data list says of it.

    Raises:
        FileNotFoundError: where the source does not exist.
        ValueError: where it holds no scan.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.nii.gz", "a.nrrd", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [item["scan"] for item in list_scans(folder)]
        ['a', 'b']
    """
    if source is None:
        return []
    return _list(source, leave_out, VOLUME_SUFFIXES, dicom_folders=True)


def list_radiographs(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None = None
) -> list[dict[str, Any]]:
    """List the radiographs that an input names, each with a name of its own for its results.

    Args:
        source: a PNG, JPEG or DICOM file; a folder in and below which such files lie; a JSON data list as of
            :func:`list_scans`, whose items may have "boxes", a list of [x1, y1, x2, y2, class] in pixels of the file.
            None lists nothing.
        leave_out: a folder to leave out, such as the one for the results.

    Returns:
        items with "image" (the absolute path), "scan" (a unique name: the path below the folder searched, joined by
        two underscores, without ending) and whatever else a data list says of it.

    Raises:
        FileNotFoundError: where the source does not exist.
        ValueError: where it holds no radiograph.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.png", "a.JPG", "notes.txt"):
        ...         Path(folder, name).touch()
        ...     [item["scan"] for item in list_radiographs(folder)]
        ['a', 'b']
    """
    if source is None:
        return []
    # DICOM files often have an ending, which is no part of the name
    return _list(source, leave_out, (*_RADIOGRAPH_SUFFIXES, ".dcm"), dicom_folders=False)
