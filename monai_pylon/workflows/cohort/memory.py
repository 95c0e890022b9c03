"""Peak memory of the process."""

from __future__ import annotations

import sys
from pathlib import Path

from monai.utils import optional_import

__all__ = ["peak_memory_mb", "restart_peak_memory"]

_PROC = Path("/proc/self")


def restart_peak_memory() -> bool:
    """Reset the peak memory of the process, which only Linux supports.

    Returns:
        Whether the peak was reset; if not, the peak stays that of the whole process.

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
    """Return the peak resident memory of the process, libraries included, since the last reset.

    Returns:
        Peak memory in MB (a million bytes); NaN if the system does not report it (Windows).

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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS, else KiB
    return float(peak) * (1 if sys.platform == "darwin" else 1024) / 1e6
