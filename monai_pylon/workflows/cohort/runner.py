"""Runner of a cohort: processes scans, records each in a ledger and resumes after an interruption.

:mod:`~monai_pylon.workflows.cohort.resume` decides which scans an earlier run finished.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.data import Dataset
from monai.utils import optional_import

from monai_pylon.utils import check, check_type
from monai_pylon.workflows.cohort.cluster import results_of_workers
from monai_pylon.workflows.cohort.ledger import CLAIMED, TAKEN, CohortLedger
from monai_pylon.workflows.cohort.resume import is_finished, run_hash, settings_hash
from monai_pylon.workflows.cohort.scan_job import ScanJob, ScanResult

__all__ = ["CohortRunner", "CohortSummary"]

_LOGGER = logging.getLogger(__name__)
#: Scan, share that is done, seconds passed and left, and the stage of the scan.
_BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
#: Seconds between two looks at scans that other jobs process.
_PAUSE = 1.0


class CohortSummary(NamedTuple):
    """Result of a run in numbers of scans.

    Attributes:
        done: Scans processed in this run.
        skipped: Scans that an earlier run finished with the same settings.
        flagged: Done or skipped scans that failed the quality control; None without quality control.
        failed: Scans with an error; the table has the reasons.

    Example:
        >>> print(CohortSummary(done=3, skipped=1, flagged=1, failed=1))
        3 scans done, 1 finished before, 1 failed; 1 to check by eye
    """

    done: int
    skipped: int
    flagged: int | None
    failed: int

    def __str__(self) -> str:
        scans = "scan" if self.done == 1 else "scans"
        numbers = f"{self.done} {scans} done, {self.skipped} finished before, {self.failed} failed"
        return numbers if self.flagged is None else f"{numbers}; {self.flagged} to check by eye"


@contextlib.contextmanager
def _fast_garbage_collection() -> Iterator[None]:
    """Exclude existing objects from garbage collection, so that collecting after each scan takes no time.

    This also makes Ctrl-C reliable: Python swallows an interrupt during the callbacks of a collection. Only young
    objects are collected before: a search of all takes .2 s, a fifth of the time of a small scan.
    """
    gc.collect(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Progress:
    """Numbers of a run, and its progress bar."""

    def __init__(self, bar: Any) -> None:
        self._bar, self._finished = bar, 0
        self.done = self.skipped = self.flagged = self.failed = 0

    def show(self, scan: str) -> None:
        """Name the scan that this process works on."""
        if self._bar is not None:
            self._bar.set_description(f"{self._finished + 1}/{self._bar.total} {scan}")

    def stage(self, number: int, name: str) -> None:
        """Show which of the three stages of a scan begins: the bar moves, and shows the time left."""
        if self._bar is not None:
            self._bar.set_postfix_str(name, refresh=False)
            self._bar.n = self._finished + number / 3
            self._bar.refresh()

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a scan that this job processed."""
        if row["error"]:
            _LOGGER.error("%s failed. %s", row["scan"], row["error"])
        self.failed += bool(row["error"])
        self.done += not row["error"]
        self._step(row)

    def skip(self, row: Mapping[str, str], earlier: bool) -> None:
        """Count a scan that an earlier run finished, or another job. Those of earlier runs took none of this time."""
        if self._bar is not None:
            self._bar.initial += earlier
        self.failed += bool(row.get("error"))
        self.skipped += not row.get("error")
        self._step(row)

    def _step(self, row: Mapping[str, Any]) -> None:
        self.flagged += row.get("ok") in (False, "no")
        self._finished += 1
        if self._bar is not None:
            self._bar.n = self._finished
            self._bar.set_postfix_str("", refresh=False)
            self._bar.set_description(f"{self._finished}/{self._bar.total}")


class CohortRunner:
    """Run a network or another function over a list of scans and record the results in a table.

    The runner reads, processes and writes one scan at a time, or one on each worker, and then records its row. A run
    that was stopped resumes: it skips the scans that :mod:`~monai_pylon.workflows.cohort.resume` reports as finished. A
    scan that fails gets a row with its error and does not stop the others; the next run tries it again. Several jobs
    with the same settings may run in an output folder at once; each scan is processed by one of them. The ledger
    `cohort.sqlite` keeps all rows; the table is an export of it.

    Args:
        dataset: Dataset of items with "image" (a path) and "scan" (a unique name), with the transform that reads them.
        network: Function from the item that was read to the item with the results; the inferer calls it.
        inferer: MONAI inferer, such as `SimpleInferer`.
        postprocessing: Function that writes the results and returns the item with "row" (values of the table by column)
            and "files" (names of the files written to the output folder). Its attribute ``columns`` lists the columns.
        output: Folder for the results and the table.
        settings: Settings that the results depend on, for the hash.
        device: Device to move tensors to before the network is called.
        table: File name of the table.
        progress: Whether to show a progress bar.
        workers: Number of processes that process scans. With one, this process does it.
        scheduler: Address of a Dask scheduler whose workers process the scans, such as "tcp://host:8786".

    Raises:
        ValueError: If workers is less than 1.

    Example:
        >>> CohortRunner(Dataset([]), network=dict, inferer=None, postprocessing=None, output="results").run()
        Traceback (most recent call last):
        ...
        ValueError: input must be a file, folder or data list with at least one scan, but is []. Give --input PATH.
    """

    def __init__(
        self,
        dataset: Dataset,
        network: Callable[[dict], dict],
        inferer: Callable[[dict, Callable], dict],
        postprocessing: Callable[[dict], dict],
        output: str | PathLike[str],
        settings: Mapping[str, Any] | None = None,
        device: torch.device | str = "cpu",
        table: str = "quality.csv",
        progress: bool = True,
        workers: int = 1,
        scheduler: str | None = None,
    ) -> None:
        check_type(workers, int, "workers")
        check(workers >= 1, "workers", "at least 1", workers)
        check_type(scheduler, (str, type(None)), "scheduler", "Give an address such as tcp://host:8786.")
        self.dataset, self.network, self.inferer, self.postprocessing = dataset, network, inferer, postprocessing
        self.output = Path(output).expanduser()
        self.table = self.output / table
        self.store = CohortLedger(self.table)
        self.workers, self.scheduler = workers, scheduler
        self.settings = dict(settings or {})
        self.device, self.progress = torch.device(device), progress
        self.summary: CohortSummary | None = None

    def settings_hash(self, item: Mapping[str, Any]) -> str:
        """Return the :func:`~monai_pylon.workflows.cohort.resume.settings_hash` of a scan."""
        return settings_hash(item, self.settings)

    def _finished_row(self, item: Mapping[str, Any]) -> Mapping[str, str] | None:
        """Return the row of a scan that an earlier run finished, or None."""
        row = self.store.get(item["scan"])
        try:
            return row if row is not None and is_finished(row, self.settings_hash(item), self.output) else None
        except OSError:  # the scan cannot be looked at: the error becomes its row
            return None

    def _claimed(self, items: Sequence[Mapping[str, Any]], progress: _Progress) -> Iterator[Mapping[str, Any] | None]:
        """Yield each scan that this job is to process; None while other jobs process all that is left."""
        while items:
            left = []
            for item in items:
                if (row := self._finished_row(item)) is None:
                    state = self.store.claim(item["scan"])
                    if state == CLAIMED:
                        yield item
                        continue
                    if state == TAKEN:
                        left.append(item)
                        continue
                    row = self.store.get(item["scan"]) or {}
                progress.skip(row, self.store.is_earlier(item["scan"]))
            items = left
            if items:
                yield None

    def _in_turn(
        self, job: ScanJob, items: Iterator[Mapping[str, Any] | None], progress: _Progress
    ) -> Generator[ScanResult, None, None]:
        """Yield the results of scans that this process computes one after another."""
        job.stage = progress.stage
        for item in items:
            if item is None:
                time.sleep(_PAUSE)
            else:
                progress.show(item["scan"])
                yield job(item)

    @contextlib.contextmanager
    def _progress_bar(self, total: int) -> Iterator[Any]:
        """Yield a progress bar that log lines do not break, or None if it is switched off or tqdm is missing."""
        tqdm, found = optional_import("tqdm", name="tqdm")
        if not (self.progress and found):
            yield None
            return
        redirect = optional_import("tqdm.contrib.logging", name="logging_redirect_tqdm")[0]
        with redirect(), tqdm(total=total, dynamic_ncols=True, bar_format=_BAR) as bar:
            yield bar

    def run(self) -> CohortSummary:
        """Process every scan that is not finished yet.

        Returns:
            The numbers of scans done, skipped, flagged and failed.

        Raises:
            ValueError: If the dataset is empty, or the table of an earlier run cannot be read.
            FolderInUseError: If another job with other settings runs in the output folder.
            OSError: If ledger or table cannot be written, or the scheduler cannot be reached.
        """
        items = list(self.dataset.data)
        requirement = "a file, folder or data list with at least one scan"
        check(bool(items), "input", requirement, items, "Give --input PATH.")
        job = ScanJob(
            self.dataset, self.network, self.inferer, self.postprocessing, self.settings, self.device, self.output
        )
        opened = self.store.open([item["scan"] for item in items], run_hash(self.settings))
        with opened, _fast_garbage_collection(), self._progress_bar(len(items)) as bar:
            progress = _Progress(bar)
            todo = self._claimed(items, progress)
            if self.scheduler or min(self.workers, len(items)) > 1:
                results = results_of_workers(job, todo, min(self.workers, len(items)), self.scheduler, self.output)
            else:
                results = self._in_turn(job, todo, progress)
            with contextlib.closing(results):
                for result in results:
                    self.store.record(*result)
                    progress.add(result.row)
        has_quality = "ok" in self.postprocessing.columns  # type: ignore[attr-defined]
        flagged = progress.flagged if has_quality else None
        self.summary = CohortSummary(progress.done, progress.skipped, flagged, progress.failed)
        _LOGGER.info("%s. Results: %s", self.summary, os.fspath(self.output))
        return self.summary

    def finish(self) -> None:
        """Exit the program with code 1 if a scan failed, so that a job queue notices; use it in ``finalize``.

        Raises:
            SystemExit: If a scan failed, with the number of failed scans and the path of the table.
        """
        if self.summary is not None and self.summary.failed:
            raise SystemExit(f"Scans that failed: {self.summary.failed}. The column `error` of {self.table} says why.")
