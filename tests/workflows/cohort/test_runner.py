"""Runner of a cohort: resuming, failed scans, table and summary."""

from __future__ import annotations

import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import CohortRunner, resume
from monai_pylon.workflows.cohort.runner import CohortSummary, _Progress


class Job:
    """Job over text files that reads a number, doubles it and writes it, and records the scans it processed."""

    columns = ("ok", "number")

    def __init__(self, root: Path, **files: str) -> None:
        self.root, self.done = root, []
        self.options: dict[str, Any] = {"progress": False, "output": root / "out", "settings": {"factor": 2}}
        for name, text in files.items():
            (root / name).write_text(text)

    def read(self, item: dict[str, Any]) -> dict[str, Any]:
        return {**item, "number": torch.tensor(int(Path(item["image"]).read_text()))}

    def double(self, item: dict[str, Any]) -> dict[str, Any]:
        self.done.append(item["scan"])
        return {**item, "number": item["number"] * 2}

    def write(self, item: dict[str, Any]) -> dict[str, Any]:
        number, file = int(item["number"]), f"{item['scan']}.out"
        (self.output / file).write_text(str(number))
        return {**item, "row": {"ok": number < 100, "number": number}, "files": [file]}

    def runner(self, **options: Any) -> CohortRunner:
        items = [{"image": str(f), "scan": f.name} for f in sorted(self.root.iterdir()) if f.is_file()]
        self.output = Path((self.options | options)["output"])
        write = type("Write", (), {"columns": self.columns, "__call__": lambda _, item: self.write(item)})()
        return CohortRunner(Dataset(items, self.read), self.double, SimpleInferer(), write, **self.options | options)

    def table(self) -> dict[str, dict[str, str]]:
        return {row["scan"]: row for row in read_rows(self.root / "out" / "quality.csv")}


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path, a="1", b="2", c="60")


def test_processes_and_records_every_scan(job: Job, caplog: pytest.LogCaptureFixture) -> None:
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


def test_second_run_skips_finished_scans(job: Job) -> None:
    job.runner().run()
    before = (job.root / "out" / "quality.csv").read_bytes()
    assert job.runner().run() == CohortSummary(done=0, skipped=3, flagged=1, failed=0)
    assert job.done == ["a", "b", "c"]
    assert (job.root / "out" / "quality.csv").read_bytes() == before


def test_table_has_seconds_and_memory(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 11.2345, 20.0, 20.5, 30.0, 30.0])
    monkeypatch.setattr("monai_pylon.workflows.cohort.scan_job.time", SimpleNamespace(perf_counter=lambda: next(times)))
    monkeypatch.setattr("monai_pylon.workflows.cohort.scan_job.peak_memory_mb", lambda: 123.6)
    job.runner().run()
    assert [row["seconds"] for row in job.table().values()] == ["1.23", "0.5", "0"]
    assert {row["peak_memory_mb"] for row in job.table().values()} == {"124"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"workers": 1}, None),
        ({"workers": 2}, (2, None)),
        ({"workers": 9}, (3, None)),  # no more than there are scans
        ({"workers": 1, "scheduler": "tcp://host:1"}, (1, "tcp://host:1")),
    ],
)
def test_workers_or_a_scheduler_process_the_scans(
    job: Job, options: dict[str, Any], expected: tuple | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple] = []

    def distribute(job: Any, todo: Any, workers: int, scheduler: str | None, output: Path) -> Iterator[Any]:
        asked.append((workers, scheduler))
        yield from ()

    monkeypatch.setattr("monai_pylon.workflows.cohort.runner.results_of_workers", distribute)
    summary = job.runner(**options).run()
    assert asked == ([] if expected is None else [expected])
    assert summary.done == (3 if expected is None else 0)


def test_job_without_quality_control_flags_nothing(job: Job) -> None:
    job.columns = ("number",)
    assert job.runner(output=job.root / "new" / "out").run().flagged is None
    assert str(CohortSummary(done=1, skipped=0, flagged=None, failed=0)) == "1 scan done, 0 finished before, 0 failed"


def test_adds_new_scans(job: Job) -> None:
    job.runner().run()
    (job.root / "aa").write_text("5")
    assert job.runner().run() == CohortSummary(done=1, skipped=3, flagged=1, failed=0)
    assert list(job.table()) == ["a", "b", "c", "aa"]


def test_resumes_after_an_interruption(job: Job) -> None:
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


def test_unreadable_scan_does_not_stop_the_others(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    (job.root / "b").write_text("no number")
    runner = job.runner()
    runner.finish()  # nothing has failed yet
    with caplog.at_level(logging.DEBUG):
        assert runner.run() == CohortSummary(done=2, skipped=0, flagged=1, failed=1)
    levels = [(record.levelname, bool(record.exc_info)) for record in caplog.records if record.levelname != "INFO"]
    assert levels == [("DEBUG", True), ("ERROR", False)], "the traceback is for debugging only"
    row = job.table()["b"]
    assert row["error"] == "ValueError: invalid literal for int() with base 10: 'no number'"
    assert (row["ok"], row["files"]) == ("", "")
    with pytest.raises(SystemExit, match="Scans that failed: 1") as end:
        runner.finish()
    assert end.value.code, "a job queue must notice the failure"


def test_keeps_the_order_of_columns_if_the_first_scan_fails(job: Job) -> None:
    (job.root / "a").write_text("no number")
    job.runner().run()
    columns = ["scan", "ok", "number", "seconds", "peak_memory_mb", "error", "files", "source", "settings_hash"]
    assert list(job.table()["a"]) == columns


def test_tries_failed_scans_again(job: Job) -> None:
    (job.root / "b").write_text("no number")
    job.runner().run()
    assert job.runner().run().failed == 1
    (job.root / "b").write_text("2")
    runner = job.runner()
    assert runner.run() == CohortSummary(done=1, skipped=2, flagged=1, failed=0)
    assert job.table()["b"]["error"] == ""
    runner.finish()


@pytest.mark.parametrize("change", ["settings", "scan", "output", "version"])
def test_processes_outdated_scans_again(change: str, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_keeps_the_rows_of_other_scans(job: Job) -> None:
    """Parts of a cohort may be run one after another into the same folder."""
    job.runner().run()
    (job.root / "a").unlink()
    (job.root / "d").write_text("9")
    job.runner().run()
    assert list(job.table()) == ["a", "b", "c", "d"]


def test_rejects_an_empty_dataset(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Give --input PATH"):
        Job(tmp_path).runner().run()


def test_no_search_of_the_libraries_for_garbage(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take .2 s, also for a single scan."""
    frozen: list[int] = []
    events: list[str] = []
    freeze, unfreeze = gc.freeze, gc.unfreeze

    def collect(generation: int = 2) -> int:
        if generation == 2:
            frozen.append(gc.get_freeze_count())
            events.append("search of all")
        return 0

    monkeypatch.setattr(gc, "collect", collect)
    monkeypatch.setattr(gc, "freeze", lambda: (events.append("freeze"), freeze()))
    monkeypatch.setattr(gc, "unfreeze", lambda: (events.append("unfreeze"), unfreeze()))
    job.runner().run()
    assert events == ["freeze", *["search of all"] * 3, "unfreeze"], "after each scan"
    assert min(frozen) > 100_000


def test_progress_bar_names_the_scan(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    job.runner().run()
    assert "100%" not in capsys.readouterr().err, "switched off"
    del job.options["progress"]
    (job.root / "d").write_text("4")
    job.runner().run()
    shown = capsys.readouterr().err
    assert "4/4 d" in shown
    assert "100%" in shown
    assert shown.index("reading") < shown.index("computing") < shown.index("writing"), "the stages of a scan"
    assert "4/4" in shown


def test_the_progress_bar_fits_a_window_that_becomes_narrower(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    width, work = [100], job.double
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda file: (width[0], 20))

    def narrow(item: dict[str, Any]) -> dict[str, Any]:
        width[0] = 50
        return work(item)

    job.double = narrow  # type: ignore[method-assign]
    del job.options["progress"]
    job.runner().run()
    drawn = capsys.readouterr().err.strip().split("\r")
    assert max(map(len, drawn)) > 90
    assert len(drawn[-1].rstrip()) <= 50


@pytest.fixture
def ten_seconds_each(job: Job, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job with four scans, each of which takes ten seconds in its second stage, by the clock of the bar."""
    clock, work = [1000.0], job.double
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])

    def double(item: dict[str, Any]) -> dict[str, Any]:
        clock[0] += 10
        return work(item)

    job.double = double  # type: ignore[method-assign]
    del job.options["progress"]
    (job.root / "d").write_text("4")
    return job


def test_time_left(ten_seconds_each: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """After n of 4 scans in 10 n seconds, (4 - n) 10 seconds are left; a third of a scan more after it was read."""
    ten_seconds_each.runner().run()
    shown = capsys.readouterr().err
    for ended in ("1/4 ", "25%", "00:10<00:30", "2/4 ", "50%", "00:20<00:20", "3/4 ", "75%", "00:30<00:10"):
        assert ended in shown
    assert "00:10<00:20, computing" in shown, "1 1/3 scans in 10 s: 7.5 s a scan, so 2 2/3 scans take 20 s"
    assert "100%" in shown
    assert "00:40<00:00" in shown


def test_time_left_of_a_resumed_job(ten_seconds_each: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """Two scans were finished before and take no time: after one of the other two, ten seconds are left, not three."""
    job = ten_seconds_each
    for name in "cd":
        (job.root / name).unlink()
    assert job.runner(progress=False).run().done == 2
    for name in "cd":
        (job.root / name).write_text("60")
    assert job.runner().run() == CohortSummary(done=2, skipped=2, flagged=2, failed=0)
    shown = capsys.readouterr().err
    assert "00:10<00:10" in shown
    assert "00:10<00:03" not in shown


def test_the_progress_bar_moves_by_thirds_of_a_scan() -> None:
    """Each step draws it once, with the stage and the number that belong together."""
    shown: list[float | str] = []

    def set_text_beside(text: str, refresh: bool) -> None:
        if refresh:
            shown.append(text)

    bar = SimpleNamespace(n=0.0, initial=0, total=3, set_postfix_str=set_text_beside, set_description=shown.append)
    bar.refresh = lambda: shown.append(bar.n)
    progress = _Progress(bar)
    progress.add({"scan": "a", "error": "", "ok": "no"})
    progress.skip({"scan": "b", "error": "broken"}, earlier=True)
    progress.show("c")
    progress.stage(1, "computing")
    assert shown == ["1/3", "2/3", "3/3 c", 2 + 1 / 3]
    assert (progress.done, progress.skipped, progress.flagged, progress.failed) == (1, 0, 1, 1)
    assert bar.initial == 1


def test_a_scan_that_cannot_be_looked_at_is_a_row(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files may vanish, or lose their permissions, between listing and processing."""
    job.runner().run()
    hash_of = resume.settings_hash

    def vanishes(item: dict[str, Any], settings: dict[str, Any]) -> str:
        if item["scan"] == "b":
            raise PermissionError(13, "Permission denied", "b")
        return hash_of(item, settings)

    for module in ("runner", "scan_job"):
        monkeypatch.setattr(f"monai_pylon.workflows.cohort.{module}.settings_hash", vanishes)
    assert job.runner().run() == CohortSummary(done=0, skipped=2, flagged=1, failed=1)
    assert job.table()["b"]["error"] == "PermissionError: [Errno 13] Permission denied: 'b'"


def test_a_scan_deleted_while_the_job_runs_is_a_row(job: Job) -> None:
    runner = job.runner()
    (job.root / "b").unlink()
    assert runner.run() == CohortSummary(done=2, skipped=0, flagged=1, failed=1)
    assert job.table()["b"]["error"].startswith("FileNotFoundError")


def test_values_that_cannot_be_written_are_a_row(job: Job) -> None:
    class Odd:
        def __str__(self) -> str:
            raise ValueError("no text")

    write = job.write
    job.write = lambda item: {**write(item), "row": {"ok": True, "number": Odd()}}  # type: ignore[method-assign]
    assert job.runner().run().failed == 3
    assert {row["error"] for row in job.table().values()} == {"ValueError: no text"}


def test_names_and_values_that_are_not_utf8_are_written(job: Job) -> None:
    name = os.fsdecode(b'M\xfcller, "Jr"\n')
    (job.root / name).write_text("7")
    assert job.runner().run().failed == 0
    assert job.runner().run().failed == 0
    assert len(job.table()) == 4, "the row is found again"
    assert any("M\\udcfcller" in row["source"] for row in job.table().values())


def second_job(job: Job, expected: int, **options: Any) -> tuple[threading.Thread, list[Any]]:
    """Start another job in the folder once the first one processes a scan, which waits for some scans."""
    other, ends, started = job.runner(**options), [], []
    work = job.double

    def run() -> None:
        try:
            ends.append(other.run())
        except Exception as error:
            ends.append(error)

    def start_another(item: dict[str, Any]) -> dict[str, Any]:
        if not started:
            started.append(item["scan"])
            thread.start()
            deadline = time.monotonic() + 30
            while not ends and len(job.done) < expected and time.monotonic() < deadline:
                time.sleep(0.01)
        return work(item)

    other.network = work
    job.double = start_another  # type: ignore[method-assign]
    thread = threading.Thread(target=run)
    return thread, ends


def test_two_jobs_share_the_scans(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_pylon.workflows.cohort.runner._PAUSE", 0.01)
    thread, ends = second_job(job, 2)
    summary = job.runner().run()
    thread.join()
    assert sorted(job.done) == ["a", "b", "c"], "each once"
    assert summary == CohortSummary(done=1, skipped=2, flagged=1, failed=0)
    assert ends == [CohortSummary(done=2, skipped=1, flagged=1, failed=0)], "waited for the scan of the first job"
    assert list(job.table()) == ["a", "b", "c"]


def test_a_second_job_with_other_settings_is_refused(job: Job) -> None:
    thread, ends = second_job(job, 3, settings={"factor": 3})
    job.runner().run()
    thread.join()
    assert "is in use by another job with other settings" in str(ends[0])


def test_a_failure_of_another_running_job_is_not_tried_again(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monai_pylon.workflows.cohort.runner._PAUSE", 0.01)
    (job.root / "b").write_text("no number")
    (job.root / "c").write_text("no number either")
    (job.root / "d").write_text("4")
    thread, ends = second_job(job, 1)
    assert job.runner().run().failed == 2
    thread.join()
    assert ends[0].failed == 2
    assert sorted(job.done) == ["a", "d"]


def test_reads_a_table_saved_by_a_spreadsheet(job: Job) -> None:
    job.runner().run()
    table = job.root / "out" / "quality.csv"
    text = table.read_text()
    ledger = job.root / "out" / "cohort.sqlite"
    ledger.unlink()
    table.write_bytes(("\ufeff" + text.replace(",", ";").replace("\n", "\r\n")).encode())
    assert job.runner().run() == CohortSummary(done=0, skipped=3, flagged=1, failed=0)
    ledger.unlink()
    table.write_text("scan,ok\na,yes\n")
    with pytest.raises(ValueError, match="the header must have a column 'error'"):
        job.runner().run()


def test_removes_what_a_killed_job_left(job: Job) -> None:
    (job.root / "out").mkdir()
    (job.root / "out" / ".part-99999-0a-quality.csv").write_text("half")
    job.runner().run()
    names = ["a.out", "b.out", "c.out", "cohort.sqlite", "manifest.csv", "quality.csv"]
    assert sorted(file.name for file in (job.root / "out").iterdir()) == names
