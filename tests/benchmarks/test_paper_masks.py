"""Benchmark of the paper's masks against the slow reference: ratio of CPU times in one run, and memory.

`make bench` runs it. The tests assert that the masks are equal and limit the memory. Times are only printed.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy.ndimage import zoom

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms.paper_masks import paper_organ_labels
from monai_pylon.utils.geometry import voxel_volume_ml
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from tests.references.partition_paper import partition_paper

CHECKOUT = Path(__file__).resolve().parents[2]
PAPERS_SHAPE = (420, 420, 405)
MOST_EXTRA_MB = 300


def slow(ct: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return partition_paper(ct, affine, math.ceil(512.0 / voxel_volume_ml(affine) * (1 - 5e-7)))


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {"ours": paper_organ_labels, "reference": slow}


@pytest.fixture(scope="module", params=["phantom", "real", "real resampled"])
def volume(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Return a CT (X, Y, Z) float32 as MONAI loads it, with contiguous axial planes, which suit the reference."""
    if request.param == "phantom":
        phantom = phantom_chest_ct(seed=1, shape=PAPERS_SHAPE, spacing=(0.8, 0.8, 0.8), nodules=3)
        return np.asfortranarray(phantom.image), phantom.affine
    folder = request.getfixturevalue("public_data") / "chest_ct" / "nsclc_radiomics"
    scan = nibabel.load(folder / "LUNG1-001_ct.nii.gz")
    ct, affine = np.asfortranarray(scan.dataobj, dtype=np.float32), scan.affine
    if request.param == "real resampled":
        factors = np.array(PAPERS_SHAPE) / ct.shape
        ct, affine = np.asfortranarray(zoom(ct, factors, order=1)), affine @ np.diag([*1 / factors, 1.0])
    return ct, affine


def cpu_seconds(method: Callable, ct: np.ndarray, affine: np.ndarray, times: int) -> list[float]:
    """Measure the CPU seconds of each of several calls, over all threads."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        method(ct, affine)
        seconds.append(time.process_time() - start)
    return seconds


def print_extra_memory(method: str, file: str) -> None:
    """Print the memory in MB that one call needs beyond its input, the result included.

    Call it in a new process. Resident memory covers the allocations of numpy, numba and all other libraries, but not
    memory that a process reuses from earlier work.
    """
    stored = np.load(file)
    ct, affine = np.asfortranarray(stored["ct"]), stored["affine"]
    METHODS[method](ct[:60, :60, :30], affine)  # load libraries and compiled code
    if not restart_peak_memory():
        print("nan")
        return
    before = peak_memory_mb()
    METHODS[method](ct, affine)
    print(peak_memory_mb() - before)


def extra_memory_mb(method: str, file: Path) -> float:
    """Run :func:`print_extra_memory` in a new process."""
    script = f"from tests.benchmarks.test_paper_masks import print_extra_memory as p; p({method!r}, {str(file)!r})"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.benchmark(group="paper's masks", timer=time.process_time)
def test_cpu_time(benchmark, volume, request, capsys) -> None:
    ct, affine = volume
    paper_organ_labels(ct[:60, :60, :30], affine)  # compile, or read the cache, before the measurement
    ours = benchmark.pedantic(paper_organ_labels, (ct, affine), rounds=7)
    np.testing.assert_array_equal(ours, slow(ct, affine))
    np.testing.assert_array_equal(paper_organ_labels(np.ascontiguousarray(ct), affine), ours)
    assert ours.any()
    if benchmark.disabled:
        return
    reference, fast = np.median(cpu_seconds(slow, ct, affine, 3)), benchmark.stats.stats.median
    other_order = np.median(cpu_seconds(paper_organ_labels, np.ascontiguousarray(ct), affine, 5))
    benchmark.extra_info |= {
        "shape": ct.shape,
        "reference CPU s": round(float(reference), 3),
        "ratio": round(float(reference / fast), 1),
        "ratio, planes scattered": round(float(reference / other_order), 1),
    }
    with capsys.disabled():
        print(
            f"\n{request.node.callspec.id} {ct.shape}: reference {reference:.2f} CPU s, ours {fast:.3f}: "
            f"{reference / fast:.1f}x; axial planes scattered in memory: {reference / other_order:.1f}x"
        )


def test_extra_memory(volume, tmp_path, request, capsys) -> None:
    ct, affine = volume
    if ct.shape != PAPERS_SHAPE:
        pytest.skip("the limit applies to the paper's volumes")
    np.savez(tmp_path / "volume.npz", ct=ct, affine=affine)
    extra = {method: extra_memory_mb(method, tmp_path / "volume.npz") for method in METHODS}
    with capsys.disabled():
        print(f"\n{request.node.callspec.id}: reference {extra['reference']:.0f} MB, ours {extra['ours']:.0f} MB")
    if math.isnan(extra["ours"]):
        pytest.skip("this system cannot reset a process's peak memory")
    assert extra["ours"] <= MOST_EXTRA_MB
