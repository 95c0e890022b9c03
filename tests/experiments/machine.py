"""Description of the computer and of the versions, for the results of experiments."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from monai_pylon.utils.version import __version__

#: Packages whose versions results depend on.
PACKAGES = ("torch", "monai", "numpy", "scipy", "scikit-image", "SimpleITK", "numba", "dask")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def versions(*names: str) -> dict[str, str]:
    """Return the versions of packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine(*packages: str) -> dict[str, Any]:
    """Return processor, cores, load, threads, versions; no name of the computer or of its user."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "cores": cores,
        "load": [round(value, 2) for value in os.getloadavg()] if hasattr(os, "getloadavg") else None,
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {"monai_pylon": __version__, **versions(*PACKAGES, *packages)},
    }
