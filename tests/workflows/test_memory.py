"""The peak of memory rises with what is used, and can start anew."""

from __future__ import annotations

import os

import numpy as np
import pytest

from monai_pylon.workflows import peak_memory_mb, restart_peak_memory


def test_the_peak_sees_an_array_that_is_gone() -> None:
    restarted = restart_peak_memory()
    before = peak_memory_mb()
    np.ones(25_000_000).sum()  # 200 MB
    if restarted:
        assert 190 < peak_memory_mb() - before < 260
    else:
        assert peak_memory_mb() >= before


def test_it_starts_anew() -> None:
    np.ones(25_000_000).sum()
    before = peak_memory_mb()
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("this system cannot restart the count")
    assert restart_peak_memory()
    assert peak_memory_mb() < before - 150
