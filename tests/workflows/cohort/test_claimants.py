"""Processes that claim scans: running, ended, reused numbers, other hosts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monai_pylon.workflows.cohort import claimants
from monai_pylon.workflows.cohort.claimants import is_running, this_process


def test_this_process_is_running() -> None:
    assert is_running(this_process()) is True


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    assert is_running(this_process()._replace(start="1")) is False


def test_another_host_is_unknown() -> None:
    assert is_running(this_process()._replace(host="elsewhere")) is None


def test_a_killed_process_has_ended_even_before_its_parent_looks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    claimant = this_process()._replace(pid=child.pid, start=claimants._start_of(child.pid) or "")
    assert is_running(claimant) is True
    os.kill(child.pid, 9)
    deadline = time.monotonic() + 5
    while is_running(claimant) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_running(claimant) is False
    child.wait()
    assert is_running(claimant) is False


def test_without_proc_psutil_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    pytest.importorskip("psutil")
    monkeypatch.setattr(claimants, "_PROC", claimants.Path(str(tmp_path)))
    me = this_process()
    assert me.start
    assert is_running(me) is True
    assert is_running(me._replace(pid=2**22 + 1)) is False


def test_proc_tells_the_start_of_a_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(claimants, "_PROC", tmp_path)
    found = []
    for pid, state in (("self", "S"), ("5", "S"), ("6", "Z"), ("7", "X")):
        (tmp_path / pid).mkdir()
        numbers = " ".join(map(str, range(1, 45)))
        (tmp_path / pid / "stat").write_text(f"{pid} (a b) c) {state} {numbers}\n")
        found += [claimants._start_of(int(pid))] if pid != "self" else []
    assert found == ["19", "", ""]
    assert claimants._start_of(8) == ""


def test_the_start_is_unknown_without_proc_and_psutil(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(claimants, "_PROC", tmp_path)
    monkeypatch.setattr(claimants, "optional_import", lambda _: (None, False))
    assert this_process().start == ""
    assert is_running(this_process()) is None
    assert is_running(this_process()._replace(start="1")) is None
