"""The peak of memory rises with what is used, and can start anew.

Asked in a process of its own: in one that has worked before, new arrays may lie in memory that it still holds.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
from monai_pylon.workflows.cohort import peak_memory_mb, restart_peak_memory
restarted = restart_peak_memory()
before = peak_memory_mb()
np.ones(25_000_000).sum()  # 200 MB
after = peak_memory_mb()
restart_peak_memory()
print(restarted, before, after, peak_memory_mb())
"""


@pytest.fixture(scope="module")
def peaks() -> tuple[bool, float, float, float]:
    """Whether the count can start anew, and the peaks before and after an array, and after another start."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    restarted, *numbers = done.stdout.split()
    before, after, anew = map(float, numbers)
    return restarted == "True", before, after, anew


def test_the_peak_sees_an_array_that_is_gone(peaks: tuple[bool, float, float, float]) -> None:
    restarted, before, after, _ = peaks
    if restarted:
        assert 190 < after - before < 260
    else:
        assert after >= before


def test_it_starts_anew(peaks: tuple[bool, float, float, float]) -> None:
    restarted, _, after, anew = peaks
    if not restarted:
        pytest.skip("this system cannot restart the count")
    assert anew < after - 150
