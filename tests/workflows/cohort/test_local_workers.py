"""Settings of Dask workers."""

from __future__ import annotations

import pytest

from monai_pylon.workflows.cohort import local_workers

dask = pytest.importorskip("dask")
pytest.importorskip("distributed")


def test_each_setting_exists_in_dask() -> None:
    """Dask ignores a misspelled setting without a word."""
    for name in local_workers._SETTINGS:
        assert dask.config.get(f"distributed.{name}", "absent") != "absent", name
