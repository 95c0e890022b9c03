"""Storage of a cohort's rows: a CSV file that one job at a time may write.

:class:`CohortRunner` needs three methods of a storage: ``open``, ``get`` and ``record``.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from monai_pylon.utils import write_rows
from monai_pylon.utils.files import remove_leftovers
from monai_pylon.utils.folder_lock import lock_folder
from monai_pylon.utils.tables import cell_text, open_table

__all__ = ["CohortTable"]

_LOGGER = logging.getLogger(__name__)
#: Columns that decide whether a scan is finished; see `is_finished`.
_REQUIRED = ("scan", "error", "files", "settings_hash")
#: Seconds to wait before the table is written again after a failure, such as that of a network folder.
_WAITS = (0.5, 2.0, 5.0)


class CohortTable:
    """Rows of a cohort by scan, in a CSV file.

    The file is replaced in one step after each row. A table that a spreadsheet program saved (byte order mark,
    semicolons) is read too.

    Args:
        file: The CSV file. Its folder is locked while the table is open.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = CohortTable(Path(folder, "quality.csv"))
        ...     with table.open():
        ...         table.record({"scan": "a", "error": "", "files": "a.nii", "settings_hash": "1"})
        ...     with table.open():
        ...         table.get("a")["files"], table.get("b")
        ('a.nii', None)
    """

    def __init__(self, file: str | PathLike[str]) -> None:
        self.file = Path(file)
        self._rows: dict[str, Mapping[str, str]] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Lock the folder, remove what killed jobs left in it, and read the table; release the folder at the end.

        Raises:
            FolderInUseError: If another job writes to the folder.
            ValueError: If the table cannot be read or lacks a column; the error names the line.
        """
        with lock_folder(self.file.parent):
            remove_leftovers(self.file.parent)
            rows = open_table(self.file, required=_REQUIRED)[1] if self.file.is_file() else ()
            self._rows = {row["scan"]: row for _, row in rows}
            yield

    def get(self, scan: str) -> Mapping[str, str] | None:
        """Return the row of a scan, as text by column; None if it has none."""
        return self._rows.get(cell_text(scan))

    def record(self, row: Mapping[str, Any]) -> None:
        """Replace or append the row of a scan, and write the table.

        Raises:
            OSError: If the table cannot be written, after some tries. The rows of earlier scans stay.
        """
        texts = {name: cell_text(value) for name, value in row.items()}
        self._rows[texts["scan"]] = texts
        for wait in (*_WAITS, None):
            try:
                return write_rows(self.file, list(self._rows.values()))
            except OSError as error:
                reason = f"{str(self.file)!r} cannot be written ({error.strerror})."
                if wait is None:
                    raise type(error)(f"{reason} Run the same command again to resume.") from error
                _LOGGER.warning("%s Trying again in %g seconds.", reason, wait)
                time.sleep(wait)
