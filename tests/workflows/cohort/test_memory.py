"""Peak memory of the process and its reset.

The tests start a new process, because a process that has run other code may reuse memory that it still holds.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.workflows.cohort.alone import WITHOUT_MONAI

SCRIPT = """
import numpy as np
from monai_pylon.workflows.cohort.memory import peak_memory_mb
from monai_pylon.workflows.cohort.memory import restart_peak_memory
restarted = restart_peak_memory()
before = peak_memory_mb()
np.ones(25_000_000).sum()  # 200 MB
after = peak_memory_mb()
restart_peak_memory()
print(restarted, before, after, peak_memory_mb())
"""


@pytest.fixture(scope="module")
def peaks() -> tuple[bool, float, float, float]:
    """Return whether the peak was reset, and the peaks before an array, after it, and after another reset."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_MONAI + SCRIPT], capture_output=True, text=True, check=True)
    restarted, *numbers = done.stdout.split()
    before, after, again = map(float, numbers)
    return restarted == "True", before, after, again


def test_peak_includes_freed_memory(peaks: tuple[bool, float, float, float]) -> None:
    restarted, before, after, _ = peaks
    if restarted:
        assert 190 < after - before < 260
    else:
        assert after >= before


def test_reset_lowers_the_peak(peaks: tuple[bool, float, float, float]) -> None:
    restarted, _, after, again = peaks
    if not restarted:
        pytest.skip("this system cannot reset the peak")
    assert again < after - 150
