"""Ledger of a cohort: claims of several processes, killed claimants, import and export."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from monai_pylon.utils import read_rows
from monai_pylon.utils.folder_lock import FolderInUseError
from monai_pylon.workflows.cohort import ledger as module
from monai_pylon.workflows.cohort import table as table_module
from monai_pylon.workflows.cohort.ledger import CLAIMED, SETTLED, TAKEN, CohortLedger
from tests.workflows.cohort.alone import WITHOUT_MONAI

ROW = {"scan": "a", "error": "", "files": "", "settings_hash": "1"}

#: Claims all scans that it can, and records those that it claimed; or keeps or records the first one and is killed.
CLAIMER = """
import os, sys, time
from pathlib import Path
from monai_pylon.workflows.cohort.ledger import CohortLedger
table, name, fate = sys.argv[1:]
scans = [f"s{number}" for number in range(40)]
ledger = CohortLedger(table)
with ledger.open(scans, "same"):
    Path(table).with_name(name).touch()
    while fate == "lives" and not all(Path(table).with_name(one).exists() for one in ("first", "second")):
        time.sleep(0.001)
    for scan in scans:
        if ledger.claim(scan) == "claimed":
            if fate == "records":
                ledger.record({"scan": scan, "error": "late", "files": "", "settings_hash": "1"})
            if fate != "lives":
                os.kill(os.getpid(), 9)
            time.sleep(0.002)
            ledger.record({"scan": scan, "error": "", "files": "", "settings_hash": "1", "by": name})
            print(scan)
"""


def claimer(table: Path, name: str, fate: str = "lives") -> subprocess.Popen:
    command = [sys.executable, "-c", WITHOUT_MONAI + CLAIMER, str(table), name, fate]
    return subprocess.Popen(command, stdout=subprocess.PIPE if fate == "lives" else None, text=True)


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(table_module, "WAITS", (0.0, 0.0))
    return tmp_path / "out" / "quality.csv"


def facts(table: Path, columns: str) -> list[tuple]:
    connection = sqlite3.connect(table.with_name("cohort.sqlite"))
    try:
        return connection.execute(f"SELECT {columns} FROM items ORDER BY number").fetchall()
    finally:
        connection.close()


def test_replaces_and_appends_rows(table: Path) -> None:
    table = table.parent / "new" / "quality.csv"
    ledger = CohortLedger(table)
    with ledger.open(["a", "b"]):
        ledger.record({**ROW, "ok": True})
        ledger.record({**ROW, "scan": "b"})
        ledger.record({**ROW, "ok": False, "ml": 1.5})
        assert ledger.get("a") == {**ROW, "ok": "no", "ml": "1.5"}
        assert ledger.get("missing") is None
    assert [(row["scan"], row["ok"], row["ml"]) for row in read_rows(table)] == [("a", "no", "1.5"), ("b", "", "")]


def test_rows_are_in_the_order_of_the_job_however_they_ended(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["a", "b", "c"]):
        for scan in "cab":
            ledger.record({**ROW, "scan": scan})
    assert [row["scan"] for row in read_rows(table)] == ["a", "b", "c"]


def test_keeps_state_hashes_seconds_worker_and_error(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["a", "b", "c"]):
        for scan in "abc":
            assert ledger.claim(scan) == CLAIMED
        ledger.record({**ROW, "seconds": 1.25}, "f00", "host:1", "done", output_hash="0f0")
        ledger.record({**ROW, "scan": "b", "error": "ValueError: x"}, "", "", "quarantined", 1)
    columns = "scan, state, attempts, input_hash, settings_hash, output_hash, seconds, worker, error"
    assert facts(table, columns) == [
        ("a", "done", 1, "f00", "1", "0f0", 1.25, "host:1", ""),
        ("b", "quarantined", 2, "", "1", "", None, "", "ValueError: x"),
        ("c", "open", 1, None, None, None, None, None, None),
    ]


def test_two_tables_of_a_folder_do_not_mix(table: Path) -> None:
    masks, regions = CohortLedger(table), CohortLedger(table.with_name("regions.csv"))
    with masks.open(["a"], "1"), regions.open(["a"], "2"):
        assert masks.claim("a") == regions.claim("a") == CLAIMED
        masks.record(ROW)
        assert regions.get("a") is None


def test_the_manifest_lists_the_scans_of_all_tables(table: Path) -> None:
    masks, regions = CohortLedger(table), CohortLedger(table.with_name("regions.csv"))
    with masks.open(["b", "a, x", "c"], "1"):
        for scan in ("b", "a, x"):
            masks.claim(scan)
        masks.record({**ROW, "scan": "b", "seconds": 1.25}, "f00", "host:1", "done", output_hash="0f0")
        masks.record({**ROW, "scan": "a, x", "error": "ValueError: y"}, "f01", "host:2", "quarantined", 1)
    with regions.open(["b"], "2"):
        regions.claim("b")
        regions.record({**ROW, "scan": "b", "settings_hash": "2"})
    assert table.with_name("manifest.csv").read_text() == (
        "table,scan,state,attempts,input_hash,settings_hash,output_hash,seconds,worker,error\n"
        "quality.csv,b,done,1,f00,1,0f0,1.25,host:1,\n"
        'quality.csv,"a, x",quarantined,2,f01,1,,,host:2,ValueError: y\n'
        "quality.csv,c,open,0,,,,,,\n"
        "regions.csv,b,done,1,,2,,,,\n"
    )


def test_another_file_of_that_name_is_not_replaced(table: Path) -> None:
    own = table.with_name("manifest.csv")
    own.parent.mkdir()
    own.write_text("my,own,list\n")
    ledger = CohortLedger(table)
    with pytest.raises(ValueError, match=r"manifest\.csv must be a manifest .* move it"), ledger.open(["a"], "1"):
        pass
    assert own.read_text() == "my,own,list\n"
    own.unlink()
    for _ in range(2):
        with ledger.open(["a"], "1"):
            pass
    assert own.read_text().startswith("table,scan,")


def test_the_manifest_of_an_interrupted_job_counts_its_attempts(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        ledger.record(ROW)
    for attempts in (1, 2):
        with ledger.open(["a"]):
            ledger.claim("a")
        (row,) = read_rows(table.with_name("manifest.csv"))
        assert (row["state"], row["attempts"]) == ("open", str(attempts))


def test_the_manifest_is_written_again_if_it_was_removed(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        ledger.record(ROW)
    before, manifest = table.stat().st_mtime_ns, table.with_name("manifest.csv")
    with ledger.open(["a"]):
        pass
    assert table.stat().st_mtime_ns == before, "a job without news writes nothing"
    manifest.unlink()
    with ledger.open(["a"]):
        pass
    assert [row["scan"] for row in read_rows(manifest)] == ["a"]


def test_exports_what_a_killed_job_recorded_last(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["s0"], "same"):
        ledger.record({**ROW, "scan": "s0"})
    recorder = claimer(table, "dead", "records")
    assert recorder.wait(timeout=120) == -9
    assert [row["error"] for row in read_rows(table)] == [""]
    with ledger.open(["s0"], "same"):
        pass
    assert [row["error"] for row in read_rows(table)] == ["late"]
    assert [row["error"] for row in read_rows(table.with_name("manifest.csv"))][:1] == ["late"]


def test_processes_claim_each_scan_once(table: Path) -> None:
    jobs = [claimer(table, name) for name in ("first", "second")]
    printed = [job.communicate(timeout=120)[0].split() for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0]
    assert sorted([*printed[0], *printed[1]]) == sorted(f"s{number}" for number in range(40))
    rows = read_rows(table)
    assert [row["scan"] for row in rows] == [f"s{number}" for number in range(40)]
    assert [sum(row["by"] == name for row in rows) for name in ("first", "second")] == [len(p) for p in printed]
    assert set(facts(table, "attempts")) == {(1,)}


def test_claims_of_a_killed_process_are_free_at_once(table: Path) -> None:
    dead = claimer(table, "dead", "dies")
    assert dead.wait(timeout=120) == -9
    assert facts(table, "scan, state")[0] == ("s0", "claimed")
    ledger = CohortLedger(table)
    with ledger.open(["s0"], "other settings"):
        assert ledger.claim("s0") == CLAIMED
    assert facts(table, "scan, state, attempts")[0] == ("s0", "open", 2)


def test_a_process_killed_while_another_job_runs(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["s0"], "same"):
        assert claimer(table, "dead", "dies").wait(timeout=120) == -9
        assert ledger.claim("s0") == CLAIMED


@pytest.fixture
def elsewhere(table: Path, monkeypatch: pytest.MonkeyPatch) -> CohortLedger:
    """A job of another host that holds the scan a."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "this_process", lambda: module.Claimant("elsewhere", 1, "2"))
        patch.setattr(CohortLedger, "_leave", lambda self: None)  # the host was switched off
        gone = CohortLedger(table)
        with gone.open(["a"]):
            gone.claim("a")
    return gone


def test_claims_of_another_host_last_while_it_gives_signs_of_life(
    table: Path, elsewhere: CohortLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        assert ledger.claim("a") == TAKEN
        clock[0] += 100
        with ledger._database.writing() as run:
            run("UPDATE jobs SET beats = beats + 1 WHERE host = 'elsewhere'")
        assert ledger.claim("a") == TAKEN
        clock[0] += 100
        assert ledger.claim("a") == TAKEN, "100 seconds after the last sign"
        clock[0] += 20
        assert ledger.claim("a") == TAKEN
        clock[0] += 1
        assert ledger.claim("a") == CLAIMED, "after more than two minutes"


def test_gives_signs_of_life(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEAT", 0.01)
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        deadline = module.time.monotonic() + 20
        beats = 0
        while beats < 2 and module.time.monotonic() < deadline:
            with ledger._database.reading() as run:
                (beats,) = run("SELECT beats FROM jobs").fetchone()
        assert beats >= 2


def test_signs_of_life_keep_no_process_running(table: Path) -> None:
    before = set(threading.enumerate())
    with CohortLedger(table).open(["a"]):
        (beat,) = set(threading.enumerate()) - before
        assert beat.daemon
    assert not beat.is_alive()


def test_settled_by_a_job_at_the_same_time_but_not_before(table: Path) -> None:
    first, second = CohortLedger(table), CohortLedger(table)
    with first.open(["a", "b"]):
        first.claim("a")
        first.record({**ROW, "error": "ValueError: x"}, state="failed")
        with second.open(["a", "b"]):
            assert second.claim("a") == SETTLED
            second.claim("b")
            assert first.claim("b") == TAKEN
            second.record({**ROW, "scan": "b"})
            assert first.claim("b") == SETTLED
            second.record({**ROW, "scan": "b", "error": "ValueError: y"}, state="failed")
            assert second.claim("b") == CLAIMED, "a scan that it failed at itself"
    with second.open(["a", "b"]):
        assert second.claim("a") == CLAIMED, "a later job tries it again"


def test_rows_of_earlier_jobs_and_of_jobs_at_the_same_time(table: Path) -> None:
    first, second = CohortLedger(table), CohortLedger(table)
    with first.open(["a"]):
        first.record(ROW)
    with first.open(["a", "b", "c"]), second.open(["a", "b", "c"]):
        second.claim("b")
        second.record({**ROW, "scan": "b"})
        first.claim("c")
        first.record({**ROW, "scan": "c"})
        assert [first.is_earlier(scan) for scan in "ab"] == [True, False]
        assert [second.is_earlier(scan) for scan in "ac"] == [True, False]


def test_other_settings_wait(table: Path) -> None:
    first, second = CohortLedger(table), CohortLedger(table)
    with first.open(["a"], "1"):
        with pytest.raises(FolderInUseError, match=f"process {os.getpid()} on .*other folder"), second.open(["a"], "2"):
            pass
        assert first.claim("a") == CLAIMED
    with second.open(["a"], "2"):
        assert second.claim("a") == CLAIMED


def test_leftovers_of_running_jobs_stay(table: Path) -> None:
    first, second = CohortLedger(table), CohortLedger(table)
    part = table.with_name(".part-1-ab-a.nii")
    with first.open():
        part.touch()
        with second.open():
            assert part.exists()
    with first.open():
        assert not part.exists()


def test_imports_a_folder_that_has_only_a_table(table: Path) -> None:
    table.parent.mkdir()
    table.write_text("scan;error;files;settings_hash;ml\nb;;b.nii;1;2,5\na;x;;2;\n", encoding="utf-8-sig")
    ledger = CohortLedger(table)
    with ledger.open(["a", "c"]):
        assert ledger.get("b") == {"scan": "b", "error": "", "files": "b.nii", "settings_hash": "1", "ml": "2,5"}
        assert ledger.claim("a") == CLAIMED
        ledger.record({**ROW, "scan": "c"})
    assert [(row["scan"], row["ml"]) for row in read_rows(table)] == [("b", "2,5"), ("a", ""), ("c", "")]
    assert facts(table, "scan, state, attempts")[:2] == [("b", "done", 0), ("a", "open", 1)]


def test_exports_again_if_the_table_was_removed(table: Path) -> None:
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        ledger.record(ROW)
    table.unlink()
    with ledger.open(["a"]):
        pass
    assert [row["scan"] for row in read_rows(table)] == ["a"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, ValueError])
def test_exports_after_an_error(table: Path, end: Any) -> None:
    ledger = CohortLedger(table)

    def job() -> None:
        with ledger.open(["a", "b"]):
            ledger.record(ROW)
            ledger.claim("b")
            raise end

    with pytest.raises(end):
        job()
    assert [row["scan"] for row in read_rows(table)] == ["a"]
    assert facts(table, "scan, state") == [("a", "done"), ("b", "open")]


def test_exports_at_intervals_that_grow_with_the_table(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_INTERVAL", 0.0)
    monkeypatch.setattr(module, "_EXPORT_SHARE", 0.0)
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        ledger.record(ROW)
        assert [row["scan"] for row in read_rows(table)] == ["a"]
        monkeypatch.setattr(module, "_EXPORT_SHARE", 1e9)
        ledger.record({**ROW, "scan": "b"})
        ledger.record({**ROW, "scan": "c"})
        assert len(read_rows(table)) == 2, "the export before took more than nothing"
    assert len(read_rows(table)) == 3


def test_the_table_is_at_most_half_a_minute_old(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large cohort, writing it takes at most a two-hundredth of the time."""
    clock, seconds, failing = [1000.0], [0.0], [False]
    write = module.write_cohort_table

    def slow(*arguments: Any) -> None:
        clock[0] += seconds[0]
        if failing[0]:
            raise OSError(28, "No space left on device")
        write(*arguments)

    monkeypatch.setattr(module, "write_cohort_table", slow)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    names = iter("abcdefghij")
    ledger = CohortLedger(table)

    def rows_after(pause: float) -> int:
        clock[0] += pause
        ledger.record({**ROW, "scan": next(names)})
        return len(read_rows(table)) if table.is_file() else 0

    with ledger.open():
        assert [rows_after(29), rows_after(1), rows_after(29)] == [0, 2, 2]
        failing[0] = True
        assert rows_after(1) == 2
        failing[0], seconds[0] = False, 1.0
        assert [rows_after(29), rows_after(1)] == [2, 6], "tried again half a minute after the failure"
        assert [rows_after(199), rows_after(1)] == [6, 8]


def test_the_last_export_is_tried_some_times(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failures, write = iter([True, True, False]), module.write_cohort_table

    def busy(*arguments: Any) -> None:
        if next(failures):
            raise OSError(5, "Input/output error")
        write(*arguments)

    monkeypatch.setattr(module, "write_cohort_table", busy)
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        ledger.record(ROW)
    assert len(read_rows(table)) == 1


def test_an_interval_export_that_fails_is_tried_later(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_INTERVAL", 0.0)
    ledger = CohortLedger(table)
    with ledger.open(["a"]):
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_cohort_table", full)
            ledger.record(ROW)
        assert ledger.get("a") == ROW
    assert len(read_rows(table)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_cohort_table", full)
        with pytest.raises(OSError, match=r"quality.csv' cannot be written \(No space left"), ledger.open(["a"]):
            ledger.record(ROW)


def test_a_ledger_that_cannot_be_written_stops_the_job(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = CohortLedger(table)
    failures = iter([True, True, False])

    def write(self: CohortLedger, run: Any, *arguments: Any) -> None:
        if next(failures):
            raise OSError(5, "Input/output error")
        original(self, run, *arguments)

    original = CohortLedger._write
    monkeypatch.setattr(CohortLedger, "_write", write)
    with ledger.open(["a"]):
        ledger.record(ROW)
        failures = iter([True] * 9)
        with pytest.raises(OSError, match=r"cohort.sqlite' cannot be written .*Run the same"):
            ledger.record({**ROW, "scan": "b"})
    assert [row["scan"] for row in read_rows(table)] == ["a"]


def test_leftovers_of_killed_workers_go_with_the_last_job(table: Path) -> None:
    first, second = CohortLedger(table), CohortLedger(table)
    part = table.with_name(".part-1-ab-a.nii")
    with first.open():
        with second.open():
            part.touch()
        assert part.exists(), "it may belong to the other job"
    assert not part.exists()
