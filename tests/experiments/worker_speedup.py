"""Speed of a cohort with one worker and with two: ``python -m tests.experiments.worker_speedup [results.json]``.

Organ masks of phantom scans are made in turn by one process with one thread, and by two workers. Each run is a command
in a process of its own; the runs alternate. The steady state begins when each worker has finished its first scan, and
ends with the last scan, so that neither the start of processes nor the imports count. On a busy computer the wall times
say little: then the CPU seconds of a scan say what two idle cores would give.

``--one`` compares the CPU seconds of one scan as a cohort with those of the functions that read, compute and write it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from monai_pylon.__main__ import main as command_line
from monai_pylon.data import phantom_chest_ct, read_volume
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.transforms import partition_organs
from monai_pylon.workflows.cohort.ledger import CohortLedger
from tests.experiments.machine import machine

#: Sizes of the phantoms, whose masks take about two seconds.
SHAPE, SPACING = (176, 176, 120), (2.0, 2.0, 2.5)
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")


def write_scans(folder: Path, count: int) -> None:
    """Write phantom scans; four different ones, since making a phantom takes longer than its masks."""
    made = [phantom_chest_ct(seed, SHAPE, SPACING) for seed in range(min(count, 4))]
    for number in range(count):
        phantom = made[number % len(made)]
        save_volume_nifti(folder / f"s{number:03d}.nii.gz", np.rint(phantom.image).astype(np.int16), phantom.affine)


def measure(scans: Path, output: Path, workers: int) -> dict[str, float]:
    """Run the command in this process, and return its times; ``measured`` in another process calls it."""
    ends, record = [], CohortLedger.record
    me = psutil.Process()

    def cpu() -> float:
        times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
        return sum(one.user + one.system for one in times)

    def recorded(self: CohortLedger, *row: Any) -> None:
        ends.append((time.perf_counter(), cpu()))
        record(self, *row)

    CohortLedger.record = recorded  # type: ignore[method-assign, assignment]
    start = time.perf_counter()
    given = ["--no-progress", "--no-pictures", "--workers", str(workers)]
    code = command_line(["organs", str(scans), "-o", str(output), *given])
    assert code == 0, code
    total = time.perf_counter() - start
    (first, cpu_first), (last, cpu_last) = ends[workers - 1], ends[-1]
    count = len(ends) - workers
    seconds, cpu_seconds = (last - first) / count, (cpu_last - cpu_first) / count
    start_up = total - len(ends) * seconds
    return {"seconds_a_scan": seconds, "cpu_seconds_a_scan": cpu_seconds, "start_up": start_up, "total": total}


def measured(scans: Path, workers: int) -> dict[str, float]:
    """Measure a run in a new process with one thread for each worker."""
    with tempfile.TemporaryDirectory() as output:
        command = [sys.executable, "-W", "ignore", "-m", __spec__.name, "--run", str(workers), str(scans), output]
        environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
        before = os.getloadavg()[0]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert run.returncode == 0, run.stderr[-3000:]
        return {**json.loads(run.stdout.strip().splitlines()[-1]), "load_before": before}


def one_scan(rounds: int) -> dict[str, Any]:
    """Measure in this process one scan as a cohort, with its ledger and table, and by the functions alone, in turn."""
    found: dict[str, list[float]] = {"functions": [], "cohort": []}
    with tempfile.TemporaryDirectory() as folder:
        write_scans(Path(folder), 1)
        scan = Path(folder, "s000.nii.gz")
        for number in range(rounds + 1):
            output = Path(folder, str(number))
            start = time.process_time()
            image = read_volume(scan)
            masks = partition_organs(image[0].numpy(), image.affine.numpy())
            save_volume_nifti(Path(folder, f"{number}.nii.gz"), masks.labels, image.affine.numpy())
            middle = time.process_time()
            given = ["--no-progress", "--no-pictures", "-o", str(output)]
            assert command_line(["organs", str(scan), *given]) == 0
            if number:  # the first round imports and compiles
                found["functions"].append(middle - start)
                found["cohort"].append(time.process_time() - middle)
    more = statistics.median(two - one for one, two in zip(found["functions"], found["cohort"], strict=True))
    return {"cpu_seconds_of_one_scan": found, "more_as_a_cohort": more, "machine": machine()}


def compare(scans: int, rounds: int) -> dict[str, Any]:
    """Measure runs with one and two workers in turn, and return all of them with the ratios."""
    runs: dict[str, list[dict[str, float]]] = {"1": [], "2": []}
    with tempfile.TemporaryDirectory() as folder:
        write_scans(Path(folder), scans)
        for _ in range(rounds):
            for workers in (1, 2):
                runs[str(workers)].append(measured(Path(folder), workers))
                print(workers, "workers:", runs[str(workers)][-1], file=sys.stderr)

    def ratio(name: str) -> float:
        pairs = zip(runs["1"], runs["2"], strict=True)
        return statistics.median(one[name] / two[name] for one, two in pairs)

    return {
        "scans": scans,
        "runs": runs,
        "speed_up_in_steady_state": ratio("seconds_a_scan"),
        "speed_up_of_two_idle_cores_by_cpu_seconds": 2 * ratio("cpu_seconds_a_scan"),
        "machine": machine(),
    }


def main() -> None:
    """Read the arguments and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, help="JSON file to write")
    parser.add_argument("--scans", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", nargs=3, metavar=("WORKERS", "SCANS", "OUTPUT"), help=argparse.SUPPRESS)
    parser.add_argument("--one", action="store_true", help="one scan, as a cohort and without one")
    given = parser.parse_args()
    if given.run:
        print(json.dumps(measure(Path(given.run[1]), Path(given.run[2]), int(given.run[0]))))
        return
    found = one_scan(given.rounds) if given.one else compare(given.scans, given.rounds)
    results = json.dumps(found, indent=2) + "\n"
    if given.output:
        given.output.write_text(results)
    print(results)


if __name__ == "__main__":
    main()
