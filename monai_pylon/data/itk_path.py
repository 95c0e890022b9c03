"""Paths for SimpleITK, which takes text in UTF-8 only, and the reasons of its errors."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path

__all__ = ["itk_path", "itk_reason"]

#: Place in the source code, and objects with their addresses, which ITK writes before its reason in two ways.
_ITK_PREFIX = re.compile(r"^Exception thrown in SimpleITK .*?(?:ITK ERROR|itk::ERROR): ", re.DOTALL)
_ITK_OBJECT = re.compile(r"\w+ ?\(0x[0-9a-fA-F]+\): ?")


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


def itk_reason(error: Exception) -> str:
    """Return the text of an error without what ITK writes before its reason.

    That is a place in its source code and an address in memory, which differs in every run.

    Args:
        error: Error of SimpleITK, or any other, whose text stays.

    Returns:
        The text.

    Example:
        >>> prefix = "Exception thrown in SimpleITK ReadImage: /b/itkNrrd.cxx:935:\\nITK ERROR: NrrdImageIO(0x7f9c): "
        >>> itk_reason(RuntimeError(prefix + "expected 2912 bytes but received 0"))
        'expected 2912 bytes but received 0'
    """
    return _ITK_OBJECT.sub("", _ITK_PREFIX.sub("", str(error)))


def _is_utf8(text: str) -> bool:
    return text.encode("utf-8", "surrogateescape") == text.encode("utf-8", "replace")
