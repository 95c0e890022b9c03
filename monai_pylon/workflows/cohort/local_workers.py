"""Dask workers of a cohort: new processes of this computer, or the client of a scheduler."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from monai.utils import optional_import

__all__ = ["MOST_KILLS", "THREADS", "connected"]

_LOGGER = logging.getLogger(__name__)
#: A scan that ended this many workers is not tried again; threads of each worker.
MOST_KILLS, THREADS = 2, 1
#: Share of the memory that the workers may use together.
_MEMORY_SHARE = 0.9
#: Settings of Dask: a worker ends before it has more than its memory; in the background two workers take 15 ms of CPU
#: time a second instead of 55; workers keep freed memory, which saves a quarter of a mask's time.
_OFF = ("worker.memory.target", "worker.memory.spill", "worker.memory.pause", "worker.profile.enabled")
_SETTINGS = {
    **dict.fromkeys(_OFF, False),
    **{"worker.memory.terminate": 0.95, "worker.memory.monitor-interval": "200ms", "admin.tick.interval": "1s"},
    **{"admin.system-monitor.interval": "10s", "scheduler.allowed-failures": MOST_KILLS - 1},
    **{"nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None, "deploy.lost-worker-timeout": "600s"},
}
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"),
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes that are started inside ignore Ctrl-C from their first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _local_cluster(distributed: Any, workers: int) -> Any:
    limit = int(_MEMORY_SHARE * distributed.system.MEMORY_LIMIT / workers)
    _LOGGER.info("%d workers with one thread and up to %.1f GB each", workers, limit / 1e9)
    threads = dict.fromkeys(_THREAD_VARIABLES, str(THREADS))
    with _without_interrupts():
        return distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=THREADS,
            processes=True,
            memory_limit=limit,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            env={**threads, "PYTHONWARNINGS": "ignore"},
        )


@contextlib.contextmanager
def connected(workers: int, scheduler: str | None) -> Iterator[Any]:
    """Yield a Dask client of a scheduler, or of new processes, which end with the block.

    Args:
        workers: Number of processes on this computer, without a scheduler.
        scheduler: Address of a Dask scheduler, or None.

    Raises:
        ModuleNotFoundError: If Dask is missing.
        ValueError: If no scheduler is at the address.

    Example:
        >>> hasattr(connected(2, None), "__enter__")  # no process starts before the block
        True
    """
    distributed, found = optional_import("distributed")
    if not found:
        raise ModuleNotFoundError("workers and scheduler need Dask. Run pip install 'monai_pylon[bundle]'.")
    settings = {f"distributed.{name}": value for name, value in _SETTINGS.items()}
    with contextlib.ExitStack() as stack:
        for logger in map(logging.getLogger, ("distributed", "tornado")):  # what matters is reported here
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        stack.enter_context(optional_import("dask.config", name="set")[0](settings))
        if scheduler is None:
            cluster = stack.enter_context(_local_cluster(distributed, workers))
            client = stack.enter_context(distributed.Client(cluster))
            if find_spec("bokeh"):
                _LOGGER.info("Dashboard: %s", client.dashboard_link)
        else:
            try:
                client = stack.enter_context(distributed.Client(scheduler))
            except (OSError, ValueError, TypeError) as error:
                reason = " ".join(str(error).split())
                requirement = "scheduler must be the address of a Dask scheduler that is running"
                raise ValueError(f"{requirement}, but is {scheduler!r} ({reason}). Start one or omit it.") from error
        yield client
