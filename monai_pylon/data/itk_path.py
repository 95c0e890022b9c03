"""Paths for SimpleITK, which takes text in UTF-8 only."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path

__all__ = ["itk_path"]


@contextlib.contextmanager
def itk_path(path: str | PathLike[str]) -> Iterator[str]:
    """Provide a path to a file or folder that SimpleITK can open, whatever bytes its name has.

    Args:
        path: The file or folder. If its path is not UTF-8, a temporary link stands for it.

    Yields:
        The path.

    Example:
        >>> with itk_path("ward/scan.nrrd") as readable:
        ...     readable
        'ward/scan.nrrd'
    """
    text = fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            parent = Path(folder, "folder")
            parent.symlink_to(Path(text).parent.absolute())  # other files beside it stay reachable
            link = parent / Path(text).name
            if not _is_utf8(link.name):
                link = Path(folder, "scan" + Path(text).suffix.encode("ascii", "ignore").decode())
                link.symlink_to(Path(text).absolute())
            yield str(link)
        return
    yield text


def _is_utf8(text: str) -> bool:
    return text.encode("utf-8", "surrogateescape") == text.encode("utf-8", "replace")
