"""Cohorts on Dask workers: equal results, workers that end, schedulers that are missing."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import CohortRunner, cluster, local_workers
from monai_pylon.workflows.cohort.ledger import CohortLedger
from monai_pylon.workflows.cohort.scan_job import ScanResult
from tests.workflows.killing import killing

distributed = pytest.importorskip("distributed")


def read(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "text": Path(item["image"]).read_text()}


def work(item: dict[str, Any]) -> dict[str, Any]:
    """Fail, kill the own process always, or kill it the first time, or give a result."""
    once = Path(f"{item['image']}.once")
    if item["text"] == "fail":
        raise ValueError("no")
    if item["text"] == "kill" or (item["text"] == "kill once" and not once.exists()):
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return item


class Write:
    columns = ("text",)

    def __init__(self, output: Path) -> None:
        self.output = output

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        (self.output / f"{item['scan']}.out").write_text(item["text"].upper())
        return {**item, "row": {"text": item["text"]}, "files": [f"{item['scan']}.out"]}


def runner(root: Path, output: str, texts: Mapping[str, str], **options: Any) -> CohortRunner:
    (root / "in").mkdir(exist_ok=True)
    for name, text in texts.items():
        if not (root / "in" / name).exists():
            (root / "in" / name).write_text(text)
    items = [{"image": str(root / "in" / name), "scan": name} for name in texts]
    out = root / output
    return CohortRunner(Dataset(items, read), work, SimpleInferer(), Write(out), out, progress=False, **options)


def results(root: Path, output: str) -> tuple[list[dict[str, str]], dict[str, bytes]]:
    """Rows without what differs from run to run, and the files."""
    rows = read_rows(root / output / "quality.csv")
    own = [{name: value for name, value in row.items() if name not in ("seconds", "peak_memory_mb")} for row in rows]
    return own, {file.name: file.read_bytes() for file in sorted((root / output).glob("*.out"))}


@pytest.fixture
def scheduler() -> Iterator[str]:
    """Address of a scheduler with two workers in threads of this process."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**options, protocol="tcp", silence_logs=50) as local:
        yield local.scheduler_address


def test_any_scheduler_gives_the_results_of_the_serial_run(scheduler: str, tmp_path: Path) -> None:
    texts = {f"s{number}": "fail" if number == 3 else f"text {number}" for number in range(8)}
    assert runner(tmp_path, "serial", texts).run().failed == 1
    first = runner(tmp_path, "dask", texts, scheduler=scheduler)
    assert str(first.run()) == "7 scans done, 0 finished before, 1 failed"
    assert results(tmp_path, "dask") == results(tmp_path, "serial")
    assert (
        str(runner(tmp_path, "dask", texts, scheduler=scheduler).run()) == "0 scans done, 7 finished before, 1 failed"
    )
    assert cluster._JOBS == {}, "the job is removed from the workers"


ASKED, ANSWERED = [], []  # type: ignore[var-annotated]


async def slow_second(*message: Any) -> None:
    """Take the job as a worker that imports the libraries for some seconds, if it is the second one."""
    ASKED.append(message)
    if len(ASKED) == 2:
        await asyncio.sleep(8)
    cluster._JOBS[message[0]] = message[1]
    ANSWERED.append(message)


def test_no_result_waits_for_a_worker_that_starts(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was started again imports the libraries before it takes the job; the others go on meanwhile."""
    monkeypatch.setattr(cluster, "receive_job", slow_second)
    monkeypatch.setattr(cluster, "_LAST_ANSWER", 0.0)
    record, answered = CohortLedger.record, []

    def recorded(self: CohortLedger, *row: Any) -> None:
        answered.append(len(ANSWERED))
        record(self, *row)

    monkeypatch.setattr(CohortLedger, "record", recorded)
    ASKED.clear()
    ANSWERED.clear()
    assert runner(tmp_path, "out", {f"s{number}": "text" for number in range(4)}, scheduler=scheduler).run().done == 4
    assert answered == [1, 1, 1, 1], "the second worker has not answered when the results are recorded"
    assert len(ASKED) == 2


class Client:
    """Client of workers that all answer with an error."""

    def __init__(self, error: Exception, present: bool) -> None:
        self.error, self.present = error, present
        self.loop = types.SimpleNamespace(asyncio_loop=asyncio.new_event_loop())
        self.thread = threading.Thread(target=self.loop.asyncio_loop.run_forever, daemon=True)
        self.thread.start()

    def nthreads(self) -> dict[str, int]:
        return {"tcp://a": 1} if self.present else {}

    async def run(self, function: Any, *message: Any, workers: list[str], **_: Any) -> dict[str, Exception]:
        return dict.fromkeys(workers, self.error)


@pytest.mark.parametrize(
    ("error", "present", "fatal"),
    [
        (FileNotFoundError("no folder"), True, True),
        (ModuleNotFoundError("monai"), True, True),
        (ModuleNotFoundError("monai"), False, False),
        (OSError("Timed out trying to connect"), True, False),
        (ConnectionRefusedError(), True, False),
    ],
)
def test_answers_of_workers_to_a_job(error: Exception, present: bool, fatal: bool, tmp_path: Path) -> None:
    """Ones that ended, or were not reached, end no cohort; ones that stay and cannot take the job do."""
    client = Client(error, True)
    pool = cluster._Pool(client, Job(), tmp_path, False)  # type: ignore[arg-type]
    pool.look()
    assert pool.receiving()
    client.present = present
    pool._sent["tcp://a"].exception(timeout=10)
    with pytest.raises(RuntimeError, match="tcp://a cannot take the job") if fatal else contextlib.nullcontext():
        pool.look()
    assert pool.idle() == []
    client.loop.asyncio_loop.call_soon_threadsafe(client.loop.asyncio_loop.stop)
    client.thread.join()
    client.loop.asyncio_loop.close()


def frozen(item: Mapping[str, Any]) -> int:
    return gc.get_freeze_count()


def test_a_worker_does_not_search_its_libraries_for_garbage_after_each_scan(tmp_path: Path) -> None:
    """The search took .2 s of CPU time."""
    cluster.receive_job("key", pickle.dumps(frozen), str(tmp_path), False)
    try:
        assert cluster.process_scan("key", {}) > 100_000  # type: ignore[operator]
    finally:
        cluster.forget_job("key")
    assert gc.get_freeze_count() == 0


def test_no_scheduler_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dask = pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "200ms"}),
        pytest.raises(
            ValueError,
            match=r"scheduler must be the address of a Dask scheduler that is running, but is 'tcp://127.0.0.1:9'",
        ),
    ):
        runner(tmp_path, "out", {"a": "x"}, scheduler="tcp://127.0.0.1:9").run()


def test_without_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'monai_pylon\[bundle\]'"):
        runner(tmp_path, "out", {"a": "x", "b": "y"}, workers=2).run()


def test_a_worker_must_see_the_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="output must be a folder that every worker sees"):
        cluster.receive_job("key", b"", str(tmp_path / "missing"), False)


@pytest.mark.parametrize(("options", "message"), [({"workers": 0}, "workers must be at least 1")])
def test_rejects_wrong_numbers(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        runner(tmp_path, "out", {}, **options)


def test_one_scan_starts_no_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert runner(tmp_path, "out", {"a": "x"}, workers=8).run().done == 1


class Future:
    """Future that ended; the worker of the scan "unfetched" ends before the first result of it is fetched."""

    asked = 0

    def __init__(self, value: ScanResult) -> None:
        self.value = value

    def result(self, timeout: float) -> ScanResult:
        if self.value.row["scan"] == "unfetched":
            Future.asked += 1
            if Future.asked in (1, 2):  # slow, then lost
                raise TimeoutError
        return self.value

    def done(self) -> bool:
        return Future.asked != 2


class Pool:
    """Workers that need no processes: each look, a worker ends with the scans of `kills`, else it finishes."""

    def __init__(self, kills: Mapping[str, int]) -> None:
        self.kills, self.running = dict(kills), {}  # type: ignore[var-annotated]
        self.tries: list[str] = []
        self.forgotten: list[str] = []

    def look(self) -> None:
        pass

    def receiving(self) -> bool:
        return False

    def idle(self) -> list[str]:
        return [] if self.running else ["worker"]

    def start(self, address: str, item: Mapping[str, Any]) -> None:
        self.tries.append(item["scan"])
        self.running[item["scan"]] = item

    def lost(self) -> list[Mapping[str, Any]]:
        gone = [scan for scan in self.running if self.kills.get(scan, 0) > 0]
        for scan in gone:
            self.kills[scan] -= 1
        return [self.running.pop(scan) for scan in gone]

    def ended(self) -> list[tuple[Any, Mapping[str, Any]]]:
        ended = [self.running.pop(scan) for scan in list(self.running) if not self.kills.get(scan)]
        row = [ScanResult({"scan": item["scan"], "error": ""}, "", "", "done") for item in ended]
        return [(Future(one), one.row) for one in row]

    def forget(self, future: Future) -> None:
        self.forgotten.append(future.value.row["scan"])


def test_a_result_of_a_worker_that_ended_before_it_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask keeps results on the worker: waiting for one of a worker that is gone would never end."""
    monkeypatch.setattr(cluster, "_wait", lambda futures, longest: None)
    monkeypatch.setattr(Future, "asked", 0)
    pool = Pool({})
    found = list(cluster._run(pool, Job(), {"scan": "unfetched"}, iter([{"scan": "good"}])))  # type: ignore[arg-type]
    assert sorted(result.row["scan"] for result in found) == ["good", "unfetched"]
    assert {result.state for result in found} == {"done"}
    assert pool.tries.count("unfetched") == 2
    assert pool.forgotten == ["unfetched"]


def test_a_result_that_never_comes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that ended once while it processed the scan, and one while it sent its result, do not make two."""
    monkeypatch.setattr(cluster, "_wait", lambda futures, longest: None)
    monkeypatch.setattr(Future, "asked", 0)
    pool = Pool({"unfetched": 1})
    (found,) = cluster._run(pool, Job(), {"scan": "unfetched"}, iter([]))  # type: ignore[arg-type]
    assert (found.state, pool.tries) == ("done", ["unfetched"] * 3)

    monkeypatch.setattr(Future, "result", lambda future, timeout: (_ for _ in ()).throw(TimeoutError))
    monkeypatch.setattr(Future, "done", lambda future: False)
    pool = Pool({})
    (found,) = cluster._run(pool, Job(), {"scan": "unfetched"}, iter([]))  # type: ignore[arg-type]
    assert (found.state, pool.tries) == ("quarantined", ["unfetched"] * 2)
    assert found.row["error"].startswith("KilledWorker: 2 workers ended while they sent the result of this scan (")


class Job:
    def failure(self, item: Mapping[str, Any], error: str, state: str = "failed", attempts: int = 0) -> ScanResult:
        return ScanResult({"scan": item["scan"], "error": error}, "", "", state, attempts)


def test_a_scan_of_a_lost_worker_is_tried_again_and_quarantined_at_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_wait", lambda futures, longest: None)
    pool = Pool({"unlucky": 1, "killer": 9})
    items = iter([None, {"scan": "unlucky"}, None, {"scan": "killer"}, {"scan": "good"}])
    found = list(cluster._run(pool, Job(), {"scan": "first"}, items))  # type: ignore[arg-type]
    states = {result.row["scan"]: result.state for result in found}
    assert states == {"first": "done", "unlucky": "done", "killer": "quarantined", "good": "done"}
    assert len(found) == 4
    assert {result.attempts for result in found if result.state == "quarantined"} == {1}, "beyond the first"
    assert [pool.tries.count(scan) for scan in ("first", "unlucky", "killer", "good")] == [1, 2, 2, 1]
    reason = next(result.row["error"] for result in found if result.row["error"])
    assert reason.startswith("KilledWorker: 2 workers ended while they processed this scan")


def test_what_dask_itself_gives_up_is_quarantined_and_other_errors_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scheduler counts killed workers too; an error of a scan is no reason to try it again."""
    monkeypatch.setattr(cluster, "_wait", lambda futures, longest: None)
    killed = type("KilledWorker", (Exception,), {})
    errors = {"killer": killed("too many"), "unreadable": ValueError("no"), "stopped": asyncio.CancelledError()}

    class Raising(Future):
        def result(self, timeout: float) -> ScanResult:
            if error := errors.get(self.value.row["scan"]):
                raise error
            return self.value

    pool = Pool({})
    ended = pool.ended
    monkeypatch.setattr(pool, "ended", lambda: [(Raising(future.value), item) for future, item in ended()])
    items = iter([{"scan": scan} for scan in ("unreadable", "stopped", "good")])
    found = {one.row["scan"]: one for one in cluster._run(pool, Job(), {"scan": "killer"}, items)}  # type: ignore[arg-type]
    states = {scan: one.state for scan, one in found.items()}
    assert states == {"killer": "quarantined", "unreadable": "failed", "stopped": "failed", "good": "done"}
    assert found["unreadable"].row["error"] == "ValueError: no"
    assert found["killer"].row["error"].startswith("KilledWorker: 2 workers ended")


@pytest.mark.slow
def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """Also the second kind of worker: processes of this computer."""
    texts = {f"s{number}": {2: "kill once", 5: "kill", 6: "fail"}.get(number, str(number)) for number in range(10)}
    assert str(runner(tmp_path, "out", texts, workers=2).run()) == "8 scans done, 0 finished before, 2 failed"
    rows, files = results(tmp_path, "out")
    assert [row["scan"] for row in rows] == list(texts)
    errors = {row["scan"]: row["error"] for row in rows if row["error"]}
    assert errors.pop("s5").startswith("KilledWorker: 2 workers ended")
    assert errors == {"s6": "ValueError: no"}
    assert sorted(files) == [f"s{number}.out" for number in range(10) if number not in (5, 6)]


@pytest.mark.slow
def test_500_scans_while_a_worker_is_killed_after_every_50(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scans that take no time, so that the workers' ends are what is tested; one in five fails."""
    pytest.importorskip("psutil")
    texts = {f"s{number:03d}": str(number) if number % 5 else "fail" for number in range(500)}
    assert runner(tmp_path, "serial", texts).run().failed == 100
    killed: list[int] = []
    monkeypatch.setattr(CohortLedger, "record", killing(CohortLedger.record, killed, 50, len(texts)))
    monkeypatch.setattr(cluster, "_PAUSE", 0.1)  # else the other worker has done the next 50 when the end is noticed
    assert str(runner(tmp_path, "out", texts, workers=2).run()) == "400 scans done, 0 finished before, 100 failed"
    assert len(set(killed)) == 9
    assert results(tmp_path, "out") == results(tmp_path, "serial")
    assert [row["scan"] for row in results(tmp_path, "out")[0]] == list(texts)


@pytest.mark.slow
def test_memory_of_a_worker_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 1.5e9
    monkeypatch.setattr(local_workers, "_MEMORY_SHARE", 2 * limit / distributed.system.MEMORY_LIMIT)

    def grow(item: dict[str, Any]) -> dict[str, Any]:
        parts = [bytearray(50_000_000) for _ in range(60 if item["scan"] == "big" else 0) if not time.sleep(0.05)]
        return {**item, "text": item["text"] + str(len(parts))}

    job = runner(tmp_path, "out", {"big": "x", "small": "y"}, workers=2)
    job.network = grow
    assert job.run().failed == 1
    assert {row["scan"] for row in results(tmp_path, "out")[0] if row["error"].startswith("KilledWorker")} == {"big"}


@pytest.mark.parametrize(("present", "seconds", "warnings"), [(False, 61, 2), (False, 60, 1), (True, 61, 0)])
def test_a_worker_that_has_gone_while_it_was_asked_is_not_available(
    present: bool,
    seconds: float,
    warnings: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After more than a minute without any worker, a warning says so; the next one comes after another."""
    clock = [1000.0]
    monkeypatch.setattr(cluster, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    client = types.SimpleNamespace(nthreads=lambda: {"a": 1} if present else {})
    pool = cluster._Pool(client, None, tmp_path, False)
    pool._sent["a"] = types.SimpleNamespace(done=lambda: False)
    for _ in range(2):
        clock[0] += seconds
        pool.look()
    assert caplog.text.count("No worker is available") == warnings


def test_looks_at_the_workers_at_most_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = [1000.0], []
    monkeypatch.setattr(cluster, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    pool = cluster._Pool(types.SimpleNamespace(nthreads=lambda: asked.append(clock[0]) or {}), None, tmp_path, False)
    for seconds in (0, 0.5, 0.5, 0.875):
        clock[0] += seconds
        pool.look()
    assert asked == [1000, 1001]


class Submitted:
    """Client that notes what is submitted and cancelled."""

    def __init__(self) -> None:
        self.workers: list[Any] = []
        self.cancelled: list[Any] = []

    def submit(self, function: Any, *arguments: Any, **options: Any) -> Any:
        assert "patient" not in options["key"]
        self.workers.append((options["workers"], options["allow_other_workers"]))
        return options["key"]

    def cancel(self, futures: list[Any], force: bool = False) -> None:
        self.cancelled.append((len(futures), force))


def test_a_scan_stays_on_its_worker_and_is_given_back_if_that_ends(tmp_path: Path) -> None:
    """Only so it is known which scan a worker held."""
    client = Submitted()
    pool = cluster._Pool(client, None, tmp_path, False)
    pool._ready = {"a", "b"}
    pool.start("a", {"scan": "patient 1"})
    pool.start("b", {"scan": "patient 2"})
    assert client.workers == [(["a"], False), (["b"], False)]
    assert (pool.idle(), pool.lost(), client.cancelled) == ([], [], [])
    pool._ready = {"b", "c"}
    assert pool.lost() == [{"scan": "patient 1"}]
    assert pool.idle() == ["c"]
    pool.forget("future")
    assert client.cancelled == [(1, True), (1, True)]


def test_errors_that_mean_a_lost_worker() -> None:
    class CommClosedError(Exception):
        pass

    assert all(map(cluster._is_lost, (CommClosedError(), TimeoutError(), ConnectionResetError(), OSError("no answer"))))
    assert not any(map(cluster._is_lost, (FileNotFoundError(), ValueError(), PermissionError())))
