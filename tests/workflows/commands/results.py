"""Results of a run that must be the same in every run: files and rows."""

from __future__ import annotations

from pathlib import Path

from monai_pylon.utils import read_rows

#: Files that differ from run to run, and columns that do.
OWN_FILES = ("cohort.sqlite", "cohort.sqlite-wal", "cohort.sqlite-shm", "manifest.csv")
TABLES = ("quality.csv", "regions.csv")
OWN_COLUMNS = ("seconds", "peak_memory_mb")


def content(folder: Path) -> tuple[dict[str, bytes], list[dict[str, str]]]:
    """Return the files of a run and the rows of its tables, without what differs from run to run."""
    tables = [folder / name for name in TABLES if (folder / name).exists()]
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file not in tables]
    rows = [row for table in sorted(tables) for row in read_rows(table)]
    rows = [{name: value for name, value in row.items() if name not in OWN_COLUMNS} for row in rows]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files if file.name not in OWN_FILES}, rows
