"""Image files that a table of radiographs names, and their size."""

from __future__ import annotations

import logging
import os
from os import PathLike
from pathlib import Path

from monai_pylon.data.dicom_files import read_dicom
from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.radiographs.image import radiograph_size

__all__ = ["NamedImages", "image_size", "name_parts", "readable_size", "result_name"]

_LOGGER = logging.getLogger(__name__)

_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")
#: Folders with which the paths in CheXpert's tables begin, whatever the folder is called now.
_CHEXPERT = ("CheXpert-v1.0", "CheXpert-v1.0-small")


def _stem(name: str) -> str:
    return name[: -len(Path(name).suffix)] if name.lower().endswith(_SUFFIXES) else name


class NamedImages:
    """Images that a table names by path or name, with or without ending.

    Args:
        folder: Folder below which the images lie.

    Example:
        >>> NamedImages("radiographs").find("a.png") is None
        True
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, named: str) -> Path | None:
        """Return the path of an image.

        Args:
            named: Path below the folder, path that begins with the name of the folder (as in CheXpert), absolute path,
                or the name alone if it is unique. The ending may be left out; backslashes separate folders too.

        Returns:
            The path, or None if there is none.

        Raises:
            ValueError: If several images fit.
        """
        path = Path(named.replace("\\", "/")).expanduser()
        if path.is_absolute():
            return path if path.is_file() else None
        if (self.folder / path).is_file():
            return self.folder / path
        if len(path.parts) > 1 and path.parts[0] in (self.folder.resolve().name, *_CHEXPERT):
            path = Path(*path.parts[1:])  # it begins with the name of the folder itself
        if (self.folder / path).is_file():
            return self.folder / path
        found = self._index().get(_stem(path.name), [])
        if len(path.parts) > 1:
            found = [file for file in found if file.parent == self.folder / path.parent]
        found = [file for file in found if file.name == path.name] or found
        if len(found) > 1:
            names = ", ".join(str(file) for file in found[:3])
            raise ValueError(f"{named!r} is the name of several radiographs: {names}. Name folder and ending too.")
        return found[0] if found else None

    def _index(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = {}
            for folder, folders, names in os.walk(self.folder):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if name.lower().endswith(_SUFFIXES) or is_dicom_file(Path(folder, name)):
                        self._by_name.setdefault(_stem(name), []).append(Path(folder, name))
        return self._by_name


def name_parts(named: str) -> tuple[str, ...]:
    """Split the name of an image in a table into folders and file.

    Args:
        named: Path of the image, as in the table.

    Returns:
        The parts of the path, the last one without its ending.

    Example:
        >>> name_parts("ward 3/a.png"), name_parts("a")
        (('ward 3', 'a'), ('a',))
    """
    path = Path(named.replace("\\", "/"))
    return (*path.parent.parts, _stem(path.name))


def result_name(named: str) -> str:
    """Return a name for the files of an image's results.

    Args:
        named: Path of the image, as in the table.

    Returns:
        The path without its ending, joined by two underscores.

    Example:
        >>> result_name("ward 3/a.png")
        'ward 3__a'
    """
    return "__".join(part for part in name_parts(named) if part != Path(named).anchor)


def image_size(path: str | PathLike[str]) -> tuple[int, int]:
    """Return the size of an image from its header.

    Args:
        path: PNG, JPEG or DICOM file.

    Returns:
        Rows and columns.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image.

    Example:
        >>> image_size("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    if not (Path(path).is_file() and is_dicom_file(Path(path))):
        return radiograph_size(path)
    data = read_dicom(path, stop_before_pixels=True)
    return int(data.Rows), int(data.Columns)


def readable_size(path: str | PathLike[str]) -> tuple[int, int] | None:
    """Return the size of an image, or None if its header is unreadable, which is logged.

    An evaluation that leaves out unreadable images can so go on; the boxes of such an image are not known.

    Args:
        path: PNG, JPEG or DICOM file.

    Returns:
        Rows and columns, or None.

    Example:
        >>> readable_size("missing.png") is None
        True
    """
    try:
        return image_size(path)
    except (OSError, ValueError, AttributeError) as error:
        _LOGGER.warning("%s is unreadable: %s Its boxes are left out.", path, error)
        return None
