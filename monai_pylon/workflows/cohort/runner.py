"""The long job: many scans one after the other, resumable, each of them whole or not at all, none stopping the rest."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
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

import monai_pylon
from monai_pylon.utils import check, read_rows, update_rows
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory

__all__ = ["CohortRunner", "CohortSummary"]

_LOGGER = logging.getLogger(__name__)


class CohortSummary(NamedTuple):
    """How a job ended, in numbers of scans.

    Attributes:
        done: worked through in this run.
        skipped: finished already, by an earlier run with the same settings.
        flagged: among those two, the ones that the quality control doubts; None where there is none.
        failed: could not be read or worked through; the table says why.

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


def _stamp(path: Path) -> list[int]:
    """Number, bytes and last change of a file or of the files in a folder."""
    stats = [f.stat() for f in path.iterdir() if f.is_file()] if path.is_dir() else [path.stat()]
    return [len(stats), sum(s.st_size for s in stats), max((s.st_mtime_ns for s in stats), default=0)]


@contextlib.contextmanager
def _quick_collections() -> Iterator[None]:
    """Set aside what lives already, so that collecting garbage after each scan takes no time.

    It also keeps Ctrl-C safe: an interrupt that falls into a collection's callbacks is swallowed by Python.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class CohortRunner:
    """Run a network, or whatever stands for one, over a list of scans and keep a table of how it went.

    Each scan is read, worked through and written in turn. Its row then goes into the table, so that a job that was
    stopped goes on where it was: a scan is finished when its files are there and its row has no error and the same
    settings_hash (settings, version of this package, the scan's file). A scan that fails gets a row with the error
    and is
    tried again by the next run; the others go on.

    Args:
        dataset: the scans: items with "image" (a path) and "scan" (a unique name), and the transform that reads them.
        network: called by the inferer with the item that was read; gives the item with the results.
        inferer: MONAI inferer, such as `SimpleInferer`.
        postprocessing: writes the results; gives the item with "row" (what goes into the table, by column) and "files"
            (the names of the files written in the output folder). Its ``columns`` are the columns it gives.
        output: the folder for results and table.
        settings: what the results depend on, for the settings_hash.
        device: where tensors are moved before the network sees them.
        table: the table's file name.
        progress: whether to show a progress bar.

    Example:
        >>> CohortRunner(Dataset([]), network=dict, inferer=None, postprocessing=None, output="results").run()
        Traceback (most recent call last):
        ...
        ValueError: input must be a file, folder or data list with at least one scan, but is []. Name it: --input PATH
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
        self.settings = dict(settings or {})
        self.device, self.progress = torch.device(device), progress
        self.summary: CohortSummary | None = None

    def settings_hash(self, item: Mapping[str, Any]) -> str:
        """What a scan's results depend on, in twelve characters; the same ones mean that they are still valid."""
        source = Path(item["image"])
        known = [self.settings, monai_pylon.__version__, dict(item), _stamp(source) if source.exists() else None]
        return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()[:12]

    def _finished(self, row: Mapping[str, str] | None, settings_hash: str) -> bool:
        if row is None or row["error"] or row["settings_hash"] != settings_hash:
            return False
        return all((self.output / name).is_file() for name in row["files"].split("; ") if name)

    def _work(self, index: int) -> dict[str, Any]:
        """Read, work through and write one scan; gives its part of the row."""
        item = self.dataset[index]
        item = {k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in item.items()}
        item = self.postprocessing(self.inferer(item, self.network))
        return {**item["row"], "files": "; ".join(item["files"])}

    def _row(self, index: int, item: Mapping[str, Any], settings_hash: str) -> dict[str, Any]:
        row = {"scan": item["scan"], **dict.fromkeys(self.postprocessing.columns)}  # type: ignore[attr-defined]
        error, results = "", {"files": ""}
        gc.collect()  # figures are cycles: left to themselves, those of earlier scans count into this one's peak
        restart_peak_memory()
        start = time.perf_counter()
        try:
            results = self._work(index)
        except Exception as problem:
            error = root_cause(problem)
            _LOGGER.error("%s failed. %s", item["scan"], error)
            _LOGGER.debug("%s", item["scan"], exc_info=True)
        seconds, memory = time.perf_counter() - start, peak_memory_mb()
        numbers = {"seconds": round(seconds, 2), "peak_memory_mb": round(memory, 0), "error": error}
        return {**row, **numbers, **results, "source": str(item["image"]), "settings_hash": settings_hash}

    @contextlib.contextmanager
    def _bar(self, total: int) -> Iterator[Any]:
        """A progress bar that log lines do not tear; None where it is switched off or tqdm is missing."""
        tqdm, found = optional_import("tqdm", name="tqdm")
        if not (self.progress and found):
            yield None
            return
        redirect = optional_import("tqdm.contrib.logging", name="logging_redirect_tqdm")[0]
        with redirect(), tqdm(total=total, unit="scan", dynamic_ncols=True) as bar:
            yield bar

    def run(self) -> CohortSummary:
        """Work through every scan that is not finished yet.

        Returns:
            the numbers of scans done, skipped, flagged and failed.

        Raises:
            ValueError: where there is no scan at all.
        """
        items = list(self.dataset.data)
        remedy = "Name it: --input PATH"
        check(bool(items), "input", "a file, folder or data list with at least one scan", items, remedy)
        self.output.mkdir(parents=True, exist_ok=True)
        rows = {row["scan"]: row for row in read_rows(self.table)}
        done = skipped = flagged = failed = 0
        with _quick_collections(), self._bar(len(items)) as bar:
            for index, item in enumerate(items):
                if bar is not None:
                    bar.set_description(item["scan"])
                settings_hash = self.settings_hash(item)
                row = rows.get(item["scan"])
                if row is not None and self._finished(row, settings_hash):
                    skipped += 1
                    flagged += row.get("ok") == "no"
                else:
                    new = self._row(index, item, settings_hash)
                    update_rows(self.table, new, key="scan")
                    failed += bool(new["error"])
                    done += not new["error"]
                    flagged += new.get("ok") is False
                if bar is not None:
                    bar.update()
        judged = "ok" in self.postprocessing.columns  # type: ignore[attr-defined]
        self.summary = CohortSummary(done, skipped, flagged if judged else None, failed)
        _LOGGER.info("%s. The results lie in %s", self.summary, os.fspath(self.output))
        return self.summary

    def finish(self) -> None:
        """End the program with exit code 1 where a scan failed, so that a job queue sees it; for ``finalize``.

        Raises:
            SystemExit: where a scan failed, with the number and the table's path.
        """
        if self.summary is not None and self.summary.failed:
            raise SystemExit(f"Scans that failed: {self.summary.failed}. The column `error` of {self.table} says why.")
