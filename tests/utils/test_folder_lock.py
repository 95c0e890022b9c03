"""Locks on folders: who is refused, and what releases them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from monai_pylon.utils import folder_lock
from monai_pylon.utils.folder_lock import FolderInUseError, lock_folder

_HOLD = """
import os, runpy, sys, time
lock_folder = runpy.run_path(sys.argv[1])["lock_folder"]
with lock_folder(sys.argv[2]):
    if len(sys.argv) > 3 and os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    print("locked", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path, *more: str) -> subprocess.Popen[str]:
    """Start a process that holds a folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, folder_lock.__file__, str(folder), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


def test_another_process_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    process = holder(tmp_path)
    with (
        pytest.raises(FolderInUseError, match=rf"is in use by another job \(process {process.pid} on .*since"),
        lock_folder(tmp_path),
    ):
        pass
    process.communicate("")
    with lock_folder(tmp_path):
        assert f"process {os.getpid()}" in (tmp_path / ".lock").read_text()
    assert not list(tmp_path.iterdir()), "nothing stays"


def test_a_killed_process_releases_it(tmp_path: Path) -> None:
    """Also if a forked worker, which inherits the open file, outlives it."""
    process = holder(tmp_path, "with a child")
    process.kill()
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    process.wait()
    with lock_folder(tmp_path):
        assert (tmp_path / ".lock").is_file()


def test_the_same_thread_may_lock_again(tmp_path: Path) -> None:
    with lock_folder(tmp_path):
        with lock_folder(tmp_path / "."):
            pass
        assert (tmp_path / ".lock").is_file(), "the outer lock stays"


def test_another_thread_is_refused(tmp_path: Path) -> None:
    refused = []

    def attempt() -> None:
        try:
            with lock_folder(tmp_path):
                pass
        except FolderInUseError as error:
            refused.append(str(error))

    with lock_folder(tmp_path):
        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
    assert "another thread of this process" in refused[0]


def test_a_failed_job_releases_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lock_folder(tmp_path):
        raise KeyboardInterrupt
    process = holder(tmp_path)
    process.communicate("")


def test_file_systems_without_locks_get_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(folder_lock, "_try_lock", lambda opened: None)
    with lock_folder(tmp_path):
        pass
    assert "does not support locks" in caplog.text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="must be a folder that can be written, but is not"), lock_folder(folder):
            pass
    with lock_folder(tmp_path / "new" / "folder"):
        pass
