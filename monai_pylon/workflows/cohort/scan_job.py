"""Work on one scan of a cohort: read, process, write. It can be sent to another process."""

from __future__ import annotations

import copy
import gc
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from monai.data import Dataset

from monai_pylon.utils.tables import cell_text
from monai_pylon.workflows.bundle.errors import root_cause
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from monai_pylon.workflows.cohort.resume import input_hash, output_hash, settings_hash

__all__ = ["ScanJob", "ScanResult"]

_LOGGER = logging.getLogger(__name__)


class ScanResult(NamedTuple):
    """Result of one scan.

    Attributes:
        row: Values of the table by column.
        input_hash: Hash of the scan's files before they were read.
        worker: Host and number of the process.
        state: "done", "failed" or "quarantined".
        attempts: Attempts beyond the last one.
        output_hash: Hash of the files that were written; empty if their folder is not known.

    Example:
        >>> ScanResult({"scan": "a", "error": ""}, "0123456789ab", "host:12", "done").attempts
        0
    """

    row: dict[str, Any]
    input_hash: str
    worker: str
    state: str
    attempts: int = 0
    output_hash: str = ""


def _no_stage(number: int, name: str) -> None:
    """Show nothing."""


class ScanJob:
    """Function that reads, processes and writes one scan, and turns its errors into a row.

    Args:
        dataset: Dataset whose transform reads an item.
        network: Function from the item that was read to the item with the results.
        inferer: MONAI inferer that calls it.
        postprocessing: Function that writes the results, see :class:`CohortRunner`.
        settings: Settings that the results depend on.
        device: Device to move tensors to.
        output: Folder of the results, whose files are hashed; None hashes none.

    Example:
        >>> def write(item):
        ...     return {**item, "row": {}, "files": []}
        >>> write.columns = ()
        >>> job = ScanJob(Dataset([]), dict, lambda item, network: network(item), write, {}, torch.device("cpu"))
        >>> job({"image": "absent.nii", "scan": "absent"}).state
        'done'
    """

    def __init__(
        self,
        dataset: Dataset,
        network: Callable[[dict], dict],
        inferer: Callable[[dict, Callable], dict],
        postprocessing: Callable[[dict], dict],
        settings: Mapping[str, Any],
        device: torch.device,
        output: Path | None = None,
    ) -> None:
        self.dataset, self.network, self.inferer, self.postprocessing = dataset, network, inferer, postprocessing
        self.settings, self.device, self.output = settings, device, output
        #: Called with number (0 to 2) and name of each stage of a scan that begins, in this process.
        self.stage: Callable[[int, str], None] = _no_stage

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the list of scans: it may be large, and :meth:`__call__` gets its items."""
        dataset = copy.copy(self.dataset)
        dataset.data = []
        return {**self.__dict__, "dataset": dataset, "stage": _no_stage}

    def _process(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Read, process and write one scan, and return its values for the table."""
        dataset = copy.copy(self.dataset)
        dataset.data = [item]
        self.stage(0, "reading")
        read = dataset[0]
        read = {k: v.to(self.device) if isinstance(v, torch.Tensor) else v for k, v in read.items()}
        self.stage(1, "computing")
        found = self.inferer(read, self.network)
        self.stage(2, "writing")
        written = self.postprocessing(found)
        return {**written["row"], "files": "; ".join(written["files"])}

    def _row(self, item: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with the columns in the order of every row."""
        columns = self.postprocessing.columns  # type: ignore[attr-defined]
        row = {"scan": item["scan"], **dict.fromkeys(columns), "seconds": None, "peak_memory_mb": None}
        row |= {"error": "", "files": "", "source": str(item["image"]), "settings_hash": ""}
        return {**row, **values}

    def __call__(self, item: Mapping[str, Any]) -> ScanResult:
        """Process one scan and return its row, with the error if it fails."""
        error, results, hashes, output = "", {}, ("", ""), ""
        gc.collect()  # figures of earlier scans are reference cycles and would count into this scan's peak memory
        restart_peak_memory()
        start = time.perf_counter()
        try:
            hashes = input_hash(item), settings_hash(item, self.settings)  # before it is read: it may change meanwhile
            results = self._process(item)
            for value in results.values():
                cell_text(value)
            output = output_hash(results["files"], self.output) if self.output else ""
        except Exception as problem:
            error, results = root_cause(problem), {}
            _LOGGER.debug("%s", item["scan"], exc_info=True)
        seconds, memory = time.perf_counter() - start, peak_memory_mb()
        numbers = {"seconds": round(seconds, 2), "peak_memory_mb": round(memory, 0), "error": error}
        row = self._row(item, {**numbers, **results, "settings_hash": hashes[1]})
        worker = f"{socket.gethostname()}:{os.getpid()}"
        return ScanResult(row, hashes[0], worker, "failed" if error else "done", output_hash=output)

    def failure(self, item: Mapping[str, Any], error: str, state: str = "failed", attempts: int = 0) -> ScanResult:
        """Return the result of a scan whose process could not return one."""
        return ScanResult(self._row(item, {"error": error}), "", "", state, attempts)
