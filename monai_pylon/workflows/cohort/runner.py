"""Runner of a cohort: processes scans one after another, records each in a table and resumes after an interruption.

:mod:`~monai_pylon.workflows.cohort.resume` decides which scans an earlier run finished.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.data import Dataset
from monai.utils import optional_import

from monai_pylon.utils import check
from monai_pylon.utils.tables import cell_text
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from monai_pylon.workflows.cohort.resume import is_finished, settings_hash
from monai_pylon.workflows.cohort.table import CohortTable

__all__ = ["CohortRunner", "CohortSummary"]

_LOGGER = logging.getLogger(__name__)


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

    This also makes Ctrl-C reliable: Python swallows an interrupt during the callbacks of a collection.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class CohortRunner:
    """Run a network or another function over a list of scans and record the results in a table.

    The runner reads, processes and writes one scan at a time and then adds its row to the table. A run that was stopped
    resumes: it skips the scans that :mod:`~monai_pylon.workflows.cohort.resume` reports as finished. A scan that fails
    gets a row with its error and does not stop the others; the next run tries it again. Only one job at a time may run
    in an output folder.

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
    ) -> None:
        self.dataset, self.network, self.inferer, self.postprocessing = dataset, network, inferer, postprocessing
        self.output = Path(output).expanduser()
        self.table = self.output / table
        self.store = CohortTable(self.table)
        self.settings = dict(settings or {})
        self.device, self.progress = torch.device(device), progress
        self.summary: CohortSummary | None = None

    def settings_hash(self, item: Mapping[str, Any]) -> str:
        """Return the :func:`~monai_pylon.workflows.cohort.resume.settings_hash` of a scan."""
        return settings_hash(item, self.settings)

    def _process(self, index: int) -> dict[str, Any]:
        """Read, process and write one scan, and return its values for the table."""
        item = self.dataset[index]
        item = {k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in item.items()}
        item = self.postprocessing(self.inferer(item, self.network))
        return {**item["row"], "files": "; ".join(item["files"])}

    def _finished_row(self, item: Mapping[str, Any]) -> Mapping[str, str] | None:
        """Return the row of a scan that an earlier run finished, or None."""
        row = self.store.get(item["scan"])
        try:
            return row if row is not None and is_finished(row, self.settings_hash(item), self.output) else None
        except OSError:  # the scan cannot be looked at: the error becomes its row
            return None

    def _new_row(self, index: int, item: Mapping[str, Any]) -> dict[str, Any]:
        """Process one scan and return its row, with the error if it fails."""
        row = {"scan": item["scan"], **dict.fromkeys(self.postprocessing.columns)}  # type: ignore[attr-defined]
        error, results, current_hash = "", {"files": ""}, ""
        gc.collect()  # figures of earlier scans are reference cycles and would count into this scan's peak memory
        restart_peak_memory()
        start = time.perf_counter()
        try:
            current_hash = self.settings_hash(item)  # before the scan is read: it may change meanwhile
            results = self._process(index)
            for value in results.values():
                cell_text(value)
        except Exception as problem:
            error, results = root_cause(problem), {"files": ""}
            _LOGGER.error("%s failed. %s", item["scan"], error)
            _LOGGER.debug("%s", item["scan"], exc_info=True)
        seconds, memory = time.perf_counter() - start, peak_memory_mb()
        numbers = {"seconds": round(seconds, 2), "peak_memory_mb": round(memory, 0), "error": error}
        return {**row, **numbers, **results, "source": str(item["image"]), "settings_hash": current_hash}

    @contextlib.contextmanager
    def _progress_bar(self, total: int) -> Iterator[Any]:
        """Yield a progress bar that log lines do not break, or None if it is switched off or tqdm is missing."""
        tqdm, found = optional_import("tqdm", name="tqdm")
        if not (self.progress and found):
            yield None
            return
        redirect = optional_import("tqdm.contrib.logging", name="logging_redirect_tqdm")[0]
        with redirect(), tqdm(total=total, unit="scan", dynamic_ncols=True) as bar:
            yield bar

    def run(self) -> CohortSummary:
        """Process every scan that is not finished yet.

        Returns:
            The numbers of scans done, skipped, flagged and failed.

        Raises:
            ValueError: If the dataset is empty, or the table of an earlier run cannot be read.
            FolderInUseError: If another job runs in the output folder.
            OSError: If the table cannot be written.
        """
        items = list(self.dataset.data)
        requirement = "a file, folder or data list with at least one scan"
        check(bool(items), "input", requirement, items, "Give --input PATH.")
        done = skipped = flagged = failed = 0
        with self.store.open(), _fast_garbage_collection(), self._progress_bar(len(items)) as bar:
            for index, item in enumerate(items):
                if bar is not None:
                    bar.set_description(item["scan"])
                row = self._finished_row(item)
                if row is not None:
                    skipped += 1
                    flagged += row.get("ok") == "no"
                else:
                    new = self._new_row(index, item)
                    self.store.record(new)
                    failed += bool(new["error"])
                    done += not new["error"]
                    flagged += new.get("ok") is False
                if bar is not None:
                    bar.update()
        has_quality = "ok" in self.postprocessing.columns  # type: ignore[attr-defined]
        self.summary = CohortSummary(done, skipped, flagged if has_quality else None, failed)
        _LOGGER.info("%s. Results: %s", self.summary, os.fspath(self.output))
        return self.summary

    def finish(self) -> None:
        """Exit the program with code 1 if a scan failed, so that a job queue notices; use it in ``finalize``.

        Raises:
            SystemExit: If a scan failed, with the number of failed scans and the path of the table.
        """
        if self.summary is not None and self.summary.failed:
            raise SystemExit(f"Scans that failed: {self.summary.failed}. The column `error` of {self.table} says why.")
