"""Processes that claim scans of a cohort, and the test whether one is still running."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import NamedTuple

from monai.utils import optional_import

__all__ = ["Claimant", "is_running", "this_process"]

_PROC = Path("/proc")


class Claimant(NamedTuple):
    """A process, told apart from a later one with the same number.

    Attributes:
        host: Name of the host, with its boot and its process namespace if the system tells: process numbers can be
            compared only if all three are equal.
        pid: Number of the process.
        start: Time of its start as the system gives it; empty if unknown.

    Example:
        >>> Claimant("host", 12, "345").pid
        12
    """

    host: str
    pid: int
    start: str


def _start_of(pid: int) -> str | None:
    """Return when a process started; empty if there is no such process or it has ended, None if unknown."""
    if _PROC.joinpath("self", "stat").exists():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in "ZX" else fields[19]  # a zombie has ended and only waits for its parent
    psutil, found = optional_import("psutil")
    if not found:
        return None
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


def _host() -> str:
    parts = [socket.gethostname()]
    try:
        parts.append((_PROC / "sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink(_PROC / "self/ns/pid"))
    except OSError:  # not Linux
        pass
    return " ".join(parts)


def this_process() -> Claimant:
    """Return the claimant that stands for this process.

    Returns:
        The claimant.

    Example:
        >>> this_process().pid == os.getpid()
        True
    """
    return Claimant(_host(), os.getpid(), _start_of(os.getpid()) or "")


def is_running(claimant: Claimant) -> bool | None:
    """Return whether a claimant is running.

    Args:
        claimant: The process.

    Returns:
        True or False for a process of this host; None if this host cannot tell.

    Example:
        >>> is_running(this_process()._replace(host="elsewhere")) is None
        True
    """
    if claimant.host != _host() or not claimant.start:
        return None
    start = _start_of(claimant.pid)
    return None if start is None else start == claimant.start
