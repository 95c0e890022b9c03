"""Table of a cohort as CSV: tables of earlier versions and spreadsheets, and failures of the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.workflows.cohort import table as module
from monai_pylon.workflows.cohort.table import check_manifest, read_cohort_table, wait_after, write_cohort_table


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    columns = ["scan", "error", "files", "settings_hash"]
    rows = [{"scan": 'a "b",\nc', "error": "", "files": "x; y", "settings_hash": "1"}, {"scan": "d"}]
    write_cohort_table(tmp_path / "q.csv", columns, iter(rows))
    assert list(read_cohort_table(tmp_path / "q.csv")) == [
        rows[0],
        {"scan": "d", "error": "", "files": "", "settings_hash": ""},
    ]


def test_rejects_a_table_without_a_needed_column(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_text("scan,error,files\na,,\n")
    with pytest.raises(ValueError, match="must have a column 'settings_hash'"):
        read_cohort_table(tmp_path / "q.csv")


def test_only_a_manifest_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "manifest.csv"
    file.write_text("table,scan,state,settings_hash\n")
    check_manifest(file)
    file.write_text("file,bytes\nsettings_hash,3\n")
    with pytest.raises(ValueError, match=r"manifest\.csv must be a manifest of this package"):
        check_manifest(file)


def test_gives_up_after_some_tries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "WAITS", (0.0, 0.0))
    error = OSError(28, "No space left on device")
    for tries in range(2):
        wait_after(error, tmp_path, tries)
    with pytest.raises(OSError, match=r"cannot be written \(No space left on device\)\. Run the same"):
        wait_after(error, tmp_path, 2)


def test_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    waited: list[float] = []
    monkeypatch.setattr(module.time, "sleep", waited.append)
    for tries in range(3):
        wait_after(OSError("busy"), tmp_path, tries)
    with pytest.raises(OSError, match="busy"):
        wait_after(OSError("busy"), tmp_path, 3)
    assert waited == [0.5, 2, 5]
