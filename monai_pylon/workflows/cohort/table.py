"""Table of a cohort as a CSV file: read once into the ledger of a new folder, and written from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path

from monai_pylon.utils.checks import check
from monai_pylon.utils.tables import csv_writers, open_table

__all__ = ["check_manifest", "read_cohort_table", "write_cohort_table"]

_LOGGER = logging.getLogger(__name__)
#: Columns that decide whether a scan is finished; see `is_finished`.
_REQUIRED = ("scan", "error", "files", "settings_hash")
#: Seconds to wait before a file is written again after a failure, such as that of a network folder.
WAITS = (0.5, 2.0, 5.0)


def read_cohort_table(file: str | PathLike[str]) -> Iterator[dict[str, str]]:
    """Read the rows of a cohort's table, also after a spreadsheet program saved it (byte order mark, semicolons).

    Args:
        file: The CSV file; it need not exist.

    Returns:
        An iterator over the rows, as text by column.

    Raises:
        ValueError: If the table cannot be read or lacks a column; the error names the line.

    Example:
        >>> list(read_cohort_table("there_is_no_such_table.csv"))
        []
    """
    rows = open_table(file, required=_REQUIRED)[1] if Path(file).is_file() else iter(())
    return (row for _, row in rows)


def check_manifest(file: Path) -> None:
    """Raise an error if a file is there and is no manifest of a cohort, which would be replaced.

    Args:
        file: The CSV file; it need not exist.

    Raises:
        ValueError: If it is another file.

    Example:
        >>> check_manifest(Path("there_is_no_such_manifest.csv"))
    """
    if file.is_file():
        with file.open(encoding="utf-8", errors="replace") as lines:
            first = lines.readline(1000)
        remedy = "It would be replaced: move it, or give another folder (--output)."
        check("settings_hash" in first, file.name, "a manifest of this package", str(file), remedy)


def write_cohort_table(file: str | PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Replace a cohort's table in one step, one row in memory at a time.

    Args:
        file: The CSV file.
        columns: Its columns.
        rows: Texts by column; a missing one is empty.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_cohort_table(Path(folder, "t.csv"), ["scan", "ml"], [{"scan": "a"}])
        ...     Path(folder, "t.csv").read_text()
        'scan,ml\\na,\\n'
    """
    with csv_writers(file) as [writer]:
        writer.writerow(columns)
        writer.writerows([row.get(name, "") for name in columns] for row in rows)


def wait_after(error: OSError, file: Path, tries: int) -> None:
    """Wait before a file is written again, or raise the error after some tries.

    Args:
        error: Why it could not be written.
        file: The file.
        tries: Number of earlier failures.

    Raises:
        OSError: After the last try, with the remedy.
    """
    reason = f"{str(file)!r} cannot be written ({error.strerror or error})."
    if tries >= len(WAITS):
        raise type(error)(f"{reason} Run the same command again to resume.") from error
    _LOGGER.warning("%s Trying again in %g seconds.", reason, WAITS[tries])
    time.sleep(WAITS[tries])
