"""Storage of a cohort's rows: what is kept, and what happens if the table cannot be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import table as module
from monai_pylon.workflows.cohort.table import CohortTable

ROW = {"scan": "a", "error": "", "files": "", "settings_hash": "1"}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CohortTable:
    monkeypatch.setattr(module, "_WAITS", (0.0, 0.0))
    return CohortTable(tmp_path / "out" / "quality.csv")


def test_replaces_and_appends_rows(table: CohortTable) -> None:
    with table.open():
        table.record({**ROW, "ok": True})
        table.record({**ROW, "scan": "b"})
        table.record({**ROW, "ok": False, "ml": 1.5})
        assert table.get("a") == {**ROW, "ok": "no", "ml": "1.5"}
        assert table.get("missing") is None
    assert [(row["scan"], row["ok"], row["ml"]) for row in read_rows(table.file)] == [("a", "no", "1.5"), ("b", "", "")]


def test_keeps_rows_that_could_not_be_written_at_first(table: CohortTable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network folder may be gone for a moment."""
    write, failures = module.write_rows, iter([True, True, False, False])

    def sometimes(*arguments: Any) -> None:
        if next(failures):
            raise OSError(5, "Input/output error")
        write(*arguments)

    monkeypatch.setattr(module, "write_rows", sometimes)
    with table.open():
        table.record(ROW)
        table.record({**ROW, "scan": "b"})
    assert [row["scan"] for row in read_rows(table.file)] == ["a", "b"]


def test_a_table_that_cannot_be_written_stops_the_job(table: CohortTable, monkeypatch: pytest.MonkeyPatch) -> None:
    with table.open():
        table.record(ROW)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_rows", full)
    with table.open(), pytest.raises(OSError, match=r"cannot be written \(No space left on device\)\. Run the same"):
        table.record({**ROW, "scan": "b"})
    assert [row["scan"] for row in read_rows(table.file)] == ["a"]
