"""Locks on folders: one job at a time writes to a folder. The system releases a lock when its process ends."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from os import PathLike
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FolderInUseError", "lock_folder"]

_LOGGER = logging.getLogger(__name__)
_NAME = ".lock"
#: Folders locked by this process: the thread that holds each, and how often.
_HELD: dict[str, tuple[int, int]] = {}
_GUARD = threading.Lock()


class FolderInUseError(RuntimeError):
    """Another job writes to a folder.

    Example:
        >>> raise FolderInUseError("in use")
        Traceback (most recent call last):
        ...
        monai_pylon.utils.folder_lock.FolderInUseError: in use
    """


def _try_lock(opened: int) -> bool | None:
    """Lock an open file: True if it worked, False if another process holds it, None if locks are not supported."""
    if sys.platform == "win32":
        os.lseek(opened, 2**20, os.SEEK_SET)  # behind the text, which stays readable
        try:
            msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        # A record lock: unlike one of flock, it does not pass to forked processes, which may outlive this one.
        fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def _open_locked(file: Path) -> tuple[int, bool | None]:
    """Open and lock the file of a lock; the holder before may remove it meanwhile."""
    while True:
        opened = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        locked = _try_lock(opened)
        if not locked:
            return opened, locked
        try:
            if os.path.samestat(os.fstat(opened), os.stat(file)):
                return opened, True
        except FileNotFoundError:
            pass
        os.close(opened)


def _in_use(folder: Path, holder: str) -> FolderInUseError:
    return FolderInUseError(
        f"{str(folder)!r} is in use by another job{f' ({holder})' if holder else ''}. "
        "Wait until it has ended, or give another folder (--output or --bundle_root)."
    )


@contextlib.contextmanager
def lock_folder(folder: str | PathLike[str]) -> Iterator[None]:
    """Hold a folder for this job. The same thread may lock it again.

    The lock is a file `.lock` in the folder, locked by the system, which releases it when the process ends, however it
    ends. On a file system without locks, a warning is logged and nothing is locked.

    Args:
        folder: Folder to write to. It is created if missing.

    Raises:
        FolderInUseError: If another process or thread holds the folder.
        OSError: If the folder cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with lock_folder(folder):
        ...         [file.name for file in Path(folder).iterdir()]
        ...     list(Path(folder).iterdir())
        ['.lock']
        []
    """
    path = Path(folder)
    key, thread = os.path.realpath(path), threading.get_ident()
    with _GUARD:
        holder, depth = _HELD.get(key, (thread, 0))
        if holder != thread:
            raise _in_use(path, "another thread of this process")
        opened = _lock_file(path) if depth == 0 else -1
        _HELD[key] = (thread, depth + 1)
    try:
        yield
    finally:
        with _GUARD:
            depth = _HELD.pop(key)[1] - 1
            if depth:
                _HELD[key] = (thread, depth)
        if opened >= 0:
            with contextlib.suppress(OSError):  # Windows removes no open file
                (path / _NAME).unlink()
            os.close(opened)


def _lock_file(path: Path) -> int:
    """Lock a folder's file and write the holder into it; return the open file, or -1 without support for locks."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        opened, locked = _open_locked(path / _NAME)
    except OSError as error:
        reason = f"{str(path)!r} must be a folder that can be written, but is not ({error.strerror})."
        raise type(error)(f"{reason} Give another folder (--output or --bundle_root).") from error
    if locked is None:
        os.close(opened)
        _LOGGER.warning("%s does not support locks. Start only one job with this folder.", path)
        return -1
    if not locked:
        with os.fdopen(opened, "rb") as file:
            holder = file.read(200).decode("utf-8", "replace").strip()
        raise _in_use(path, holder)
    with contextlib.suppress(OSError):  # a full disk
        os.ftruncate(opened, 0)
        started = time.strftime("%Y-%m-%d %H:%M")
        os.write(opened, f"process {os.getpid()} on {socket.gethostname()}, since {started}\n".encode())
    return opened
