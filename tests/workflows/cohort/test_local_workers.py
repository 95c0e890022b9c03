"""Settings of Dask workers."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from types import SimpleNamespace

import pytest

from monai_pylon.workflows.cohort import local_workers

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")


def test_each_setting_exists_in_dask() -> None:
    """Dask ignores a misspelled setting without a word."""
    for name in local_workers._SETTINGS:
        assert dask.config.get(f"distributed.{name}", "absent") != "absent", name


def test_workers_share_nine_tenths_of_the_memory_and_end_before_they_have_more() -> None:
    distributed = SimpleNamespace(system=SimpleNamespace(MEMORY_LIMIT=10 * 10**9), LocalCluster=dict)
    made = local_workers._local_cluster(distributed, 3)
    assert (made["memory_limit"], made["n_workers"], made["threads_per_worker"]) == (3 * 10**9, 3, 1)
    assert made["processes"] is True
    settings = local_workers._SETTINGS
    assert 0.8 < settings["worker.memory.terminate"] < 1
    assert [settings[f"worker.{name}"] for name in ("memory.target", "memory.spill", "memory.pause")] == [False] * 3
    assert settings["scheduler.allowed-failures"] == 1, "a scan that ended two workers is not tried again"


def test_processes_start_without_interrupts() -> None:
    """Ctrl-C reaches all processes of the terminal; the workers end with the job."""
    before, inside = signal.getsignal(signal.SIGINT), []

    def start() -> None:
        with local_workers._without_interrupts():
            inside.append(signal.getsignal(signal.SIGINT))

    start()
    assert inside == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before
    thread = threading.Thread(target=start)  # where Python allows no change
    thread.start()
    thread.join()
    assert inside == [signal.SIG_IGN, before]


@pytest.mark.parametrize("found", [True, False])
def test_the_dashboard_is_named_if_it_can_be_shown(
    found: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Client:
        dashboard_link = "http://127.0.0.1:8787/status"

        def __init__(self, cluster: object) -> None:
            pass

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    distributed = SimpleNamespace(Client=Client)
    monkeypatch.setattr(local_workers, "_local_cluster", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(local_workers, "find_spec", lambda name: found)
    original = local_workers.optional_import
    monkeypatch.setattr(
        local_workers,
        "optional_import",
        lambda module, **more: (distributed, True) if module == "distributed" else original(module, **more),
    )
    with caplog.at_level(logging.INFO), local_workers.connected(2, None):
        pass
    assert ("Dashboard: http://127.0.0.1:8787/status" in caplog.text) == found
