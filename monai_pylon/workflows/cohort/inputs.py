"""Inputs of a cohort: one file, a DICOM folder, a folder with many of them, or a MONAI data list."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.data.volume_reader import VOLUME_SUFFIXES, volume_name
from monai_pylon.utils import check, check_type, describe
from monai_pylon.workflows.cohort.scan_names import ending_of, unique_names

__all__ = ["list_radiographs", "list_scans"]


def _may_be_dicom(file: Path) -> bool:
    """Return whether a file is DICOM, or might be and may not be read: then its scan fails instead of vanishing."""
    return is_dicom_file(file) or (not file.suffix and file.is_file() and not os.access(file, os.R_OK))


def _scans_in(folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Yield the volumes of a folder, and the folder itself if it holds DICOM files; organ masks of a scan are none.

    An index of a CD (DICOMDIR) is no scan, and neither are the masks in TotalSegmentator's folder "segmentations".
    """
    if folder.name == "segmentations" and any(folder.parent.glob("ct.nii*")):
        return
    others = [file for file in files if not ending_of(file, VOLUME_SUFFIXES) and file.name.upper() != "DICOMDIR"]
    if any(_may_be_dicom(file) for file in others):
        yield folder
    volumes = [file for file in files if ending_of(file, VOLUME_SUFFIXES)]
    masks = {volume_name(file) + ORGANS_ENDING for file in volumes}
    yield from (file for file in volumes if volume_name(file) not in masks)


def _radiographs_in(folder: Path, files: Sequence[Path]) -> Iterator[Path]:
    """Yield the images and DICOM files of a folder; an index of a CD (DICOMDIR) is none."""
    images = (file for file in files if ending_of(file, _RADIOGRAPHS.suffixes) or _may_be_dicom(file))
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


def _folders(top: Path, leave_out: Path | None) -> Iterator[tuple[Path, list[str] | None]]:
    """Yield each folder in and below one with the names of its files, without hidden ones; None if it is unreadable.

    Links to folders are followed, after all other folders, and each folder is yielded once: links may form a loop.
    """
    skipped = None if leave_out is None else os.path.realpath(leave_out)
    seen: set[str] = set()
    starts = [top]
    for start in starts:  # grows by the links that are found
        unreadable: list[OSError] = []
        for parent, folders, files in os.walk(start, onerror=unreadable.append):
            real = os.path.realpath(parent)
            if real in seen or real == skipped:
                folders[:] = []
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            starts += [Path(parent, name) for name in folders if os.path.islink(os.path.join(parent, name))]
            yield Path(parent), sorted(name for name in files if not name.startswith("."))
        yield from ((Path(os.fsdecode(error.filename)), None) for error in unreadable)


def _search(folder: Path, leave_out: Path | None, kind: _Kind) -> Iterator[Path]:
    """Yield the inputs in and below a folder in sorted order, and folders that cannot be read, which will fail."""
    for current, names in _folders(folder, leave_out):
        if names is None:
            yield current
        else:
            yield from kind.find(current, [current / name for name in names])


def _read_data_list(path: Path) -> list[dict[str, Any]]:
    """Return the items of a data list; of one with sections those of "testing" or, without it, of all sections."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"input must be a data list in JSON, but {str(path)!r} is not ({error}).") from error
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


def _list_inputs(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None, kind: _Kind, title: str | None = None
) -> list[dict[str, Any]]:
    """List the inputs of a kind that a source has, each with a unique name, and with the title if it has none."""
    if source is None:
        return []
    check_type(source, (str, PathLike), "input", "For a folder with the name 7, write ./7.")
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise FileNotFoundError(f"input must be a file or folder that exists, but is {str(source)!r}.")
    if path.suffix.lower() == ".json" and path.is_file():
        items, root = _read_data_list(path), path.parent
    elif path.is_dir():
        skipped = Path(leave_out).expanduser().absolute() if leave_out is not None else None
        items, root = [{"image": str(found)} for found in _search(path, skipped, kind)], path
    else:
        items, root = [{"image": str(path)}], path.parent
    remedy = f"Each {kind.name} is one of: files ending in {', '.join(kind.suffixes)}; {kind.description}."
    check(bool(items), "input", f"a file, folder or data list with at least one {kind.name}", str(source), remedy)
    names = unique_names([Path(item["image"]) for item in items], root, kind.suffixes)
    shown = {} if title is None else {"title": title}
    return [shown | item | {"scan": name} for item, name in zip(items, names, strict=True)]


def _with_series(item: dict[str, Any], series: str) -> dict[str, Any]:
    """Add the series to a DICOM folder; the one that a data list names stays."""
    return {"series_uid": series, **item} if os.path.isdir(item["image"]) else item


def list_scans(
    source: str | PathLike[str] | None,
    leave_out: str | PathLike[str] | None = None,
    series: str | int | None = None,
    title: str | None = None,
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
        series: SeriesInstanceUID or SeriesNumber to read from DICOM folders that hold several CT series.
        title: Title of pages and pictures, as "title" of each item that has none; None leaves it out, so that they show
            the name of the scan.

    Returns:
        Items with "image" (the absolute path), "scan" (the name), "series_uid" (the series, for DICOM folders) and all
        other entries of a data list. The name is the path below the folder without ending, joined by two underscores;
        of a name of more than 180 bytes the beginning and a hash. A folder that may not be read is an item too, so that
        it fails instead of being left out.

    Raises:
        TypeError: If the source is not a path, or the series no text or whole number.
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
    if series is not None:
        check_type(series, (str, int), "series", "Give the SeriesInstanceUID or the SeriesNumber.")
    items = _list_inputs(source, leave_out, _SCANS, title)
    return items if series is None else [_with_series(item, str(series)) for item in items]


def list_radiographs(
    source: str | PathLike[str] | None, leave_out: str | PathLike[str] | None = None, title: str | None = None
) -> list[dict[str, Any]]:
    """List the radiographs of an input, each with a unique name for its results.

    Args:
        source: One of the following. None gives an empty list.

            - A PNG, JPEG, TIFF, GIF, BMP or DICOM file.
            - A folder with such files at any depth.
            - A JSON data list as for :func:`list_scans`. An item may have "boxes", a list of [x1, y1, x2, y2, class]
              in pixels of the file.
        leave_out: Folder to skip, such as the one for the results.
        title: Title as for :func:`list_scans`.

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
    return _list_inputs(source, leave_out, _RADIOGRAPHS, title)
