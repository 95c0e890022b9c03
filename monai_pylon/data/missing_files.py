"""Report of the files that a table of a dataset names but that do not exist."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from os import PathLike
from typing import Any

__all__ = ["MISSING", "finish_datalist", "report_missing_files"]

#: Treatments of rows of a table without a file.
MISSING = ("error", "skip")
_LOGGER = logging.getLogger(__name__)


def report_missing_files(names: Sequence[str], folder: str | PathLike[str], kinds: str, missing: str) -> None:
    """Raise for, or log, the files of a table that do not exist.

    Args:
        names: What the table names and the folder does not hold, with the place in the table if it is known.
        folder: Folder of the dataset.
        kinds: Accepted kinds of files, for the error message.
        missing: "error" raises, "skip" logs a warning.

    Raises:
        FileNotFoundError: If there are such files and `missing` is "error".

    Example:
        >>> report_missing_files([], "data", "PNG, JPEG or DICOM", "error")
        >>> report_missing_files(["a.png", "b.png"], "data", "PNG or DICOM", "error")
        Traceback (most recent call last):
        ...
        FileNotFoundError: a.png and 1 more must be in or below data as PNG or DICOM, because a table names it. ...
    """
    if not names:
        return
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    if missing == "error":
        raise FileNotFoundError(
            f"{names[0]}{more} must be in or below {folder} as {kinds}, because a table names it. "
            "missing='skip' (--missing skip) leaves such rows out."
        )
    _LOGGER.warning("%s%s of the table are not in or below %s. They are left out.", names[0], more, folder)


def finish_datalist(
    items: list[dict[str, Any]],
    lost: Sequence[str],
    folder: str | PathLike[str],
    section: str,
    kinds: str,
    missing: str,
    unit: str,
) -> list[dict[str, Any]]:
    """Report the missing files of a section, and return its items.

    Args:
        items: Items of the data list.
        lost: See `names` of :func:`report_missing_files`; `folder`, `kinds` and `missing` too.
        folder: Folder of the dataset.
        section: Name of the section, for the error message.
        kinds: Accepted kinds of files.
        missing: "error" or "skip".
        unit: Name of the items in the error message, such as "radiograph".

    Returns:
        The items.

    Raises:
        FileNotFoundError: If files are missing and `missing` is "error".
        ValueError: If there is no item.

    Example:
        >>> finish_datalist([], [], "data", "test", "PNG", "error", "radiograph")
        Traceback (most recent call last):
        ...
        ValueError: data has no radiograph for test.
    """
    report_missing_files(lost, folder, kinds, missing)
    if not items:
        raise ValueError(f"{folder} has no {unit} for {section}.")
    return items
