"""Commands and bundles on two workers: the bytes of the serial run, also after kill -9 and Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from monai_pylon.__main__ import main
from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import read_rows
from monai_pylon.workflows.bundle.folders import bundle_folder
from tests.workflows.commands.results import content

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

#: Settings of a training so small that its regions take no time.
TINY = {
    "image_size": [72, 72, 36],
    "spacing": [5.0, 5.0, 9.0],
    "network_settings": {"reduction_channels": [16], "reduction_padding": 1},
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of five small scans, the last one damaged, five radiographs and a table of reports."""
    root = tmp_path_factory.mktemp("inputs")
    for name in ("ct", "xray"):
        (root / name).mkdir()
    for seed in range(5):
        phantom = phantom_chest_ct(seed, shape=(60, 54, 54), spacing=(6, 6, 6))
        save_volume_nifti(root / "ct" / f"s{seed}.nii.gz", phantom.image, phantom.affine)
        pixels = np.asarray(phantom_radiograph(seed, size=96).image).squeeze()
        Image.fromarray((255 * pixels).round().astype(np.uint8)).save(root / "xray" / f"r{seed}.png")
    damaged = root / "ct" / "s4.nii.gz"
    damaged.write_bytes(damaged.read_bytes()[:3000])
    texts = ["Left pleural effusion.", "No pneumonia. A 12 mm nodule in the lingula.", "", "Cardiomegaly."]
    rows = [f"r{number},{texts[number % 4]}" for number in range(150)]
    (root / "reports.csv").write_text("\n".join(["id,report", *rows]) + "\n")
    return root


def in_processes(folder: Path, workers: int, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the shell with an output folder."""
    arguments = [sys.executable, "-W", "ignore", "-m", *command, "--workers", str(workers)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute in one thread, as workers do: sums in another order differ in the last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("command", ["organs", "xray", "ct"])
def test_two_workers_write_the_bytes_of_one(
    command: str, inputs: Path, xray_model: Path, ct_model: Path, tmp_path: Path
) -> None:
    given = [command, str(inputs / ("xray" if command == "xray" else "ct")), "--no-progress", "--page"]
    if command != "organs":
        given += ["--model", str(xray_model if command == "xray" else ct_model), "--device", "cpu"]
    found = {}
    for workers in ("1", "2"):
        code = main([*given, "--workers", workers, "-o", str(tmp_path / workers)])
        assert code == (0 if command == "xray" else 1), "one scan is damaged"
        found[workers] = content(tmp_path / workers)
    assert found["1"] == found["2"]
    assert len(found["1"][1]) == 5
    assert len(found["1"][0]) >= 12


def test_labels_on_two_workers(inputs: Path, tmp_path: Path) -> None:
    for workers in ("1", "2"):
        (tmp_path / workers).mkdir()
        output = str(tmp_path / workers / "labels.csv")
        assert main(["labels", str(inputs / "reports.csv"), "-o", output, "--no-progress", "--workers", workers]) == 1
    assert content(tmp_path / "1") == content(tmp_path / "2")
    assert len(read_rows(tmp_path / "2" / "labels_problems.csv")) >= 37, "the empty reports"


@pytest.mark.parametrize("config", ["inference", "reports"])
def test_a_bundle_on_two_workers(config: str, inputs: Path, tmp_path: Path) -> None:
    scans = inputs / "ct"
    file = str(bundle_folder("chest_ct_partition") / "configs" / f"{config}.json")
    given = ["monai.bundle", "run", "--config_file", file, "--input", str(scans), "--progress", "False"]
    if config == "reports":
        table = tmp_path / "reports.csv"
        table.write_text("id,report\n" + "".join(f"s{seed},Left pleural effusion.\n" for seed in range(5)))
        given += ["--reports", str(table), "--training", str(TINY)]
    for workers in (1, 2):
        run = in_processes(tmp_path, workers, *given, "--output", str(tmp_path / str(workers)))
        assert run.returncode == 1, run.stderr[-3000:]  # one scan is damaged
    one, two = content(tmp_path / "1"), content(tmp_path / "2")
    for pages in (one[0], two[0]):
        pages.pop("summary.html", None)  # it has the seconds and the command
    names = one[0].keys() | two[0].keys()
    assert [name for name in sorted(names) if one[0].get(name) != two[0].get(name)] == []
    for row in (*one[1], *two[1]):
        if row["files"].startswith("regions/"):  # made from the links in the output folder, which has another path
            row.update(source="", settings_hash="")
    assert one[1] == two[1]
    assert len([name for name in one[0] if name.endswith("_organs.nii.gz")]) == 4


def job(inputs: Path, output: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", "monai_pylon", "organs", str(inputs / "ct"), "-o", str(output)]
    group: dict[str, Any] = {"start_new_session": True}  # a signal to its group is what Ctrl-C in a terminal sends
    return subprocess.Popen([*command, "--workers", "2", "--no-progress"], stderr=subprocess.PIPE, text=True, **group)


def workers_of(process: subprocess.Popen[str]) -> list[Any]:
    """Return the worker processes of a job."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "the job did not get there"
        time.sleep(0.02)


def masks(output: Path) -> int:
    return len(list(output.rglob("*_organs.nii.gz")))


def recorded(output: Path) -> int:
    """Return the number of scans that the ledger has as done."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(output / "cohort.sqlite")) as ledger:
        return ledger.execute("SELECT count(*) FROM items WHERE state = 'done'").fetchone()[0]
    return 0


def test_a_worker_killed_in_a_scan_loses_nothing(inputs: Path, tmp_path: Path) -> None:
    assert main(["organs", str(inputs / "ct"), "-o", str(tmp_path / "serial"), "--no-progress"]) == 1
    process = job(inputs, tmp_path / "out")
    wait_for(lambda: masks(tmp_path / "out") >= 1, process)
    victim = max(workers_of(process), key=lambda worker: worker.cpu_times().user)
    victim.kill()
    message = process.communicate(timeout=600)[1]
    assert process.returncode == 1
    assert content(tmp_path / "out") == content(tmp_path / "serial")
    assert "quarantined" not in message


def test_ctrl_c_leaves_a_state_to_resume(inputs: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert main(["organs", str(inputs / "ct"), "-o", str(tmp_path / "serial"), "--no-progress"]) == 1
    process = job(inputs, output)
    wait_for(lambda: recorded(output) >= 1, process)
    workers = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    message = process.communicate(timeout=120)[1]
    assert process.returncode in (130, -signal.SIGINT), message  # for a shell both are 130
    assert "Traceback" not in message
    assert psutil.wait_procs(workers, timeout=30)[1] == [], "no worker stays"
    done = [row for row in read_rows(output / "quality.csv") if not row["error"]]
    assert 1 <= len(done) < 5
    assert main(["organs", str(inputs / "ct"), "-o", str(output), "--no-progress"]) == 1
    assert content(output) == content(tmp_path / "serial")
    seconds = {row["scan"]: row["seconds"] for row in read_rows(output / "quality.csv")}
    assert all(seconds[row["scan"]] == row["seconds"] for row in done), "what was done was not done again"
