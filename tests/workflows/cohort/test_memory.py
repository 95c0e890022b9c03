"""Peak memory of the process and its reset.

The tests start a new process, because a process that has run other code may reuse memory that it still holds.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from monai_pylon.workflows.cohort import memory
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


def test_kib_become_a_million_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    (tmp_path / "status").write_text("Name:\ta:b\nno colon\nVmHWM:\t 1000000 kB\n")
    assert memory.peak_memory_mb() == 1024
    (tmp_path / "status").unlink()
    usage = SimpleNamespace(RUSAGE_SELF=0, getrusage=lambda _: SimpleNamespace(ru_maxrss=1_000_000))
    monkeypatch.setattr(memory, "optional_import", lambda _: (usage, True))
    found = []
    for platform in ("linux", "darwin"):
        monkeypatch.setattr(memory, "sys", SimpleNamespace(platform=platform))
        found.append(memory.peak_memory_mb())
    assert found == [1024, 1]
    monkeypatch.setattr(memory, "optional_import", lambda _: (None, False))
    assert str(memory.peak_memory_mb()) == "nan"


def test_a_system_without_reset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_PROC", tmp_path / "absent")
    assert memory.restart_peak_memory() is False
    monkeypatch.setattr(memory, "_PROC", tmp_path)
    assert memory.restart_peak_memory() is True
    assert (tmp_path / "clear_refs").read_text() == "5"
