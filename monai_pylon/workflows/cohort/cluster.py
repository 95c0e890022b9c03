"""Workers of Dask that process the scans of a cohort: processes of this computer, or those of any scheduler.

Each worker has one scan at a time, so that it is known which scan a worker held when it ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import pickle
import secrets
import signal
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from concurrent.futures import wait as wait_for_all
from pathlib import Path
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.cohort.local_workers import MOST_KILLS, THREADS, connected
from monai_pylon.workflows.cohort.scan_job import ScanJob, ScanResult

__all__ = ["results_of_workers"]

_LOGGER = logging.getLogger(__name__)
#: Seconds between two looks at the workers.
_PAUSE = 1.0
#: Seconds without any worker until a warning.
_PATIENCE = 60.0
#: Seconds to wait at the end for workers that are receiving the job.
_LAST_ANSWER = 10.0
#: What a worker did when it ended. They are counted apart: a scan that was processed did not end its worker.
_PROCESSED, _SENT = "processed this scan", "sent the result of this scan"
#: Jobs of this worker process by key: pickled until the first scan.
_JOBS: dict[str, Any] = {}


def receive_job(key: str, pickled: bytes, folder: str, ignore_interrupt: bool) -> None:
    """Store a job on a worker. Runs on the worker.

    Raises:
        FileNotFoundError: If the worker does not see the folder of the results.
    """
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"output must be a folder that every worker sees, but is {folder!r}.")
    if ignore_interrupt:  # Ctrl-C reaches all processes of the terminal; the job ends its workers itself
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    _JOBS[key] = pickled


def forget_job(key: str) -> None:
    """Remove a job from a worker. Runs on the worker."""
    _JOBS.pop(key, None)
    if not _JOBS:
        gc.unfreeze()


def process_scan(key: str, item: Mapping[str, Any]) -> ScanResult:
    """Process one scan on a worker. Runs on the worker."""
    torch.set_num_threads(THREADS)
    if isinstance(_JOBS[key], bytes):
        _JOBS[key] = pickle.loads(_JOBS[key])
        gc.freeze()  # as in a run without workers: else collecting after each scan takes .2 s for the imported modules
    return _JOBS[key](item)


def _is_lost(error: BaseException) -> bool:
    """Return whether an error means that a worker was not reached. Dask raises a plain OSError if it cannot connect."""
    lost = (ConnectionError, TimeoutError, CancelledError)
    return isinstance(error, lost) or type(error) is OSError or "Comm" in type(error).__name__


class _Pool:
    """Workers of a client, each with at most one scan."""

    def __init__(self, client: Any, job: ScanJob, folder: Path, local: bool) -> None:
        dumps = optional_import("distributed.protocol.pickle", name="dumps")[0]
        self.client, self.key, self._local = client, secrets.token_hex(8), local
        self._message = (self.key, dumps(job), os.path.abspath(folder), local)
        self._ready: set[str] = set()
        self._sent: dict[str, Future[dict[str, Any]]] = {}
        self._looked, self._seen = 0.0, time.monotonic()
        self.running: dict[Any, tuple[str, Mapping[str, Any]]] = {}

    def look(self) -> None:
        """Update the list of workers, at most once a second, and send the job to new ones without waiting for them.

        A new worker imports the libraries before it answers, which takes seconds.
        """
        for address in [address for address, answer in self._sent.items() if answer.done()]:
            self._check(address, self._sent.pop(address))
        now = time.monotonic()
        if now - self._looked < _PAUSE:
            return
        self._looked = now
        present = set(self.client.nthreads())
        self._ready &= present
        for address in present - self._ready - self._sent.keys():
            self._sent[address] = self._send(address)
        if self._ready or present & self._sent.keys():
            self._seen = now
        elif now - self._seen > _PATIENCE:
            _LOGGER.warning("No worker is available; waiting for one.")
            self._seen = now

    def _send(self, address: str) -> Future[dict[str, Any]]:
        """Start to send the job to a worker, and return the future of its answer."""
        given = {"workers": [address], "on_error": "return", "asynchronous": True}
        answer = self.client.run(receive_job, *self._message, **given)
        return asyncio.run_coroutine_threadsafe(answer, self.client.loop.asyncio_loop)

    def _check(self, address: str, sent: Future[dict[str, Any]]) -> None:
        """Note a worker that has the job. One that ended meanwhile, or was not reached, has none."""
        try:
            answer = sent.result().get(address)
        except (OSError, CancelledError) as error:
            answer = error
        if answer is None:
            self._ready.add(address)
        elif not _is_lost(answer) and address in self.client.nthreads():
            reason, remedy = root_cause(answer), "Install the same versions there, and mount the same folders."
            raise RuntimeError(f"The worker {address} cannot take the job ({reason}). {remedy}")

    def receiving(self) -> bool:
        """Return whether a worker is about to have the job."""
        return bool(self._sent)

    def idle(self) -> list[str]:
        """Return the workers without a scan."""
        return sorted(self._ready - {address for address, _ in self.running.values()})

    def start(self, address: str, item: Mapping[str, Any]) -> None:
        """Send a scan to a worker."""
        name = f"scan-{secrets.token_hex(8)}"  # no name of a patient
        pinned = {"workers": [address], "allow_other_workers": False, "pure": False, "key": name}
        self.running[self.client.submit(process_scan, self.key, dict(item), **pinned)] = (address, item)

    def ended(self) -> list[tuple[Any, Mapping[str, Any]]]:
        """Return futures that have a result or an error, with their scans, and forget them."""
        futures = [future for future in self.running if future.done()]
        return [(future, self.running.pop(future)[1]) for future in futures]

    def lost(self) -> list[Mapping[str, Any]]:
        """Return the scans of workers that have ended, and forget them."""
        futures = [future for future, (address, _) in self.running.items() if address not in self._ready]
        if futures:
            self.client.cancel(futures, force=True)
        return [self.running.pop(future)[1] for future in futures]

    def forget(self, future: Any) -> None:
        """Cancel a future, so that the scheduler keeps nothing for a worker that has ended."""
        with contextlib.suppress(Exception):
            self.client.cancel([future], force=True)

    def close(self) -> None:
        """Stop what is running, and remove the job from the workers, unless they end with this job."""
        with contextlib.suppress(Exception):
            self.client.cancel(list(self.running), force=True)
            if not self._local:
                wait_for_all(self._sent.values(), timeout=_LAST_ANSWER)
                self.client.run(forget_job, self.key, on_error="ignore")


def _quarantine(job: ScanJob, item: Mapping[str, Any], work: str) -> ScanResult:
    reason = f"{MOST_KILLS} workers ended while they {work} (killed, out of memory, or crashed)."
    remedy = "If it needs more memory, use fewer workers."
    return job.failure(item, f"KilledWorker: {reason} {remedy}", "quarantined", MOST_KILLS - 1)


def _run(pool: _Pool, job: ScanJob, first: Mapping[str, Any], items: Iterator[Any]) -> Iterator[ScanResult]:
    waiting: deque[Any] = deque([first])
    kills, more = Counter[tuple[str, str]](), True
    while waiting or pool.running or more:
        pool.look()
        lost, ended = [(item, _PROCESSED) for item in pool.lost()], pool.ended()
        for address in pool.idle():  # before the results are written, so that no worker waits for that
            if not waiting and more:
                item = next(items, items)  # the iterator itself marks its end
                more = item is not items
                waiting.extend([item] if more and item is not None else [])
            if not waiting:
                break
            pool.start(address, waiting.popleft())
        for future, item in ended:
            try:
                yield _fetched(future)
            except _LostError:
                pool.forget(future)
                lost.append((item, _SENT))
            except (Exception, asyncio.CancelledError) as error:
                if type(error).__name__ == "KilledWorker":
                    lost += [(item, _PROCESSED)] * MOST_KILLS
                else:
                    yield job.failure(item, root_cause(error))
        for item, work in lost:
            kills[item["scan"], work] += 1
            if kills[item["scan"], work] == MOST_KILLS:
                yield _quarantine(job, item, work)
            elif kills[item["scan"], work] < MOST_KILLS:
                _LOGGER.warning("A worker that had %s ended; another one tries it again.", item["scan"])
                waiting.append(item)
        _wait(list(pool.running), _PAUSE / 10 if pool.receiving() else _PAUSE)


class _LostError(Exception):
    """The worker ended before its result was fetched."""


def _fetched(future: Any) -> ScanResult:
    """Return the result of a future that had ended. If its worker has ended since, it would never come."""
    while True:
        try:
            return future.result(timeout=_PAUSE)
        except (TimeoutError, asyncio.TimeoutError) as error:
            if not future.done():
                raise _LostError from error


def _wait(futures: list[Any], longest: float) -> None:
    """Wait until one of some futures has ended, or for a number of seconds."""
    if not futures:
        time.sleep(_PAUSE / 10)
        return
    wait = optional_import("distributed", name="wait")[0]
    with contextlib.suppress(TimeoutError):
        wait(futures, timeout=longest, return_when="FIRST_COMPLETED")


def results_of_workers(
    job: ScanJob, items: Iterator[Mapping[str, Any] | None], workers: int, scheduler: str | None, folder: Path
) -> Generator[ScanResult, None, None]:
    """Process scans on workers, and yield their results in the order in which they end.

    A worker that ends loses nothing: another one tries its scan again. A scan that ended two workers is quarantined:
    its row says so.

    Args:
        job: Function of one scan.
        items: Scans; None while there is none to process, but more may come.
        workers: Number of processes on this computer, without a scheduler. They start with the first scan, have one
            thread each, and share nine tenths of the memory; one that needs more ends.
        scheduler: Address of a Dask scheduler, whose workers must see the scans and the folder under the same paths.
        folder: Folder of the results.

    Yields:
        The results.

    Raises:
        ValueError: If no scheduler is at the address.
        RuntimeError: If a worker cannot take the job, for example since it lacks this package.

    Example:
        >>> list(results_of_workers(None, iter([]), 2, None, Path("results")))
        []
    """
    first = next(items, items)
    while first is None:
        time.sleep(_PAUSE)
        first = next(items, items)
    if first is items:
        return
    with connected(workers, scheduler) as client:
        pool = _Pool(client, job, folder, scheduler is None)
        try:
            yield from _run(pool, job, first, items)  # type: ignore[arg-type]
        finally:
            pool.close()
