"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import sys
from pathlib import Path

from monai.utils import optional_import

__all__ = ["peak_memory_mb", "restart_peak_memory"]

_PROC = Path("/proc/self")


def restart_peak_memory() -> bool:
    """Let the peak count from now on. Linux can; elsewhere the peak stays that of the whole process.

    Returns:
        whether the system could.

    Example:
        >>> isinstance(restart_peak_memory(), bool)
        True
    """
    try:
        (_PROC / "clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory_mb() -> float:
    """The most resident memory that this process had, libraries included, since the last restart of the count.

    Returns:
        MB of a million bytes; NaN on a system that does not tell (Windows).

    Example:
        >>> 10 < peak_memory_mb() < 1_000_000
        True
    """
    status = _PROC / "status"
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return float(lines["VmHWM"].split()[0]) * 1024 / 1e6
    resource, found = optional_import("resource")
    if not found:
        return float("nan")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most) * (1 if sys.platform == "darwin" else 1024) / 1e6
