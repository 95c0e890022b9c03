"""What all tests share: the public data, where there is any, and the same random numbers in every run."""

from __future__ import annotations

import gc
import logging
import os
import random
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

CHECKOUT = Path(__file__).resolve().parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several test processes one thread: more would only fight over the cores."""
    if hasattr(config, "workerinput"):
        torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without garbage collection: it would search a million objects, none of which is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count every benchmark among the slow tests: a stopwatch on a shared machine has no place in `make test`."""
    for item in items:
        if item.nodeid.startswith("tests/benchmarks/"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder with the public scans, radiographs and reports; tests that ask for it are skipped without it."""
    folder = Path(os.environ.get("MONAI_PYLON_DATA") or CHECKOUT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}: set MONAI_PYLON_DATA to the folder that has them")
    return folder


@pytest.fixture(scope="session")
def golden_data() -> Path:
    """The folder with outputs of the papers' authors' own programs; tests that ask for it are skipped without it."""
    folder = Path(os.environ.get("MONAI_PYLON_GOLDEN") or CHECKOUT.parent / "shared" / "golden")
    if not folder.is_dir():
        pytest.skip(f"no golden files at {folder}: set MONAI_PYLON_GOLDEN to the folder that has them")
    return folder


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Seed the generators before each test, so that no test depends on which ran before it."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _keep_log_levels() -> Iterator[None]:
    """Restore the levels of loggers that a command of the command line has set for its own process."""
    loggers = [logging.getLogger(name) for name in ("monai_pylon", "monai.bundle.workflows")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
