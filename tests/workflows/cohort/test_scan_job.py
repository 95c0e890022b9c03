"""Work on one scan: what is sent to another process. The runner's tests cover the rows."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.workflows.cohort import scan_job
from monai_pylon.workflows.cohort.scan_job import ScanJob


class Write:
    columns = ("number",)

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "row": {"number": item["number"]}, "files": ["a", "b"]}


def read(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "number": int(Path(item["image"]).read_text())}


def job(items: list[dict[str, Any]]) -> ScanJob:
    return ScanJob(Dataset(items, read), dict, SimpleInferer(), Write(), {}, torch.device("cpu"))


def test_the_list_of_scans_stays_at_home(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("7")
    items = [{"image": str(tmp_path / "x"), "scan": f"secret{number}"} for number in range(100)]
    here = job(items)
    sent = pickle.dumps(here)
    assert b"secret" not in sent
    there, local = pickle.loads(sent)(items[3]), here(items[3])
    assert len(here.dataset.data) == 100
    assert (there.row["scan"], there.row["number"], there.row["files"], there.state) == ("secret3", 7, "a; b", "done")
    assert there.row.keys() == local.row.keys()
    assert there.input_hash == local.input_hash != ""


def test_the_files_of_a_scan_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("7")
    found = []
    for content in ("one", "other", "one"):
        for name in "ab":
            (tmp_path / name).write_text(content)
        item = {"image": str(tmp_path / "x"), "scan": "x"}
        arguments = (Dataset([], read), dict, SimpleInferer(), Write(), {}, torch.device("cpu"), tmp_path)
        found.append(ScanJob(*arguments)(item).output_hash)
    assert found[0] == found[2] != found[1]
    assert len(found[0]) == 12
    assert job([])(item).output_hash == "", "the folder is not known"


def test_a_scan_without_result_has_all_columns() -> None:
    item = {"image": "/x/a", "scan": "a"}
    failure = job([]).failure(item, "KilledWorker: x", "quarantined", 1)
    assert list(failure.row) == list(job([])(item).row)
    assert (failure.row["error"], failure.row["source"], failure.state) == ("KilledWorker: x", "/x/a", "quarantined")
    once = job([]).failure(item, "ValueError: x")
    assert (failure.attempts, once.state, once.attempts) == (1, "failed", 0)


def test_tells_the_stages_and_measures_a_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_text("7")
    times, stages = iter([10.0, 11.2345]), []
    monkeypatch.setattr(scan_job, "time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr(scan_job, "peak_memory_mb", lambda: 123.64)
    here = job([])
    here.stage = lambda number, name: stages.append((number, name))
    row = here({"image": str(tmp_path / "x"), "scan": "x"}).row
    assert stages == [(0, "reading"), (1, "computing"), (2, "writing")]
    assert (row["seconds"], row["peak_memory_mb"], row["error"]) == (1.23, 124, "")


def test_a_scan_that_cannot_be_read_fails() -> None:
    found = job([])({"image": "/absent/x", "scan": "x"})
    assert (found.state, found.attempts, found.output_hash) == ("failed", 0, "")
    assert "FileNotFoundError" in found.row["error"]
    assert found.row["files"] == ""
