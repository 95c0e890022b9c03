"""Trainings killed at every kind of moment, in one process and in two, end as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_pylon.networks.checkpoints import read_checkpoint
from monai_pylon.utils import read_rows
from tests.workflows.bundle_runs import BundleRuns, two_processes
from tests.workflows.test_training_processes import BATCH, CT, SMALL, XRAY, arguments

pytest.importorskip("psutil")
pytestmark = pytest.mark.slow

KILLER = "tests.workflows.kill_points"
#: As in `kill_points`, which is imported in other processes only.
MOMENTS = ("batch", "validation", "history", "best half", "best", "last half", "last")
EPOCHS = 3


def given(name: str, folder: Path, **more: Any) -> list[str]:
    """Return the arguments of a small training."""
    bundle = BundleRuns(name)
    settings = {**SMALL[name], "batch_size": BATCH[name], "max_epochs": EPOCHS, **more}
    return ["run", "--config_file", str(bundle.file("train")), *arguments(folder, **settings)]


def state(folder: Path) -> tuple[list[dict[str, str]], dict[str, Any], dict[str, Any], str]:
    """Return the history without times, the last state, the best weights and their description."""
    rows = read_rows(folder / "logs" / "history.csv")
    history = [{name: value for name, value in row.items() if "second" not in name} for row in rows]
    models = folder / "models"
    last, best = read_checkpoint(models / "last.pt"), read_checkpoint(models / "model.pt")
    return history, last, best, (models / "model.json").read_text()


def assert_same(found: Path, expected: Path) -> None:
    """Check that two trainings ended in the same state, to the last bit, and that no part of a file is left."""
    one, other = state(found), state(expected)
    assert len(other[0]) == EPOCHS
    assert one[0] == other[0]
    assert one[3] == other[3]
    for values, wanted in zip(one[1:3], other[1:3], strict=True):
        assert_equal(values, wanted, "")
    assert list((found / "models").glob(".part-*")) == []


def assert_equal(found: Any, expected: Any, where: str) -> None:
    if isinstance(expected, torch.Tensor):
        assert torch.equal(found, expected), where
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_equal(found[key], value, f"{where}/{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            assert_equal(one, other, f"{where}/{number}")
    else:
        assert found == expected or (found != found and expected != expected), where  # NaN


@pytest.mark.parametrize("name", [XRAY, CT])
def test_killed_at_each_moment(name: str, tmp_path: Path) -> None:
    jobs = [("never", tmp_path / "whole.log", given(name, tmp_path / "whole"))]
    for moment in MOMENTS:
        for run, when in (("killed", moment), ("resumed", "never")):
            jobs.append((when, tmp_path / f"{moment} {run}.log", given(name, tmp_path / moment)))
    file = tmp_path / "jobs.json"
    file.write_text(json.dumps([(moment, str(log), parts) for moment, log, parts in jobs]))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", KILLER, str(file)], check=False, env=environment)
    assert done.returncode == 0
    codes = json.loads(file.with_suffix(".codes").read_text())
    for (moment, log, _), code in zip(jobs, codes, strict=True):
        assert code == (0 if moment == "never" else -signal.SIGKILL), f"{log.name}: {log.read_text()[-3000:]}"
    for moment in MOMENTS:
        assert_same(tmp_path / moment, tmp_path / "whole")
        if moment != "last":
            assert "Resuming after epoch 1" in (tmp_path / f"{moment} resumed.log").read_text()


@pytest.mark.parametrize("name", [XRAY, CT])
def test_killed_processes_of_torchrun(name: str, tmp_path: Path) -> None:
    """One process of two is killed, while it trains and while the other one writes; or all and their starter."""
    bundle = BundleRuns(name)
    batch = f"$monai_pylon.workflows.bundle.share_of_batch({BATCH[name]})"

    def run(folder: Path, moment: str, rank: str) -> subprocess.CompletedProcess[str]:
        parts = given(name, folder, batch_size=batch)
        parts[2] = str(bundle.files("train+multi_gpu_train"))
        command = [*two_processes(), "-m", KILLER, moment, rank, *parts]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        quiet = {"capture_output": True, "text": True, "timeout": 900, "check": False, "env": environment}
        return subprocess.run(command, **quiet)  # type: ignore[call-overload]

    whole = run(tmp_path / "whole", "never", "0")
    assert whole.returncode == 0, whole.stderr[-3000:]
    for moment, rank in (("batch", "1"), ("validation", "0"), ("last half", "0"), ("best", "all")):
        folder = tmp_path / f"{moment} {rank}"
        killed = run(folder, moment, rank)
        assert killed.returncode != 0
        if rank == "all":
            assert killed.returncode == -signal.SIGKILL
        resumed = run(folder, "never", "0")
        assert resumed.returncode == 0, resumed.stderr[-3000:]
        assert "Resuming after epoch 1" in resumed.stdout + resumed.stderr
        assert_same(folder, tmp_path / "whole")
