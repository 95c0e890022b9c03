"""Kill workers of a cohort while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monai.utils import optional_import

from monai_pylon.workflows.cohort.ledger import CohortLedger


def killing(record: Callable[..., None], killed: list[int], every: int, count: int) -> Callable[..., None]:
    """Return a function that records a scan, and kills the worker that did most after every so many of all scans."""
    psutil, number = optional_import("psutil")[0], 0

    def record_and_kill(self: CohortLedger, *row: Any) -> None:
        nonlocal number
        record(self, *row)
        number += 1
        if number % every == 0 and number < count:
            children = psutil.Process().children(recursive=True)
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            victim = max(workers, key=lambda worker: worker.cpu_times().user)
            victim.kill()
            killed.append(victim.pid)

    return record_and_kill
