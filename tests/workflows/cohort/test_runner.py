"""The long job: resumable, whole or not at all, and no scan stops another."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import CohortRunner, CohortSummary


class Job:
    """A job over text files: reads a number, doubles it, writes it. It counts what it did."""

    columns = ("ok", "number")

    def __init__(self, root: Path, **files: str) -> None:
        self.root, self.done = root, []
        for name, text in files.items():
            (root / name).write_text(text)

    def read(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "number": torch.tensor(int(Path(item["image"]).read_text()))}

    def double(self, item: dict[str, Any]) -> dict[str, Any]:
        self.done.append(item["scan"])
        return {**item, "number": item["number"] * 2}

    def write(self, item: dict[str, Any]) -> dict[str, Any]:
        number, file = int(item["number"]), f"{item['scan']}.out"
        (self.root / "out" / file).write_text(str(number))
        return {**item, "row": {"ok": number < 100, "number": number}, "files": [file]}

    def runner(self, **options: Any) -> CohortRunner:
        items = [{"image": str(f), "scan": f.name} for f in sorted(self.root.iterdir()) if f.is_file()]
        write = type("Write", (), {"columns": self.columns, "__call__": lambda _, item: self.write(item)})()
        options = {"progress": False, "output": self.root / "out", "settings": {"factor": 2}, **options}
        return CohortRunner(Dataset(items, self.read), self.double, SimpleInferer(), write, **options)

    def table(self) -> dict[str, dict[str, str]]:
        return {row["scan"]: row for row in read_rows(self.root / "out" / "quality.csv")}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, a="1", b="2", c="60")


def test_every_scan_is_done_and_told(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert job.runner().run() == CohortSummary(done=3, skipped=0, flagged=1, failed=0)
    assert job.done == ["a", "b", "c"]
    assert (job.root / "out" / "c.out").read_text() == "120"
    row = job.table()["c"]
    assert (row["ok"], row["number"], row["error"], row["files"]) == ("no", "120", "", "c.out")
    assert row["source"] == str(job.root / "c")
    assert float(row["seconds"]) >= 0
    assert float(row["peak_memory_mb"]) > 10
    assert "3 scans done, 0 finished before, 0 failed; 1 to check by eye" in caplog.text


def test_a_second_run_does_nothing_again(job: Job) -> None:
    job.runner().run()
    before = (job.root / "out" / "quality.csv").read_bytes()
    assert job.runner().run() == CohortSummary(done=0, skipped=3, flagged=1, failed=0)
    assert job.done == ["a", "b", "c"]
    assert (job.root / "out" / "quality.csv").read_bytes() == before


def test_new_scans_join(job: Job) -> None:
    job.runner().run()
    (job.root / "aa").write_text("5")
    assert job.runner().run() == CohortSummary(done=1, skipped=3, flagged=1, failed=0)
    assert list(job.table()) == ["a", "b", "c", "aa"]


def test_a_stopped_job_goes_on_where_it_was(job: Job) -> None:
    work = job.double

    def stop_at_b(item: dict[str, Any]) -> dict[str, Any]:
        if item["scan"] == "b":
            raise KeyboardInterrupt
        return work(item)

    job.double = stop_at_b  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        job.runner().run()
    assert list(job.table()) == ["a"]
    job.double = work  # type: ignore[method-assign]
    assert job.runner().run() == CohortSummary(done=2, skipped=1, flagged=1, failed=0)
    assert job.done == ["a", "b", "c"]


def test_one_unreadable_scan_does_not_stop_the_rest(job: Job) -> None:
    (job.root / "b").write_text("no number")
    runner = job.runner()
    assert runner.run() == CohortSummary(done=2, skipped=0, flagged=1, failed=1)
    row = job.table()["b"]
    assert row["error"] == "ValueError: invalid literal for int() with base 10: 'no number'"
    assert (row["ok"], row["files"]) == ("", "")
    with pytest.raises(SystemExit, match="Scans that failed: 1") as end:
        runner.finish()
    assert end.value.code, "a job queue must see that something failed"


def test_the_columns_keep_their_order_where_the_first_scan_fails(job: Job) -> None:
    (job.root / "a").write_text("no number")
    job.runner().run()
    columns = ["scan", "ok", "number", "seconds", "peak_memory_mb", "error", "files", "source", "settings_hash"]
    assert list(job.table()["a"]) == columns


def test_a_failed_scan_is_tried_again(job: Job) -> None:
    (job.root / "b").write_text("no number")
    job.runner().run()
    assert job.runner().run().failed == 1
    (job.root / "b").write_text("2")
    runner = job.runner()
    assert runner.run() == CohortSummary(done=1, skipped=2, flagged=1, failed=0)
    assert job.table()["b"]["error"] == ""
    runner.finish()


@pytest.mark.parametrize("change", ["settings", "scan", "output", "version"])
def test_what_is_out_of_date_is_done_again(change: str, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.runner().run()
    options = {}
    if change == "settings":
        options["settings"] = {"factor": 3}
    elif change == "scan":
        (job.root / "a").write_text("7")
    elif change == "output":
        (job.root / "out" / "a.out").unlink()
    else:
        monkeypatch.setattr("monai_pylon.workflows.cohort.resume.__version__", "99")
    expected = 3 if change in ("settings", "version") else 1
    assert job.runner(**options).run().done == expected


def test_the_fingerprint_sees_a_change_within_a_folder(tmp_path: Path, job: Job) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / "1.dcm").write_bytes(b"123")
    runner, item = job.runner(), {"image": str(folder), "scan": "series"}
    before = runner.settings_hash(item)
    assert runner.settings_hash(item) == before
    os.utime(folder / "1.dcm", ns=(1, 1))
    changed = runner.settings_hash(item)
    (folder / "2.dcm").write_bytes(b"")
    assert len({before, changed, runner.settings_hash(item)}) == 3


def test_the_rows_of_other_scans_stay(job: Job) -> None:
    """Slices of a cohort may be run one after the other into one folder."""
    job.runner().run()
    (job.root / "a").unlink()
    (job.root / "d").write_text("9")
    job.runner().run()
    assert list(job.table()) == ["a", "b", "c", "d"]


def test_no_scan_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Give --input PATH"):
        Job(tmp_path).runner().run()


def test_the_progress_bar_names_the_scan(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.runner(progress=True).run()
    shown = capsys.readouterr().err
    assert "c: 100%" in shown
    assert "3/3" in shown
