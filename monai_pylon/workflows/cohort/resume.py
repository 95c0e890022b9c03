"""Resume logic of a cohort: skip the scans that an earlier run finished.

:class:`~monai_pylon.workflows.cohort.CohortRunner` stores the :func:`settings_hash` of each scan in its table. Before
it processes a scan again, :func:`is_finished` compares the stored hash with the current one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_pylon.utils import __version__
from monai_pylon.utils.files import file_hash

__all__ = ["input_hash", "is_finished", "output_hash", "run_hash", "settings_hash"]


def _file_state(path: Path) -> list[int]:
    """Return number, bytes and latest modification time of a file, or of the files in a folder."""
    stats = [file.stat() for file in path.iterdir() if file.is_file()] if path.is_dir() else [path.stat()]
    return [len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]


def _hash(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


def input_hash(item: Mapping[str, Any]) -> str:
    """Hash the number, bytes and modification time of the files of a scan.

    Args:
        item: Item of the dataset, with the path of the scan as "image".

    Returns:
        Twelve hexadecimal characters; empty if there is no such file.

    Example:
        >>> input_hash({"image": "absent.nii"})
        ''
    """
    source = Path(item["image"])
    return _hash(_file_state(source)) if source.exists() else ""


def output_hash(files: str, folder: Path) -> str:
    """Hash the names and the content of the files that a scan's row lists.

    Args:
        files: Their names relative to the folder, separated by "; ".
        folder: Folder of the results.

    Returns:
        Twelve hexadecimal characters; empty without files.

    Example:
        >>> output_hash("", Path("results"))
        ''
    """
    names = [name for name in files.split("; ") if name]
    return _hash({name: file_hash(folder / name) for name in names}) if names else ""


def run_hash(settings: Mapping[str, Any]) -> str:
    """Hash what the results of all scans of a job depend on: the settings and the version of this package.

    Args:
        settings: Settings of the job.

    Returns:
        Twelve hexadecimal characters.

    Example:
        >>> run_hash({"method": "paper"}) == run_hash({"method": "robust"})
        False
    """
    return _hash([dict(settings), __version__])


def settings_hash(item: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Hash everything that the results of a scan depend on.

    These are the settings, the version of this package, the item, and the number, bytes and modification time of the
    files of the scan. The content of the files is not read, which would take as long as processing some scans.

    Args:
        item: Item of the dataset, with the path of the scan as "image".
        settings: Settings of the run.

    Returns:
        Twelve hexadecimal characters; the same value means that earlier results are still valid.

    Example:
        >>> item = {"image": "absent.nii", "scan": "absent"}
        >>> settings_hash(item, {"method": "paper"}) == settings_hash(item, {"method": "robust"})
        False
    """
    source = Path(item["image"])
    values = [dict(settings), __version__, dict(item), _file_state(source) if source.exists() else None]
    return _hash(values)


def is_finished(row: Mapping[str, str], current_hash: str, output: Path) -> bool:
    """Return whether an earlier run finished a scan, so that this run can skip it.

    Args:
        row: Row of the scan in the table.
        current_hash: The :func:`settings_hash` of the scan.
        output: Folder of the results.

    Returns:
        True if the row has no error and the same hash, and all of its files exist.

    Example:
        >>> is_finished({"error": "", "settings_hash": "0123456789ab", "files": ""}, "0123456789ab", Path("results"))
        True
    """
    if row["error"] or row["settings_hash"] != current_hash:
        return False
    return all((output / name).is_file() for name in row["files"].split("; ") if name)
