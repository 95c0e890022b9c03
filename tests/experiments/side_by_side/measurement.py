"""CPU seconds of calls in turn, and the memory of a call in a process of its own."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import torch

from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory

Call = Callable[[], Any]


def summary(runs: list[float]) -> dict[str, Any]:
    """Summarize CPU seconds by median, least, most and all runs."""
    return {"cpu_seconds": statistics.median(runs), "least": min(runs), "most": max(runs), "runs": runs}


def measured(calls: dict[str, Call], rounds: int) -> dict[str, dict[str, Any]]:
    """Run calls once, then in turn, so that other programs slow all of them; return their CPU seconds."""
    runs: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            runs[name].append(time.process_time() - start)
    return {name: summary(values) for name, values in runs.items()}


def _return_memory() -> None:
    """Give freed memory back to the system, so that it counts again for the next call (Linux)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def memory(call: Call, rounds: int = 1) -> dict[str, Any]:
    """Measure a call in this process, which should hold nothing else.

    Returns:
        "process_mb": peak of the process over all calls, with libraries, network and image; "memory_mb": largest growth
        of the peak in a call after the first one over what was resident before; both None where the system does not
        tell. Also the CPU seconds of the first call, which prepares weights or compiles, and of the further ones.
    """
    peaks, growths, runs = [], [], []
    for _ in range(rounds + 1):
        _return_memory()
        before = peak_memory_mb() if restart_peak_memory() else math.nan
        start = time.process_time()
        call()
        runs.append(time.process_time() - start)
        peaks.append(peak_memory_mb())
        growths.append(peaks[-1] - before)
    known = not math.isnan(sum(growths))
    return {
        "memory_mb": round(max(growths[1:])) if known else None,
        "process_mb": round(max(peaks)) if known else None,
        "first_cpu_seconds": runs[0],
        **summary(runs[1:]),
    }


def in_a_child(section: str, name: str, rounds: int = 1, **settings: Any) -> dict[str, Any]:
    """Measure one row of a section by :func:`memory` in a new process, which builds nothing but this row."""
    given = json.dumps({"section": section, "name": name, "rounds": rounds, "settings": settings})
    command = [sys.executable, "-m", "tests.experiments.side_by_side.child", given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def memories(section: str, names: Iterable[str], **settings: Any) -> dict[str, dict[str, Any]]:
    """Return the memory of the named rows of a section. Unlike times it does not depend on the load of the machine."""
    found = {name: in_a_child(section, name, **settings) for name in names}
    return {name: {key: row[key] for key in ("memory_mb", "process_mb")} for name, row in found.items()}


def quiet(network: torch.nn.Module, x: torch.Tensor) -> Any:
    """Run a network without gradients."""
    with torch.inference_mode():
        return network(x)


def explained(network: torch.nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    """Return the parts of a network's explanation."""
    with torch.inference_mode():
        return [part for part in network.explain(x) if part is not None]  # type: ignore[operator]
