"""Settings of Dask workers."""

from __future__ import annotations

import contextlib
import logging
from types import SimpleNamespace

import pytest

from monai_pylon.workflows.cohort import local_workers

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")


def test_each_setting_exists_in_dask() -> None:
    """Dask ignores a misspelled setting without a word."""
    for name in local_workers._SETTINGS:
        assert dask.config.get(f"distributed.{name}", "absent") != "absent", name


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
